"""The nouns: a text message, its history, a provider's receipt, an incoming text. Pure data; no I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

from chalicelib.encoding import Encoding
from chalicelib.errors import ErrorClass, SubmissionError
from chalicelib.status import Status


class Direction(str, Enum):
    """`outgoing` (MT) or `incoming` (MO)."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class Priority(str, Enum):
    """Who goes first when a sender has a rate: `high` for one-time codes, `bulk` for what can wait."""

    HIGH = "high"
    NORMAL = "normal"
    BULK = "bulk"


@dataclass(frozen=True)
class MessageError:
    """Why a text was not delivered: whose fault, our word, the provider's word, a sentence."""

    error_class: ErrorClass
    code: str
    provider_code: str | None = None
    detail: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The `error` of contract.md."""
        return {
            "class": self.error_class.value,
            "code": self.code,
            "provider_code": self.provider_code,
            "detail": self.detail,
        }

    @classmethod
    def of(cls, error: SubmissionError, before: str = "") -> MessageError:
        """What the exception of a provider's adapter says, with some words before it."""
        return cls(error.error_class, error.code, error.provider_code, before + error.detail)

    @classmethod
    def from_json(cls, error: Mapping[str, Any]) -> MessageError:
        """The error in a message's or an event's JSON; what is missing is None."""
        return cls(ErrorClass(error["class"]), error["code"], error.get("provider_code"), error.get("detail"))


@dataclass(frozen=True)
class HistoryEntry:
    """One report about a text and what came of it."""

    at: datetime
    status: Status
    source: str  #: `client`, `route`, `submit`, `receipt`, `provider` or `clock`
    outcome: str  #: `applied`, `duplicate`, `stale`, ...: docs/statuses.md
    provider_status: str | None = None  #: the provider's own word
    detail: str | None = None
    #: Set when subscribers were told: what the text then was, and its price if that was news. So the changes can be told again.
    became: Status | None = None
    price: Decimal | None = None

    def as_json(self) -> dict[str, Any]:
        """One element of `history` in contract.md."""
        return {
            "at": rfc3339(self.at),
            "status": self.status.value,
            "source": self.source,
            "outcome": self.outcome,
            "provider_status": self.provider_status,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Segment:
    """What is known of one segment, for providers that report each one by itself."""

    status: Status
    price: Decimal | None = None
    error: MessageError | None = None


@dataclass(frozen=True)
class TextMessage:
    """One text, outgoing or incoming. Every change makes a new one (`dataclasses.replace`)."""

    id: str
    direction: Direction
    frm: str  #: what the handset shows: E.164, short code or alphanumeric sender id
    to: str  #: E.164 with `+`
    text: str
    encoding: Encoding
    segments: int
    status: Status
    created_on: datetime
    updated_on: datetime
    status_report: bool = True
    provider: str = ""
    provider_message_ids: tuple[str, ...] = ()
    price: Decimal | None = None
    currency: str | None = None
    error: MessageError | None = None
    reference: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    history: tuple[HistoryEntry, ...] = ()
    # What the client asked for and does not see again.
    fail_silently: bool = False
    validity_seconds: int | None = None
    send_at: datetime | None = None
    resend_on_unknown: bool = False  #: what to do when nobody knows whether the provider took it
    priority: Priority = Priority.NORMAL
    public_url: str | None = None  #: of the stage: its providers are told to send receipts below it
    key_id: str | None = None  #: the API key that sent it
    webhook_url: str | None = None  #: where its changes are told, instead of that key's own
    routed: bool = False  #: the stage's route chose the provider, and may choose another
    passed: tuple[str, ...] = ()  #: the providers that were given it before this one
    fingerprint: str | None = None  #: of the request, to tell a repeated Idempotency-Key from a reused one
    # Bookkeeping.
    sequence: int = 1  #: counts the changes that are signalled, without gaps
    revision: int = 1  #: counts the writes; the optimistic lock
    attempts: int = 0  #: how often somebody took it to do what was due
    holders: tuple[str, ...] = ()  #: who took it and has not said what came of it; more than one: somebody died
    may_be_out: bool = False  #: nobody knows what came of an attempt, and no later one can take that back
    has_slot: bool = False  #: `due_at` is the moment that was reserved for it (pacing.py)
    due_at: datetime | None = None  #: when something must be done if nothing happens: a retry, a lapsed lease
    submitted_on: datetime | None = None  #: when the provider's acceptance was stored
    is_counted: bool = False  #: `segments` is the provider's count, or ours because its answer is lost for good
    parts: Mapping[str, Segment] = field(default_factory=dict)  #: by the provider's id of the segment
    fragments: Mapping[str, str] = field(default_factory=dict)  #: of a long incoming text, by number, until it is whole

    def as_json(self) -> dict[str, Any]:
        """The message of contract.md."""
        return {
            "id": self.id,
            "direction": self.direction.value,
            "from": self.frm,
            "to": self.to,
            "text": self.text,
            "encoding": self.encoding.value,
            "segments": self.segments,
            "status": self.status.value,
            "status_report": self.status_report,
            "provider": self.provider,
            "provider_message_ids": list(self.provider_message_ids),
            "price": None if self.price is None else str(self.price),
            "currency": self.currency,
            "error": self.error and self.error.as_json(),
            "reference": self.reference,
            "metadata": dict(self.metadata),
            "created_on": rfc3339(self.created_on),
            "updated_on": rfc3339(self.updated_on),
            "history": [entry.as_json() for entry in self.history],
        }


@dataclass(frozen=True)
class Submission:
    """What a provider answered when it took a text.

    `segments`, `price` and `currency` are None when the provider does not say; `price` is the sum over all segments.
    """

    provider_message_ids: tuple[str, ...]
    provider_status: str | None = None
    segments: int | None = None
    price: Decimal | None = None
    currency: str | None = None
    error: MessageError | None = None  #: when it took some segments and refused others: the text is out, but not whole


@dataclass(frozen=True)
class DeliveryReceipt:
    """A provider's report about one text, or about one segment of it (`per_segment`)."""

    status: Status
    provider_status: str
    message_id: str | None = None  #: ours, when the provider echoes it
    provider_message_id: str | None = None
    per_segment: bool = False
    error: MessageError | None = None
    price: Decimal | None = None
    currency: str | None = None
    segments: int | None = None  #: of the whole text, where only receipts tell
    occurred_on: datetime | None = None  #: when it happened, by the provider's clock

    def as_json(self) -> dict[str, Any]:
        """All of it, to be kept until its message is known."""
        price, error, at = self.price, self.error, self.occurred_on
        return {
            **vars(self),
            "status": self.status.value,
            "price": None if price is None else str(price),
            "error": error and error.as_json(),
            "occurred_on": at and rfc3339(at),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> DeliveryReceipt:
        """The receipt that `as_json` wrote."""
        price, error, at = kept["price"], kept["error"], kept["occurred_on"]
        read = {
            "status": Status(kept["status"]),
            "price": None if price is None else Decimal(price),
            "error": error and MessageError.from_json(error),
            "occurred_on": at and parse_rfc3339(at),
        }
        return cls(**{**kept, **read})


@dataclass(frozen=True)
class Part:
    """Which part of a long incoming text: the sender's reference, how many there are, and which this is, from 1."""

    reference: str
    total: int
    number: int


@dataclass(frozen=True)
class IncomingText:
    """A text that somebody sent to one of our numbers, as one provider told us."""

    frm: str
    to: str
    text: str
    provider_message_id: str
    received_on: datetime | None = None
    part: Part | None = None  #: when this is but a part of a long text that the provider does not join
    opt_out: str | None = None  #: `stop`, `start` or `help`, where the provider marks such texts


def rfc3339(at: datetime) -> str:
    """`2026-11-23T03:12:45.123Z`: UTC, milliseconds, sortable as text."""
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(value: str) -> datetime:
    """The time behind an RFC 3339 text with an offset, in UTC. Raises ValueError."""
    at = datetime.fromisoformat(value.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    if at.tzinfo is None:
        raise ValueError("the time has no offset: end it with Z or +hh:mm")
    return at.astimezone(timezone.utc)
