"""Sending a text: create and claim it, then have it submitted (submitting.py), or leave it to the outbox.

The text is stored before anything leaves the house, and whoever submits it holds a lease (`due_at`). When that lapses, the
outcome is unknown and the clock (dispatching.py) decides; see "When a send is interrupted" in docs/statuses.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from chalicelib import logs, store
from chalicelib.choosing import choose
from chalicelib.compose import compose
from chalicelib.config import settings
from chalicelib.encoding import count_segments, encoding_of
from chalicelib.errors import (
    ConfigurationError,
    ErrorClass,
    IdempotencyKeyReused,
    InvalidMessage,
    StoreUnavailable,
    SubmissionError,
    TextMessageError,
    UnknownProvider,
)
from chalicelib.messages import Direction, MessageError, TextMessage
from chalicelib.pacing import paced
from chalicelib.retries import LEASE
from chalicelib.stage import now
from chalicelib.status import Status
from chalicelib.submitting import enqueue, submit

log = logs.logger(__name__)


def send(message: TextMessage, *, later: bool = False) -> tuple[TextMessage, bool]:
    """Store the text and submit it, or leave it to the outbox; returns what stands and whether it stood already.

    Raises InvalidMessage, UnknownProvider and ConfigurationError with nothing stored, IdempotencyKeyReused, StoreUnavailable.
    """
    at = message.created_on
    message, adapter = choose(message, at)
    if later or (message.send_at and message.send_at > at):
        message = replace(message, due_at=message.send_at or at)
    else:
        (message,) = paced([message], at)
        if message.due_at is None:
            message = replace(message, due_at=at + LEASE, attempts=1, holders=(uuid4().hex,))
    try:
        store.create(message)
    except store.Conflict as conflict:
        stored = _already(conflict.current, message)
        # If it is this very text, botocore asked twice, since the first reply was lost, and it is ours to go on with.
        if (stored.created_on, stored.holders, stored.revision) != (message.created_on, message.holders, 1):
            return stored, True
    if message.attempts:
        return submit(message, adapter), False
    enqueue(message)
    return message, False


def send_all(messages: Sequence[TextMessage]) -> list[TextMessage | TextMessageError]:
    """Store texts for the outbox; returns for each, in order, what stands or why not. Raises nothing of its own."""
    results: list[TextMessage | TextMessageError] = [_readied(message) for message in messages]
    ready = _in_their_turn([message for message in results if isinstance(message, TextMessage)])
    stored = iter(_created(ready))
    results = [next(stored) if isinstance(result, TextMessage) else result for result in results]
    enqueue(*(result for result in results if isinstance(result, TextMessage)))
    return results


def _created(messages: list[TextMessage]) -> Sequence[TextMessage | TextMessageError]:
    """All at once, or, when one of them stood already, each by itself."""
    results: list[TextMessage | TextMessageError] = []
    for start in range(0, len(messages), store.MOST_AT_ONCE):
        some = messages[start : start + store.MOST_AT_ONCE]
        try:
            results += some if store.create_all(some) else [_create(message) for message in some]
        except StoreUnavailable as error:
            results += [error for _ in some]
    return results


def _readied(message: TextMessage) -> TextMessage | TextMessageError:
    try:
        message, _ = choose(message, message.created_on)
    except UnknownProvider as error:
        return InvalidMessage({"provider": str(error)})
    except (InvalidMessage, ConfigurationError, StoreUnavailable) as error:
        return error
    return replace(message, due_at=message.send_at or message.created_on)


def _in_their_turn(messages: list[TextMessage]) -> list[TextMessage]:
    """With the moments of their senders; a schedule is looked at when its time has come, or all when the store is slow."""
    try:
        turns = {message.id: message for message in paced([one for one in messages if not one.send_at], now())}
    except StoreUnavailable:
        return messages
    return [turns.get(message.id, message) for message in messages]


def _create(message: TextMessage) -> TextMessage | TextMessageError:
    try:
        store.create(message)
    except store.Conflict as conflict:
        try:
            return _already(conflict.current, message)
        except IdempotencyKeyReused as error:
            return error
    except StoreUnavailable as error:
        return error
    return message


def _already(stored: TextMessage | None, message: TextMessage) -> TextMessage:
    if stored is None or stored.fingerprint != message.fingerprint:
        raise IdempotencyKeyReused("this Idempotency-Key was used for another request; use a new one")
    return stored


def send_text(text: str, frm: str, to: str, fail_silently: bool = True, status_report: bool = False) -> TextMessage:
    """Send one text from Python: the predecessor's call.

    `frm` is what the handset shows, `to` the recipient in E.164. Returns the stored text; with `fail_silently` a text that is
    refused comes back with that status (one that was never valid is not stored), else its TextMessageError is raised. Raises
    StoreUnavailable and ConfigurationError in any case: then nothing was sent, and silence would lose the text.
    """
    config = settings()
    body = {"text": text, "from": frm, "to": to, "status_report": status_report, "fail_silently": fail_silently}
    try:
        message = compose(body, now=now())
    except InvalidMessage as error:
        if not fail_silently:
            raise
        log.warning("text refused", extra={"fields": sorted(error.errors)})
        return _never_valid(text, frm, to, error)
    if config.public_url:
        message = replace(message, public_url=config.public_url)
    message, _ = send(message)
    if message.status is Status.REFUSED and message.error and not fail_silently:
        raise submission_error(message.error)
    return message


def _never_valid(text: str, frm: str, to: str, error: InvalidMessage) -> TextMessage:
    at = now()
    faults = {"to": ErrorClass.RECIPIENT, "from": ErrorClass.SENDER}
    why = MessageError(faults.get(next(iter(error.errors)), ErrorClass.CONTENT), "invalid", detail=str(error))
    return TextMessage(
        id=uuid4().hex,
        direction=Direction.OUTGOING,
        frm=frm,
        to=to,
        text=text,
        encoding=encoding_of(text),
        segments=count_segments(text),
        status=Status.REFUSED,
        created_on=at,
        updated_on=at,
        error=why,
    )


def submission_error(error: MessageError) -> SubmissionError:
    """The exception of a stored reason."""
    kinds = {kind.error_class: kind for kind in SubmissionError.__subclasses__()}
    return kinds[error.error_class](error.code, error.detail or "", provider_code=error.provider_code)
