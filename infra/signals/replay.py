"""Telling changes again, from the store's own history, with their original ids: who saw them discards them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib import store
from chalicelib.changes import StatusChange
from chalicelib.delivering import enqueue, letters
from chalicelib.messages import TextMessage
from chalicelib.replaying import changes_of
from chalicelib.signals import publish
from chalicelib.store_lists import LONGEST_PERIOD, Filter, page
from infra.errors import Stopped
from infra.signals import handing, rules
from infra.signals.place import Place
from infra.stack import Show

#: A text may change for so long after it was stored: what is listed is listed by when it was.
LIVES = timedelta(days=4)
WEBHOOKS = "webhooks"

Told = tuple[TextMessage, StatusChange]
Target = tuple[str, Mapping[str, Any]]  # an ARN, and the pattern of the events that it wants


def changes(message_id: str | None, since: datetime | None, until: datetime | None, now: datetime) -> Iterator[Told]:
    """The changes of one text, or all between two moments, in order per text. Raises Stopped."""
    if message_id:
        message = store.get(message_id)
        yield from ((message, change) for change in changes_of(message))
        return
    if since is None:
        raise Stopped("say what is to be told again: MESSAGE=<id>, or SINCE=2026-11-25T09:00:00Z [UNTIL=…]")
    end = until or now
    if end - since > LONGEST_PERIOD - LIVES:
        raise Stopped(f"that is too long: at most {(LONGEST_PERIOD - LIVES).days} days at a time")
    for message in _stored(since - LIVES, end):
        yield from ((message, change) for change in changes_of(message) if since <= change.occurred_at < end)


def replay(place: Place, told: Iterable[Told], subscriber: str | None, show: Show) -> int:
    """Publish changes again: to everybody, or to one subscriber; returns how many. Raises Stopped.

    A subscriber is named as `make subscribers` lists it, or by its ARN; `webhooks` are those of all clients, `webhooks/<key id>`
    those of one.
    """
    to_webhooks = subscriber is None or subscriber.startswith(WEBHOOKS)
    targets = [] if to_webhooks else _targets(place, subscriber or "")
    count = 0
    for batch in _batches(told):
        handed = len(batch)
        if subscriber is None:
            failed = publish([change for _, change in batch])
            if failed:
                raise Stopped(f"the event bus refused {len(failed)} changes: {failed[0][1]}. Say the same again")
        if to_webhooks:
            key = subscriber.partition("/")[2] if subscriber else ""
            found = (letter for message, change in batch for letter in letters(message, change))
            letters_sent = enqueue(letter for letter in found if key in ("", letter.key_id))
            handed = letters_sent if subscriber else handed
        else:
            handed = sum(_hand_over(place, change, targets) for _, change in batch)
        count += handed
        show(f"{count} changes")
    return count


def _targets(place: Place, subscriber: str) -> list[Target]:
    """What one subscriber is attached by: the ARNs, each with its pattern. Raises Stopped."""
    attached = rules.attached(place)
    found = [(arn, pattern) for name, arn, pattern in attached if subscriber in (name, arn, _function(arn))]
    if not found:
        raise Stopped(f"there is no subscriber '{subscriber}'; see: make subscribers STAGE={place.stage}")
    return found


def _hand_over(place: Place, change: StatusChange, targets: Sequence[Target]) -> int:
    """Hand a change to those targets whose pattern lets it through; returns to how many."""
    event = handing.event_of(place, change)
    wanting = [arn for arn, pattern in targets if handing.wants(place, pattern, event)]
    for arn in wanting:
        handing.hand_over(place, arn, event)
    return len(wanting)


def _function(arn: str) -> str:
    return arn.rpartition(":")[2]


def _stored(since: datetime, until: datetime) -> Iterator[TextMessage]:
    cursor: str | None = None
    while True:
        found, cursor = page(Filter(until=until, since=since), 100, cursor)
        yield from found
        if cursor is None:
            return


def _batches(told: Iterable[Told]) -> Iterator[list[Told]]:
    batch: list[Told] = []
    for one in told:
        batch.append(one)
        if len(batch) == 100:
            yield batch
            batch = []
    if batch:
        yield batch
