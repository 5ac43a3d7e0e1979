"""What each report does to a text: pure functions from (message, report, now) to the next message.

Whether a change is signalled follows from one rule, kept in `_changed`: `sequence` grows by one when, and only when, the
status or the price changed. The stream's reader (signals.py) relies on it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from chalicelib.errors import ErrorClass, OutcomeUnknown, SubmissionError, TooLate
from chalicelib.messages import (
    DeliveryReceipt,
    Direction,
    HistoryEntry,
    MessageError,
    Segment,
    Submission,
    TextMessage,
    rfc3339,
)
from chalicelib.segmented import judged, priced, speaks_for_all
from chalicelib.status import FINAL, Status, advances

#: A replayed callback must not grow an item towards DynamoDB's 400 KB: past this, repeats are no longer written down.
HISTORY_LIMIT = 100


def chosen(message: TextMessage, provider: str, why: str, now: datetime) -> TextMessage:
    """The stage's route chose a provider for a text that is not out."""
    entry = HistoryEntry(now, message.status, "route", "chosen", None, why)
    return replace(message, provider=provider, routed=True, history=(*message.history, entry))


def passed_on(message: TextMessage, provider: str, why: str, now: datetime) -> TextMessage:
    """The route now has another provider for a text that still waits. Nothing changes for one that is out after all."""
    if message.status is not Status.CREATED:
        return message
    passed = tuple(dict.fromkeys((*message.passed, message.provider)))
    return replace(chosen(message, provider, why, now), passed=passed)


def rerouted(
    message: TextMessage, error: SubmissionError, provider: str, why: str, due_at: datetime, now: datetime
) -> TextMessage:
    """Its provider did not take the text, or nobody knows, and another is to have it: whoever holds it goes on until `due_at`."""
    doubtful = isinstance(error, OutcomeUnknown)
    if message.status is not Status.CREATED:  # a receipt overtook the reply: it went out after all
        return postponed(message, error, due_at, now)
    detail = f"{message.provider}: {error.detail}"
    entry = HistoryEntry(
        now, message.status, "submit", "unknown" if doubtful else "failed", error.provider_code, detail
    )
    return replace(
        passed_on(replace(message, history=(*message.history, entry)), provider, why, now),
        may_be_out=message.may_be_out or doubtful,
        attempts=message.attempts + 1,
        due_at=due_at,
        has_slot=False,
    )


def overheard(message: TextMessage, receipt: DeliveryReceipt, provider: str, now: datetime) -> TextMessage:
    """A provider that had the text before its present one reports: only that it arrived counts, for the other may still try."""
    if receipt.status is Status.DELIVERED and (message.segments == 1 or not receipt.per_segment):
        return received(message, replace(receipt, per_segment=False), now)
    entry = replace(receipt_entry(receipt, "stale", now), detail=f"from {provider}, which had the text before")
    return _changed(message, message, entry, message.status, None, now)


def accepted(message: TextMessage, submission: Submission, now: datetime, due_at: datetime | None) -> TextMessage:
    """The provider took the text; `due_at` is when its final receipt must have come.

    Receipts that overtook the provider's answer are judged now that the number of segments is known.
    """
    known = replace(
        message,
        provider_message_ids=submission.provider_message_ids,
        segments=submission.segments or message.segments,
        price=submission.price if submission.price is not None else message.price,
        currency=submission.currency or message.currency,
        submitted_on=now,
        is_counted=True,
        due_at=_due(message, due_at),
        holders=(),
        has_slot=False,
    )
    known = priced(known)
    new, error = (Status.UNDELIVERED, submission.error) if submission.error else judged(known)
    moved = advances(message.status, new)
    entry = HistoryEntry(now, new, "submit", "applied" if moved else "stale", submission.provider_status)
    return _changed(message, known, entry, new if moved else message.status, error, now)


def refused(message: TextMessage, error: SubmissionError, now: datetime) -> TextMessage:
    """The provider, or we on its behalf, refused the text for good."""
    return _failed(message, Status.REFUSED, error, now)


def expired(message: TextMessage, error: SubmissionError, now: datetime) -> TextMessage:
    """The text was not taken in its time; the last error says what held it up."""
    return _failed(message, Status.EXPIRED, error, now)


def _failed(message: TextMessage, new: Status, error: SubmissionError, now: datetime) -> TextMessage:
    moved = advances(message.status, new)
    entry = HistoryEntry(now, new, "submit", "applied" if moved else "stale", error.provider_code, error.detail)
    return _changed(message, _released(message), entry, new if moved else message.status, MessageError.of(error), now)


def postponed(message: TextMessage, error: SubmissionError, due_at: datetime, now: datetime) -> TextMessage:
    """The text was not taken, or nobody knows: it stays `created` until `due_at`, with the reason beside it."""
    if isinstance(error, OutcomeUnknown):
        return _unanswered(message, error, due_at, now)
    entry = HistoryEntry(now, message.status, "submit", "postponed", error.provider_code, error.detail)
    after = _changed(message, _released(message), entry, message.status, None, now)
    if message.status is not Status.CREATED:  # a receipt overtook the reply: the text went out after all
        return after
    return replace(after, error=MessageError.of(error), due_at=due_at)


def _unanswered(message: TextMessage, error: OutcomeUnknown, due_at: datetime, now: datetime) -> TextMessage:
    """The provider's answer is lost for good, so our own count of the segments must do, and receipts are judged by it."""
    known = priced(replace(_released(message), may_be_out=True, is_counted=True))
    new, why = judged(known) if message.parts else (message.status, None)
    entry = HistoryEntry(now, message.status, "submit", "unknown", error.provider_code, error.detail)
    status = new if advances(message.status, new) else message.status
    after = _changed(message, known, entry, status, why, now)
    if status is Status.CREATED:
        after = replace(after, error=MessageError.of(error))
    return replace(after, due_at=_due(after, due_at))


def put_off(message: TextMessage, paced: TextMessage) -> TextMessage:
    """Its sender is busy: it waits for its moment, which nobody is told of."""
    attempts = message.attempts - 1  # it was taken off the outbox, but not handed to anybody
    return replace(_released(message), due_at=_due(message, paced.due_at), has_slot=paced.has_slot, attempts=attempts)


def still_waiting(message: TextMessage, due_at: datetime) -> TextMessage:
    """Its final receipt did not come yet; look again at `due_at`."""
    return replace(message, due_at=_due(message, due_at), holders=())


def priced_later(message: TextMessage, due_at: datetime | None) -> TextMessage:
    """Its end is known, but its price only to who asks for it: at `due_at`, or no more."""
    return replace(message, due_at=due_at if message.status in FINAL and message.price is None else None, holders=())


def ended(message: TextMessage, now: datetime) -> TextMessage:
    """Its time is up. What was never taken by a provider, or had a validity that is over, is `expired`; else nobody knows."""
    never_out = message.status is Status.CREATED and not in_doubt(message)
    new = Status.EXPIRED if never_out or message.validity_seconds else Status.UNKNOWN
    moved = advances(message.status, new)
    detail = "it was not submitted in time" if never_out else "no final receipt came in time"
    entry = HistoryEntry(now, new, "clock", "applied" if moved else "stale", None, detail)
    code = "not_submitted" if never_out else "no_receipt"
    error = message.error or MessageError(ErrorClass.UNKNOWN, code, detail=detail)
    after = _changed(message, message, entry, new if moved else message.status, error, now)
    return replace(after, due_at=_due(message, None), holders=())


def canceled(message: TextMessage, now: datetime) -> TextMessage:
    """The client took it back. Raises TooLate when the text is out, may be out, or is just being submitted."""
    if message.status is Status.CANCELED:
        return message
    waits = message.status is Status.CREATED and message.direction is Direction.OUTGOING
    if not waits or message.holders or in_doubt(message):
        raise TooLate("the text was handed to its provider, or is just being handed over")
    entry = HistoryEntry(now, Status.CANCELED, "client", "applied")
    return _changed(message, message, entry, Status.CANCELED, None, now)


def erased(message: TextMessage, now: datetime) -> TextMessage:
    """Text and numbers are gone; what was counted and paid stays. Raises TooLate while the text waits to be sent."""
    if message.status is Status.CREATED:
        raise TooLate("the text is not sent yet: cancel it first")
    if not message.to:
        return message
    entry = HistoryEntry(now, message.status, "client", "erased")
    forgotten = replace(message, text="", frm="", to="", metadata={}, fingerprint=None)
    return _changed(message, forgotten, entry, message.status, None, now)


def in_doubt(message: TextMessage) -> bool:
    """Whether a text that is `created` may be out already: an outcome is unknown, or somebody died submitting it."""
    return message.may_be_out or len(message.holders) > 1


def _due(message: TextMessage, due_at: datetime | None) -> datetime | None:
    """When something is to be done for a text; for one that has ended, what is left is to ask for its price."""
    return message.due_at if message.status in FINAL else due_at


def _released(message: TextMessage) -> TextMessage:
    """Without its holders, of whom there is no more to say than that one of them may have died."""
    return replace(message, holders=(), has_slot=False, may_be_out=in_doubt(message))


def received(message: TextMessage, receipt: DeliveryReceipt, now: datetime) -> TextMessage:
    """A receipt came: late, twice, out of order or as hoped. It is always written down with what came of it."""
    if receipt.per_segment and receipt.provider_message_id and not speaks_for_all(message, receipt):
        return _received_segment(message, receipt, receipt.provider_message_id, now)
    moved = advances(message.status, receipt.status)
    known = replace(
        message,
        price=message.price if message.price is not None else receipt.price,
        currency=message.currency or receipt.currency,
        segments=receipt.segments or message.segments,
    )
    outcome = "applied" if moved else "duplicate" if message.status is receipt.status else "stale"
    # With its price even if that was known before, since a receipt that is written unread cannot tell: the first one counts.
    entry = receipt_entry(receipt, outcome, now, price=receipt.price if moved else None)
    return _changed(message, known, entry, receipt.status if moved else message.status, receipt.error, now)


def _received_segment(message: TextMessage, receipt: DeliveryReceipt, segment_id: str, now: datetime) -> TextMessage:
    before = message.parts.get(segment_id, Segment(Status.CREATED))
    moved = advances(before.status, receipt.status)
    outcome = "applied" if moved else "duplicate" if before.status is receipt.status else "stale"
    after = Segment(
        receipt.status if moved else before.status,
        before.price if receipt.price is None else receipt.price,
        receipt.error if moved else before.error,
    )
    known = replace(
        message,
        parts={**message.parts, segment_id: after},
        segments=receipt.segments or message.segments,
        currency=message.currency or receipt.currency,
    )
    known = priced(known)
    new, error = judged(known)
    entry = receipt_entry(receipt, outcome, now)
    return _changed(message, known, entry, new if advances(message.status, new) else message.status, error, now)


def receipt_entry(
    receipt: DeliveryReceipt,
    outcome: str,
    now: datetime,
    *,
    became: Status | None = None,
    price: Decimal | None = None,
) -> HistoryEntry:
    """The line of `history` for a receipt."""
    segment = f"segment {receipt.provider_message_id}" if receipt.per_segment else None
    why = receipt.error.detail if receipt.error else None
    at = f"at {rfc3339(receipt.occurred_on)} by the provider's clock" if receipt.occurred_on else None
    detail = "; ".join(filter(None, (segment, why, at)))
    return HistoryEntry(now, receipt.status, "receipt", outcome, receipt.provider_status, detail or None, became, price)


def _changed(
    before: TextMessage,
    known: TextMessage,
    entry: HistoryEntry,
    status: Status,
    error: MessageError | None,
    now: datetime,
) -> TextMessage:
    """`known`, with the status, the reason, the history and the counters that follow."""
    moved = status is not before.status
    news = known.price != before.price
    signalled = moved or news
    if signalled:
        entry = replace(entry, became=status, price=known.price if news else entry.price)
    over = entry.outcome in ("duplicate", "stale") and len(before.history) >= HISTORY_LIMIT and not signalled
    return replace(
        known,
        status=status,
        # Once a text gets through, what held it up before is told by the history alone.
        error=error if moved else before.error,
        history=before.history if over else (*before.history, entry),
        sequence=before.sequence + signalled,
        updated_on=now if signalled else before.updated_on,
        due_at=None if moved and status in FINAL else known.due_at,
    )
