"""What a worker of the pipeline does: texts and receipts by smsignal's own use cases, or nothing but their requests by its client.

Both kinds are made ready before the clock runs: the texts that receipts are for are stored, the raw requests are written out in
full. The raw requests are those that one text, or one receipt, has just made, with other ids.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from botocore import xform_name

from bench.outside import signed
from bench.receipts import receipt_of
from chalicelib import receipts, sending, store
from chalicelib.aws import tables_client
from chalicelib.compose import compose
from chalicelib.messages import TextMessage
from chalicelib.providers.base import Callback
from chalicelib.stage import now
from chalicelib.status import Status

TEXT = {"to": "+33612345678", "from": "smsignal", "text": "Your code is 123456"}
Request = tuple[str, dict[str, Any]]  #: an operation and its parameters

_ready: list[Callable[[], object]] = []


def get_ready(kind: str, count: int) -> None:
    """Prepare so much of one kind of load."""
    _ready[:] = KINDS[kind](count)


def go() -> tuple[float, float]:
    """Do all that is ready; returns when it began and ended, by a clock that all processes share."""
    begun = time.monotonic()
    for act in _ready:
        act()
    return begun, time.monotonic()


def _send() -> TextMessage:
    message, _ = sending.send(compose({**TEXT, "provider": "dummy"}, now=now()))
    if message.status is not Status.SENDING:
        raise RuntimeError(f"the text is {message.status.value}")
    return message


def _sends(count: int) -> list[Callable[[], object]]:
    return [_send] * count


def _receipts(count: int) -> list[Callable[[], object]]:
    return [_receiving(one) for one in _submitted(count)]


def _receiving(message_id: str) -> Callable[[], object]:
    callback = Callback("GET", "", {}, tuple(signed(receipt_of(message_id)).items()))
    return lambda: receipts.apply_callback("vonage", callback)


def _submitted(count: int) -> list[str]:
    """Store texts that their provider took."""
    at = now()
    taken = replace(compose({**TEXT, "provider": "vonage"}, now=at), status=Status.SENDING, is_counted=True, due_at=at)
    copies = [replace(taken, id=compose(TEXT, now=at).id) for _ in range(count)]
    for start in range(0, count, store.MOST_AT_ONCE):
        store.create_all(copies[start : start + store.MOST_AT_ONCE])
    return [one.id for one in copies]


def _raw_sends(count: int) -> list[Callable[[], object]]:
    with recorded() as made:
        sent = _send().id
    ids = [compose(TEXT, now=now()).id for _ in range(count)]
    return [_requesting(made, sent, one) for one in ids]


def _raw_receipts(count: int) -> list[Callable[[], object]]:
    first, *ids = _submitted(count + 1)
    with recorded() as made:
        _receiving(first)()
    return [_requesting(made, first, one) for one in ids]


def _requesting(made: list[Request], old: str, new: str) -> Callable[[], object]:
    requests = [(name, json.loads(json.dumps(params).replace(old, new))) for name, params in made]
    client = tables_client()  # the store's own, so that what is left to compare is nothing but smsignal's code
    calls = [(getattr(client, xform_name(name)), params) for name, params in requests]
    return lambda: [call(**params) for call, params in calls]


@contextmanager
def recorded() -> Iterator[list[Request]]:
    """The requests that the store makes in the block."""
    made: list[Request] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        made.append((model.name, dict(params)))

    events = tables_client().meta.events
    events.register("provide-client-params.dynamodb", note)
    try:
        yield made
    finally:
        events.unregister("provide-client-params.dynamodb", note)


KINDS: dict[str, Callable[[int], list[Callable[[], object]]]] = {
    "texts": _sends,
    "raw texts": _raw_sends,
    "callbacks": _receipts,
    "raw callbacks": _raw_receipts,
}
