"""What a worker of the growth measurement does: each thing that smsignal does with its store, once, and what that took.

Counted is what leaves botocore and what DynamoDB says that it consumed (`ReturnConsumedCapacity`), so the numbers are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bench.outside import signed
from bench.receipts import receipt_of
from chalicelib import receipts, sending, store, store_lists
from chalicelib.aws import tables_client
from chalicelib.compose import compose
from chalicelib.dispatching import SWEEP
from chalicelib.messages import parse_rfc3339
from chalicelib.providers.base import Callback
from chalicelib.stage import now

TEXT = {"from": "smsignal", "text": "Your code is 123456", "provider": "vonage"}
PAGE = 50  # what GET /messages gives unless asked for more
DUE = 10  # texts, whatever else is stored
LEAST_READ = 0.5  # units: AWS counts a query that finds nothing, DynamoDB Local does not
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}


class Meter:
    """What requests took."""

    def __init__(self) -> None:
        self.requests = self.sent = self.received = 0
        self.read = self.written = 0.0
        self.indexes: dict[str, float] = {}

    def ask(self, params: dict[str, Any], **_: Any) -> None:
        """Have DynamoDB say what it consumed."""
        params["ReturnConsumedCapacity"] = "INDEXES"

    def send(self, request: Any, **_: Any) -> None:
        """Note what goes out."""
        self.requests += 1
        self.sent += len(request.body or b"")

    def receive(self, http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        """Note what comes back."""
        self.received += len(http_response.content)
        consumed = parsed.get("ConsumedCapacity", [])
        for one in consumed if isinstance(consumed, list) else [consumed]:
            if model.name in WRITES:
                self.written += one["CapacityUnits"]
                parts = {"table": one.get("Table", {}), **one.get("GlobalSecondaryIndexes", {})}
                for name, units in parts.items():
                    self.indexes[name] = self.indexes.get(name, 0.0) + units.get("CapacityUnits", 0.0)
            else:
                self.read += max(one["CapacityUnits"], LEAST_READ)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "requests": self.requests,
            "bytes": self.sent + self.received,
            "units written": self.written,
            "units read": self.read,
            "by index": self.indexes,
        }


@contextmanager
def metered() -> Iterator[Meter]:
    """The meter of all requests to the store in the block."""
    meter = Meter()
    events = tables_client().meta.events
    hooks: dict[str, Callable[..., None]] = {
        "provide-client-params.dynamodb": meter.ask,
        "before-send.dynamodb": meter.send,
        "after-call.dynamodb": meter.receive,
    }
    for name, hook in hooks.items():
        events.register(name, hook)
    try:
        yield meter
    finally:
        for name, hook in hooks.items():
            events.unregister(name, hook)


def templates() -> dict[str, str]:
    """The ids of two texts that are stored now: one that was delivered, one that waits for its receipts."""
    waiting, delivered = _sent(), _sent()
    _report(delivered, "accepted")
    _report(delivered, "delivered")
    return {"waiting": waiting, "delivered": delivered}


def text() -> dict[str, Any]:
    """What one text takes from its sending to its last receipt, its id, and what a sweep takes that finds nothing."""
    message_id = templates()["waiting"]
    taken = {
        "a send": _taken(_sent),
        "a receipt": _taken(lambda: _report(message_id, "accepted")),
        "the last receipt": _taken(lambda: _report(message_id, "delivered")),
        "a sweep": _taken(lambda: list(store.due(now()))),
    }
    return {**taken, "id": message_id}


def measure(until: str, recipient: str) -> dict[str, dict[str, Any]]:
    """What each thing takes, by its name. Lists are of texts before `until`, or of those to the recipient."""
    end = parse_rfc3339(until)
    text = _sent()
    day, to = store_lists.Filter(end), store_lists.Filter(end, to=recipient)
    return {
        "a send": _taken(_sent),
        "a receipt": _taken(lambda: _report(text, "accepted")),
        "the last receipt": _taken(lambda: _report(text, "delivered")),
        f"a page of {PAGE} texts": _taken(lambda: _full(store_lists.page(day, PAGE))),
        f"a page of {PAGE} texts to one number": _taken(lambda: _full(store_lists.page(to, PAGE))),
        f"a sweep that finds {DUE} texts": _sweep(),
    }


def _taken(act: Callable[[], object]) -> dict[str, Any]:
    with metered() as meter:
        act()
    return meter.told()


def _sent() -> str:
    message, _ = sending.send(compose({**TEXT, "to": "+33612345678"}, now=now()))
    return message.id


def _report(message_id: str, status: str) -> None:
    params = signed(receipt_of(message_id) | {"status": status})
    receipts.apply_callback("vonage", Callback("GET", "", {}, tuple(params.items())))


def _full(page: tuple[list[Any], str | None]) -> None:
    if len(page[0]) != PAGE:
        raise RuntimeError(f"the page has {len(page[0])} texts")


def _sweep() -> dict[str, Any]:
    due = [replace(compose({**TEXT, "to": "+33612345678"}, now=now()), due_at=now()) for _ in range(DUE)]
    store.create_all(due)
    until = now() + SWEEP
    with metered() as meter:
        found = [message_id for message_id, _ in store.due(until)]
    if sorted(found) != sorted(one.id for one in due):
        raise RuntimeError(f"the sweep found {len(found)} texts")
    for one in due:
        _finish(one.id, now())
    return meter.told()


def _finish(message_id: str, at: datetime) -> None:
    """Let a text be due no more."""
    store.change(store.get(message_id), lambda current: replace(current, due_at=at + timedelta(hours=72)))
