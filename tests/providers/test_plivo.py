"""Plivo: what is sent, and what its answers mean.

What its callbacks say: test_plivo_callbacks.py; which are believed: test_plivo_signing.py.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from plivo import RestClient
from plivo.utils.signature_v3 import construct_post_url, get_signature_v3

from chalicelib.errors import (
    AccountRefused,
    ConfigurationError,
    ContentRefused,
    OutcomeUnknown,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import HttpResponse
from chalicelib.messages import Submission
from chalicelib.providers.base import Callback
from chalicelib.providers.plivo import Plivo

TOKEN = "auth-t0ken-of-plivo"
SETTINGS = {"auth_id": "MA000000000000000000", "auth_token": TOKEN, "callback_secret": "c4llback-s3cret"}
ACCOUNT = "MA000000000000000000"
ID = "0123456789abcdef0123456789abcdef"
UUID, OTHER = "5b40a428-bfc7-4daf-9d06-726c558bf3b8", "83876bdb-2033-4876-bfaf-0ff8693705af"
RECEIPT = {
    "From": "14155550100",
    "To": "14155550101",
    "MessageUUID": UUID,
    "ParentMessageUUID": UUID,
    "PartInfo": "1 of 1",
    "Status": "delivered",
    "Units": "1",
    "TotalRate": "0.0025",
    "TotalAmount": "0.0025",
    "ErrorCode": "000",
    "MCC": "310",
    "MNC": "004",
}
INCOMING = {
    "From": "14155550101",
    "To": "14155550100",
    "Text": "STOP",
    "Type": "sms",
    "MessageUUID": OTHER,
    "Units": "1",
}


def plivo(**changes: str) -> Plivo:
    return Plivo({**SETTINGS, **changes})


def form(params: dict[str, str], ticket: str = ID) -> Callback:
    url = f"https://sms.example.com/api/callback/plivo/{ticket}"
    return Callback("POST", url, body=urlencode(params).encode(), ticket=ticket)


def signed(unsigned: Callback, params: dict[str, str]) -> Callback:
    """As Plivo's own package would have it."""
    signature = get_signature_v3(TOKEN, construct_post_url(unsigned.url, params).decode(), "05429567804466091622")
    headers = {"x-plivo-signature-ma-v3": signature.decode(), "x-plivo-signature-v3-nonce": "05429567804466091622"}
    return Callback("POST", unsigned.url, headers, body=unsigned.body, ticket=unsigned.ticket)


def genuine_callback(now: datetime) -> Callback:
    """For test_conformance.py."""
    return signed(form(RECEIPT), RECEIPT)


def genuine_incoming(now: datetime) -> Callback:
    """For test_conformance.py."""
    return signed(Callback("POST", "https://sms.example.com/api/incoming/plivo", body=form(INCOMING).body), INCOMING)


def reply(status: int = 202, **fields: Any) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps({"api_id": OTHER, **fields}).encode())


# What is sent.

USUAL = {"src": "33123456789", "dst": "33987654321", "text": "Your code is 4711", "type": "sms"}
WITH_URL = {**USUAL, "url": f"https://sms.example.com/api/callback/plivo/{ID}", "method": "POST"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, WITH_URL, id="numbers go without plus, our id in the path of the URL"),
        pytest.param({"frm": "Acme+Co"}, {**WITH_URL, "src": "Acme+Co"}, id="a name keeps its plus"),
        pytest.param({"frm": "78910"}, {**WITH_URL, "src": "78910"}, id="a short code"),
        pytest.param({"text": "Привет 😀"}, {**WITH_URL, "text": "Привет 😀"}, id="Plivo finds the encoding"),
        pytest.param({"validity_seconds": 90}, {**WITH_URL, "message_expiry": 90}, id="validity goes in seconds"),
        pytest.param({"validity_seconds": 1}, {**WITH_URL, "message_expiry": 5}, id="no shorter than Plivo takes"),
        pytest.param({"validity_seconds": 86400}, {**WITH_URL, "message_expiry": 10799}, id="nor longer"),
        pytest.param({"status_report": False}, USUAL, id="no report wanted, no URL given"),
        pytest.param({"public_url": None}, USUAL, id="without a URL of ours no report"),
    ],
)
def test_request(outgoing: Any, changes: dict[str, Any], expected: dict[str, Any]) -> None:
    request = Plivo({"auth_id": ACCOUNT, "auth_token": TOKEN}).build_request(outgoing(**changes))
    assert request.json == expected
    # Plivo's own package makes of it the very request, besides what it always adds.
    client = RestClient(ACCOUNT, TOKEN)
    theirs = {"type_" if name == "type" else name: value for name, value in expected.items()}
    made: list[Any] = []
    client.send_request = lambda prepared, **_: made.append(prepared)
    client.process_response = lambda *_: None
    client.messages.create(**theirs)
    assert (request.method, request.url) == (made[0].method, made[0].url)
    extra = {"log": "true", "trackable": False} | ({} if "url" in expected else {"method": "POST"})
    assert {**request.json, **extra} == json.loads(made[0].body)
    assert request.auth
    assert made[0].headers["Authorization"] == "Basic " + base64.b64encode(":".join(request.auth).encode()).decode()


def test_the_ticket_has_a_proof_where_a_secret_is_set(outgoing: Any) -> None:
    url = plivo().build_request(outgoing()).json["url"]
    assert url == f"https://sms.example.com/api/callback/plivo/{plivo().ticket(ID)}"
    assert plivo().ticket(ID).startswith(f"{ID}-")


def test_another_host_and_a_second_token_can_be_set(outgoing: Any) -> None:
    request = plivo(auth_token=f"new-token {TOKEN}", base_url="http://localhost:1/").build_request(outgoing())
    assert request.url == "http://localhost:1/v1/Account/MA000000000000000000/Message/"
    assert request.auth == ("MA000000000000000000", "new-token")


@pytest.mark.parametrize("name", ["auth_id", "auth_token"])
def test_settings_without_which_nothing_works(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        plivo(**{name: ""})


# What its answers mean.

TAKEN = Submission((UUID,), "message(s) queued")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(reply(202, message="message(s) queued", message_uuid=[UUID]), TAKEN, id="a text is taken"),
        pytest.param(reply(200, message="message(s) queued", message_uuid=[UUID]), TAKEN, id="with any 2xx"),
        pytest.param(
            reply(207, message="message(s) queued", message_uuid=UUID), TAKEN, id="the id need not be in a list"
        ),
        pytest.param(reply(message_uuid=[UUID], invalid_number=["1"]), Submission((UUID,)), id="an id is a yes"),
        pytest.param(reply(message="async api spawned"), OutcomeUnknown, id="no id, no certainty"),
        pytest.param(reply(message_uuid=[]), OutcomeUnknown, id="an empty list names no text"),
        pytest.param(reply(message_uuid=[None, {}]), OutcomeUnknown, id="a list of nothing names no text"),
        pytest.param(
            reply(message_uuid=[], invalid_number=["33987654321"]), RecipientRefused, id="the number is invalid"
        ),
        pytest.param(reply(error="Insufficient Credit"), AccountRefused, id="no credit, whatever the HTTP status"),
    ],
)
def test_a_2xx(answer: HttpResponse, outcome: Any) -> None:
    try:
        parsed: Any = plivo().parse_response(answer)
    except SubmissionError as error:
        parsed = error
    assert outcome in (parsed, type(parsed))


@pytest.mark.parametrize(
    ("status", "error", "kind", "code"),
    [
        (400, "dst is not a valid number", RecipientRefused, "invalid_recipient"),
        (400, "destination number cannot be same as source number", RecipientRefused, "invalid_recipient"),
        (400, {"dst": ["not a valid value"]}, RecipientRefused, "invalid_recipient"),
        (400, "src parameter not present", SenderRefused, "invalid_sender"),
        (422, "Sender ID is not registered", SenderRefused, "invalid_sender"),
        (400, "url is not a valid URL", AccountRefused, "invalid_callback_url"),
        (400, ["invalid json data sent in raw POST"], ContentRefused, "bad_request"),
        (409, "Conflict", ContentRefused, "bad_request"),
        (401, "authentication failed", AccountRefused, "credentials"),
        (402, "pay the source of all texts", AccountRefused, "no_credit"),
        (403, "destination country is not enabled", AccountRefused, "not_permitted"),
        (404, "not found", AccountRefused, "not_found"),
        (405, "method not allowed", AccountRefused, "not_found"),
        (400, "Insufficient Credit", AccountRefused, "no_credit"),
        (500, "insufficient account balance", AccountRefused, "no_credit"),
    ],
)
def test_a_text_is_refused(status: int, error: Any, kind: type[SubmissionError], code: str) -> None:
    refusal = plivo().parse_error(reply(status, error=error))
    assert refusal
    assert type(refusal) is kind
    assert (refusal.code, refusal.provider_code) == (code, str(status))
    assert refusal.detail == (error if isinstance(error, str) else json.dumps(error))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b"{}", b'{"error": ""}', b'{"error": null}', b"[" * 100_000]
)
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_without_a_sentence_the_http_status_must_do(status: int, body: bytes) -> None:
    assert plivo().parse_error(HttpResponse(status, {}, body)) is None


@pytest.mark.parametrize("status", [302, 429, 500, 502, 503])
def test_other_errors_are_told_by_their_http_status(status: int) -> None:
    assert plivo().parse_error(reply(status, error="src: try later")) is None


def test_a_refusal_repeats_neither_number_nor_credentials() -> None:
    refusal = plivo().parse_error(reply(400, error=f"{TOKEN}: 33987654321 has no route"))
    assert refusal
    assert refusal.detail == "***: 3398*****21 has no route"
