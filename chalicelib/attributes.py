"""PynamoDB attributes that hold the very types of TextMessage; only models.py uses them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from pynamodb.attributes import Attribute
from pynamodb.constants import LIST, MAP, NUMBER, STRING

from chalicelib.messages import HistoryEntry, MessageError, Segment, parse_rfc3339, rfc3339
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


class IntegerAttribute(Attribute[int]):
    """A whole number. PynamoDB's own takes any, and makes JSON of it with a new encoder each time."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        return str(value)

    def deserialize(self, value: str) -> int:
        return int(value)


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

    def serialize(self, value: MessageError) -> Item:
        return _to_map(value.as_json())

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
