"""Vonage: what its callbacks say, and what it says when it is asked. test_vonage_signing.py: which callbacks are believed."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from test_vonage import ID, INCOMING, RECEIPT, form, vonage

from chalicelib.errors import (
    CallbackUnreadable,
    ErrorClass,
)
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Part
from chalicelib.status import Status


def receipt(status: Status, word: str, error: MessageError | None = None) -> DeliveryReceipt:
    return DeliveryReceipt(status, word, ID, "0A0000001234567B", True, error, Decimal("0.0333"), "EUR")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"status": "accepted"}, receipt(Status.SENT, "accepted"), id="accepted by the carrier is sent"),
        pytest.param({"status": "buffered"}, receipt(Status.SENT, "buffered"), id="buffered is sent"),
        pytest.param({}, receipt(Status.DELIVERED, "delivered"), id="delivered is delivered"),
        pytest.param(
            {"status": "expired", "err-code": "2"},
            receipt(Status.EXPIRED, "expired 2", MessageError(ErrorClass.RECIPIENT, "absent", "2")),
            id="expired is expired, with the reason",
        ),
        pytest.param(
            {"status": "expired", "err-code": "14"},
            receipt(Status.EXPIRED, "expired 14", MessageError(ErrorClass.RECIPIENT, "blocked_by_carrier", "14")),
            id="expired stays expired, whatever the reason",
        ),
        pytest.param(
            {"status": "failed", "err-code": "12"},
            receipt(Status.UNDELIVERED, "failed 12", MessageError(ErrorClass.RECIPIENT, "unreachable", "12")),
            id="failed is undelivered",
        ),
        pytest.param(
            {"status": "failed", "err-code": "6"},
            receipt(Status.REJECTED, "failed 6", MessageError(ErrorClass.CONTENT, "spam", "6")),
            id="failed as spam is rejected",
        ),
        pytest.param(
            {"status": "failed", "err-code": "9"},
            receipt(Status.REJECTED, "failed 9", MessageError(ErrorClass.RECIPIENT, "opted_out", "9")),
            id="failed as opted out is rejected",
        ),
        pytest.param(
            {"status": "failed", "err-code": "51"},
            receipt(Status.REJECTED, "failed 51", MessageError(ErrorClass.SENDER, "header_filter", "51")),
            id="failed at India's filters is rejected",
        ),
        pytest.param(
            {"status": "failed", "err-code": "95"},
            receipt(Status.UNDELIVERED, "failed 95", MessageError(ErrorClass.UNKNOWN, "undelivered", "95")),
            id="failed for a reason nobody has described is undelivered",
        ),
        pytest.param(
            {"status": "failed", "err-code": ""},
            receipt(Status.UNDELIVERED, "failed", MessageError(ErrorClass.UNKNOWN, "undelivered")),
            id="failed without a reason is undelivered",
        ),
        pytest.param(
            {"status": "undeliv", "err-code": "8"},
            receipt(Status.UNDELIVERED, "undeliv 8", MessageError(ErrorClass.PROVIDER, "network", "8")),
            id="undeliv is the older word for failed",
        ),
        pytest.param(
            {"status": "rejected", "err-code": "14"},
            receipt(Status.REJECTED, "rejected 14", MessageError(ErrorClass.RECIPIENT, "blocked_by_carrier", "14")),
            id="rejected is rejected",
        ),
        pytest.param({"status": "unknown"}, receipt(Status.UNKNOWN, "unknown"), id="unknown is unknown"),
        pytest.param({"status": "deleted"}, receipt(Status.UNKNOWN, "deleted"), id="deleted is unknown"),
        pytest.param(
            {"status": "teleported", "err-code": "1"},
            receipt(Status.UNKNOWN, "teleported 1"),
            id="a word nobody has heard of is unknown and kept",
        ),
    ],
)
def test_a_receipt(carried: Any, changes: dict[str, str], expected: DeliveryReceipt) -> None:
    assert vonage().parse_callback(carried({**RECEIPT, **changes})) == (expected,)


@pytest.mark.parametrize("ours", ["", "r-1", ID.upper(), ID + "0", ID + "\n"])
def test_a_client_ref_that_is_no_id_of_ours_is_not_taken_for_one(ours: str) -> None:
    (parsed,) = vonage().parse_callback(form({**RECEIPT, "client-ref": ours}))
    assert isinstance(parsed, DeliveryReceipt)
    assert (parsed.message_id, parsed.provider_message_id) == (None, "0A0000001234567B")


def test_a_receipt_without_a_price_has_no_currency() -> None:
    (parsed,) = vonage().parse_callback(form({**RECEIPT, "price": ""}))
    assert isinstance(parsed, DeliveryReceipt)
    assert (parsed.price, parsed.currency) == (None, None)


AT = datetime(2026, 10, 8, 12, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {},
            IncomingText("+447700900001", "+447700900000", "STOP", "0A0000000123ABCD1", AT),
            id="a text, with plus",
        ),
        pytest.param(
            {"to": "78910", "text": "Ünïcode 😀", "type": "unicode"},
            IncomingText("+447700900001", "78910", "Ünïcode 😀", "0A0000000123ABCD1", AT),
            id="a text to a short code",
        ),
        pytest.param(
            {"concat": "true", "concat-ref": "AF", "concat-total": "2", "concat-part": "2"},
            IncomingText("+447700900001", "+447700900000", "STOP", "0A0000000123ABCD1", AT, Part("AF", 2, 2)),
            id="a part of a long text says which it is",
        ),
        pytest.param(
            {"concat": "true", "concat-ref": "AF", "concat-total": "2", "concat-part": "3"},
            IncomingText("+447700900001", "+447700900000", "STOP", "0A0000000123ABCD1", AT),
            id="a part beyond the last is a text of its own",
        ),
        pytest.param(
            {"concat": "true", "concat-ref": "AF"},
            IncomingText("+447700900001", "+447700900000", "STOP", "0A0000000123ABCD1", AT),
            id="a part that does not say which is a text of its own",
        ),
        pytest.param(
            {"message-timestamp": "yesterday"},
            IncomingText("+447700900001", "+447700900000", "STOP", "0A0000000123ABCD1", None),
            id="a time that cannot be read is none",
        ),
        pytest.param(
            {"text": "", "keyword": ""},
            IncomingText("+447700900001", "+447700900000", "", "0A0000000123ABCD1", AT),
            id="an empty text is a text",
        ),
    ],
)
def test_an_incoming_text(carried: Any, changes: dict[str, str], expected: IncomingText) -> None:
    assert vonage().parse_callback(carried({**INCOMING, **changes})) == (expected,)


def test_a_binary_message_has_no_text() -> None:
    binary = {name: value for name, value in INCOMING.items() if name not in ("text", "keyword")}
    (parsed,) = vonage().parse_callback(form({**binary, "type": "binary", "data": "ABC123", "udh": "06050415811581"}))
    assert isinstance(parsed, IncomingText)
    assert parsed.text == ""


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"foo": "bar"}, id="neither kind"),
        pytest.param({**RECEIPT, "messageId": ""}, id="a receipt for nothing"),
        pytest.param({"messageId": "0A01", "msisdn": "447700900001"}, id="only numbers"),
        pytest.param({"messageId": "0A01", "text": "from nobody"}, id="no sender"),
    ],
)
def test_what_is_neither_cannot_be_read(params: dict[str, str]) -> None:
    with pytest.raises(CallbackUnreadable):
        vonage().parse_callback(form(params))
