"""Infobip: what its callbacks and its logs say. test_infobip_signing.py: which callbacks are believed."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import logging
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_infobip import URL, infobip

from chalicelib.errors import (
    CallbackUnreadable,
    ErrorClass,
    OutcomeUnknown,
    ProviderThrottled,
)
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError
from chalicelib.providers.base import Callback
from chalicelib.status import Status

ID, OTHER = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
TICKET = f"{ID}-{hmac.new(b's3cret-of-the-tickets', b'infobip/' + ID.encode(), hashlib.sha256).hexdigest()[:32]}"


def carrying(*items: object, ticket: str = TICKET) -> Callback:
    body = json.dumps({"results": items}).encode()
    return Callback("POST", URL, {"content-type": "application/json"}, body=body, ticket=ticket)


def status(group: object, number: object, name: str = "NAME") -> dict[str, Any]:
    return {"groupId": group, "groupName": "G", "id": number, "name": name, "description": "As they say"}


def cause(number: object, permanent: bool = True) -> dict[str, Any]:
    return {
        "groupId": 1,
        "groupName": "G",
        "id": number,
        "name": "EC",
        "description": "33987654321 is off",
        "permanent": permanent,
    }


NONE = {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "description": "No Error", "permanent": False}
RECEIPT = {
    "bulkId": "b1",
    "messageId": ID,
    "to": "33987654321",
    "sender": "Shop",
    "sentAt": "2026-08-01T16:10:00.000+0200",
    "doneAt": "2026-08-01T16:10:04.250+0200",
    "messageCount": 3,
    "mccMnc": "20801",
    "price": {"pricePerMessage": 0.045, "currency": "EUR"},
    "status": status(3, 5, "DELIVERED_TO_HANDSET"),
    "error": NONE,
    "callbackData": ID,
    "platform": {"entityId": "e", "applicationId": "a"},
}
VERSION_2 = {
    **{name: value for name, value in RECEIPT.items() if name not in ("messageCount", "sender", "platform")},
    **{"smsCount": 3, "from": "Shop", "entityId": "e", "applicationId": "a", "error": {**NONE, "groupName": "Ok"}},
}
AT = datetime(2026, 8, 1, 14, 10, 4, 250_000, tzinfo=timezone.utc)
DELIVERED = DeliveryReceipt(
    status=Status.DELIVERED,
    provider_status="DELIVERED_TO_HANDSET",
    message_id=ID,
    provider_message_id=ID,
    price=Decimal("0.135"),
    currency="EUR",
    segments=3,
    occurred_on=AT,
)


@pytest.mark.parametrize(
    ("item", "changes"),
    [
        pytest.param(RECEIPT, {}, id="version 3"),
        pytest.param(VERSION_2, {}, id="version 2"),
        pytest.param({**RECEIPT, "messageId": "8177"}, {"provider_message_id": "8177"}, id="our id as callbackData"),
        pytest.param({**RECEIPT, "callbackData": "x"}, {}, id="our id as messageId"),
        pytest.param(
            {**RECEIPT, "messageId": "8177", "callbackData": None},
            {"provider_message_id": "8177"},
            id="only the ticket",
        ),
        pytest.param(
            {**RECEIPT, "price": {"pricePerMessage": -0.01, "currency": "USD"}},
            {"price": Decimal("0.03"), "currency": "USD"},
            id="a negative price is one all the same",
        ),
        pytest.param(
            {**RECEIPT, "price": {"pricePerMessage": 0}}, {"price": Decimal(0), "currency": None}, id="gratis"
        ),
        pytest.param({**RECEIPT, "price": "dear"}, {"price": None, "currency": None}, id="no price"),
        pytest.param(
            {**RECEIPT, "price": {"pricePerMessage": "9e999999", "currency": "EUR"}},
            {"price": None, "currency": None},
            id="an absurd price is none",
        ),
        pytest.param(
            {**RECEIPT, "messageCount": None},
            {"price": None, "currency": None, "segments": None},
            id="without a count the sum is not known",
        ),
        pytest.param(
            {**RECEIPT, "doneAt": None}, {"occurred_on": AT.replace(second=0, microsecond=0)}, id="only sentAt"
        ),
        pytest.param({**RECEIPT, "doneAt": "soon"}, {"occurred_on": None}, id="a time that cannot be read is none"),
    ],
)
def test_a_receipt(item: dict[str, Any], changes: dict[str, Any]) -> None:
    assert infobip().parse_callback(carrying(item)) == (dataclasses.replace(DELIVERED, **changes),)


@pytest.mark.parametrize(
    ("group", "number", "error", "expected"),
    [
        (0, 1, 0, Status.SENDING),
        (1, 26, 0, Status.SENDING),
        (1, 7, 0, Status.SENDING),
        (1, 3, 0, Status.SENT),
        (3, 2, 0, Status.SENT),
        (3, 5, 0, Status.DELIVERED),
        ("3", "5", "0", Status.DELIVERED),
        (2, 4, 0, (Status.REJECTED, ErrorClass.UNKNOWN, "rejected")),
        (2, 9, 0, (Status.UNDELIVERED, ErrorClass.UNKNOWN, "undelivered")),
        (2, 77, 0, (Status.UNDELIVERED, ErrorClass.UNKNOWN, "undelivered")),
        (2, 31, 0, (Status.REFUSED, ErrorClass.UNKNOWN, "refused")),
        (4, 15, 0, (Status.EXPIRED, ErrorClass.UNKNOWN, "expired")),
        (4, 29, 0, Status.UNKNOWN),
        (4, 87, 0, (Status.REFUSED, ErrorClass.RECIPIENT, "fraud_filter")),
        (5, 87, 608, (Status.REFUSED, ErrorClass.RECIPIENT, "fraud_filter")),
        (5, 12, 0, (Status.REFUSED, ErrorClass.ACCOUNT, "no_credit")),
        (5, 14, 603, (Status.REFUSED, ErrorClass.RECIPIENT, "opted_out")),
        (5, 14, 2052, (Status.REFUSED, ErrorClass.RECIPIENT, "barred")),
        (5, 20, 4104, (Status.REFUSED, ErrorClass.THROTTLED, "flooding")),
        (5, 21, 0, (Status.REFUSED, ErrorClass.PROVIDER, "internal_error")),
        (5, 777, 0, (Status.REFUSED, ErrorClass.PROVIDER, "rejected")),
        (5, 12, 99_999, (Status.REFUSED, ErrorClass.ACCOUNT, "no_credit")),
        (5, 23, 0, Status.SENDING),  # of a second submission, and the first is on its way
        (5, 23, 5492, Status.SENDING),
        (2, 9, 1, (Status.UNDELIVERED, ErrorClass.RECIPIENT, "invalid_recipient")),
        (2, 9, 351, (Status.UNDELIVERED, ErrorClass.RECIPIENT, "invalid_recipient")),
        (2, 9, 6, (Status.UNDELIVERED, ErrorClass.RECIPIENT, "absent")),
        (4, 15, 27, (Status.EXPIRED, ErrorClass.RECIPIENT, "absent")),
        (2, 9, 13, (Status.UNDELIVERED, ErrorClass.RECIPIENT, "barred")),
        (2, 9, 11, (Status.UNDELIVERED, ErrorClass.RECIPIENT, "unreachable")),
        (2, 9, 31, (Status.UNDELIVERED, ErrorClass.RECIPIENT, "busy")),
        (2, 9, 256, (Status.UNDELIVERED, ErrorClass.RECIPIENT, "inbox_full")),
        (2, 9, 34, (Status.UNDELIVERED, ErrorClass.PROVIDER, "network")),
        (2, 9, 4102, (Status.UNDELIVERED, ErrorClass.PROVIDER, "unroutable")),
        (2, 9, 255, (Status.UNDELIVERED, ErrorClass.UNKNOWN, "undelivered")),
        (2, 4, 355, (Status.REJECTED, ErrorClass.CONTENT, "too_long")),
        (2, 4, 368, (Status.REJECTED, ErrorClass.SENDER, "invalid_sender")),
        (2, 4, 2053, (Status.REJECTED, ErrorClass.SENDER, "invalid_sender")),
        (2, 4, 541, (Status.REJECTED, ErrorClass.THROTTLED, "quota")),
        (2, 4, 566, (Status.REJECTED, ErrorClass.RECIPIENT, "blocked_by_carrier")),
        (2, 4, 561, (Status.REJECTED, ErrorClass.CONTENT, "content_filter")),
        (2, 4, 573, (Status.REJECTED, ErrorClass.RECIPIENT, "opted_out")),
        (2, 4, 607, (Status.REJECTED, ErrorClass.CONTENT, "content_filter")),
        (2, 4, 5492, (Status.REJECTED, ErrorClass.CONTENT, "duplicate")),
        (2, 9, 3041, (Status.UNDELIVERED, ErrorClass.RECIPIENT, "deactivated")),
        (5, 12, 4099, (Status.REFUSED, ErrorClass.ACCOUNT, "no_credit")),
        (4, 15, 4101, (Status.EXPIRED, ErrorClass.UNKNOWN, "expired")),
        (5, 100, 4100, (Status.EXPIRED, ErrorClass.UNKNOWN, "expired")),  # "canceled", and nobody did
        (4, 29, 4100, (Status.EXPIRED, ErrorClass.UNKNOWN, "expired")),
        (3, 5, 4100, Status.DELIVERED),
        (3, 99, 0, Status.UNKNOWN),
        (4, 99, 0, Status.UNKNOWN),
        (9, 5, 0, Status.UNKNOWN),
        (None, None, 0, Status.UNKNOWN),
        ([], {}, [], Status.UNKNOWN),
    ],
)
def test_a_status_is_read_by_group_and_id(group: object, number: object, error: object, expected: Any) -> None:
    for permanent in (True, False):
        item = {**RECEIPT, "status": status(group, number), "error": cause(error, permanent) if error else NONE}
        (receipt,) = infobip().parse_callback(carrying(item))
        assert isinstance(receipt, DeliveryReceipt)
        assert receipt.provider_status == "NAME"
        if isinstance(expected, Status):
            assert (receipt.status, receipt.error) == (expected, None)
        else:
            code, detail = (str(error), "3398*****21 is off") if error else (str(number), "As they say")
            assert (receipt.status, receipt.error) == (expected[0], MessageError(*expected[1:], code, detail))


def test_a_receipt_that_names_no_text_of_ours_keeps_infobips_id() -> None:
    foreign = {**RECEIPT, "messageId": "8177", "callbackData": "theirs"}
    for callback in (
        carrying(foreign, ticket=OTHER),
        carrying(foreign, foreign),
    ):  # a token like an id; two of one ticket
        for receipt in infobip(incoming_token=OTHER).parse_callback(callback):
            assert isinstance(receipt, DeliveryReceipt)
            assert (receipt.message_id, receipt.provider_message_id) == (None, "8177")


def test_a_batch_is_read_item_by_item(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("chalicelib"), "propagate", True)
    batch = [{**RECEIPT, "messageId": f"{number:032x}", "callbackData": None} for number in range(150)]
    broken = [None, 7, "x", [], {}, {"status": {}}, {"status": status(3, 5)}, {"from": "33987654321", "text": "Secret"}]
    events = infobip().parse_callback(carrying(*broken, *batch, INCOMING))
    assert [event.provider_message_id for event in events] == [*(f"{number:032x}" for number in range(150)), "8177"]
    assert {event.message_id for event in events if isinstance(event, DeliveryReceipt)} == {
        f"{number:032x}" for number in range(150)
    }
    assert "8 of 159 items" in caplog.text
    assert "Secret" not in caplog.text
    assert "33987654321" not in caplog.text


UNREADABLE = ["", "<x/>", "[]", "7", "{}", '{"results": {}}', '{"results": []}', '{"results": [{}]}', "[" * 100_000]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_neither_cannot_be_read(text: str) -> None:
    with pytest.raises(CallbackUnreadable):
        infobip().parse_callback(Callback("POST", URL, body=text.encode(), ticket=TICKET))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text("aZ09é+-:. \ud83d", max_size=40)
    | st.sampled_from([ID, "1e99999999"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted({*RECEIPT, "id"})), inner),
    max_leaves=8,
)
NAMES = sorted({*RECEIPT, *VERSION_2, "text", "cleanText", "receivedAt"})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(changes=st.dictionaries(st.sampled_from(NAMES), ANYTHING))
def test_an_odd_receipt_raises_nothing_else(changes: dict[str, Any]) -> None:
    for item in (changes, {**RECEIPT, **changes}, {**INCOMING, **changes}):
        try:
            events = infobip().parse_callback(carrying(item))
        except CallbackUnreadable:
            continue
        for event in events:
            assert not isinstance(event, DeliveryReceipt) or DeliveryReceipt.from_json(event.as_json())


# Incoming texts.

INCOMING = {
    "messageId": "8177",
    "from": "33987654321",
    "to": "33123456789",
    "text": "QUIZ Paris",
    "cleanText": "Paris",
    "keyword": "QUIZ",
    "receivedAt": "2026-08-01T16:00:00.000+0000",
    "smsCount": 2,
    "price": {"pricePerMessage": 0, "currency": "EUR"},
    "callbackData": "x",
}
ARRIVED = IncomingText(
    "+33987654321", "+33123456789", "QUIZ Paris", "8177", datetime(2026, 8, 1, 16, tzinfo=timezone.utc)
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, ARRIVED, id="the whole text, with its keyword"),
        pytest.param({"to": "2580"}, dataclasses.replace(ARRIVED, to="2580"), id="to a short code"),
        pytest.param({"text": None}, dataclasses.replace(ARRIVED, text="Paris"), id="only without its keyword"),
        pytest.param({"text": "", "cleanText": None}, dataclasses.replace(ARRIVED, text=""), id="an empty text"),
        pytest.param({"receivedAt": "?"}, dataclasses.replace(ARRIVED, received_on=None), id="no time"),
        pytest.param({"to": None}, dataclasses.replace(ARRIVED, to=""), id="to nobody knows whom"),
    ],
)
def test_an_incoming_text(changes: dict[str, Any], expected: IncomingText) -> None:
    assert infobip().parse_callback(carrying({**INCOMING, **changes})) == (expected,)


# What is fetched.


def test_the_logs_are_asked_and_never_the_reports(wire: Any, http: Any, outgoing: Any) -> None:
    log = {name: value for name, value in RECEIPT.items() if name not in ("callbackData", "to")}
    wire.reply = http(200, json.dumps({"results": [log, {**log, "messageId": OTHER}, None]}))
    assert infobip(base_url=wire.url).fetch_status(outgoing()) == [DELIVERED]
    assert wire.requests[0].startswith(f"GET /sms/3/logs?messageId={ID} HTTP".encode())
    assert b"\r\nAuthorization: App k3y-of-the-account\r\n" in wire.requests[0]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [((200, "<html>"), OutcomeUnknown), ((429, "", "Retry-After: 9\r\n"), ProviderThrottled), ((500,), OutcomeUnknown)],
)
def test_logs_that_do_not_answer(wire: Any, http: Any, outgoing: Any, answer: Any, kind: type[Exception]) -> None:
    wire.reply = http(*answer)
    with pytest.raises(kind):
        infobip(base_url=wire.url).fetch_status(outgoing())


@pytest.mark.parametrize("text", ["{}", "[]", '{"results": null}', '{"results": []}'])
def test_logs_that_know_nothing(wire: Any, http: Any, outgoing: Any, text: str) -> None:
    wire.reply = http(200, text)
    assert infobip(base_url=wire.url).fetch_status(outgoing()) == []
