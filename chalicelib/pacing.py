"""How fast a sender may send: so many segments a second. A text over the rate waits for its moment; it is never refused for it.

Moments are reserved in the order of arrival, with two exceptions by `priority`: `high` (one-time codes) never waits, and what it
takes is made up for by those behind it; `bulk` reserves at most a minute ahead, so that nothing waits longer behind it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.config import rates
from chalicelib.messages import Priority, TextMessage
from chalicelib.store_rates import reserve

BULK_HORIZON = timedelta(seconds=60)
#: A wait that is shorter is not worth a round over the queue.
SHORT = timedelta(milliseconds=500)


def paced(messages: Sequence[TextMessage], now: datetime) -> list[TextMessage]:
    """The texts, each that must wait with its moment as `due_at`. One request for all texts of one sender and priority.

    Raises StoreUnavailable.
    """
    groups: dict[tuple[str, str, Priority], list[TextMessage]] = {}
    for message in messages:
        groups.setdefault((message.provider, message.frm, message.priority), []).append(message)
    ready = {message.id: message for group in groups.values() for message in _paced(group, now)}
    return [ready[message.id] for message in messages]


def _paced(group: Sequence[TextMessage], now: datetime) -> list[TextMessage]:
    provider, frm, priority = group[0].provider, group[0].frm, group[0].priority
    rate = rates().get(f"{provider}/{frm}", rates().get(provider))
    if rate is None:
        return list(group)
    cost = timedelta(seconds=sum(message.segments for message in group) / rate)
    moment = reserve(provider, frm, cost, now, BULK_HORIZON if priority is Priority.BULK else None)
    if priority is Priority.HIGH:
        return list(group)
    if moment is None:
        later = now + BULK_HORIZON * random.uniform(0.5, 1.0)
        return [replace(message, due_at=later) for message in group]
    placed = []
    for message in group:
        waits = moment - now > SHORT
        placed.append(replace(message, due_at=moment, has_slot=True) if waits else replace(message, has_slot=True))
        moment += timedelta(seconds=message.segments / rate)
    return placed
