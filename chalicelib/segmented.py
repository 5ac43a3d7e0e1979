"""A text of several segments whose provider reports each by itself: what becomes of the whole, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from chalicelib.errors import ErrorClass
from chalicelib.messages import DeliveryReceipt, MessageError, TextMessage
from chalicelib.status import FAILED, Status


def speaks_for_all(message: TextMessage, receipt: DeliveryReceipt) -> bool:
    """Whether a receipt for one segment is a receipt for the text: when it is known that there is but one."""
    return (receipt.segments or message.segments) == 1 and message.is_counted


def judged(message: TextMessage) -> tuple[Status, MessageError | None]:
    """The status of a text from those of its segments: `delivered` when all are, failed when one is.

    While the provider's answer may come nobody knows how many segments there are, so none speaks for the whole.
    """
    parts = [part for _, part in sorted(message.parts.items())]  # DynamoDB keeps no order
    if not parts or not message.is_counted:
        return (Status.SENT if any(part.status is not Status.SENDING for part in parts) else Status.SENDING), None
    failed = [part for part in parts if part.status in FAILED]
    if failed and message.segments == 1:
        return failed[0].status, failed[0].error
    arrived = sum(part.status is Status.DELIVERED for part in parts)
    if failed:
        counts = f"{len(failed)} of {message.segments} segments failed, {arrived} delivered"
        why = failed[0].error or MessageError(ErrorClass.UNKNOWN, "undelivered")
        return Status.UNDELIVERED, replace(why, detail="; ".join(filter(None, (counts, why.detail))))
    if arrived >= message.segments:
        return Status.DELIVERED, None
    settled = sum(part.status in (Status.UNKNOWN, Status.DELIVERED) for part in parts)
    if settled >= message.segments:
        return Status.UNKNOWN, None
    return (Status.SENT if any(part.status is not Status.SENDING for part in parts) else Status.SENDING), None


def priced(message: TextMessage) -> TextMessage:
    """With the sum over its segments, once all are known, for a provider whose answer names no price."""
    prices = [part.price for part in message.parts.values() if part.price is not None]
    if message.price is not None or not message.is_counted or len(prices) < message.segments:
        return message
    return replace(message, price=sum(prices, Decimal(0)))
