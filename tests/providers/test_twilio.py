"""Twilio: what is sent, and what its answers mean.

What its callbacks say: test_twilio_callbacks.py; which are believed: test_twilio_signing.py.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.base.version import Version
from twilio.http.http_client import HttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

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
from chalicelib.providers.twilio import Twilio

ACCOUNT = "AC00000000000000000000000000000000"
TOKEN = "t0ken-of-the-account"
SETTINGS = {"account_sid": ACCOUNT, "auth_token": TOKEN}
ID = "0123456789abcdef0123456789abcdef"
SID = "SM11111111111111111111111111111111"
URL = f"https://sms.example.com/api/callback/twilio/{ID}"
RECEIPT = {
    "AccountSid": ACCOUNT,
    "ApiVersion": "2010-04-01",
    "From": "+15005550006",
    "MessageSid": SID,
    "MessageStatus": "delivered",
    "RawDlrDoneDate": "2610081203",
    "SmsSid": SID,
    "SmsStatus": "delivered",
    "To": "+15005550010",
}
INCOMING = {
    "ToCountry": "US",
    "SmsMessageSid": SID,
    "NumMedia": "0",
    "FromCity": "",
    "FromCountry": "US",
    "SmsSid": SID,
    "SmsStatus": "received",
    "Body": "Hello ",
    "To": "+15005550006",
    "NumSegments": "1",
    "MessageSid": SID,
    "AccountSid": ACCOUNT,
    "From": "+15005550010",
    "ApiVersion": "2010-04-01",
}


def twilio(**settings: str) -> Twilio:
    return Twilio({**SETTINGS, **settings})


def form(params: dict[str, str], url: str = URL, token: str = TOKEN) -> Callback:
    """As Twilio makes it, signed by its own package."""
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
        "x-twilio-signature": RequestValidator(token).compute_signature(url, params),
    }
    ticket = url.rpartition("/")[2] if "/callback/" in url else ""
    return Callback("POST", url, headers, body=urlencode(params).encode(), ticket=ticket)


def genuine_callback(now: datetime) -> Callback:
    """For test_conformance.py."""
    return form(RECEIPT)


def genuine_incoming(now: datetime) -> Callback:
    """For test_conformance.py."""
    return form({**INCOMING, "Body": "STOP", "OptOutType": "STOP"}, "https://sms.example.com/api/incoming/twilio")


# What is sent.

USUAL = {
    "To": "+33987654321",
    "From": "+33123456789",
    "Body": "Your code is 4711",
    "StatusCallback": f"{URL}#rc=5&rp=5xx,ct,rt",
}
SERVICE = "MG22222222222222222222222222222222"


class Recorder(HttpClient):
    """Twilio's package sends nothing: it shows what it would have sent."""

    def __init__(self) -> None:
        """Neither does it log."""

    def request(self, method: str, uri: str, *args: Any, **kwargs: Any) -> Any:
        self.method, self.uri, self.data, self.auth = method, uri, kwargs["data"], kwargs["auth"]
        raise ConnectionError


@pytest.mark.parametrize(
    ("given", "settings", "expected", "arguments"),
    [
        pytest.param({}, {}, USUAL, {}, id="a sender, and our id in the URL"),
        pytest.param({"frm": "Acme"}, {}, {**USUAL, "From": "Acme"}, {"from_": "Acme"}, id="a name"),
        pytest.param(
            {},
            {"messaging_service_sid": SERVICE},
            {**USUAL, "MessagingServiceSid": SERVICE},
            {"messaging_service_sid": SERVICE},
            id="a service sends from the sender that was asked for",
        ),
        pytest.param(
            {"validity_seconds": 90}, {}, {**USUAL, "ValidityPeriod": "90"}, {"validity_period": 90}, id="a validity"
        ),
        pytest.param(
            {"validity_seconds": 86_400},
            {},
            {**USUAL, "ValidityPeriod": "36000"},
            {"validity_period": 36_000},
            id="ten hours are the longest validity",
        ),
    ],
)
def test_request_is_the_one_of_twilios_package(
    outgoing: Any, given: Any, settings: Any, expected: dict[str, str], arguments: dict[str, Any]
) -> None:
    request = twilio(**settings).build_request(outgoing(**given))
    assert request.form == expected
    recorder = Recorder()
    usual = {"to": "+33987654321", "from_": "+33123456789", "body": "Your code is 4711"}
    client = Client(ACCOUNT, TOKEN, http_client=recorder)
    with pytest.raises(ConnectionError):
        client.messages.create(**{**usual, "status_callback": USUAL["StatusCallback"], **arguments})
    assert (request.method, request.url, request.auth) == (recorder.method, recorder.uri, recorder.auth)
    assert request.form == {name: str(value) for name, value in recorder.data.items()}


@pytest.mark.parametrize("changes", [{"status_report": False}, {"public_url": None}])
def test_no_report_wanted_or_no_url_of_ours_and_no_callback_is_asked_for(outgoing: Any, changes: Any) -> None:
    request = twilio().build_request(outgoing(**changes))
    assert request.form == {name: value for name, value in USUAL.items() if name != "StatusCallback"}


def test_an_api_key_sends_for_the_account(outgoing: Any) -> None:
    request = twilio(api_key_sid="SK33", api_key_secret="s3cr3t-of-the-key").build_request(outgoing())
    assert request.auth == ("SK33", "s3cr3t-of-the-key")
    assert f"/Accounts/{ACCOUNT}/" in request.url


def test_the_new_token_sends_while_it_replaces_the_old_one(outgoing: Any) -> None:
    assert twilio(auth_token="new-token old-token").build_request(outgoing()).auth == (ACCOUNT, "new-token")


def test_another_host_can_be_set(outgoing: Any) -> None:
    url = twilio(base_url="http://localhost:1/").build_request(outgoing()).url
    assert url == f"http://localhost:1/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


@pytest.mark.parametrize("name", ["account_sid", "auth_token"])
def test_settings_without_which_nothing_works(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Twilio({**SETTINGS, name: ""})


# What its answers mean.


def message(**changes: Any) -> dict[str, Any]:
    return {
        "sid": SID,
        "status": "queued",
        "num_segments": "2",
        "price": None,
        "price_unit": None,
        "error_code": None,
        "error_message": None,
        "date_sent": None,
        "date_updated": "Thu, 08 Oct 2026 12:03:01 +0000",
        **changes,
    }


def reply(status: int, body: object, **headers: str) -> HttpResponse:
    return HttpResponse(status, headers, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(message(), Submission((SID,), "queued", 2), id="queued, in two segments"),
        pytest.param(
            message(status="accepted", num_segments="0"),
            Submission((SID,), "accepted"),
            id="a service has yet to choose the sender, so the segments are not known",
        ),
        pytest.param(message(error_code=30001), Submission((SID,), "queued", 2), id="queued is no failure"),
        pytest.param({"sid": SID}, Submission((SID,)), id="only an id"),
        pytest.param(
            message(status="failed"),
            Submission((SID,), "failed", 2),
            id="failed without a reason: it will be asked for",
        ),
        pytest.param(
            message(status="failed", error_code=30410),
            Submission((SID,), "failed", 2),
            id="failed, and yet it may be out",
        ),
    ],
)
def test_a_text_is_taken(answer: dict[str, Any], outcome: Submission) -> None:
    assert twilio().parse_response(reply(201, answer)) == outcome
    theirs = MessageInstance(Version(None, "v"), answer, ACCOUNT)  # type: ignore[arg-type]
    assert (theirs.sid, theirs.status) == (outcome.provider_message_ids[0], outcome.provider_status)
    assert int(theirs.num_segments or 0) == (outcome.segments or 0)


def test_a_text_that_failed_at_once_is_refused() -> None:
    with pytest.raises(ProviderThrottled) as caught:
        twilio().parse_response(reply(201, message(status="failed", error_code=30001, error_message="Queue overflow")))
    assert (caught.value.code, caught.value.provider_code, caught.value.detail) == (
        "queue_full",
        "30001",
        "Queue overflow",
    )


@pytest.mark.parametrize("body", ["", "<Message>", "[]", "null", '{"sid": null}', '{"sid": 7}', '{"sid": ""}'])
def test_an_answer_that_cannot_be_read_may_be_a_yes(body: str) -> None:
    with pytest.raises(OutcomeUnknown):
        twilio().parse_response(HttpResponse(201, {}, body.encode()))


def refusal(status: int, body: object, **headers: str) -> SubmissionError:
    error = twilio().parse_error(reply(status, body, **headers))
    assert error
    return error


@pytest.mark.parametrize(
    ("status", "code", "kind", "word"),
    [
        (400, 21211, RecipientRefused, "invalid_recipient"),
        (400, 21614, RecipientRefused, "not_mobile"),
        (400, 21635, RecipientRefused, "not_mobile"),
        (400, 21610, RecipientRefused, "opted_out"),
        (400, 21606, SenderRefused, "invalid_sender"),
        (400, 21659, SenderRefused, "invalid_sender"),
        (400, 21660, SenderRefused, "invalid_sender"),
        (400, 21612, SenderRefused, "unroutable"),
        (400, 21408, AccountRefused, "not_permitted"),
        (403, 21408, AccountRefused, "not_permitted"),
        (400, 21608, AccountRefused, "recipient_not_allowed"),
        (400, 21609, AccountRefused, "invalid_callback_url"),
        (400, 21703, AccountRefused, "messaging_service"),
        (400, 21704, AccountRefused, "messaging_service"),
        (401, 20003, AccountRefused, "credentials"),
        (403, 20403, AccountRefused, "account_barred"),
        (404, 20404, AccountRefused, "unknown_account"),
        (400, 20005, AccountRefused, "account_barred"),
        (400, 10001, AccountRefused, "account_barred"),
        (400, 90010, AccountRefused, "account_barred"),
        (400, 21602, ContentRefused, "missing_parameter"),
        (400, 21617, ContentRefused, "too_long"),
        (400, 21624, ContentRefused, "invalid_validity"),
        (400, 90007, ContentRefused, "invalid_validity"),
        (400, 35118, ContentRefused, "invalid_schedule"),
        (400, 21611, ProviderThrottled, "queue_full"),
        (429, 20429, ProviderThrottled, "throttled"),
        (429, 14107, ProviderThrottled, "throttled"),
        (429, 99999, ProviderThrottled, "throttled"),
        (400, 99999, ProviderUnavailable, "bad_request"),
        (403, 99999, AccountRefused, "credentials"),
        (500, 20500, OutcomeUnknown, "server_error"),
        (500, 21211, OutcomeUnknown, "server_error"),
        (503, 20503, ProviderUnavailable, "unavailable"),
    ],
)
def test_a_text_is_refused(status: int, code: int, kind: type[SubmissionError], word: str) -> None:
    for written in (code, str(code)):
        error = refusal(status, {"code": written, "message": "As they say", "status": status})
        assert type(error) is kind
        assert (error.code, error.provider_code, error.detail) == (word, str(code), "As they say")


def test_a_refusal_may_be_written_as_rfc_9457_has_it() -> None:
    problem = {"type": "https://www.twilio.com/docs/api/errors/21211", "title": "Invalid", "status": 400, "code": 21211}
    assert refusal(400, problem).detail == "Invalid"
    assert refusal(400, {**problem, "detail": "Invalid 'To'"}).detail == "Invalid 'To'"
    assert type(refusal(400, problem)) is RecipientRefused


def test_throttled_says_how_long() -> None:
    error = refusal(429, {"code": 20429, "message": "Too many requests"}, **{"retry-after": "3"})
    assert error.retry_after == 3.0


def test_a_refusal_repeats_neither_number_nor_credentials() -> None:
    error = refusal(400, {"code": 21211, "message": f"{TOKEN}: '+33987654321' is not a valid phone number"})
    assert error.detail == "***: '+339******21' is not a valid phone number"


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", "{}", '{"code": null}', '{"code": 0}', '{"code": {}}'])
def test_an_error_without_a_code_is_left_to_its_http_status(body: str) -> None:
    assert twilio().parse_error(HttpResponse(400, {}, body.encode())) is None
