"""Vonage: what is sent, and what its answers mean.

What its callbacks say: test_vonage_callbacks.py; which are believed: test_vonage_signing.py.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.errors import (
    AccountRefused,
    ConfigurationError,
    ContentRefused,
    ErrorClass,
    OutcomeUnknown,
    ProviderThrottled,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import HttpResponse
from chalicelib.messages import MessageError, Submission
from chalicelib.providers.base import Callback
from chalicelib.providers.vonage import Vonage

SECRET = "s3cr3ts3cr3ts3cr3t"
SETTINGS = {"api_key": "abcd1234", "api_secret": "s3cr3t-of-the-api", "signature_secret": SECRET}
ID = "0123456789abcdef0123456789abcdef"
RECEIPT = {
    "msisdn": "447700900000",
    "to": "AcmeInc",
    "network-code": "23410",
    "messageId": "0A0000001234567B",
    "price": "0.03330000",
    "status": "delivered",
    "scts": "2610081203",
    "err-code": "0",
    "api-key": "abcd1234",
    "client-ref": ID,
    "message-timestamp": "2026-10-08 12:03:05",
    "timestamp": "1791460985",
    "nonce": "ec11dd3e-1e7f-4db5-9467-82b02cd223b9",
}
INCOMING = {
    "api-key": "abcd1234",
    "msisdn": "447700900001",
    "to": "447700900000",
    "messageId": "0A0000000123ABCD1",
    "text": "STOP",
    "type": "text",
    "keyword": "STOP",
    "message-timestamp": "2026-10-08 12:05:00",
    "timestamp": "1791460985",
    "nonce": "ec11dd3e-1e7f-4db5-9467-82b02cd223b9",
}


def vonage(**settings: str) -> Vonage:
    return Vonage({**SETTINGS, **settings})


def form(params: dict[str, str]) -> Callback:
    return Callback("POST", "https://sms.example.com/api/callback/vonage", body=urlencode(params).encode())


def signed(params: dict[str, str], secret: str = SECRET) -> dict[str, str]:
    """By hand, in the default mode, for values without `&` and `=`."""
    text = "".join(f"&{name}={params[name]}" for name in sorted(params))
    return {**params, "sig": hashlib.md5((text + secret).encode()).hexdigest().upper()}


def genuine_callback(now: datetime) -> Callback:
    """For test_conformance.py."""
    return form(signed({**RECEIPT, "timestamp": str(int(now.timestamp()))}))


def genuine_incoming(now: datetime) -> Callback:
    """For test_conformance.py."""
    params = {"msisdn": "33987654321", "to": "33123456789", "messageId": "0B01", "text": "Hello", "type": "text"}
    return form(signed({**params, "timestamp": str(int(now.timestamp()))}))


def reply(*entries: dict[str, str]) -> HttpResponse:
    body = {"message-count": str(len(entries)), "messages": list(entries)}
    return HttpResponse(200, {"content-type": "application/json"}, json.dumps(body).encode())


def taken(number: str = "0A01", **changes: str) -> dict[str, str]:
    entry = {"to": "33987654321", "message-id": number, "status": "0", "message-price": "0.03330000"}
    return {**entry, "remaining-balance": "3.14", "network": "20810", **changes}


def not_taken(status: str, text: str = "Whatever") -> dict[str, str]:
    return {"status": status, "error-text": text}


def partly(count: str, kind: ErrorClass, word: str, code: str) -> MessageError:
    return MessageError(kind, word, code, f"{count} segments refused: Whatever")


# What is sent.

USUAL = {
    "from": "33123456789",
    "to": "33987654321",
    "text": "Your code is 4711",
    "client-ref": ID,
    "status-report-req": "1",
    "callback": "https://sms.example.com/api/callback/vonage",
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, USUAL, id="numbers go without plus, our id as client-ref"),
        pytest.param({"frm": "Acme+Co"}, {**USUAL, "from": "Acme+Co"}, id="a name keeps its plus"),
        pytest.param({"text": "[50 €]"}, {**USUAL, "text": "[50 €]"}, id="GSM-7 is Vonage's default"),
        pytest.param({"text": "Привет"}, {**USUAL, "text": "Привет", "type": "unicode"}, id="UCS-2 is asked for"),
        pytest.param({"validity_seconds": 90}, {**USUAL, "ttl": "90000"}, id="validity goes in milliseconds"),
        pytest.param(
            {"status_report": False},
            {name: value for name, value in USUAL.items() if name != "callback"} | {"status-report-req": "0"},
            id="no report wanted, no URL given",
        ),
        pytest.param(
            {"public_url": None},
            {name: value for name, value in USUAL.items() if name != "callback"},
            id="without a URL of ours the dashboard's is used",
        ),
        pytest.param(
            {"public_url": "https://sms.example.com/" + "x" * 60},
            {**USUAL, "callback": "https://sms.example.com/" + "x" * 60 + "/callback/vonage"},
            id="a URL of 100 characters is given",
        ),
        pytest.param(
            {"public_url": "https://sms.example.com/" + "x" * 61},
            {name: value for name, value in USUAL.items() if name != "callback"},
            id="a longer one would have the text refused",
        ),
    ],
)
def test_request(outgoing: Any, given: dict[str, Any], expected: dict[str, str]) -> None:
    assert vonage().build_request(outgoing(**given)).form == expected


def test_request_is_a_form_with_the_credentials_in_a_header(outgoing: Any) -> None:
    request = vonage().build_request(outgoing())
    assert (request.method, request.url) == ("POST", "https://rest.nexmo.com/sms/json")
    assert request.auth == ("abcd1234", "s3cr3t-of-the-api")
    assert request.json is None


def test_another_host_can_be_set(outgoing: Any) -> None:
    assert vonage(base_url="http://localhost:1/").build_request(outgoing()).url == "http://localhost:1/sms/json"


@pytest.mark.parametrize("name", ["api_key", "api_secret"])
def test_settings_without_which_nothing_works(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Vonage({**SETTINGS, name: ""})


# What its answers mean.


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(
            reply(taken()),
            Submission(("0A01",), "0", 1, Decimal("0.0333"), "EUR"),
            id="one segment is taken",
        ),
        pytest.param(
            reply(taken("0A01"), taken("0A02"), taken("0A03")),
            Submission(("0A01", "0A02", "0A03"), "0", 3, Decimal("0.0999"), "EUR"),
            id="each segment has an id and a price",
        ),
        pytest.param(
            reply(taken("0A01"), taken("0A02", **{"message-price": ""})),
            Submission(("0A01", "0A02"), "0", 2, None, None),
            id="a sum that lacks a price is no price",
        ),
        pytest.param(
            reply(taken("0A01"), not_taken("1"), not_taken("1")),
            Submission(
                ("0A01",), "0,1", 3, Decimal("0.0333"), "EUR", partly("2 of 3", ErrorClass.THROTTLED, "throttled", "1")
            ),
            id="partly taken counts all segments and is no refusal",
        ),
        pytest.param(
            reply(not_taken("5"), taken("0A02")),
            Submission(
                ("0A02",),
                "5,0",
                2,
                Decimal("0.0333"),
                "EUR",
                partly("1 of 2", ErrorClass.UNKNOWN, "internal_error", "5"),
            ),
            id="partly taken, the first one not",
        ),
    ],
)
def test_a_text_is_taken(answer: HttpResponse, outcome: Submission) -> None:
    assert vonage().parse_response(answer) == outcome


def test_the_currency_is_the_one_of_the_account() -> None:
    assert vonage(currency="GBP").parse_response(reply(taken())).currency == "GBP"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        ("1", ProviderThrottled, "throttled"),
        ("2", ContentRefused, "missing_parameter"),
        ("3", RecipientRefused, "invalid_recipient"),
        ("4", AccountRefused, "credentials"),
        ("5", OutcomeUnknown, "internal_error"),
        ("6", RecipientRefused, "invalid_recipient"),
        ("7", RecipientRefused, "barred"),
        ("8", AccountRefused, "account_barred"),
        ("9", AccountRefused, "no_credit"),
        ("10", ProviderThrottled, "too_many_connections"),
        ("11", AccountRefused, "not_permitted"),
        ("12", ContentRefused, "too_long"),
        ("14", AccountRefused, "credentials"),
        ("15", SenderRefused, "invalid_sender"),
        ("22", RecipientRefused, "invalid_network"),
        ("23", AccountRefused, "invalid_callback_url"),
        ("29", AccountRefused, "recipient_not_allowed"),
        ("32", AccountRefused, "credentials"),
        ("33", RecipientRefused, "deactivated"),
        ("77", OutcomeUnknown, "unknown_refusal"),
    ],
)
def test_a_text_is_refused(status: str, kind: type[SubmissionError], code: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        vonage().parse_response(reply(not_taken(status, "As they say")))
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.provider_code, error.detail) == (code, status, "As they say")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Throughput Rate Exceeded - please wait [ 250 ] and retry", 0.25),
        ("Throughput Rate Exceeded - please wait [1000] and retry", 1.0),
        ("Throttled", None),
    ],
)
def test_throttled_says_how_long_in_milliseconds(text: str, seconds: float | None) -> None:
    with pytest.raises(ProviderThrottled) as caught:
        vonage().parse_response(reply(not_taken("1", text)))
    assert caught.value.retry_after == seconds


def test_one_doubtful_segment_makes_a_refused_text_doubtful() -> None:
    with pytest.raises(OutcomeUnknown):
        vonage().parse_response(reply(not_taken("1"), not_taken("5")))


def test_a_refusal_repeats_neither_number_nor_credentials() -> None:
    with pytest.raises(SubmissionError) as caught:
        vonage().parse_response(reply(not_taken("6", "abcd1234: to +33987654321 with s3cr3t-of-the-api: no route")))
    assert caught.value.detail == "***: to +339******21 with ***: no route"


@pytest.mark.parametrize(
    "body",
    ["", "<html>", "[]", "{}", "null", '{"messages": null}', '{"messages": []}', '{"messages": ["0"]}', "[" * 100_000],
)
def test_an_answer_that_cannot_be_read_may_be_a_yes(body: str) -> None:
    with pytest.raises(OutcomeUnknown):
        vonage().parse_response(HttpResponse(200, {}, body.encode()))
