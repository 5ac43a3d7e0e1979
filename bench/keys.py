"""Hot keys: how many writes a second the busiest key of each table and index gets at 10,000 texts a second.

DynamoDB gives one partition key 1,000 write units a second, and throttles a table one of whose indexes is behind. So the life of a
text is acted out with smsignal's own transitions, each of its versions is turned into the record that is stored, and what that does
is counted for each key by DynamoDB's rules: in the table one write; in an index one when its key comes or goes, two if it changes.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations.Writes
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from bench.figures import Figure, of_runs
from chalicelib import circuits, store, store_circuits, store_references
from chalicelib.compose import compose
from chalicelib.messages import DeliveryReceipt, Submission, TextMessage
from chalicelib.models import MessageRecord
from chalicelib.retries import LEASE, report_due
from chalicelib.status import Status
from chalicelib.store_circuits import Circuit
from chalicelib.transitions import accepted, received

RATE = 10_000  # texts a second
SECONDS, QUICK_SECONDS = 3, 1
LIMIT = 1_000.0  # write units a second for one partition key
#: The fastest that a single sender may be anywhere is about this many texts a second, and only a sender with a rate has a key.
SENDER_RATE = 100
RECIPIENTS = 1_000_000
#: How long a Lambda has to do with one text, so how many there are.
SECONDS_A_TEXT = 0.1

OUTAGE = "where a stage has no other provider and all its texts fail, until all containers know of it"

#: What is written to: a table or an index, the key, and how often.
Write = tuple[str, str, int]


def measure(quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """The busiest key of each table and index."""
    lives = [busiest(RATE) for _ in range(QUICK_SECONDS if quick else SECONDS)]
    say(f"{RATE * len(lives):,} texts acted out")
    figures = [_figure(name, [life[name] for life in lives]) for name in lives[0]]
    return [*figures, _figure("provider-references, a failing provider", [outage(RATE)], OUTAGE)]


def busiest(texts: int) -> dict[str, int]:
    """How often the busiest key of each table and index is written to while so many texts begin, and as many end."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    at = datetime.now(timezone.utc)
    for number in range(texts):
        for where, key, count in _writes(number, at + timedelta(seconds=number / texts)):
            counts[where][key] += count
    return {where: max(keys.values()) for where, keys in counts.items()}


def outage(texts: int) -> float:
    """How often a second the item of a provider is written to that has begun to fail, where a stage has no other provider.

    Counted until all containers know; each of them has as many texts as it can have, one after the other.
    """
    rest, seconds = Circuit(), int(circuits.REFRESH)
    written = 0

    def fail(_: str, now: datetime) -> Circuit:
        nonlocal rest, written
        written += 1
        if written == store_circuits.FAILURES:
            rest = Circuit(now + store_circuits.FIRST_REST, trips=1)
        return rest

    at, each = datetime.now(timezone.utc), int(1 / SECONDS_A_TEXT)
    with patch.object(store_circuits, "fail", fail), patch.object(circuits.log, "warning"):
        for _ in range(texts // each):
            circuits.forget()
            for number in range(each * seconds):
                circuits.failed("provider", at + timedelta(seconds=number / each))
        circuits.forget()
    return written / seconds


def _figure(name: str, most: Sequence[float], note: str = "") -> Figure:
    return of_runs("keys", f"{name}: writes to its busiest key", "/s", most, budget=LIMIT, note=note)


def _writes(number: int, at: datetime) -> Iterator[Write]:
    """All that one text writes, from its beginning to its end."""
    versions = _life(number, at)
    before: dict[str, Any] = {}
    for message in versions:
        record = store._record(message).attribute_values
        yield "messages", message.id, 1
        yield from _index_writes(before, record)
        before = record
    # Where a provider echoes no id of ours, its own leads to the text: once when it takes it, once for each receipt.
    for _ in versions[1:]:
        yield "provider-references", store_references._key("provider", versions[1].provider_message_ids[0]), 1
    # A sender with a rate has an item of its own, in which each text reserves its moment.
    yield "provider-references, senders", f"rate#provider#{number % (RATE // SENDER_RATE)}", 1


def _index_writes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Write]:
    indexes: tuple[Any, ...] = (MessageRecord.by_recipient, MessageRecord.by_day, MessageRecord.due)
    for index in indexes:
        keys_of = index.Meta.attributes
        names = sorted(keys_of, key=lambda name: not keys_of[name].is_hash_key)
        old, new = ([record.get(name) for name in names] for record in (before, after))
        for keys in (old, new) if old != new else ():
            if all(keys):
                yield f"messages, index {index.Meta.index_name}", str(keys[0]), 1


def _life(number: int, at: datetime) -> list[TextMessage]:
    """One text as it is stored each time: claimed, taken, reported twice."""
    body = {"to": f"+336{number * 7919 % RECIPIENTS:08d}", "from": "smsignal", "text": "Your code is 123456"}
    claimed = replace(compose(body, now=at), provider="provider", due_at=at + LEASE, attempts=1, holders=(uuid4().hex,))
    submission = Submission((uuid4().hex,), segments=1)
    taken = accepted(claimed, submission, at, report_due(claimed, at, at, asks=False))
    sent = received(taken, DeliveryReceipt(Status.SENT, "sent"), at)
    return [claimed, taken, sent, received(sent, DeliveryReceipt(Status.DELIVERED, "delivered"), at)]
