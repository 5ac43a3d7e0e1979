"""Lists of messages, newest first, a page at a time. Queries of two indexes that hold keys only; no scan.

A page costs the same however much is stored: it reads from the position that its cursor names, and examines a bounded number
of texts, so a page may be shorter than asked for, or empty, and still have a cursor.
"""

from __future__ import annotations

import base64
import binascii
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

from chalicelib.errors import InvalidMessage
from chalicelib.messages import Direction, TextMessage, rfc3339
from chalicelib.models import MessageRecord
from chalicelib.status import Status
from chalicelib.store import SHARDS, to_message
from chalicelib.store_table import translated

#: How many texts one page looks at, when few of them pass the filters, and how many days back it goes.
MOST_EXAMINED = 500
#: How many keys of a shard are read at once: 4 KB, the least that DynamoDB counts. A page takes a few of each of them.
SHARD_PAGE = 30
DEFAULT_PERIOD, LONGEST_PERIOD = timedelta(hours=24), timedelta(days=31)


@dataclass(frozen=True)
class Filter:
    """What a client wants listed. `since` is inclusive, `until` exclusive."""

    until: datetime
    since: datetime | None = None
    to: str | None = None
    status: Status | None = None
    direction: Direction | None = None

    def admits(self, message: TextMessage) -> bool:
        """Whether a text is to be listed."""
        return (
            self.to in (None, message.to)
            and self.status in (None, message.status)
            and self.direction in (None, message.direction)
        )


def page(wanted: Filter, limit: int, cursor: str | None = None) -> tuple[list[TextMessage], str | None]:
    """Up to `limit` texts, newest first, and the cursor of the next page, None when there is none.

    Texts to one recipient are found however old they are; else `since` is at most 31 days before `until`, by default one.
    Raises InvalidMessage for a cursor or a period that cannot be, StoreUnavailable.
    """
    before = _decode(cursor) if cursor else rfc3339(wanted.until)
    found: list[TextMessage] = []
    with translated():
        positions = _positions(wanted, before, limit)
        for examined, (position, message) in enumerate(_messages(positions, limit), start=1):
            if message and wanted.admits(message):
                found.append(message)
            if len(found) == limit or examined == MOST_EXAMINED:
                return found, _encode(position)
    return found, None


def _positions(wanted: Filter, before: str, limit: int) -> Iterator[str]:
    if wanted.to and wanted.direction is not Direction.INCOMING:
        since = rfc3339(wanted.since) if wanted.since else "0"
        return _query(MessageRecord.by_recipient, wanted.to, since, before, limit + 1)
    since_day = wanted.since or wanted.until - DEFAULT_PERIOD
    if wanted.until - since_day > LONGEST_PERIOD:
        raise InvalidMessage({"since": f"is more than {LONGEST_PERIOD.days} days before the end of the period"})
    return chain.from_iterable(
        heapq.merge(
            *(
                _query(MessageRecord.by_day, f"{day}#{shard}", rfc3339(since_day), before, SHARD_PAGE)
                for shard in SHARDS
            ),
            reverse=True,
        )
        for day in _days(since_day, before)
    )


def _query(index: Any, key: str, since: str, before: str, page_size: int) -> Iterator[str]:
    if before <= since:
        return
    # BETWEEN is the only range DynamoDB knows and takes both ends, so the one that the last page ended with is passed over.
    keys = MessageRecord.position.between(since, before)
    for record in index.query(key, keys, scan_index_forward=False, page_size=page_size):
        if record.position < before:
            yield record.position


def _messages(positions: Iterator[str], limit: int) -> Iterator[tuple[str, TextMessage | None]]:
    """The texts at these positions: as many as are wanted, then, as some were not, by the hundred, which BatchGetItem takes."""
    size = limit
    while batch := list(islice(positions, size)):
        ids = [position.split("#")[1] for position in batch]
        fetched = {record.id: to_message(record) for record in MessageRecord.batch_get(ids, consistent_read=True)}
        yield from ((position, fetched.get(message_id)) for position, message_id in zip(batch, ids, strict=True))
        size = 100


def _days(since: datetime, before: str) -> Iterator[str]:
    """The UTC days of the period, newest first."""
    day = datetime.fromisoformat(before[:10]).date()
    while day >= since.date():
        yield day.isoformat()
        day -= timedelta(days=1)


def _encode(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        position = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        datetime.fromisoformat(position[:10])
    except (ValueError, binascii.Error):
        raise InvalidMessage({"cursor": "is not a cursor that an earlier page gave"}) from None
    return position
