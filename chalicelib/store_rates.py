"""When each sender is free again: one item a sender, in which texts reserve their moments one after the other."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from chalicelib.models import ProviderReferenceRecord as Record
from chalicelib.store_table import Refused, update

#: An item whose sender was silent for so long says nothing that its absence does not.
KEPT = timedelta(days=2)

#: What this container last saw, to try first what will most likely succeed: then a reservation is one request.
_free_at: dict[str, int] = {}


def reserve(
    provider: str, frm: str, cost: timedelta, now: datetime, horizon: timedelta | None = None
) -> datetime | None:
    """The next free moment of a sender, now taken for `cost`; None, with nothing taken, when it is beyond `horizon`.

    Raises StoreUnavailable.
    """
    key, at, took = f"rate#{provider}#{frm}", _milliseconds(now), max(1, int(cost.total_seconds() * 1000))
    latest = at + int(horizon.total_seconds() * 1000) if horizon else None
    while True:
        known = _free_at.get(key, 0)
        if latest is not None and known > latest:
            return None
        try:
            free_at = _queue(key, at, took, now, latest) if known > at else _start(key, at, took, now)
        except Refused as refused:
            _free_at[key] = int(refused.item["free_at"]["N"]) if "free_at" in refused.item else 0
            continue
        _free_at[key] = free_at + took
        return datetime.fromtimestamp(free_at / 1000, timezone.utc)


def _start(key: str, at: int, took: int, now: datetime) -> int:
    """Take this very moment of a sender that is free."""
    is_free = Record.free_at.does_not_exist() | (Record.free_at <= at)
    update(Record(key), [Record.free_at.set(at + took), Record.expires_on.set(now + KEPT)], is_free)
    return at


def _queue(key: str, at: int, took: int, now: datetime, latest: int | None) -> int:
    """Take the moment after the last that is taken."""
    is_busy = Record.free_at > at
    if latest is not None:
        is_busy = is_busy & (Record.free_at <= latest)
    actions = [Record.free_at.set(Record.free_at + took), Record.expires_on.set(now + KEPT)]
    answer = update(Record(key), actions, is_busy, ReturnValues="UPDATED_NEW")
    return int(answer["Attributes"]["free_at"]["N"]) - took


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
