"""One change of a text, as subscribers see it: the event of contract.md, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from chalicelib.messages import Direction, MessageError, parse_rfc3339, rfc3339
from chalicelib.status import Status


@dataclass(frozen=True)
class StatusChange:
    """One change of a text, as subscribers see it. Repeats have the same `id`; a lower `sequence` is older news."""

    kind: str  #: `Message Status Changed`, `Message Received` or `Message Price Changed`
    sequence: int
    message_id: str
    direction: Direction
    status: Status
    previous_status: Status | None
    occurred_at: datetime
    frm: str
    to: str
    provider: str
    reference: str | None
    metadata: Mapping[str, str]
    segments: int
    price: Decimal | None
    currency: str | None
    error: MessageError | None
    text: str | None = None  #: of an incoming text only

    @property
    def id(self) -> str:
        """The event's id: the same at every rung and in every repeat."""
        return f"{self.message_id}:{self.sequence}"

    def as_json(self) -> dict[str, Any]:
        """The event of contract.md."""
        event = {
            "version": "1",
            "id": self.id,
            "sequence": self.sequence,
            "message_id": self.message_id,
            "direction": self.direction.value,
            "status": self.status.value,
            "previous_status": self.previous_status and self.previous_status.value,
            "occurred_at": rfc3339(self.occurred_at),
            "from": self.frm,
            "to": self.to,
            "provider": self.provider,
            "reference": self.reference,
            "metadata": dict(self.metadata),
            "segments": self.segments,
            "price": None if self.price is None else str(self.price),
            "currency": self.currency,
            "error": self.error and self.error.as_json(),
        }
        return event if self.text is None else {**event, "text": self.text}

    @classmethod
    def from_event(cls, kind: str, detail: Mapping[str, Any]) -> StatusChange:
        """The change in an event's detail. Fields that a later version may add are passed over."""
        error, price, before = detail["error"], detail["price"], detail["previous_status"]
        return cls(
            kind=kind,
            sequence=detail["sequence"],
            message_id=detail["message_id"],
            direction=Direction(detail["direction"]),
            status=Status(detail["status"]),
            previous_status=Status(before) if before else None,
            occurred_at=parse_rfc3339(detail["occurred_at"]),
            frm=detail["from"],
            to=detail["to"],
            provider=detail["provider"],
            reference=detail["reference"],
            metadata=detail["metadata"],
            segments=detail["segments"],
            price=None if price is None else Decimal(price),
            currency=detail["currency"],
            error=error and MessageError.from_json(error),
            text=detail.get("text"),
        )
