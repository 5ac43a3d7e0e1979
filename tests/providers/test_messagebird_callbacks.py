"""MessageBird: what its callbacks say, and what it says when it is asked. test_messagebird_signing.py: which are believed."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_messagebird import THEIRS

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
from chalicelib.providers.messagebird import MessageBird
from chalicelib.status import Status

SETTINGS = {"access_key": "test_gshuPaZoeEG6ovbc8M79w0QyM", "callback_secret": "s3cret-of-the-urls"}
ID, OTHER = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
URL = "https://sms.example.com/api/callback/messagebird"
RECEIPT = {
    "datacoding": "plain",
    "id": THEIRS,
    "mccmnc": "20801",
    "messageLength": "17",
    "messagePartCount": "1",
    "ported": "0",
    "price[amount]": "0.052",
    "price[currency]": "EUR",
    "recipient": "33987654321",
    "reference": ID,
    "status": "delivered",
    "statusDatetime": "2026-01-01T10:00:04+00:00",
    "statusReason": "successfully delivered",
}
AT = datetime(2026, 1, 1, 10, 0, 4, tzinfo=timezone.utc)
TICKET = MessageBird(SETTINGS).ticket(ID)


def messagebird(**settings: str) -> MessageBird:
    return MessageBird({**SETTINGS, **settings})


def report(ticket: str = TICKET, **changes: str) -> Callback:
    return Callback("GET", f"{URL}/{ticket}", query=tuple({**RECEIPT, **changes}.items()), ticket=ticket)


def posted(*fields: tuple[str, str]) -> Callback:
    return Callback("POST", "https://sms.example.com/api/incoming/messagebird", body=urlencode(fields).encode())


def receipt(status: Status, word: str, error: MessageError | None = None) -> DeliveryReceipt:
    price, segments = Decimal("0.052"), 1
    return DeliveryReceipt(status, word, ID, THEIRS, False, error, price, "EUR", segments, AT)


RECIPIENT, UNKNOWN = ErrorClass.RECIPIENT, ErrorClass.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"status": "scheduled", "statusReason": ""},
            receipt(Status.SENDING, "scheduled"),
            id="scheduled is not sent yet",
        ),
        pytest.param(
            {"status": "buffered", "statusReason": "pending DLR"},
            receipt(Status.SENDING, "buffered"),
            id="buffered is not sent yet",
        ),
        pytest.param({"status": "sent"}, receipt(Status.SENT, "sent"), id="sent is sent"),
        pytest.param({}, receipt(Status.DELIVERED, "delivered"), id="delivered is delivered"),
        pytest.param({"status": "Delivered"}, receipt(Status.DELIVERED, "Delivered"), id="words in any case"),
        pytest.param({"statusErrorCode": "0"}, receipt(Status.DELIVERED, "delivered"), id="error 0 is none"),
        pytest.param({"statusErrorCode": ""}, receipt(Status.DELIVERED, "delivered"), id="a blank error is none"),
        pytest.param(
            {"status": "expired", "statusReason": "DLR not received"},
            receipt(Status.UNKNOWN, "expired DLR not received"),
            id="expired for want of a receipt is unknown",
        ),
        pytest.param(
            {"status": "expiryttd", "statusReason": "whatever"},
            receipt(Status.UNKNOWN, "expiryttd whatever"),
            id="a word that nobody knows is unknown and kept",
        ),
    ],
)
def test_a_receipt(changes: dict[str, str], expected: DeliveryReceipt) -> None:
    assert messagebird().parse_callback(report(**changes)) == (expected,)


@pytest.mark.parametrize(
    ("word", "reason", "code", "status", "kind", "why"),
    [
        ("expired", "unavailable subscriber", "27", Status.EXPIRED, RECIPIENT, "unreachable"),
        ("expired", "expired", "", Status.EXPIRED, UNKNOWN, "expired"),
        ("delivery_failed", "unknown subscriber", "1", Status.UNDELIVERED, RECIPIENT, "invalid_recipient"),
        ("delivery_failed", "", "12", Status.UNDELIVERED, RECIPIENT, "barred"),
        ("delivery_failed", "", "34", Status.UNDELIVERED, ErrorClass.PROVIDER, "network"),
        ("delivery_failed", "received network error", "", Status.UNDELIVERED, ErrorClass.PROVIDER, "network"),
        ("delivery_failed", "received_network_error", "0", Status.UNDELIVERED, ErrorClass.PROVIDER, "network"),
        ("delivery_failed", "incorrect number", "", Status.UNDELIVERED, RECIPIENT, "invalid_recipient"),
        ("delivery_failed", "capacity limit reached", "", Status.UNDELIVERED, ErrorClass.THROTTLED, "quota"),
        ("delivery_failed", "generic delivery failure", "4711", Status.UNDELIVERED, UNKNOWN, "undelivered"),
        ("delivery_failed", "", "", Status.UNDELIVERED, UNKNOWN, "undelivered"),
        ("delivery_failed", "", "103", Status.REFUSED, RECIPIENT, "opted_out"),
        ("Delivery_Failed", "Opted out", "", Status.REFUSED, RECIPIENT, "opted_out"),
        ("delivery_failed", "insufficient balance", "", Status.REFUSED, ErrorClass.ACCOUNT, "no_credit"),
        ("delivery_failed", "carrier rejected", "", Status.REJECTED, UNKNOWN, "rejected"),
    ],
)
def test_a_receipt_of_a_failure(word: str, reason: str, code: str, status: Status, kind: ErrorClass, why: str) -> None:
    given_code = code.lstrip("0")
    expected = receipt(
        status, f"{word} {given_code}".strip(), MessageError(kind, why, given_code or None, reason or None)
    )
    changes = {"status": word, "statusReason": reason, "statusErrorCode": code}
    assert messagebird().parse_callback(report(**changes)) == (expected,)


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        pytest.param({"price[amount]": "-0.052"}, {"price": Decimal("0.052")}, id="a negative price"),
        pytest.param({"price[amount]": "0.000"}, {"price": Decimal(0), "currency": "EUR"}, id="for nothing"),
        pytest.param({"price[amount]": ""}, {"price": None, "currency": None}, id="no price, no currency"),
        pytest.param({"price[amount]": "much"}, {"price": None, "currency": None}, id="a price that cannot be read"),
        pytest.param({"statusDatetime": "2026-01-01T12:00:04 02:00"}, {"occurred_on": AT}, id="a plus became a space"),
        pytest.param({"statusDatetime": "2026-01-01T04:00:04-06:00"}, {"occurred_on": AT}, id="another time zone"),
        pytest.param({"statusDatetime": "soon"}, {"occurred_on": None}, id="a time that cannot be read"),
        pytest.param({"messagePartCount": "3"}, {"segments": 3}, id="three segments"),
        pytest.param({"messagePartCount": ""}, {"segments": None}, id="no number of segments"),
        pytest.param({"messagePartCount": "٣"}, {"segments": None}, id="a number that is none"),
        pytest.param({"id": ""}, {"message_id": ID, "provider_message_id": None}, id="our id is enough"),
        pytest.param({"reference": ""}, {"message_id": ID}, id="our id is in the URL"),
        pytest.param({"reference": OTHER}, {"message_id": ID}, id="the proven id counts, not the parameter"),
    ],
)
def test_what_a_receipt_tells(changes: dict[str, str], read: dict[str, object]) -> None:
    (event,) = messagebird().parse_callback(report(**changes))
    assert {name: getattr(event, name) for name in read} == read


@pytest.mark.parametrize("ticket", ["", OTHER, "c7f1c1f0-1d8f-4c3e-8a51-0c2f6f9f1b6a"])
@pytest.mark.parametrize(("reference", "ours"), [(ID, ID), ("r-1", None), (ID + "\n", None), ("", None)])
def test_without_a_ticket_the_reference_is_our_id_if_it_looks_like_one(
    ticket: str, reference: str, ours: str | None
) -> None:
    (event,) = messagebird(incoming_token=ticket).parse_callback(report(ticket, reference=reference))
    assert isinstance(event, DeliveryReceipt)
    assert (event.message_id, event.provider_message_id) == (ours, THEIRS)


def test_a_reason_repeats_no_number() -> None:
    (event,) = messagebird().parse_callback(report(status="delivery_failed", statusReason="no +33987654321 here"))
    assert isinstance(event, DeliveryReceipt)
    assert event.error is not None
    assert event.error.detail == "no +339******21 here"


NUMBER = {"id": THEIRS, "originator": "33987654321", "recipient": "33123456789", "body": "Hello ", "mms": "false"}
HELLO = IncomingText("+33987654321", "+33123456789", "Hello ", THEIRS, AT)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({**NUMBER, "createdDatetime": "2026-01-01T10:00:04+00:00"}, HELLO, id="to a number"),
        pytest.param({**NUMBER, "CreatedDatetime": "2026-01-01T12:00:04 02:00"}, HELLO, id="names in any case"),
        pytest.param({**NUMBER, "receive_datetime": "20260101100004"}, HELLO, id="a time without signs"),
        pytest.param(
            {
                **{"shortcode": "36105", "mid": "m1", "message": "STOP", "originator": "33987654321"},
                **{"receive_datetime": "20260101100004", "id": THEIRS, "recipient": "1", "body": "Other"},
            },
            IncomingText("+33987654321", "36105", "STOP", "m1", AT),
            id="to a short code, under other names",
        ),
        pytest.param(
            {"id": THEIRS, "sender": "33987654321", "receiver": "33123456789", "message": "Hello "},
            IncomingText("+33987654321", "+33123456789", "Hello ", THEIRS, None),
            id="under the oldest names, without a time",
        ),
        pytest.param(
            {**NUMBER, "body": "", "createdDatetime": "never"},
            IncomingText("+33987654321", "+33123456789", "", THEIRS, None),
            id="an empty text is a text",
        ),
        pytest.param(
            {"id": THEIRS, "originator": "33987654321", "recipient": "33123456789", "mediaUrls": "https://x.example"},
            IncomingText("+33987654321", "+33123456789", "", THEIRS, None),
            id="a picture without a text",
        ),
    ],
)
def test_an_incoming_text(carried: Any, fields: dict[str, str], expected: IncomingText) -> None:
    assert messagebird().parse_callback(carried(fields)) == (expected,)


def test_of_a_field_that_comes_twice_the_last_counts() -> None:
    twice = posted(("id", "first"), ("body", "Old"), *NUMBER.items())
    (event,) = messagebird().parse_callback(twice)
    assert isinstance(event, IncomingText)
    assert (event.provider_message_id, event.text) == (THEIRS, "Hello ")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"id": THEIRS, "recipient": "33123456789", "body": "Hello"}, id="from nobody"),
        pytest.param({"id": THEIRS, "originator": "33987654321"}, id="no text"),
        pytest.param({"originator": "33987654321", "body": "Hello"}, id="a text without an id"),
        pytest.param({"status": "delivered", "recipient": "33987654321"}, id="a receipt for nothing"),
    ],
)
def test_what_is_neither_cannot_be_read(carried: Any, fields: dict[str, str]) -> None:
    with pytest.raises(CallbackUnreadable):
        messagebird().parse_callback(carried(fields))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.sampled_from([*RECEIPT, *NUMBER, "shortcode", "mid", "message", "statusErrorCode", "receive_datetime"])


@given(st.dictionaries(NAMES | st.text(), VALUES) | VALUES, st.sampled_from(["", TICKET, "x-y"]))
def test_whatever_comes_is_read_or_unreadable(payload: object, ticket: str) -> None:
    body = json.dumps(payload).encode()
    try:
        events = messagebird().parse_callback(
            Callback("POST", URL, {"content-type": "application/json"}, (), body, ticket)
        )
    except CallbackUnreadable:
        return
    assert all(isinstance(event, DeliveryReceipt | IncomingText) for event in events)


def test_the_answer_is_an_ok() -> None:
    assert (messagebird().acknowledge().status, messagebird().acknowledge().body) == (200, "OK")


# When it is asked.


def found(**item: object) -> str:
    told = {"recipient": 33987654321, "statusDatetime": "2026-01-01T10:00:04+00:00", "messagePartCount": 1, **item}
    return json.dumps({"id": THEIRS, "reference": ID, "recipients": {"totalCount": 1, "items": [told]}})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            found(status="delivered", statusErrorCode=None, price={"amount": 0.052, "currency": "EUR"}),
            [receipt(Status.DELIVERED, "delivered")],
            id="delivered, with the price",
        ),
        pytest.param(
            found(status="delivery_failed", statusErrorCode=103, price={"amount": 0.052, "currency": "EUR"}),
            [receipt(Status.REFUSED, "delivery_failed 103", MessageError(RECIPIENT, "opted_out", "103"))],
            id="failed, the code a number",
        ),
        pytest.param(
            found(status="sent", price=None),
            [DeliveryReceipt(Status.SENT, "sent", ID, THEIRS, segments=1, occurred_on=AT)],
            id="sent, no price yet",
        ),
        pytest.param(found(), [], id="no status"),
        pytest.param("[]", [], id="nothing that can be read"),
    ],
)
def test_a_status_that_is_fetched(
    wire: Any, http: Any, outgoing: Any, body: str, expected: list[DeliveryReceipt]
) -> None:
    wire.reply = http(200, body)
    message = outgoing(provider_message_ids=(THEIRS,))
    assert messagebird(base_url=wire.url).fetch_status(message) == expected
    head = wire.requests[0].decode()
    assert head.startswith(f"GET /messages/{THEIRS} HTTP/1.1\r\n")
    assert "Authorization: AccessKey test_gshuPaZoeEG6ovbc8M79w0QyM" in head


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, '{"errors": []}', AccountRefused),
        (404, '{"errors": [{"code": 20}]}', ProviderUnavailable),
        (429, "", ProviderThrottled),
        (500, "", OutcomeUnknown),
        (200, "<html>", OutcomeUnknown),
    ],
)
def test_a_status_that_cannot_be_fetched(
    wire: Any, http: Any, outgoing: Any, status: int, body: str, kind: type[SubmissionError]
) -> None:
    wire.reply = http(status, body)
    with pytest.raises(SubmissionError) as caught:
        messagebird(base_url=wire.url).fetch_status(outgoing(provider_message_ids=(THEIRS,)))
    assert type(caught.value) is kind


def test_what_has_no_id_there_cannot_be_asked_for(outgoing: Any) -> None:
    assert messagebird(base_url="http://localhost:1").fetch_status(outgoing()) == []
