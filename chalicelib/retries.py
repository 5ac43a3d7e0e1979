"""When a text that did not go out is tried again, and when no more: pure functions of the text, the error and the clock."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from chalicelib.errors import ErrorClass, SubmissionError
from chalicelib.messages import TextMessage

#: How long a Lambda may hold a text that it is submitting: longer than any of them lives.
LEASE = timedelta(seconds=90)
#: A text whose fate is unknown waits this long for a receipt; providers give up on a handset after 72 hours.
RECEIPT_DEADLINE = timedelta(hours=72)
#: A receipt is as slow as the carrier that writes it; nobody is told that a text expired before it had a chance to say so.
GRACE = timedelta(minutes=10)
#: When a provider that can be asked is asked for a receipt that did not come.
ASKS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
#: When a provider is asked for the price of a text whose end it has told, each time later than the last.
PRICE_ASKS = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=24))
FIRST_DELAY, LONGEST_DELAY = 2.0, 900.0  # seconds
ACCOUNT_DELAY = 300.0  # somebody has to top up or mend a setting first
MAX_ATTEMPTS = 20
MAX_AGE = timedelta(hours=24)

RETRIED = frozenset({ErrorClass.PROVIDER, ErrorClass.THROTTLED, ErrorClass.ACCOUNT})


def due_after(message: TextMessage, error: SubmissionError, now: datetime, *, safe: bool) -> datetime | None:
    """When something must be done about a text whose submission failed; None when it is over.

    `safe` says that the provider discards a second submission of the same text.
    """
    unknown = error.error_class is ErrorClass.UNKNOWN
    if error.error_class not in RETRIED and not unknown:
        return None
    due = now + timedelta(seconds=_delay(message.attempts, error))
    over = message.attempts >= MAX_ATTEMPTS or due >= valid_until(message)
    if unknown and (over or not (safe or message.resend_on_unknown)):
        return last_chance(message, now)
    return None if over else due


def outlived(message: TextMessage, error: SubmissionError) -> bool:
    """Whether a text that is not tried again would be, had it more time: then it expired, and nobody refused it."""
    return error.error_class in RETRIED and message.attempts < MAX_ATTEMPTS


def last_chance(message: TextMessage, now: datetime) -> datetime:
    """When a text that may be out is given up: at its deadline, or a little later for one that is past it."""
    return max(held_until(message), now + GRACE)


def held_until(message: TextMessage, since: datetime | None = None) -> datetime:
    """How long a text that went out, or may have, is given to report itself."""
    validity = timedelta(seconds=message.validity_seconds) if message.validity_seconds else RECEIPT_DEADLINE
    return (since or message.send_at or message.created_on) + validity + GRACE


def report_due(message: TextMessage, submitted: datetime, now: datetime, *, asks: bool) -> datetime:
    """When a text that was submitted must have reported its end; `asks`: when its provider is asked for it, before that."""
    end = held_until(message, submitted)
    times = [submitted + after for after in ASKS] if asks else []
    return min((time for time in times if now < time < end), default=end)


def price_due(ended: datetime, now: datetime) -> datetime | None:
    """When to ask for the price of a text that ended; None when it was asked for often enough."""
    return next((ended + after for after in PRICE_ASKS if ended + after > now), None)


def valid_until(message: TextMessage) -> datetime:
    """The end of a text's life: after it nothing is submitted any more."""
    start = message.send_at or message.created_on
    return start + (timedelta(seconds=message.validity_seconds) if message.validity_seconds else MAX_AGE)


def _delay(attempts: int, error: SubmissionError) -> float:
    """Seconds: exponential with full jitter, so that what failed together does not come back together.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    if error.error_class is ErrorClass.ACCOUNT:
        return ACCOUNT_DELAY * random.uniform(1, 2)
    ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempts, 20))
    jittered = random.uniform(0, ceiling)
    return error.retry_after + jittered if error.retry_after is not None else jittered
