"""Telling changes again, from the store's own history, with their original ids: who saw them discards them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

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
    count = 0
    for batch in _batches(told):
        handed = len(batch)
        if subscriber is None:
            failed = publish([change for _, change in batch])
            if failed:
                raise Stopped(f"the event bus refused {len(failed)} changes: {failed[0][1]}. Say the same again")
        if subscriber is None or subscriber.startswith(WEBHOOKS):
            key = subscriber.partition("/")[2] if subscriber else ""
            found = (letter for message, change in batch for letter in letters(message, change))
            letters_sent = enqueue(letter for letter in found if key in ("", letter.key_id))
            handed = letters_sent if subscriber else handed
        else:
            handed = _to_one(place, batch, subscriber)
        count += handed
        show(f"{count} changes")
    return count


def _to_one(place: Place, batch: Sequence[Told], subscriber: str) -> int:
    """Hand changes to one subscriber's targets, those that its pattern lets through; returns how many."""
    count = 0
    found = [
        (arn, pattern) for name, arn, pattern in rules.attached(place) if subscriber in (name, arn, _function(arn))
    ]
    if not found:
        raise Stopped(f"there is no subscriber '{subscriber}'; see: make subscribers STAGE={place.stage}")
    for arn, pattern in found:
        for _, change in batch:
            event = handing.event_of(place, change)
            if handing.wants(place, pattern, event):
                handing.hand_over(place, arn, event)
                count += 1
    return count


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
