"""Every read and write of messages. No scan; every write is conditional.

A text is written in one of three ways, each a single request when nothing is in its way:
`create` (must not exist yet), `save` (must not have changed since it was read), `advance` (a receipt, written without reading
the text first). When the condition fails, DynamoDB hands back the stored text with the refusal
(`ReturnValuesOnConditionCheckFailure`), so nobody has to read it again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from pynamodb.exceptions import DoesNotExist

from chalicelib.errors import MessageNotFound, TextMessageError
from chalicelib.messages import (
    DeliveryReceipt,
    Direction,
    TextMessage,
    parse_rfc3339,
    rfc3339,
)
from chalicelib.models import Due, MessageRecord
from chalicelib.status import FINAL, RANK, Status
from chalicelib.store_table import Refused, change_item, put, put_all, translated, update
from chalicelib.store_update import Update
from chalicelib.transitions import overheard, priced_later, receipt_entry, received

FIELDS = tuple(field.name for field in fields(TextMessage))
MESSAGE_ID = re.compile("[0-9a-f]{32}")
MOST_AT_ONCE = 100  #: items of a transaction
SHARDS = "0123456789abcdef"  #: the first digit of a message id: 16 keys a day bear 16,000 new texts a second
#: Of the index of what is due, which each text is written to four times: 64 keys bear 16,000 texts a second, too.
DUE_SHARDS = tuple(f"{number:02x}" for number in range(64))


class Conflict(TextMessageError):
    """The write's condition failed. `current` is the stored text; None when there is none."""

    def __init__(self, current: TextMessage | None) -> None:
        self.current = current
        super().__init__("the stored message is another")


def create(message: TextMessage) -> None:
    """Store a new text. Raises Conflict with the stored one when its id exists, StoreUnavailable."""
    with _conflicting():
        put(_record(message), MessageRecord.id.does_not_exist())


def create_all(messages: Sequence[TextMessage]) -> bool:
    """Store up to 100 new texts in one request; False, with nothing stored, when it cannot be so. Raises StoreUnavailable.

    A transaction costs twice the writes of a plain batch, but has a condition, and its request may be repeated: a plain one that
    botocore repeats because its reply was lost would put texts back to `created` that were sent meanwhile.
    """
    try:
        put_all([_record(message) for message in messages], MessageRecord.id.does_not_exist())
    except Refused:
        return False
    return True


def get(message_id: str) -> TextMessage:
    """The stored text. Raises MessageNotFound, StoreUnavailable."""
    _check_id(message_id)
    try:
        with translated():
            return to_message(MessageRecord.get(message_id, consistent_read=True))
    except DoesNotExist:
        raise MessageNotFound("no message has that id") from None


def save(before: TextMessage, after: TextMessage) -> None:
    """Write what differs, if the stored text still is `before`. Raises Conflict, StoreUnavailable."""
    move = Update(MessageRecord)
    move.require("revision", "=", before.revision)
    for name in _differences(before, after):
        move.set(name, getattr(after, name))
    if after.status is not before.status:
        move.set("rank", RANK[after.status])
    if after.due_at != before.due_at:
        move.set("due_shard", due_shard(before.id) if after.due_at else None)
    if after.to != before.to:  # erased, so the recipient's list forgets it too
        move.set("recipient", None)
    move.set("revision", before.revision + 1)
    _change(before.id, move)


def change(message: TextMessage, transition: Callable[[TextMessage], TextMessage]) -> TextMessage:
    """Apply a transition to the stored text, which may have moved on since `message` was read; returns what now stands.

    Each failed attempt means that somebody else's write went through, so this ends. Raises StoreUnavailable.
    """
    while True:
        after = transition(message)
        if after == message:
            return message
        try:
            save(message, after)
        except Conflict as conflict:
            if conflict.current is None:
                raise MessageNotFound(f"the message {message.id} is gone") from None
            message = conflict.current
            continue
        return replace(after, revision=message.revision + 1)


def advance(
    message_id: str, provider: str, receipt: DeliveryReceipt, now: datetime, price_due: datetime | None = None
) -> None:
    """Apply a provider's receipt: one write when it moves the status, one more when it does not.

    `price_due` is when to ask for the price of a text whose end it tells, if it does not tell that. Raises MessageNotFound when
    that provider was given no text with that id, StoreUnavailable.
    """
    _check_id(message_id)
    try:
        _advance_unread(message_id, provider, receipt, now, None if receipt.price is not None else price_due)
    except Conflict as conflict:
        stored = conflict.current
        if stored is None or provider not in (stored.provider, *stored.passed):
            raise MessageNotFound(f"{provider} was given no message with that id") from None
        change(stored, lambda message: _reported(message, provider, receipt, now, price_due))


def _reported(
    message: TextMessage, provider: str, receipt: DeliveryReceipt, now: datetime, price_due: datetime | None
) -> TextMessage:
    if provider != message.provider:
        return overheard(message, receipt, provider, now)
    after = received(message, receipt, now)
    ended = after.status in FINAL and message.status not in FINAL
    return priced_later(after, price_due) if price_due and ended else after


def _advance_unread(
    message_id: str, provider: str, receipt: DeliveryReceipt, now: datetime, price_due: datetime | None
) -> None:
    """What `transitions.received` does to a text that the receipt moves forward, as one expression."""
    new, move = receipt.status, Update(MessageRecord)
    move.require("provider", "=", provider)
    move.require("rank", "<", RANK[new])
    if receipt.per_segment:
        move.require("segments", "=", 1 if receipt.segments in (None, 1) else 0)  # of several none speaks for all
        move.require("is_counted", "=", True)
    if new is Status.CANCELED:
        move.require("rank", "=", RANK[Status.CREATED])
    move.set("status", new)
    move.set("rank", RANK[new])
    move.set("updated_on", now)
    # Whether the price was known before cannot be told here: the first one counts (transitions.received).
    move.append("history", (receipt_entry(receipt, "applied", now, became=new, price=receipt.price),))
    move.add("sequence", 1)
    move.add("revision", 1)
    move.set("error", receipt.error)
    if receipt.price is not None:
        move.set_once("price", receipt.price)
    if receipt.segments is not None:
        move.set("segments", receipt.segments)
    if receipt.currency is not None:
        move.set_once("currency", receipt.currency)
    if new in FINAL:
        move.set("due_at", price_due)
        move.set("due_shard", due_shard(message_id) if price_due else None)
    _change(message_id, move)


def _change(message_id: str, move: Update) -> None:
    with _conflicting():
        change_item(MessageRecord, {MessageRecord.id.attr_name: {"S": message_id}}, move)


def due(until: datetime) -> Iterator[tuple[str, datetime]]:
    """The texts for which something is to be done before `until`: their ids and when. Raises StoreUnavailable."""
    with translated():
        # In another order each time: a sweep that does not get through all leaves others for the next one.
        for one in random.sample(DUE_SHARDS, len(DUE_SHARDS)):
            for record in MessageRecord.due.query(one, Due.due_at < until):
                yield record.id, record.due_at


def claim(message_id: str, due_at: str, lease: datetime) -> TextMessage | None:
    """Take a text that is due, so that nobody else does; None when it is not due any more. Raises StoreUnavailable.

    The new holder is added to those who have not said what came of it: more than one means that an earlier one died.
    """
    holder = uuid4().hex
    actions = [
        MessageRecord.holders.set(MessageRecord.holders.append([holder])),
        MessageRecord.attempts.set(MessageRecord.attempts + 1),
        MessageRecord.due_at.set(lease),
        MessageRecord.revision.set(MessageRecord.revision + 1),
    ]
    is_due = MessageRecord.due_at == parse_rfc3339(due_at)
    try:
        item = update(MessageRecord(message_id), actions, is_due, ReturnValues="ALL_NEW")["Attributes"]
    except Refused as refused:
        if not refused.item or holder not in from_image(refused.item).holders:
            return None
        item = refused.item  # botocore asked twice, since the first reply was lost: the claim is ours
    return from_image(item)


def _check_id(message_id: str) -> None:
    """What is no id of ours is nobody's: it is not asked for, and DynamoDB would call an empty or huge key an error."""
    if not MESSAGE_ID.fullmatch(message_id):
        raise MessageNotFound("no message has that id")


def shard(message_id: str) -> str:
    """The shard of a message, for indexes whose key would otherwise take every write."""
    return message_id[0]


def due_shard(message_id: str) -> str:
    """The same for the index of what is due."""
    return DUE_SHARDS[int(message_id[:2], 16) // 4]


def to_message(record: MessageRecord) -> TextMessage:
    """The text in a record, be it read from the table or from a stream's image."""
    values = {name: getattr(record, name) for name in FIELDS}
    return TextMessage(**{name: value for name, value in values.items() if value is not None})


def from_image(image: dict[str, Any]) -> TextMessage:
    """The text in a stream record's image, in DynamoDB's own JSON."""
    return to_message(MessageRecord.from_raw_data(image))


def _record(message: TextMessage) -> MessageRecord:
    created = rfc3339(message.created_on)
    return MessageRecord(
        **{name: getattr(message, name) for name in FIELDS},
        rank=RANK[message.status],
        # Incoming texts are not in that index: one of our numbers may be the recipient of all of them.
        recipient=message.to if message.direction is Direction.OUTGOING else None,
        day=f"{created[:10]}#{shard(message.id)}",
        position=f"{created}#{message.id}",
        due_shard=due_shard(message.id) if message.due_at else None,
    )


def _differences(before: TextMessage, after: TextMessage) -> list[str]:
    return [name for name in FIELDS if name != "revision" and getattr(before, name) != getattr(after, name)]


@contextmanager
def _conflicting() -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        raise Conflict(from_image(refused.item) if refused.item else None) from None
