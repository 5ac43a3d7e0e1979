"""Twilio: what its callbacks say, and what it says when it is asked. test_twilio_signing.py: which callbacks are believed."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_twilio import ACCOUNT, ID, INCOMING, RECEIPT, SID, URL, message

from chalicelib.errors import (
    AccountRefused,
    CallbackUnreadable,
    ErrorClass,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    SubmissionError,
)
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError
from chalicelib.providers.base import Callback
from chalicelib.providers.twilio import CODES, Twilio
from chalicelib.status import Status


def twilio(**settings: str) -> Twilio:
    return Twilio({**settings, "account_sid": ACCOUNT, "auth_token": "t0ken-of-the-account"})


def form(params: dict[str, str], url: str = URL) -> Callback:
    ticket = url.rpartition("/")[2] if url == URL else ""
    return Callback("POST", url, body=urlencode(params).encode(), ticket=ticket)


def receipt(status: Status, word: str, error: MessageError | None = None) -> DeliveryReceipt:
    return DeliveryReceipt(status, word, ID, SID, error=error)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("accepted", Status.SENDING),
        ("queued", Status.SENDING),
        ("scheduled", Status.SENDING),
        ("sending", Status.SENDING),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("Delivered", Status.DELIVERED),
        ("read", Status.DELIVERED),
        ("partially_delivered", Status.UNKNOWN),
        ("teleported", Status.UNKNOWN),
    ],
)
def test_a_receipt(word: str, status: Status) -> None:
    assert twilio().parse_callback(form({**RECEIPT, "MessageStatus": word})) == (receipt(status, word),)


@pytest.mark.parametrize(
    ("word", "code", "status", "kind", "reason"),
    [
        ("undelivered", "30003", Status.UNDELIVERED, ErrorClass.RECIPIENT, "unreachable"),
        ("undelivered", "30004", Status.REJECTED, ErrorClass.RECIPIENT, "blocked_by_carrier"),
        ("undelivered", "30005", Status.UNDELIVERED, ErrorClass.RECIPIENT, "invalid_recipient"),
        ("undelivered", "30006", Status.UNDELIVERED, ErrorClass.RECIPIENT, "not_mobile"),
        ("undelivered", "30007", Status.REJECTED, ErrorClass.CONTENT, "content_filter"),
        ("undelivered", "30008", Status.UNDELIVERED, ErrorClass.UNKNOWN, "unknown"),
        ("undelivered", "30017", Status.UNDELIVERED, ErrorClass.PROVIDER, "network"),
        ("undelivered", "30018", Status.REJECTED, ErrorClass.SENDER, "not_registered"),
        ("undelivered", "30022", Status.UNDELIVERED, ErrorClass.THROTTLED, "quota"),
        ("undelivered", "30023", Status.UNDELIVERED, ErrorClass.THROTTLED, "quota"),
        ("undelivered", "30024", Status.REJECTED, ErrorClass.SENDER, "not_registered"),
        ("undelivered", "30027", Status.UNDELIVERED, ErrorClass.THROTTLED, "quota"),
        ("undelivered", "30032", Status.REJECTED, ErrorClass.SENDER, "not_registered"),
        ("undelivered", "30034", Status.REJECTED, ErrorClass.SENDER, "not_registered"),
        ("failed", "30036", Status.EXPIRED, ErrorClass.UNKNOWN, "expired"),
        ("undelivered", "30410", Status.UNDELIVERED, ErrorClass.UNKNOWN, "carrier_timeout"),
        ("failed", "30001", Status.REFUSED, ErrorClass.THROTTLED, "queue_full"),
        ("failed", "30002", Status.REFUSED, ErrorClass.ACCOUNT, "account_barred"),
        ("failed", "21610", Status.REFUSED, ErrorClass.RECIPIENT, "opted_out"),
        ("failed", "99999", Status.REFUSED, ErrorClass.UNKNOWN, "failed"),
        ("undelivered", "99999", Status.UNDELIVERED, ErrorClass.UNKNOWN, "undelivered"),
        ("Undelivered", "", Status.UNDELIVERED, ErrorClass.UNKNOWN, "undelivered"),
        ("canceled", "0", Status.REFUSED, ErrorClass.UNKNOWN, "canceled"),
    ],
)
def test_a_receipt_of_a_failure(word: str, code: str, status: Status, kind: ErrorClass, reason: str) -> None:
    (read,) = twilio().parse_callback(form({**RECEIPT, "MessageStatus": word, "ErrorCode": code}))
    number = code.strip("0") and code
    assert read == receipt(status, f"{word} {number}".strip(), MessageError(kind, reason, number or None))


def test_a_reason_in_words_is_kept_without_the_number() -> None:
    params = {**RECEIPT, "MessageStatus": "failed", "ErrorCode": "21610", "ErrorMessage": "+15005550010 opted out"}
    (read,) = twilio().parse_callback(form(params))
    assert isinstance(read, DeliveryReceipt)
    assert read.error == MessageError(ErrorClass.RECIPIENT, "opted_out", "21610", "+150******10 opted out")


def test_every_meaning_of_a_code_is_a_failure() -> None:
    assert {status for _, _, status in CODES.values()} <= {
        Status.REFUSED,
        Status.REJECTED,
        Status.UNDELIVERED,
        Status.EXPIRED,
    }


def test_the_status_may_stand_in_the_older_field_alone() -> None:
    older = {name: value for name, value in RECEIPT.items() if name not in ("MessageStatus", "MessageSid")}
    assert twilio().parse_callback(form(older)) == (receipt(Status.DELIVERED, "delivered"),)


def test_a_receipt_to_a_url_without_our_id_has_only_twilios() -> None:
    url = "https://sms.example.com/api/callback/twilio"
    assert twilio().parse_callback(form(RECEIPT, url)) == (DeliveryReceipt(Status.DELIVERED, "delivered", None, SID),)


def text(body: str, opt_out: str | None = None, frm: str = "+15005550010") -> IncomingText:
    return IncomingText(frm, "+15005550006", body, SID, opt_out=opt_out)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, text("Hello "), id="a text keeps its blanks"),
        pytest.param({"Body": "Ünïcode 😀"}, text("Ünïcode 😀"), id="a text in any alphabet"),
        pytest.param({"Body": ""}, text(""), id="an empty text, or only a picture"),
        pytest.param({"OptOutType": "STOP", "Body": "STOP"}, text("STOP", "stop"), id="who wants no more"),
        pytest.param({"OptOutType": "Start", "Body": "UNSTOP"}, text("UNSTOP", "start"), id="who wants more again"),
        pytest.param({"OptOutType": "HELP", "Body": "INFO"}, text("INFO", "help"), id="who wants help"),
        pytest.param({"OptOutType": "DANCE"}, text("Hello "), id="what nobody has heard of is no opt-out"),
        pytest.param({"SmsStatus": "delivered"}, text("Hello "), id="with the status of a receipt in the older field"),
        pytest.param({"From": "72345"}, text("Hello ", frm="72345"), id="from a short code"),
        pytest.param({"From": "15005550010"}, text("Hello "), id="from a number without its plus"),
        pytest.param({"From": "Acme"}, text("Hello ", frm="Acme"), id="from a name"),
        pytest.param({"MessageStatus": "received"}, text("Hello "), id="with a status, should that be added"),
    ],
)
def test_an_incoming_text(changes: dict[str, str], expected: IncomingText) -> None:
    assert twilio().parse_callback(form({**INCOMING, **changes})) == (expected,)


def test_how_an_incoming_text_stands_is_no_receipt() -> None:
    assert twilio().parse_callback(form({"MessageSid": SID, "MessageStatus": "received"})) == ()
    assert twilio().parse_callback(form({"SmsSid": SID, "SmsStatus": "receiving"})) == ()


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({}, id="nothing"),
        pytest.param({**RECEIPT, "MessageSid": "", "SmsSid": ""}, id="a receipt for nothing"),
        pytest.param({"MessageSid": SID, "From": "+15005550010"}, id="neither status nor body"),
        pytest.param({**INCOMING, "From": " "}, id="a text from nobody"),
    ],
)
def test_what_is_neither_cannot_be_read(params: dict[str, str]) -> None:
    with pytest.raises(CallbackUnreadable):
        twilio().parse_callback(form(params))


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(st.dictionaries(st.sampled_from([*RECEIPT, *INCOMING, "ErrorCode", "ErrorMessage"]), VALUES) | VALUES)
def test_odd_json_is_read_or_unreadable(body: object) -> None:
    callback = Callback("POST", URL, {"content-type": "application/json"}, body=json.dumps(body).encode())
    try:
        read = twilio().parse_callback(callback)
    except CallbackUnreadable:
        return
    assert all(isinstance(event, DeliveryReceipt | IncomingText) for event in read)


def test_the_answer_sends_no_text_back() -> None:
    answer = twilio().acknowledge()
    assert (answer.status, answer.content_type) == (200, "text/xml")
    assert answer.body == '<?xml version="1.0" encoding="UTF-8"?><Response/>'


# What it says when it is asked.


AT = datetime(2026, 10, 8, 12, 3, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(
            message(status="delivered", price="-0.00750", price_unit="usd"),
            DeliveryReceipt(
                Status.DELIVERED,
                "delivered",
                ID,
                SID,
                price=Decimal("0.00750"),
                currency="USD",
                segments=2,
                occurred_on=AT,
            ),
            id="delivered, and what it cost",
        ),
        pytest.param(
            message(status="sent", num_segments="0", date_sent="Thu, 08 Oct 2026 12:02:00 +0000"),
            DeliveryReceipt(Status.SENT, "sent", ID, SID, occurred_on=AT.replace(minute=2, second=0)),
            id="sent, and no price yet",
        ),
        pytest.param(
            message(status="undelivered", error_code=30003, error_message="Unreachable destination handset"),
            DeliveryReceipt(
                Status.UNDELIVERED,
                "undelivered 30003",
                ID,
                SID,
                error=MessageError(ErrorClass.RECIPIENT, "unreachable", "30003", "Unreachable destination handset"),
                segments=2,
                occurred_on=AT,
            ),
            id="undelivered, and why",
        ),
        pytest.param(
            {"status": "Teleported", "price": "a lot"},
            DeliveryReceipt(Status.UNKNOWN, "Teleported", ID, SID),
            id="little, and that odd",
        ),
    ],
)
def test_status_is_fetched(wire: Any, http: Any, outgoing: Any, answer: Any, expected: DeliveryReceipt) -> None:
    wire.reply = http(200, json.dumps(answer))
    asked = twilio(base_url=wire.url).fetch_status(outgoing(provider_message_ids=(SID,)))
    assert asked == [expected]
    assert wire.requests[0].startswith(f"GET /2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}.json HTTP".encode())


def test_no_status_is_asked_for_before_twilios_id_is_known(outgoing: Any) -> None:
    assert twilio(base_url="http://unreachable.invalid").fetch_status(outgoing()) == []


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, '{"code": 20404, "message": "Not found"}', ProviderUnavailable),
        (401, '{"code": 20003}', AccountRefused),
        (429, "{}", ProviderThrottled),
        (200, "[]", OutcomeUnknown),
        (200, '{"status": null}', OutcomeUnknown),
        (200, "<html>", OutcomeUnknown),
    ],
)
def test_no_status_is_found(wire: Any, http: Any, outgoing: Any, status: int, body: str, kind: type) -> None:
    wire.reply = http(status, body)
    with pytest.raises(SubmissionError) as caught:
        twilio(base_url=wire.url).fetch_status(outgoing(provider_message_ids=(SID,)))
    assert type(caught.value) is kind
