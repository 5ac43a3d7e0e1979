"""MessageBird: what is sent, and what its answers mean.

test_messagebird_callbacks.py: what its callbacks say; test_messagebird_signing.py: which of them are believed.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from messagebird import Client
from messagebird.http_client import HttpClient

from chalicelib.errors import (
    AccountRefused,
    ContentRefused,
    ErrorClass,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import HttpResponse
from chalicelib.messages import MessageError, Submission
from chalicelib.providers.base import Callback
from chalicelib.providers.messagebird import MessageBird

KEY = "signing-key-" * 6
SETTINGS = {"access_key": "test_gshuPaZoeEG6ovbc8M79w0QyM", "callback_secret": "s3cret-of-the-urls", "signing_key": KEY}
ID = "0123456789abcdef0123456789abcdef"
THEIRS = "f28bbe526fc14974b3e7e663a6139b53"
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


def messagebird(**settings: str) -> MessageBird:
    return MessageBird({**SETTINGS, **settings})


TICKET = messagebird().ticket(ID)


def token(url: str, body: bytes, now: datetime) -> str:
    at = int(now.timestamp())
    claims = {"iss": "MessageBird", "nbf": at, "exp": at + 60, "jti": "59a244dc-e9ad-4e23-9778-371faa238f72"}
    claims["url_hash"] = hashlib.sha256(url.encode()).hexdigest()
    if body:
        claims["payload_hash"] = hashlib.sha256(body).hexdigest()
    return jwt.encode(claims, KEY, "HS256")


def genuine_callback(now: datetime) -> Callback:
    """For test_conformance.py."""
    url = f"https://sms.example.com/api/callback/messagebird/{TICKET}"
    headers = {"messagebird-signature-jwt": token(f"{url}?{urlencode(RECEIPT)}", b"", now)}
    return Callback("GET", url, headers, tuple(RECEIPT.items()), ticket=TICKET)


def genuine_incoming(now: datetime) -> Callback:
    """For test_conformance.py."""
    url, text = "https://sms.example.com/api/incoming/messagebird", {"originator": "33987654321", "body": "Hello"}
    body = urlencode({"id": THEIRS, "recipient": "33123456789", **text}).encode()
    return Callback("POST", url, {"messagebird-signature-jwt": token(url, body, now)}, body=body)


# What is sent.

USUAL = {
    "originator": "33123456789",
    "recipients": ["33987654321"],
    "body": "Your code is 4711",
    "datacoding": "auto",
    "reference": ID,
    "reportUrl": f"https://sms.example.com/api/callback/messagebird/{TICKET}",
}


def without(*names: str) -> dict[str, object]:
    return {name: value for name, value in USUAL.items() if name not in names}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, USUAL, id="one recipient, numbers without plus, our id as reference and in the URL"),
        pytest.param({"frm": "Acme+Co"}, {**USUAL, "originator": "Acme+Co"}, id="a name keeps its plus"),
        pytest.param({"frm": "36105"}, {**USUAL, "originator": "36105"}, id="a short code"),
        pytest.param({"text": "Привет"}, {**USUAL, "body": "Привет"}, id="MessageBird finds the encoding itself"),
        pytest.param({"validity_seconds": 90}, {**USUAL, "validity": 90}, id="validity goes in seconds"),
        pytest.param({"public_url": None}, without("reportUrl"), id="without a URL of ours the dashboard's is used"),
        pytest.param(
            {"status_report": False},
            without("reportUrl", "reference"),
            id="no report wanted: without a reference none goes to the dashboard's URL either",
        ),
    ],
)
def test_request(outgoing: Any, given: dict[str, Any], expected: dict[str, object]) -> None:
    request = messagebird().build_request(outgoing(**given))
    assert (request.method, request.url) == ("POST", "https://rest.messagebird.com/messages")
    assert request.headers == {"Authorization": "AccessKey test_gshuPaZoeEG6ovbc8M79w0QyM"}
    assert request.json == expected


def test_another_host_can_be_set(outgoing: Any) -> None:
    request = messagebird(base_url="http://localhost:1/").build_request(outgoing())
    assert request.url == "http://localhost:1/messages"


# What its answers mean.


def answer(status: str = "sent", recipients: object = None, **changes: object) -> dict[str, object]:
    item = {"recipient": 33987654321, "status": status, "statusDatetime": "2026-01-01T10:00:00+00:00"}
    counts = {"totalCount": 1, "totalSentCount": 1, "totalDeliveredCount": 0, "totalDeliveryFailedCount": 0}
    return {
        "id": THEIRS,
        "href": f"https://rest.messagebird.com/messages/{THEIRS}",
        "direction": "mt",
        "type": "sms",
        "originator": "Shop",
        "body": "Hi",
        "reference": ID,
        "validity": None,
        "gateway": 10,
        "typeDetails": {},
        "datacoding": "plain",
        "mclass": 1,
        "scheduledDatetime": None,
        "createdDatetime": "2026-01-01T10:00:00+00:00",
        "recipients": {**counts, "items": [{**item, **changes}]} if recipients is None else recipients,
    }


def reply(body: object, status: int = 201) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(body).encode())


def wrong(code: object, parameter: str | None = None, description: str | None = "As they say") -> dict[str, object]:
    return {"code": code, "description": description, "parameter": parameter}


def test_the_vendors_client_writes_the_same_request_and_reads_the_same_answer(
    wire: Any, http: Any, outgoing: Any
) -> None:
    wire.reply = http(201, json.dumps(answer(messagePartCount=1)))
    provider, message = messagebird(base_url=wire.url), outgoing(validity_seconds=90)
    submission = provider.submit(message)
    client = Client("", HttpClient(wire.url, SETTINGS["access_key"], "their client"))
    named = {name: USUAL[name] for name in ("datacoding", "reference", "reportUrl")}
    theirs = client.message_create("33123456789", ["33987654321"], message.text, {**named, "validity": 90})
    (our_head, _, our_body), (their_head, _, their_body) = (
        request.decode().partition("\r\n\r\n") for request in wire.requests
    )
    # Their client joins the recipients with commas; its API's own description has an array.
    assert json.loads(our_body) == {**json.loads(their_body), "recipients": ["33987654321"]}
    assert our_head.splitlines()[0] == their_head.splitlines()[0] == "POST /messages HTTP/1.1"
    assert all(f"Authorization: AccessKey {SETTINGS['access_key']}" in head for head in (our_head, their_head))
    assert submission.provider_message_ids == (theirs.id,)
    assert submission.provider_status == theirs.recipients["items"][0].status


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        pytest.param(
            answer(messagePartCount=2), Submission((THEIRS,), "sent", 2), id="taken, with the number of segments"
        ),
        pytest.param(answer("scheduled"), Submission((THEIRS,), "scheduled"), id="without the number of segments"),
        pytest.param(
            answer(price={"amount": 0.052, "currency": "EUR"}),
            Submission((THEIRS,), "sent", None, Decimal("0.052"), "EUR"),
            id="a price, should it come so early",
        ),
        pytest.param(
            answer("delivery_failed", statusReason="incorrect number", statusErrorCode=None),
            Submission(
                (THEIRS,),
                "delivery_failed",
                error=MessageError(ErrorClass.RECIPIENT, "invalid_recipient", None, "incorrect number"),
            ),
            id="failed at once",
        ),
        pytest.param(answer(recipients={"items": []}), Submission((THEIRS,)), id="no recipient is shown"),
        pytest.param(answer(recipients=[1]), Submission((THEIRS,)), id="recipients that cannot be read"),
    ],
)
def test_a_text_is_taken(body: object, outcome: Submission) -> None:
    assert messagebird().parse_response(reply(body)) == outcome


@pytest.mark.parametrize(
    ("errors", "kind", "code", "theirs"),
    [
        ([wrong(2, "access_key")], AccountRefused, "credentials", "2"),
        ([wrong(9, "recipient")], RecipientRefused, "invalid_recipient", "9"),
        ([wrong(9, "recipients")], RecipientRefused, "invalid_recipient", "9"),
        ([wrong(9)], RecipientRefused, "invalid_recipient", "9"),
        ([wrong(9, "originator")], SenderRefused, "invalid_sender", "9"),
        ([wrong(9, "body")], ContentRefused, "malformed", "9"),
        ([wrong(10, "recipients")], RecipientRefused, "invalid_recipient", "10"),
        ([wrong(10, "originator")], SenderRefused, "invalid_sender", "10"),
        ([wrong(10, "reportUrl")], AccountRefused, "invalid_callback_url", "10"),
        ([wrong(10, "mclass")], ContentRefused, "invalid_parameter", "10"),
        ([wrong("10")], ContentRefused, "invalid_parameter", "10"),
        ([wrong(20)], ProviderUnavailable, "not_found", "20"),
        ([wrong(21)], ContentRefused, "bad_request", "21"),
        ([wrong(25, "originator")], AccountRefused, "no_credit", "25"),
        ([wrong(98)], OutcomeUnknown, "internal_error", "98"),
        ([wrong(99)], OutcomeUnknown, "internal_error", "99"),
        ([wrong(103)], RecipientRefused, "opted_out", "103"),
        pytest.param(
            [wrong(77), None, wrong(25)], AccountRefused, "no_credit", "25", id="the first that says something"
        ),
        pytest.param([wrong(9), wrong(99)], OutcomeUnknown, "internal_error", "99", id="one doubt makes all doubtful"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401, 402, 404, 422])
def test_a_text_is_refused(
    errors: list[object], kind: type[SubmissionError], code: str, theirs: str, status: int, wire: Any, http: Any
) -> None:
    response = reply({"errors": errors}, status)
    error = messagebird().parse_error(response)
    if status == 200:
        with pytest.raises(SubmissionError) as caught:
            messagebird().parse_response(response)
        error = caught.value
    assert type(error) is kind
    assert (error.code, error.provider_code, error.detail) == (code, theirs, "As they say")


def test_a_refusal_repeats_neither_number_nor_credentials() -> None:
    said = "no (correct) recipients: +33987654321, key test_gshuPaZoeEG6ovbc8M79w0QyM"
    error = messagebird().parse_error(reply({"errors": [wrong(9, None, said)]}, 422))
    assert error is not None
    assert error.detail == "no (correct) recipients: +339******21, key ***"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(422, {"errors": [wrong(77)]}, ProviderUnavailable, id="a code that nobody knows"),
        pytest.param(422, {"errors": [wrong(9, description=None)]}, RecipientRefused, id="no sentence"),
        pytest.param(422, {"errors": {"code": 9}}, ProviderUnavailable, id="no list"),
        pytest.param(402, [], AccountRefused, id="no object"),
        pytest.param(429, {"errors": [wrong(9)]}, ProviderThrottled, id="too fast, whatever it says"),
        pytest.param(500, {"errors": [wrong(9)]}, OutcomeUnknown, id="broken, whatever it says"),
        pytest.param(200, {"errors": [wrong(77)]}, OutcomeUnknown, id="a yes with a code that nobody knows"),
        pytest.param(201, answer() | {"id": None}, OutcomeUnknown, id="a yes without an id"),
    ],
)
def test_an_answer_that_says_little_has_its_class(
    status: int, body: object, kind: type[SubmissionError], wire: Any, http: Any, outgoing: Any
) -> None:
    wire.reply = http(status, json.dumps(body))
    with pytest.raises(SubmissionError) as caught:
        messagebird(base_url=wire.url).submit(outgoing())
    assert type(caught.value) is kind
