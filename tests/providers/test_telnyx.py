"""Telnyx: what is sent, and what its answers mean.

What its callbacks say: test_telnyx_callbacks.py; which are believed: test_telnyx_signing.py.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from nacl.signing import SigningKey
from telnyx import Telnyx as Vendor

from chalicelib.errors import (
    AccountRefused,
    ConfigurationError,
    ContentRefused,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import HttpResponse
from chalicelib.messages import Submission
from chalicelib.providers.base import Callback
from chalicelib.providers.telnyx import CODES, MEANINGS, Telnyx

KEY = SigningKey(b"\1" * 32)
SETTINGS = {
    "api_key": "KEY0123456789ABCDEF_made-up",
    "public_key": base64.b64encode(bytes(KEY.verify_key)).decode(),
}
ID = "0123456789abcdef0123456789abcdef"
THEIRS = "40385f64-5717-4562-b3fc-2c963f66afa6"
PROFILE = "83d2343b-553f-4c5d-b8c8-fd27004f94bf"
URL = f"https://sms.example.com/api/callback/telnyx/{ID}"
TAKEN = {
    "record_type": "message",
    "direction": "outbound",
    "id": THEIRS,
    "type": "SMS",
    "messaging_profile_id": PROFILE,
    "from": {"phone_number": "+13125550001", "carrier": "Telnyx", "line_type": "Wireless"},
    "to": [
        {"phone_number": "+13125550002", "status": "queued", "carrier": "T-MOBILE USA, INC.", "line_type": "Wireless"}
    ],
    "text": "Hi",
    "parts": 2,
    "encoding": "GSM-7",
    "tags": [],
    "cost": {"amount": "0.0051", "currency": "USD"},
    "cost_breakdown": None,
    "errors": [],
    "received_at": "2026-10-08T12:03:01.552+00:00",
    "valid_until": "2026-10-08T13:03:01.552+00:00",
    "webhook_url": URL,
    "wait_seconds": 0.0,
}


def telnyx(**settings: str) -> Telnyx:
    return Telnyx({**SETTINGS, **settings})


def signed(body: bytes, now: datetime, key: SigningKey = KEY) -> Callback:
    at = str(int(now.timestamp()))
    signature = base64.b64encode(key.sign(at.encode() + b"|" + body).signature).decode()
    headers = {"content-type": "application/json", "telnyx-timestamp": at, "telnyx-signature-ed25519": signature}
    return Callback("POST", URL, headers, body=body, ticket=ID)


def genuine_callback(now: datetime) -> Callback:
    """For test_conformance.py, which turns every bit of it: a short one."""
    payload = {"id": "4f", "to": [{"status": "delivered"}], "webhook_url": URL}
    return signed(json.dumps({"data": {"payload": payload}}).encode(), now)


def genuine_incoming(now: datetime) -> Callback:
    """For test_conformance.py."""
    payload = {"id": "84cca175", "from": {"phone_number": "+33987654321"}, "text": "STOP", "autoresponse_type": "STOP"}
    return signed(json.dumps({"data": {"event_type": "message.received", "payload": payload}}).encode(), now)


def reply(status: int, body: Any, **headers: str) -> HttpResponse:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def refusal(code: str, status: int = 400, pointer: str = "", **headers: str) -> HttpResponse:
    error = {"code": code, "title": "As they say", "detail": "and why", "source": {"pointer": pointer}}
    return reply(status, {"errors": [error]}, **headers)


# What is sent.

USUAL = {
    "from": "+33123456789",
    "to": "+33987654321",
    "text": "Your code is 4711",
    "type": "SMS",
    "webhook_url": URL,
}
WITHOUT_URL = {name: value for name, value in USUAL.items() if name != "webhook_url"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, USUAL, id="numbers keep their plus, our id goes in the callback's URL"),
        pytest.param({"frm": "2580"}, {**USUAL, "from": "2580"}, id="a short code needs no profile"),
        pytest.param(
            {"frm": "Acme"},
            {**USUAL, "from": "Acme", "messaging_profile_id": PROFILE},
            id="a name needs the profile",
        ),
        pytest.param(
            {"text": "[50 €]"}, {**USUAL, "text": "[50 €]"}, id="GSM-7 is left to Telnyx, whose table is smaller"
        ),
        pytest.param(
            {"text": "“Hi”"},
            {**USUAL, "text": "“Hi”", "encoding": "ucs2"},
            id="UCS-2 is asked for, so nothing is replaced",
        ),
        pytest.param({"validity_seconds": 90}, USUAL, id="Telnyx takes no validity"),
        pytest.param(
            {"status_report": False},
            {**WITHOUT_URL, "use_profile_webhooks": False},
            id="no report wanted: not to the profile's URL either",
        ),
        pytest.param({"public_url": None}, WITHOUT_URL, id="without a URL of ours the profile's is used"),
    ],
)
def test_the_request_is_the_one_that_the_vendors_package_makes(
    outgoing: Any, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    request = telnyx(messaging_profile_id=PROFILE).build_request(outgoing(**given))
    assert request.content is not None
    assert json.loads(request.content) == expected
    made: list[httpx.Request] = []

    def answer(asked: httpx.Request) -> httpx.Response:
        made.append(asked)
        return httpx.Response(200, json={"data": TAKEN})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        vendor = Vendor(api_key=SETTINGS["api_key"], max_retries=0, http_client=client)
        params = {"from_" if name == "from" else name: value for name, value in expected.items()}
        vendor.messages.send(**params, idempotency_key=ID)
    assert (request.method, request.url) == (made[0].method, str(made[0].url))
    assert json.loads(made[0].content) == expected
    assert {name: made[0].headers[name] for name in request.headers} == request.headers


def test_a_repetition_is_the_same_byte_for_byte(outgoing: Any) -> None:
    first, second = (telnyx().build_request(outgoing(text="“Hi” 😀 \ud83d")) for _ in range(2))
    assert first == second
    assert first.headers["Idempotency-Key"] == ID
    assert first.content == (
        b'{"encoding":"ucs2","from":"+33123456789","text":"\\u201cHi\\u201d \\ud83d\\ude00 \\ud83d","to":"+33987654321",'
        b'"type":"SMS","webhook_url":"https://sms.example.com/api/callback/telnyx/0123456789abcdef0123456789abcdef"}'
    )


def test_a_name_without_a_profile_is_left_to_telnyx_to_refuse(outgoing: Any) -> None:
    assert b"messaging_profile_id" not in (telnyx().build_request(outgoing(frm="Acme")).content or b"")


def test_another_host_can_be_set(outgoing: Any) -> None:
    assert telnyx(base_url="http://localhost:1/").build_request(outgoing()).url == "http://localhost:1/v2/messages"


def test_the_settings_without_which_nothing_works() -> None:
    with pytest.raises(ConfigurationError, match="api_key"):
        telnyx(api_key="")


# What its answers mean.


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        pytest.param({}, Submission((THEIRS,), "queued", 2), id="taken: the cost is not the last word"),
        pytest.param(
            {"webhook_url": None},
            Submission((THEIRS,), "queued", 2, Decimal("0.0051"), "USD"),
            id="taken, and no report will follow: the cost is all that there will be",
        ),
        pytest.param({"webhook_url": "", "cost": None}, Submission((THEIRS,), "queued", 2), id="no cost, no currency"),
        pytest.param({"to": [], "parts": None}, Submission((THEIRS,)), id="what is missing is not known"),
        pytest.param({"to": "+13125550002", "parts": "3"}, Submission((THEIRS,), None, 3), id="other forms are read"),
    ],
)
def test_a_text_is_taken(changes: dict[str, Any], outcome: Submission) -> None:
    assert telnyx().parse_response(reply(200, {"data": {**TAKEN, **changes}})) == outcome


@pytest.mark.parametrize("body", [b"", b"<html>", [], {}, None, {"data": None}, {"data": []}, {"data": {"id": {}}}])
def test_an_answer_that_cannot_be_read_may_be_a_yes(body: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        telnyx().parse_response(reply(200, body))


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        pytest.param(refusal("40310", 422), RecipientRefused, "invalid_recipient", id="the number is wrong"),
        pytest.param(refusal("10016", 422, "/to"), RecipientRefused, "invalid_recipient", id="`to` is malformed"),
        pytest.param(refusal("10016", 422, "/from"), SenderRefused, "invalid_sender", id="`from` is malformed"),
        pytest.param(refusal("40300"), RecipientRefused, "opted_out", id="who said STOP"),
        pytest.param(refusal("40305"), SenderRefused, "invalid_sender", id="not our number"),
        pytest.param(refusal("40306", 409), SenderRefused, "invalid_sender", id="no name on the profile, with a 409"),
        pytest.param(refusal("40302"), ContentRefused, "too_long", id="over ten segments"),
        pytest.param(refusal("40322"), ContentRefused, "content_filter", id="prohibited content"),
        pytest.param(refusal("20100", 403), AccountRefused, "no_credit", id="no credit"),
        pytest.param(refusal("40333", 403), AccountRefused, "spend_limit", id="the profile's limit"),
        pytest.param(refusal("10009", 401), AccountRefused, "credentials", id="a wrong key"),
        pytest.param(refusal("40309"), AccountRefused, "recipient_not_allowed", id="a country that is not enabled"),
        pytest.param(refusal("40318", 400), ProviderThrottled, "throttled", id="the queue is full"),
        pytest.param(refusal("10011", 429), ProviderThrottled, "throttled", id="too many requests"),
        pytest.param(refusal("10007", 500), OutcomeUnknown, "server_error", id="it broke, perhaps after it took it"),
        pytest.param(refusal("10008", 503), OutcomeUnknown, "server_error", id="a time-out, whatever its status"),
        pytest.param(refusal("40310", 500), OutcomeUnknown, "server_error", id="with a 5xx no code is a sure no"),
        pytest.param(refusal("99999", 503), ProviderUnavailable, "unavailable", id="an unknown code: HTTP decides"),
        pytest.param(refusal("99999", 422), ProviderUnavailable, "bad_request", id="the same, surely not taken"),
        pytest.param(refusal("99999", 408), OutcomeUnknown, "no_reply", id="a time-out that only HTTP tells"),
        pytest.param(refusal("99999", 409), OutcomeUnknown, "no_reply", id="a conflict may be with our first attempt"),
        pytest.param(
            reply(
                422, {"errors": [{"code": "10015", "title": "Bad", "detail": "The Idempotency-Key was used before"}]}
            ),
            OutcomeUnknown,
            "repeated",
            id="the key was used with another body: that one may be out",
        ),
        pytest.param(
            reply(409, {"errors": [{"code": "40310", "title": "idempotency conflict"}]}),
            OutcomeUnknown,
            "repeated",
            id="the same, whatever its code",
        ),
        pytest.param(
            reply(400, {"errors": [{"code": 99999}, "odd", {"code": 40300}]}),
            RecipientRefused,
            "opted_out",
            id="of several errors the known one, and numbers are read",
        ),
        pytest.param(reply(402, b"<html>"), AccountRefused, "credentials", id="no JSON: HTTP decides"),
        pytest.param(reply(400, {"errors": {"code": "40300"}}), ProviderUnavailable, "bad_request", id="not a list"),
    ],
)
def test_a_text_is_refused(answer: HttpResponse, kind: type[SubmissionError], code: str) -> None:
    error = telnyx().parse_error(answer)
    assert type(error) is kind
    assert error.code == code


def test_a_refusal_keeps_telnyxs_code_and_words_but_neither_number_nor_key() -> None:
    said = {
        "code": "40300",
        "title": "Blocked",
        "detail": f"from '+13125550001' to '+33987654321' by {SETTINGS['api_key']}",
    }
    error = telnyx().parse_error(reply(400, {"errors": [said]}))
    assert error is not None
    assert error.provider_code == "40300"
    assert error.detail == "Blocked: from '+131******01' to '+339******21' by ***"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry_after": "7", "x_ratelimit_reset": "3"}, 7.0, id="Retry-After, should it come"),
        pytest.param({"x_ratelimit_reset": "3"}, 3.0, id="else until the limit is reset"),
        pytest.param({"x_ratelimit_reset": "1791460985"}, None, id="a time is no number of seconds"),
        pytest.param({"x_ratelimit_reset": "soon"}, None, id="nor is a word"),
        pytest.param({}, None, id="no header"),
    ],
)
@pytest.mark.parametrize("code", ["10011", "99999"])
def test_throttled_says_how_long(code: str, headers: dict[str, str], seconds: float | None) -> None:
    error = telnyx().parse_error(refusal(code, 429, **headers))
    assert type(error) is ProviderThrottled
    assert error.retry_after == seconds


def test_the_limit_that_each_answer_names_puts_off_nothing_else() -> None:
    error = telnyx().parse_error(refusal("99999", 503, x_ratelimit_reset="3"))
    assert error is not None
    assert error.retry_after is None


def test_every_code_has_one_meaning() -> None:
    assert len(CODES) == sum(len(codes.split()) for codes, *_ in MEANINGS)
    assert all(code.isdigit() and len(code) == 5 for code in CODES)
