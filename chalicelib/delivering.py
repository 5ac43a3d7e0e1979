"""Webhooks: which change is told to whom, and telling it, again and again until it is taken or given up.

The stream's reader puts one letter for each webhook on the queue `webhooks`. Whoever takes it off posts it once; if that fails it
goes back with a delay (webhooks.BACKOFF). One that is given up goes to `webhooks-dead`, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

from chalicelib import aws, logs
from chalicelib.changes import StatusChange
from chalicelib.config import settings
from chalicelib.messages import Direction, TextMessage
from chalicelib.stage import now
from chalicelib.store_webhooks import change as change_endpoint
from chalicelib.store_webhooks import endpoint as endpoint_of
from chalicelib.store_webhooks import endpoints
from chalicelib.webhook_http import Answer, post
from chalicelib.webhooks import Endpoint, body_of, headers_of, wait_after

log = logs.logger(__name__)

QUEUE, DEAD = "webhooks", "webhooks-dead"
LONGEST_DELAY = 900  # seconds; what SQS can hold a letter back


@dataclass(frozen=True)
class Letter:
    """One change for one receiver."""

    key_id: str
    url: str
    kind: str
    change: dict[str, Any]
    attempts: int = 0
    not_before: float = 0.0  #: seconds since 1970

    def as_body(self) -> str:
        """As it lies on the queue."""
        return json.dumps(asdict(self))


def letters(message: TextMessage, change: StatusChange) -> list[Letter]:
    """One letter for each receiver of a change: the URL that the text names, else that of its API key.

    An incoming text belongs to no key: it goes to every key's URL. Raises StoreUnavailable.
    """
    if message.direction is Direction.INCOMING:
        known = [one for one in endpoints().values() if _receives(one, change)]
        return [Letter(one.key_id, one.url or "", change.kind, change.as_json()) for one in known]
    if message.key_id is None:
        return []
    if message.webhook_url:
        return [Letter(message.key_id, message.webhook_url, change.kind, change.as_json())]
    endpoint = endpoints().get(message.key_id)
    if endpoint is None or not _receives(endpoint, change):
        return []
    return [Letter(message.key_id, endpoint.url or "", change.kind, change.as_json())]


def _receives(endpoint: Endpoint, change: StatusChange) -> bool:
    return endpoint.url is not None and endpoint.disabled is None and endpoint.wants(change)


def enqueue(waiting: Iterable[Letter]) -> int:
    """Put letters on the queue, each delayed until its time; returns how many. Raises botocore's exceptions, QueueRefused."""
    at = now().timestamp()
    return aws.send_to_queue(QUEUE, ((one.as_body(), _delay(one, at)) for one in waiting))


def deliver(body: str) -> None:
    """Post a letter that was taken off the queue. Raises only when the queue or the store is down: then it comes again."""
    letter = Letter(**json.loads(body))
    if letter.not_before > now().timestamp() + 1:  # SQS holds nothing back for so long
        enqueue([letter])
        return
    endpoint = endpoint_of(letter.key_id, lambda one: not (one.disabled and one.url == letter.url))
    if endpoint is None:
        log.warning("webhook dropped", extra={**_about(letter), "reason": "its endpoint is disabled or gone"})
        return
    change = StatusChange.from_event(letter.kind, letter.change)
    body_bytes = body_of(change)
    headers = headers_of(change.id, body_bytes, endpoint.secrets, now())
    _handled(letter, endpoint, post(letter.url, headers, body_bytes, loopback=settings().webhooks_to_loopback))


def _handled(letter: Letter, endpoint: Endpoint, answer: Answer) -> None:
    tried = replace(letter, attempts=letter.attempts + 1)
    about = {**_about(tried), "reason": answer.reason}
    if answer.status is not None and 200 <= answer.status < 300:
        log.info("webhook delivered", extra=about)
        return
    if answer.status == 410:  # "do not send here any more"
        log.warning("webhook refused for good", extra=about)
        if letter.url == endpoint.url:
            change_endpoint(letter.key_id, lambda known: known and replace(known, disabled="it answered 410 Gone"))
        return
    wait = wait_after(tried.attempts, answer.retry_after)
    if wait is None:
        log.error("webhook given up", extra=about)
        aws.send_to_queue(DEAD, [(json.dumps({**asdict(tried), "reason": answer.reason}), 0)])
        return
    log.warning("webhook not delivered", extra={**about, "wait": round(wait)})
    enqueue([replace(tried, not_before=now().timestamp() + wait)])


def _delay(letter: Letter, at: float) -> int:
    return min(max(0, ceil(letter.not_before - at)), LONGEST_DELAY)


def _about(letter: Letter) -> dict[str, Any]:
    """What the log may know: not the URL, which may hold a secret of its receiver's."""
    return {"event": letter.change["id"], "key_id": letter.key_id, "attempts": letter.attempts}
