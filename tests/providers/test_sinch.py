"""Sinch: what is sent, what its answers mean, and what its callbacks say. test_sinch_signing.py: which are believed."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given, strategies

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
from chalicelib.messages import DeliveryReceipt, Submission
from chalicelib.providers.base import Callback
from chalicelib.providers.sinch import Sinch
from chalicelib.status import Status

SETTINGS = {
    "service_plan_id": "plan4711",
    "api_token": "t0ken-of-the-plan",
    "callback_secret": "s3cret-of-callbacks",
    "incoming_token": "t0ken-of-incoming",
}
ID = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32
BATCH = "01JHFFHQ0P99JPPNQPJDV7AAAA"
AT = datetime(2026, 1, 13, 9, 22, 40, 914000, tzinfo=timezone.utc)
RECEIPT = {
    "type": "recipient_delivery_report_sms",
    "batch_id": BATCH,
    "recipient": "33987654321",
    "code": 0,
    "status": "Delivered",
    "at": "2026-01-13T09:22:40.914Z",
    "operator_status_at": "2026-01-13T09:22:00Z",
    "client_reference": ID,
    "applied_originator": "33123456789",
    "operator": "20801",
    "encoding": "GSM",
}
INCOMING = {
    "type": "mo_text",
    "id": "01JHG0000000000000000MO001",
    "from": "33987654321",
    "to": "33123456789",
    "body": "STOP",
    "received_at": "2026-01-13T09:22:40.914Z",
    "sent_at": "2026-01-13T09:22:38.000Z",
    "operator_id": "20801",
}


def sinch(**settings: str) -> Sinch:
    return Sinch({**SETTINGS, **settings})


def called(event: Any, ticket: str | None = None) -> Callback:
    """At the URL that travelled with the text, unless another ticket is given."""
    ticket = sinch().ticket(ID) if ticket is None else ticket
    url = f"https://sms.example.com/api/callback/sinch/{ticket}"
    return Callback("POST", url, {"content-type": "application/json"}, body=json.dumps(event).encode(), ticket=ticket)


def genuine_callback(now: datetime) -> Callback:
    """For test_conformance.py."""
    return called(RECEIPT)


def genuine_incoming(now: datetime) -> Callback:
    """For test_conformance.py."""
    return called(INCOMING, SETTINGS["incoming_token"])


# What is sent.

USUAL = {
    "type": "mt_text",
    "from": "+33123456789",
    "to": ["+33987654321"],
    "body": "Your code is 4711",
    "client_reference": ID,
    "delivery_report": "per_recipient",
    "callback_url": f"https://sms.example.com/api/callback/sinch/{Sinch(SETTINGS).ticket(ID)}",
}
UNREPORTED = {name: value for name, value in USUAL.items() if name != "callback_url"} | {"delivery_report": "none"}
BY_DASHBOARD = {**UNREPORTED, "delivery_report": "per_recipient"}
SEND_AT = datetime(2026, 11, 24, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("settings", "given_to_us", "expected"),
    [
        pytest.param({}, {}, USUAL, id="a batch of one, with our id as client_reference and in the URL"),
        pytest.param({}, {"frm": "Acme+Co"}, {**USUAL, "from": "Acme+Co"}, id="a name stays as it is"),
        pytest.param({}, {"text": "Привет $5"}, {**USUAL, "body": "Привет $5"}, id="Sinch finds the encoding"),
        pytest.param(
            {},
            {"text": "Hi $${name}, 5$"},
            {**USUAL, "body": "Hi ${S}${S}{name}, 5${S}", "parameters": {"S": {"default": "$"}}},
            id="what looks like a placeholder arrives as it is written",
        ),
        pytest.param({}, {"status_report": False}, UNREPORTED, id="no report wanted, none asked for"),
        pytest.param({}, {"public_url": None}, UNREPORTED, id="without a URL Sinch would refuse the text"),
        pytest.param({"webhook_secret": "x"}, {}, BY_DASHBOARD, id="where Sinch signs, the URL is the dashboard's"),
        pytest.param({"webhook_secret": "x"}, {"public_url": None}, BY_DASHBOARD, id="which needs none of ours"),
        pytest.param({"webhook_secret": "x"}, {"status_report": False}, UNREPORTED, id="signed or not, none is wanted"),
        pytest.param(
            {}, {"validity_seconds": 90}, {**USUAL, "expire_at": "2026-11-23T03:14:15.000Z"}, id="a validity has an end"
        ),
        pytest.param(
            {},
            {"validity_seconds": 90, "send_at": SEND_AT},
            {**USUAL, "expire_at": "2026-11-24T00:01:30.000Z"},
            id="it begins when the text is due",
        ),
        pytest.param(
            {}, {"validity_seconds": 259_200}, {**USUAL, "expire_at": "2026-11-26T03:12:45.000Z"}, id="three days"
        ),
        pytest.param({}, {"validity_seconds": 259_201}, USUAL, id="longer than three days is Sinch's own maximum"),
        pytest.param({"max_segments": "4"}, {}, {**USUAL, "max_number_of_message_parts": 4}, id="segments at most"),
    ],
)
def test_request(outgoing: Any, settings: dict[str, str], given_to_us: dict[str, Any], expected: Any) -> None:
    request = sinch(**settings).build_request(outgoing(**given_to_us))
    assert request.json == expected
    assert request.headers == {"Authorization": "Bearer t0ken-of-the-plan"}


@pytest.mark.parametrize("changes", [{}, {"text": "${a}"}, {"validity_seconds": 90}, {"frm": "Acme"}])
def test_the_vendors_package_knows_every_field(outgoing: Any, changes: dict[str, Any]) -> None:
    from sinch.domains.sms.models.v1.shared.text_request import TextRequest

    message = outgoing(**changes)
    read = TextRequest.model_validate(sinch(max_segments="4").build_request(message).json)
    assert not read.model_extra
    assert (read.to, read.from_, read.client_reference) == ([message.to], message.frm, ID)
    if "validity_seconds" in changes:
        assert read.expire_at == message.created_on + timedelta(seconds=90)


@given(strategies.text(strategies.sampled_from("${}Sa. ")))
@example("${S}${SS}$${a}")
def test_sinch_puts_the_text_together_again(text: str) -> None:
    from chalicelib.providers.sinch import _body

    def put_together(body: str) -> str:
        return re.sub(r"\$\{([A-Za-z0-9._-]+)\}", lambda found: values.get(found[1], found[0]), body)

    sent = _body(text)
    values = {name: value["default"] for name, value in sent.get("parameters", {}).items()}
    assert put_together(sent["body"]) == text
    assert put_together(text) == text, "looked through once more, it is still the text"


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, "https://us.sms.api.sinch.com"),
        ({"region": "eu"}, "https://eu.sms.api.sinch.com"),
        ({"region": "eu", "base_url": "http://localhost:1/"}, "http://localhost:1"),
    ],
)
def test_the_region_is_the_host(outgoing: Any, settings: dict[str, str], host: str) -> None:
    request = sinch(**settings).build_request(outgoing())
    assert (request.method, request.url) == ("POST", f"{host}/xms/v1/plan4711/batches")


def test_a_number_that_is_none(outgoing: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_segments"):
        sinch(max_segments="some").build_request(outgoing())


# What its answers mean.


def reply(status: int, body: Any) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(body).encode())


def test_a_text_is_taken() -> None:
    answer = reply(201, {"id": BATCH, "to": ["33987654321"], "canceled": False, "type": "mt_text"})
    assert sinch().parse_response(answer) == Submission((BATCH,))


@pytest.mark.parametrize("body", [None, [], {}, {"id": None}, {"id": ""}, {"id": 7}, "OK"])
def test_an_answer_that_names_no_batch_may_be_a_yes(body: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        sinch().parse_response(reply(201, body))


@pytest.mark.parametrize(
    ("status", "word", "kind", "code"),
    [
        (400, "syntax_invalid_json", ContentRefused, "malformed"),
        (400, "syntax_invalid_parameter_format", RecipientRefused, "invalid_recipient"),
        (400, "syntax_constraint_violation", ContentRefused, "malformed"),
        (400, "something_new", ProviderUnavailable, "bad_request"),
        (403, "blocked_account", AccountRefused, "account_barred"),
        (403, "illegal_number_type", RecipientRefused, "invalid_recipient"),
        (403, "unknown_group", RecipientRefused, "invalid_recipient"),
        (403, "unknown_campaign", SenderRefused, "not_registered"),
        (403, "missing_callback_url", AccountRefused, "missing_callback_url"),
        (403, "missing_cal", AccountRefused, "missing_callback_url"),
        (403, "something_new", AccountRefused, "credentials"),
    ],
)
def test_a_text_is_refused(status: int, word: str, kind: type[SubmissionError], code: str) -> None:
    error = sinch().parse_error(reply(status, {"code": word, "text": "No: 33987654321"}))
    assert type(error) is kind
    assert (error.code, error.provider_code, error.detail) == (code, word, "No: 3398*****21")


def test_a_refusal_in_the_other_shape() -> None:
    inner = {"code": 400, "message": "not a valid value", "status": "INVALID_ARGUMENT", "details": []}
    error = sinch().parse_error(reply(400, {"error": inner}))
    assert isinstance(error, ContentRefused)
    assert (error.provider_code, error.detail) == ("INVALID_ARGUMENT", "not a valid value")


def test_an_unknown_plan_is_the_accounts_trouble() -> None:
    assert isinstance(sinch().parse_error(HttpResponse(404, {}, b"")), AccountRefused)


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_else_the_http_status_decides(status: int) -> None:
    assert sinch().parse_error(reply(status, {"code": "syntax_invalid_json", "text": "?"})) is None


@pytest.mark.parametrize("body", [None, [], {}, {"code": ["x"]}, {"error": {"status": {}}}, {"error": "no"}])
def test_a_refusal_that_says_nothing(body: Any) -> None:
    assert isinstance(sinch().parse_error(reply(403, body)), AccountRefused)


# Asking what became of a text.

FULL = {
    "type": "delivery_report_sms",
    "batch_id": BATCH,
    "total_message_count": 1,
    "statuses": [{"code": 0, "status": "Delivered", "count": 1, "recipients": ["33987654321"]}],
}


@pytest.mark.parametrize(
    ("batches", "path", "answer", "receipts"),
    [
        pytest.param(
            (BATCH,),
            f"batches/{BATCH}/delivery_report?type=full",
            FULL,
            [DeliveryReceipt(Status.DELIVERED, "Delivered", ID, BATCH)],
            id="the batch's report",
        ),
        pytest.param(
            (),
            f"delivery_reports?client_reference={ID}&start_date=2026-11-23T03%3A12%3A45.000Z",
            {"count": 2, "delivery_reports": [RECEIPT, {**RECEIPT, "client_reference": OTHER}, None]},
            [DeliveryReceipt(Status.DELIVERED, "Delivered", ID, BATCH, occurred_on=AT)],
            id="of a batch whose id is lost, by our id, and no other text's",
        ),
        pytest.param((BATCH,), "batches/", {**FULL, "statuses": []}, [], id="nothing is known yet"),
        pytest.param((BATCH,), "batches/", [], [], id="no object"),
        pytest.param((), "delivery_reports?", {"delivery_reports": 7}, [], id="no list"),
    ],
)
def test_fetch_status(outgoing: Any, wire: Any, http: Any, batches: Any, path: str, answer: Any, receipts: Any) -> None:
    wire.reply = http(200, json.dumps(answer))
    found = sinch(base_url=wire.url).fetch_status(outgoing(provider_message_ids=batches))
    assert list(found) == receipts
    assert wire.requests[0].decode().startswith(f"GET /xms/v1/plan4711/{path}")
    assert b"Authorization: Bearer t0ken-of-the-plan" in wire.requests[0]


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AccountRefused), (404, ProviderUnavailable), (429, ProviderThrottled)]
)
def test_no_status(outgoing: Any, wire: Any, http: Any, status: int, kind: type[SubmissionError]) -> None:
    wire.reply = http(status, "")
    with pytest.raises(kind):
        sinch(base_url=wire.url).fetch_status(outgoing(provider_message_ids=(BATCH,)))
