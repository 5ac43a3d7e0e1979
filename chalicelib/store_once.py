"""Which subscriber has handled which change: one item each, gone after two weeks, when no repeat can come any more."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.models import ProviderReferenceRecord as Record
from chalicelib.stage import now
from chalicelib.store_table import Refused, translated, update

KEPT = timedelta(days=15)  # a dead-letter queue keeps an event for 14
#: What an event that is put back by hand carries among its `resources`.
REDRIVEN = "smsignal:redriven"


def claim(subscriber: str, event_id: str, holder: str, *, force: bool = False) -> bool:
    """Whether this call is the one to handle a change: nobody else did, or it was this very call. Raises StoreUnavailable."""
    record = Record(_key(subscriber, event_id))
    free = Record.message_id.does_not_exist() | (Record.message_id == holder)
    if force:
        free = free | Record.message_id.exists()
    try:
        update(record, [Record.message_id.set(holder), Record.expires_on.set(now() + KEPT)], free)
    except Refused:
        return False
    return True


def release(subscriber: str, event_id: str) -> None:
    """Its call failed: the next one may try. Raises StoreUnavailable."""
    with translated():
        Record(_key(subscriber, event_id)).delete()


def _key(subscriber: str, event_id: str) -> str:
    return f"once#{subscriber}#{event_id}"
