"""AWS End User Messaging: what its events say, and which are for us. The events are those of its documentation, filled in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import CallbackNotAuthentic, CallbackUnreadable, ErrorClass
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError
from chalicelib.providers.aws_eum import AwsEum
from chalicelib.providers.base import Callback
from chalicelib.status import FAILED, Status

SETTINGS = {"configuration_set": "smsignal"}
ID = "0123456789abcdef0123456789abcdef"
AWS_ID = "862a8790-60c0-4430-9b2b-658bdexample"
AT = datetime(2023, 6, 17, 4, 11, 43, 470_000, tzinfo=timezone.utc)

#: https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-format.html
EVENT: dict[str, Any] = {
    "eventType": "TEXT_SUCCESSFUL",
    "eventVersion": "1.0",
    "eventTimestamp": 1686975103470,
    "isFinal": True,
    "originationPhoneNumber": "+12065550152",
    "destinationPhoneNumber": "+14255550156",
    "isInternationalSend": False,
    "mcc": "310",
    "mnc": "800",
    "messageId": AWS_ID,
    "messageRequestTimestamp": 1686975103170,
    "messageEncoding": "GSM",
    "messageType": "PROMOTIONAL",
    "messageStatus": "SUCCESSFUL",
    "messageStatusDescription": "Message has been accepted by phone carrier",
    "context": {"message_id": ID},
    "totalMessageParts": 1,
    "totalMessagePrice": 0.09582,
    "totalCarrierFee": 0.0,
}
#: `detail` of https://docs.aws.amazon.com/sms-voice/latest/userguide/monitor-event-bridge.html: it names no recipient of ours.
ON_THE_BUS: dict[str, Any] = {
    "eventType": "TEXT_SUCCESSFUL",
    "eventVersion": "1.0",
    "eventTimestamp": 1686975103470,
    "isFinal": True,
    "originationPhoneNumber": "VAJZNBLLDX",
    "isoCountryCode": "ES",
    "isInternationalSend": False,
    "mcc": "214",
    "mnc": "05",
    "carrierName": "Movistar",
    "messageId": AWS_ID,
    "messageRequestTimestamp": 1686975102978,
    "messageEncoding": "GSM",
    "messageType": "TRANSACTIONAL",
    "messageStatus": "SUCCESSFUL",
    "messageStatusDescription": "Message has been accepted by phone carrier",
    "totalMessageParts": 2,
    "totalMessagePrice": 0.0721,
    "totalCarrierFee": 0.003,
}
#: https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html
INCOMING: dict[str, Any] = {
    "originationNumber": "+14255550182",
    "destinationNumber": "+12125550101",
    "messageKeyword": "JOIN",
    "messageBody": "EXAMPLE",
    "inboundMessageId": "cae173d2-66b9-564c-8309-21f858e9fb84",
    "previousPublishedMessageId": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}


def callback(event: Any) -> Callback:
    """As the functions make one that SNS and EventBridge call."""
    return Callback("POST", "", {"content-type": "application/json"}, body=json.dumps(event).encode())


def genuine_incoming(now: datetime) -> Callback:
    return callback(INCOMING)


def eum(**settings: str) -> AwsEum:
    return AwsEum({**SETTINGS, **settings})


def receipt(status: Status, word: str, **changes: Any) -> DeliveryReceipt:
    usual: Any = {"price": Decimal("0.09582"), "currency": "USD", "segments": 1, "occurred_on": AT}
    return replace(DeliveryReceipt(status, word, ID, AWS_ID, **usual), **changes)


SAID = "Message has been accepted by phone carrier"


def failure(kind: ErrorClass, code: str, word: str) -> MessageError:
    return MessageError(kind, code, word, SAID)


@pytest.mark.parametrize(
    ("word", "status", "kind", "code"),
    [
        ("TEXT_QUEUED", Status.SENDING, None, ""),
        ("TEXT_PENDING", Status.SENDING, None, ""),
        ("TEXT_SENT", Status.SENT, None, ""),
        ("TEXT_SUCCESSFUL", Status.SENT, None, ""),
        ("TEXT_DELIVERED", Status.DELIVERED, None, ""),
        ("text_delivered", Status.DELIVERED, None, ""),
        ("text_spam", Status.REJECTED, ErrorClass.CONTENT, "spam"),
        ("TEXT_INVALID", Status.UNDELIVERED, ErrorClass.RECIPIENT, "invalid_recipient"),
        ("TEXT_UNREACHABLE", Status.UNDELIVERED, ErrorClass.RECIPIENT, "unreachable"),
        ("TEXT_CARRIER_UNREACHABLE", Status.UNDELIVERED, ErrorClass.PROVIDER, "network"),
        ("TEXT_BLOCKED", Status.REJECTED, ErrorClass.RECIPIENT, "barred"),
        ("TEXT_CARRIER_BLOCKED", Status.REJECTED, ErrorClass.CONTENT, "blocked_by_carrier"),
        ("TEXT_SPAM", Status.REJECTED, ErrorClass.CONTENT, "spam"),
        ("TEXT_INVALID_MESSAGE", Status.REJECTED, ErrorClass.CONTENT, "illegal_message"),
        ("TEXT_PROTECT_BLOCKED", Status.REFUSED, ErrorClass.RECIPIENT, "protect_blocked"),
        ("TEXT_TTL_EXPIRED", Status.EXPIRED, ErrorClass.UNKNOWN, "expired"),
        ("TEXT_UNKNOWN", Status.UNKNOWN, None, ""),
        ("TEXT_TELEPORTED", Status.UNKNOWN, None, ""),
        ("RCS_READ", Status.DELIVERED, None, ""),
        ("RCS_FALLEN_BACK_TO_SMS", Status.SENDING, None, ""),
        ("RCS_FAILED", Status.UNDELIVERED, ErrorClass.UNKNOWN, "undelivered"),
    ],
)
def test_a_word_has_its_status(word: str, status: Status, kind: ErrorClass | None, code: str) -> None:
    error = failure(kind, code, word) if kind else None
    expected = receipt(status, word, error=error)
    assert eum().parse_callback(callback({**EVENT, "eventType": word})) == (expected,)


@pytest.mark.parametrize("word", [word for word, status in AwsEum.STATUSES.items() if status in FAILED])
def test_a_failure_that_is_not_final_is_none_yet(word: str) -> None:
    (parsed,) = eum().parse_callback(callback({**EVENT, "eventType": word, "isFinal": False}))
    assert parsed == receipt(Status.SENDING, word)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"totalCarrierFee": 0.003}, {"price": Decimal("0.09882")}, id="the carrier's fee is added"),
        pytest.param({"totalCarrierFee": None}, {}, id="without a fee"),
        pytest.param({"totalMessagePrice": None}, {"price": None, "currency": None}, id="without a price"),
        pytest.param({"totalMessagePrice": float("nan")}, {"price": None, "currency": None}, id="a price of NaN"),
        pytest.param(
            {"totalMessagePrice": "1E+9999999"}, {"price": None, "currency": None}, id="no price of this world"
        ),
        pytest.param({"totalMessagePrice": -0.09582}, {}, id="a price that is taken off"),
        pytest.param({"totalMessagePrice": 0.0}, {"price": Decimal(0)}, id="it cost nothing in the end"),
        pytest.param(
            {"totalMessagePrice": 0.0, "isFinal": False}, {"price": None, "currency": None}, id="it cost nothing so far"
        ),
        pytest.param({"isFinal": False}, {}, id="a price before the end"),
        pytest.param({"totalMessageParts": 3}, {"segments": 3}, id="segments"),
        pytest.param({"totalMessageParts": 0}, {"segments": None}, id="of what was blocked there are no segments"),
        pytest.param({"totalMessageParts": True}, {"segments": None}, id="segments that are no number"),
        pytest.param({"eventTimestamp": "0001-01-01T00:00:00+23:00"}, {"occurred_on": None}, id="no such time"),
        pytest.param({"eventTimestamp": None}, {"occurred_on": None}, id="no time"),
    ],
)
def test_what_a_receipt_tells(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    (parsed,) = eum().parse_callback(callback({**EVENT, **changes}))
    assert parsed == receipt(Status.SENT, "TEXT_SUCCESSFUL", **expected)


def test_the_currency_may_be_set_and_numbers_are_masked() -> None:
    odd = {**EVENT, "eventType": "TEXT_SPAM", "messageStatusDescription": "no +14255550156 here"}
    (parsed,) = eum(currency="EUR").parse_callback(callback(odd))
    assert isinstance(parsed, DeliveryReceipt)
    assert parsed.currency == "EUR"
    assert parsed.error
    assert "4255550156" not in str(parsed.error.detail)


def test_without_a_configuration_set_a_receipt_carries_only_the_id_of_aws() -> None:
    provider = AwsEum({})
    assert not provider.echoes_message_id
    expected = receipt(Status.SENT, "TEXT_SUCCESSFUL", price=Decimal("0.0751"), segments=2, message_id=None)
    assert provider.parse_callback(callback(ON_THE_BUS)) == (expected,)


def test_with_a_configuration_set_what_comes_without_our_id_is_left_to_sns() -> None:
    assert eum().echoes_message_id
    for context in ({}, {"account": "bar"}, {"message_id": ID + "\n"}, {"message_id": 7}, None, "x"):
        assert eum().parse_callback(callback({**ON_THE_BUS, "context": context})) == ()
    assert eum().parse_callback(callback(ON_THE_BUS)) == ()


@pytest.mark.parametrize("word", ["MEDIA_DELIVERED", "VOICE_COMPLETED", "REGISTRATION_UPDATED"])
def test_an_event_of_something_else_means_nothing(word: str) -> None:
    assert AwsEum({}).parse_callback(callback({**EVENT, "eventType": word})) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("+14255550182", "+12125550101", "EXAMPLE")),
        ({"originationNumber": "14255550182", "destinationNumber": "38123"}, ("+14255550182", "38123", "EXAMPLE")),
        (
            {"messageBody": "Ünïcode 😀", "previousPublishedMessageId": None},
            ("+14255550182", "+12125550101", "Ünïcode 😀"),
        ),
        ({"messageBody": ""}, ("+14255550182", "+12125550101", "")),
    ],
    ids=["a text", "without plus, to a short code", "no answer to anything", "an empty text"],
)
def test_an_incoming_text(changes: dict[str, Any], expected: tuple[str, str, str]) -> None:
    text = IncomingText(*expected, "cae173d2-66b9-564c-8309-21f858e9fb84")
    assert eum().parse_callback(callback({**INCOMING, **changes})) == (text,)


UNREADABLE = [[], "x", None, 7, {}, {"eventType": ""}, {"eventType": 7}, {"eventType": None, **INCOMING}]
LACKING = [{**EVENT, "messageId": value} for value in (None, "", 7)]
LACKING += [{**INCOMING, name: 7} for name in INCOMING if name not in ("messageKeyword", "previousPublishedMessageId")]


@pytest.mark.parametrize("event", [*UNREADABLE, *LACKING])
def test_what_is_neither_cannot_be_read(event: Any) -> None:
    with pytest.raises(CallbackUnreadable):
        AwsEum({}).parse_callback(callback(event))


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*AwsEum.STATUSES, ID])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys([*EVENT, *INCOMING], VALUES)) | VALUES, st.booleans())
def test_whatever_comes_it_is_read_or_unreadable(event: Any, with_set: bool) -> None:
    try:
        events = AwsEum(SETTINGS if with_set else {}).parse_callback(callback(event))
    except CallbackUnreadable:
        return
    assert all(isinstance(one, DeliveryReceipt | IncomingText) for one in events)


def test_no_request_over_http_is_believed(now: datetime) -> None:
    with pytest.raises(CallbackNotAuthentic):
        eum().verify_callback(callback(EVENT), now)
