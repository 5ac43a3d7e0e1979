"""The tables, as PynamoDB models. Only store.py imports this; infra/resources.yaml makes them.

The attributes of a message hold the very types of TextMessage, so that one loop turns one into the other. Both list indexes
are keyed so that no key gets hotter as traffic grows (a shard of the message id is part of it) and hold keys only, so that a
change of status writes to neither. `due` is sparse: an item is in it only while something is to be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from pynamodb.attributes import Attribute, BooleanAttribute, NumberAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.constants import LIST, MAP, STRING
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.config import settings
from chalicelib.encoding import Encoding
from chalicelib.messages import Direction, HistoryEntry, MessageError, Priority, Segment, parse_rfc3339, rfc3339
from chalicelib.status import Status

E = TypeVar("E", bound=Enum)
Item = dict[str, Any]


def _to_map(strings: Mapping[str, str | None]) -> Item:
    return {name: {"S": value} for name, value in strings.items() if value is not None}


def _from_map(item: Item) -> dict[str, str]:
    return {name: value["S"] for name, value in item.items()}


class EnumAttribute(Attribute[E]):
    """An enumeration, by its value."""

    attr_type = STRING

    def __init__(self, of: type[E], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._of = of

    def serialize(self, value: E) -> str:
        return str(value.value)

    def deserialize(self, value: str) -> E:
        return self._of(value)


class TimeAttribute(Attribute[datetime]):
    """A UTC time as RFC 3339 text with milliseconds, so that it sorts."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return rfc3339(value)

    def deserialize(self, value: str) -> datetime:
        return parse_rfc3339(value)


class DecimalAttribute(Attribute[Decimal]):
    """A price, as the text the provider gave: no digit is added or lost."""

    attr_type = STRING

    def serialize(self, value: Decimal) -> str:
        return str(value)

    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class StringsAttribute(Attribute[tuple[str, ...]]):
    """A list of strings, in order."""

    attr_type = LIST

    def serialize(self, value: tuple[str, ...]) -> list[Item]:
        return [{"S": text} for text in value]

    def deserialize(self, value: list[Item]) -> tuple[str, ...]:
        return tuple(item["S"] for item in value)


class StringMapAttribute(Attribute[Mapping[str, str]]):
    """A map of strings."""

    attr_type = MAP

    def serialize(self, value: Mapping[str, str]) -> Item:
        return _to_map(value)

    def deserialize(self, value: Item) -> dict[str, str]:
        return _from_map(value)


class ErrorAttribute(Attribute[MessageError]):
    """Why a text was not delivered, as contract.md has it."""

    attr_type = MAP

    def serialize(self, value: MessageError | dict[str, str | None]) -> Item:
        """Also of the JSON: in an update PynamoDB takes nothing but a dict for a map."""
        return _to_map(value if isinstance(value, dict) else value.as_json())

    def deserialize(self, value: Item) -> MessageError:
        return MessageError.from_json(_from_map(value))


class HistoryAttribute(Attribute[tuple[HistoryEntry, ...]]):
    """What was reported about a text, in the order of arrival."""

    attr_type = LIST

    def serialize(self, value: tuple[HistoryEntry, ...]) -> list[Item]:
        return [{"M": _to_map(self._fields(entry))} for entry in value]

    def deserialize(self, value: list[Item]) -> tuple[HistoryEntry, ...]:
        return tuple(self._entry(_from_map(item["M"])) for item in value)

    @staticmethod
    def _fields(entry: HistoryEntry) -> dict[str, str | None]:
        became, price = entry.became and entry.became.value, None if entry.price is None else str(entry.price)
        known = {"at": rfc3339(entry.at), "status": entry.status.value, "became": became, "price": price}
        return {**vars(entry), **known}

    @staticmethod
    def _entry(fields: dict[str, str]) -> HistoryEntry:
        became, price = fields.pop("became", None), fields.pop("price", None)
        return HistoryEntry(
            parse_rfc3339(fields.pop("at")),
            Status(fields.pop("status")),
            became=Status(became) if became else None,
            price=None if price is None else Decimal(price),
            **fields,
        )


class SegmentsAttribute(Attribute[Mapping[str, Segment]]):
    """What is known of each segment, by the provider's id of it."""

    attr_type = MAP

    def serialize(self, value: Mapping[str, Segment]) -> Item:
        return {segment_id: {"M": self._to_item(segment)} for segment_id, segment in value.items()}

    def deserialize(self, value: Item) -> dict[str, Segment]:
        return {segment_id: self._from_item(item["M"]) for segment_id, item in value.items()}

    @staticmethod
    def _to_item(segment: Segment) -> Item:
        price = None if segment.price is None else str(segment.price)
        item = _to_map({"status": segment.status.value, "price": price})
        return {**item, "error": {"M": _to_map(segment.error.as_json())}} if segment.error else item

    @staticmethod
    def _from_item(item: Item) -> Segment:
        price, error = item.get("price"), item.get("error")
        return Segment(
            Status(item["status"]["S"]),
            Decimal(price["S"]) if price else None,
            MessageError.from_json(_from_map(error["M"])) if error else None,
        )


class _Meta:
    """Timeouts for a store that answers in milliseconds: a Lambda must not wait longer for it than its caller does."""

    connect_timeout_seconds = 2
    read_timeout_seconds = 5
    max_retry_attempts = 2


class ByRecipient(GlobalSecondaryIndex[Any]):
    """Outgoing texts to one number, by time."""

    class Meta:
        index_name = "by_recipient"
        projection = KeysOnlyProjection()

    recipient = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class ByDay(GlobalSecondaryIndex[Any]):
    """All texts of one UTC day, by time, in shards."""

    class Meta:
        index_name = "by_day"
        projection = KeysOnlyProjection()

    day = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class Due(GlobalSecondaryIndex[Any]):
    """What still needs something done, by the time it is due, in shards."""

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    due_at = TimeAttribute(range_key=True)


class MessageRecord(Model):
    """One text. Attributes have the names and the types of TextMessage, but for the key and those of the indexes."""

    class Meta(_Meta):
        table_name = settings().resource("messages")

    id = UnicodeAttribute(hash_key=True, attr_name="message_id")
    direction = EnumAttribute(Direction)
    frm = UnicodeAttribute()
    to = UnicodeAttribute()
    text = UnicodeAttribute()
    encoding = EnumAttribute(Encoding)
    segments = NumberAttribute()
    status = EnumAttribute(Status)
    created_on = TimeAttribute()
    updated_on = TimeAttribute()
    status_report = BooleanAttribute()
    provider = UnicodeAttribute()
    provider_message_ids = StringsAttribute()
    price = DecimalAttribute(null=True)
    currency = UnicodeAttribute(null=True)
    error = ErrorAttribute(null=True)
    reference = UnicodeAttribute(null=True)
    metadata = StringMapAttribute()
    history = HistoryAttribute()
    fail_silently = BooleanAttribute()
    validity_seconds = NumberAttribute(null=True)
    send_at = TimeAttribute(null=True)
    resend_on_unknown = BooleanAttribute()
    priority = EnumAttribute(Priority)
    public_url = UnicodeAttribute(null=True)
    routed = BooleanAttribute()
    passed = StringsAttribute()
    fingerprint = UnicodeAttribute(null=True)
    sequence = NumberAttribute()
    revision = NumberAttribute()
    attempts = NumberAttribute()
    holders = StringsAttribute()
    may_be_out = BooleanAttribute()
    has_slot = BooleanAttribute()
    due_at = TimeAttribute(null=True)
    submitted_on = TimeAttribute(null=True)
    is_counted = BooleanAttribute()
    parts = SegmentsAttribute()
    fragments = StringMapAttribute()

    rank = NumberAttribute()
    recipient = UnicodeAttribute(null=True)
    day = UnicodeAttribute()
    position = UnicodeAttribute()
    due_shard = UnicodeAttribute(null=True)

    by_recipient = ByRecipient()
    by_day = ByDay()
    due = Due()


class ProviderReferenceRecord(Model):
    """`provider#id` to our message, and receipts that wait for a message to claim them; gone after their time.

    Also what else is shared between Lambdas for a while: when a sender is free again, how a provider fares.
    """

    class Meta(_Meta):
        table_name = settings().resource("provider-references")

    reference = UnicodeAttribute(hash_key=True)
    message_id = UnicodeAttribute(null=True)
    parked = StringsAttribute(null=True)  #: receipts, as JSON
    free_at = NumberAttribute(null=True)  #: of a sender with a rate: milliseconds since 1970
    failures = NumberAttribute(null=True)  #: of a provider, lately
    failed_at = NumberAttribute(null=True)  #: milliseconds since 1970, as the next one
    open_until = NumberAttribute(null=True)  #: a provider that fails is left out until then
    trips = NumberAttribute(null=True)  #: how often in a row it was
    expires_on = TTLAttribute(null=True)


class ApiKeyRecord(Model):
    """One API key: its public part, and the hash of its secret."""

    class Meta(_Meta):
        table_name = settings().resource("api-keys")

    key_id = UnicodeAttribute(hash_key=True)
    secret_hash = UnicodeAttribute()
    scopes = StringsAttribute()
    label = UnicodeAttribute(null=True)
    created_on = TimeAttribute()
    revoked_on = TimeAttribute(null=True)
