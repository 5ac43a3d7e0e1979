"""Infobip: what is sent, and what its answers mean. test_infobip_callbacks.py: what it reports."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

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
from chalicelib.providers.infobip import Infobip

SETTINGS = {
    "api_key": "k3y-of-the-account",
    "base_url": "https://abc123.api.infobip.example",
    "callback_secret": "s3cret-of-the-tickets",
    "incoming_token": "t0ken-for-the-dashboard",
}
ID = "0123456789abcdef0123456789abcdef"
URL = "https://sms.example.com/api/callback/infobip"
TICKET = f"{ID}-{hmac.new(b's3cret-of-the-tickets', b'infobip/' + ID.encode(), hashlib.sha256).hexdigest()[:32]}"


def infobip(**settings: str) -> Infobip:
    return Infobip({**SETTINGS, **settings})


def carrying(item: object, ticket: str = TICKET) -> Callback:
    body = json.dumps({"results": [item]}).encode()
    return Callback("POST", URL, {"content-type": "application/json"}, body=body, ticket=ticket)


def genuine_callback(now: datetime) -> Callback:
    """For test_conformance.py."""
    status = {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"}
    return carrying({"messageId": ID, "to": "33987654321", "callbackData": ID, "status": status})


def genuine_incoming(now: datetime) -> Callback:
    """For test_conformance.py."""
    text = {"messageId": "817790313235066447", "from": "33987654321", "to": "33123456789", "text": "QUIZ Paris"}
    return carrying({**text, "receivedAt": "2026-08-01T16:00:00.000+0000"}, ticket="t0ken-for-the-dashboard")


# What is sent.

DELIVERY = {"url": f"{URL}/{TICKET}", "intermediateReport": True, "notify": True}


def body(delivery: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    text = {
        "sender": "33123456789",
        "destinations": [{"to": "33987654321", "messageId": ID}],
        "content": {"text": "Your code is 4711"},
        "webhooks": {"contentType": "application/json", "callbackData": ID, "delivery": delivery or DELIVERY},
    }
    return {"messages": [{**text, **changes}], "options": {"includeSmsCountInResponse": True}}


def lasting(seconds: int) -> dict[str, Any]:
    return body(options={"validityPeriod": {"amount": seconds, "timeUnit": "SECONDS"}})


SUBSCRIBED = {"intermediateReport": True, "notify": True}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, body(), id="numbers go without plus, our id as messageId and callbackData"),
        pytest.param({"frm": "Acme+Co"}, body(sender="Acme+Co"), id="a name keeps its plus"),
        pytest.param({"frm": "2580"}, body(sender="2580"), id="a short code"),
        pytest.param({"text": "Привет"}, body(content={"text": "Привет"}), id="Infobip finds the encoding"),
        pytest.param({"validity_seconds": 90}, lasting(90), id="validity goes in seconds, and says so"),
        pytest.param({"validity_seconds": 999_999}, lasting(172_800), id="validity of two days at most"),
        pytest.param(
            {"status_report": False}, body({"intermediateReport": False, "notify": False}), id="no report is wanted"
        ),
        pytest.param({"public_url": None}, body(SUBSCRIBED), id="without a URL of ours the subscription's is used"),
    ],
)
def test_request(outgoing: Any, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert infobip().build_request(outgoing(**given)).json == expected


#: The fields of `SmsRequestEnvelope` that a text of ours may use, in Infobip's OpenAPI 3.210.0. Those of version 2 (`from`,
#: `text`, `notifyUrl`) and `tracking`, whose mere presence shortens URLs, are not among them.
FIELDS = {
    "messages.sender",
    "messages.destinations.to",
    "messages.destinations.messageId",
    "messages.content.text",
    "messages.options.validityPeriod.amount",
    "messages.options.validityPeriod.timeUnit",
    "messages.webhooks.delivery.url",
    "messages.webhooks.delivery.intermediateReport",
    "messages.webhooks.delivery.notify",
    "messages.webhooks.contentType",
    "messages.webhooks.callbackData",
    "options.includeSmsCountInResponse",
}


def paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, path)
    else:
        yield path


def test_the_request_has_the_names_of_version_3_and_no_others(outgoing: Any) -> None:
    assert {*paths(infobip().build_request(outgoing(validity_seconds=90)).json)} == FIELDS


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://abc123.api.infobip.example/", "https://abc123.api.infobip.example"),
        ("abc123.api.infobip.example", "https://abc123.api.infobip.example"),
        ("http://localhost:1", "http://localhost:1"),
    ],
)
def test_the_request_goes_to_the_accounts_own_host(outgoing: Any, base_url: str, host: str) -> None:
    request = infobip(base_url=base_url).build_request(outgoing())
    assert (request.method, request.url) == ("POST", f"{host}/sms/3/messages")
    assert request.headers == {"Authorization": "App k3y-of-the-account", "Accept": "application/json"}


@pytest.mark.parametrize("secret", ["basic_password", "header_value", "hmac_secret"])
def test_with_a_further_proof_the_subscription_reports(outgoing: Any, secret: str) -> None:
    assert infobip(**{secret: "pr00f-of-it"}).build_request(outgoing()).json == body(SUBSCRIBED)


@pytest.mark.parametrize("name", ["api_key", "base_url", "callback_secret"])
def test_settings_without_which_nothing_works(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        infobip(**{name: ""})


# What its answers mean.


def reply(group: object, number: object, name: str = "NAME", **changes: Any) -> HttpResponse:
    status = {"groupId": group, "groupName": "G", "id": number, "name": name, "description": "As they say"}
    entry = {"messageId": ID, "destination": "33987654321", "status": status, "details": {"messageCount": 2}}
    return HttpResponse(200, {}, json.dumps({"bulkId": "2034", "messages": [{**entry, **changes}]}).encode())


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(reply(1, 26, "PENDING_ACCEPTED"), Submission((ID,), "PENDING_ACCEPTED", 2), id="pending"),
        pytest.param(reply("1", "7", "PENDING_ENROUTE"), Submission((ID,), "PENDING_ENROUTE", 2), id="as strings"),
        pytest.param(reply(0, 1, "ACCEPTED"), Submission((ID,), "ACCEPTED", 2), id="the SDK's group ACCEPTED"),
        pytest.param(reply(3, 5, "DELIVERED_TO_HANDSET"), Submission((ID,), "DELIVERED_TO_HANDSET", 2), id="delivered"),
        pytest.param(reply(3, 99, "NEW"), Submission((ID,), "NEW", 2), id="delivered in some new way"),
        pytest.param(
            reply(5, 23, "REJECTED_DUPLICATE_MESSAGE_ID"),
            Submission((ID,), "REJECTED_DUPLICATE_MESSAGE_ID", 2),
            id="a duplicate was taken the first time",
        ),
        pytest.param(reply(1, 26, details=None), Submission((ID,), "NAME"), id="without a count"),
        pytest.param(reply(1, 26, details={}, smsCount=3), Submission((ID,), "NAME", 3), id="the count of version 2"),
        pytest.param(reply(1, 26, "", messageId=None), Submission((), "1/26", 2), id="without an id and a name"),
    ],
)
def test_a_text_is_taken(answer: HttpResponse, outcome: Submission) -> None:
    assert infobip().parse_response(answer) == outcome


@pytest.mark.parametrize(
    ("group", "number", "kind", "code"),
    [
        (5, 6, AccountRefused, "not_permitted"),
        (5, 8, RecipientRefused, "invalid_recipient"),
        (5, 10, RecipientRefused, "barred"),
        (5, 11, SenderRefused, "invalid_sender"),
        (5, 12, AccountRefused, "no_credit"),
        (5, 13, SenderRefused, "barred"),
        (5, 14, RecipientRefused, "barred"),
        (5, 17, AccountRefused, "no_credit"),
        (5, 18, AccountRefused, "recipient_not_allowed"),
        (5, 19, AccountRefused, "not_permitted"),
        (5, 20, ProviderThrottled, "flooding"),
        (5, 21, ProviderUnavailable, "internal_error"),
        (5, 24, ContentRefused, "malformed"),
        (5, 25, ContentRefused, "too_long"),
        (5, 51, RecipientRefused, "invalid_recipient"),
        (5, 52, RecipientRefused, "invalid_recipient"),
        (5, 87, RecipientRefused, "fraud_filter"),
        (4, 87, RecipientRefused, "fraud_filter"),
        (5, 100, ProviderUnavailable, "rejected"),
        (5, 777, ProviderUnavailable, "rejected"),
        (2, 9, OutcomeUnknown, "unknown_refusal"),
        (7, 1, OutcomeUnknown, "unknown_refusal"),
        (None, 26, OutcomeUnknown, "unknown_refusal"),
    ],
)
def test_a_text_is_refused_with_http_200(group: object, number: int, kind: type[SubmissionError], code: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        infobip().parse_response(reply(group, number))
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.provider_code, error.detail) == (code, str(number), "As they say")


def test_a_refusal_tells_what_to_do_and_neither_number_nor_credentials() -> None:
    said = {"description": "+33987654321 is barred for k3y-of-the-account", "action": "Ask us"}
    with pytest.raises(RecipientRefused) as caught:
        infobip().parse_response(reply(5, 14, status={"groupId": 5, "id": 14, **said}))
    assert caught.value.detail == "+339******21 is barred for *** Ask us"


UNREADABLE = [
    "",
    "<html>",
    "[]",
    "{}",
    "null",
    '{"messages": []}',
    '{"messages": ["0"]}',
    '{"messages": [{"status": 1}]}',
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_an_answer_that_cannot_be_read_may_be_a_yes(text: str) -> None:
    with pytest.raises(OutcomeUnknown):
        infobip().parse_response(HttpResponse(200, {}, text.encode()))


# Errors.


def version_3(code: str, *fields: str) -> dict[str, Any]:
    violations = [{"property": field, "violation": "Wrong"} for field in fields]
    return {
        "errorCode": code,
        "description": "Said so to 33987654321",
        "action": "",
        "violations": violations,
        "resources": [],
    }


def version_2(code: str, *fields: str) -> dict[str, Any]:
    errors = {"validationErrors": {field: ["Wrong"] for field in fields}} if fields else {}
    return {"requestError": {"serviceException": {"messageId": code, "text": "Said so to 33987654321", **errors}}}


@pytest.mark.parametrize(
    ("status", "answer", "kind", "code"),
    [
        (400, version_3("E400"), ContentRefused, "bad_request"),
        (400, version_3("E400", "messages[0].content.text"), ContentRefused, "bad_request"),
        (400, version_3("E400", "messages[0].destinations[0].to"), RecipientRefused, "invalid_recipient"),
        (400, version_3("E400", "messages[0].destinations[0].messageId"), ContentRefused, "bad_request"),
        (400, version_3("E400", "bulkId", "messages[0].sender"), SenderRefused, "invalid_sender"),
        (400, version_3("E400", "messages[0].webhooks.delivery.url"), AccountRefused, "invalid_callback_url"),
        (400, version_2("BAD_REQUEST"), ContentRefused, "bad_request"),
        (400, version_2("BAD_REQUEST", "messages[0].from"), SenderRefused, "invalid_sender"),
        (400, version_2("BAD_REQUEST", "messages[0].notifyUrl"), AccountRefused, "invalid_callback_url"),
        (401, version_3("E401"), AccountRefused, "credentials"),
        (401, version_2("UNAUTHORIZED"), AccountRefused, "credentials"),
        (403, version_2("FORBIDDEN"), AccountRefused, "credentials"),
    ],
)
def test_errors_of_both_shapes(status: int, answer: Any, kind: type[SubmissionError], code: str) -> None:
    error = infobip().parse_error(HttpResponse(status, {}, json.dumps(answer).encode()))
    assert type(error) is kind
    assert error.code == code
    assert error.provider_code in ("E400", "E401", "BAD_REQUEST", "UNAUTHORIZED", "FORBIDDEN")
    assert error.detail.startswith("Said so to 3398*****21")
    assert ("Wrong" in error.detail) is ("Wrong" in json.dumps(answer))


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_other_errors_are_told_by_their_http_status(status: int) -> None:
    assert infobip().parse_error(HttpResponse(status, {}, json.dumps(version_3("E")).encode())) is None


@pytest.mark.parametrize(
    "text", ["", "<html>", "[]", '{"requestError": 1}', '{"violations": [1]}', '{"errorCode": []}']
)
def test_an_error_that_cannot_be_read_is_told_by_its_http_status(text: str) -> None:
    assert infobip().parse_error(HttpResponse(400, {}, text.encode())) is None
