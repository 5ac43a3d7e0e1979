"""AWS End User Messaging: what its answers mean, over a real connection, and that no text leaves twice."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from chalicelib.errors import (
    AccountRefused,
    ContentRefused,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.messages import Submission
from chalicelib.providers import aws_eum
from chalicelib.providers.aws_eum import AwsEum

ID = "0123456789abcdef0123456789abcdef"
AWS_ID = "862a8790-60c0-4430-9b2b-658bdexample"


def eum(**settings: str) -> AwsEum:
    return AwsEum({"configuration_set": "smsignal", **settings})


@pytest.fixture
def service(wire: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The provider's server, to which botocore is sent as a user would send it to an endpoint of his own."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2", wire.url)
    monkeypatch.setattr(aws_eum, "READ_TIMEOUT", 2.0)
    aws_eum._client.cache_clear()
    yield wire
    aws_eum._client.cache_clear()


def refused(message: Any, **settings: str) -> SubmissionError:
    with pytest.raises(SubmissionError) as caught:
        eum(**settings).submit(message)
    return caught.value


def test_a_text_is_taken(service: Any, http: Any, outgoing: Any) -> None:
    service.reply = http(200, json.dumps({"MessageId": AWS_ID}))
    assert eum().submit(outgoing()) == Submission((AWS_ID,))
    head, _, body = service.requests[0].partition(b"\r\n\r\n")
    assert b"X-Amz-Target: PinpointSMSVoiceV2.SendTextMessage" in head
    assert b"/us-east-1/sms-voice/aws4_request" in head
    assert json.loads(body) == {
        "DestinationPhoneNumber": "+33987654321",
        "OriginationIdentity": "+33123456789",
        "MessageBody": "Your code is 4711",
        "MessageType": "TRANSACTIONAL",
        "ConfigurationSetName": "smsignal",
        "Context": {"message_id": ID},
    }
    assert len(service.requests) == 1


class Patient(BaseHTTPRequestHandler):
    """Takes every text, and leaves the connection open."""

    protocol_version = "HTTP/1.1"
    clients: list[Any] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.clients.append(self.client_address)
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"MessageId": AWS_ID}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is written."""


def test_each_text_has_a_connection_of_its_own(service: Any, outgoing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Patient) as server:
        threading.Thread(target=server.serve_forever).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2", f"http://127.0.0.1:{server.server_port}")
        for _ in range(2):
            eum().submit(outgoing())
        aws_eum._client(None).close()
        server.shutdown()
    assert len(set(Patient.clients)) == 2


def error(name: str, **fields: Any) -> str:
    return json.dumps({"__type": f"com.amazonaws.smsvoice#{name}", "Message": "It is so.", **fields})


CONFLICT, INVALID, MISSING = "ConflictException", "ValidationException", "ResourceNotFoundException"
NUMBER_FIELD = [{"Name": "DestinationPhoneNumber", "Message": "It is none."}]
MAX_PRICE = "1 validation error detected: Value '8' at 'maxPrice' failed to satisfy constraint"


@pytest.mark.parametrize(
    ("name", "fields", "kind", "code"),
    [
        (CONFLICT, {"Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT"}, RecipientRefused, "opted_out"),
        (
            CONFLICT,
            {"Reason": "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"},
            RecipientRefused,
            "protect_blocked",
        ),
        (CONFLICT, {"Reason": "DESTINATION_PHONE_NUMBER_NOT_VERIFIED"}, AccountRefused, "recipient_not_allowed"),
        (CONFLICT, {"Reason": "no_origination_identities_found"}, SenderRefused, "no_sender"),
        (
            CONFLICT,
            {"Reason": "RESOURCE_NOT_ACTIVE", "ResourceType": "sender-id"},
            SenderRefused,
            "resource_not_active",
        ),
        (CONFLICT, {"Reason": "RESOURCE_NOT_ACTIVE", "ResourceType": "pool"}, AccountRefused, "resource_not_active"),
        (CONFLICT, {"Reason": "NEVER_HEARD_OF"}, AccountRefused, "conflict"),
        (INVALID, {"Reason": "COUNTRY_NOT_ENABLED"}, RecipientRefused, "country_blocked"),
        (INVALID, {"Reason": "SENDER_ID_NOT_REGISTERED"}, SenderRefused, "sender_not_registered"),
        (INVALID, {"Reason": "PRICE_OVER_THRESHOLD"}, RecipientRefused, "too_expensive"),
        (INVALID, {"Reason": "OTHER"}, ContentRefused, "invalid_parameter"),
        (INVALID, {"Reason": "FIELD_VALIDATION_FAILED", "Fields": NUMBER_FIELD}, RecipientRefused, "invalid_recipient"),
        (
            INVALID,
            {"Reason": "INVALID_PARAMETER", "Fields": [{"Name": "origination_identity"}]},
            SenderRefused,
            "invalid_sender",
        ),
        (INVALID, {"Message": MAX_PRICE}, AccountRefused, "invalid_setting"),
        (
            "ServiceQuotaExceededException",
            {"Reason": "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"},
            AccountRefused,
            "no_credit",
        ),
        ("AccessDeniedException", {"Reason": "ACCOUNT_DISABLED"}, AccountRefused, "account_barred"),
        ("AccessDeniedException", {}, AccountRefused, "not_permitted"),
        (MISSING, {"ResourceType": "configuration-set"}, AccountRefused, "no_such_resource"),
        (MISSING, {"ResourceType": "phone-number"}, SenderRefused, "no_such_resource"),
        ("ExpiredTokenException", {}, AccountRefused, "credentials"),
        ("ThrottlingException", {}, ProviderThrottled, "throttled"),
        ("InternalServerException", {}, OutcomeUnknown, "internal_error"),
    ],
)
def test_an_error_has_its_class_and_is_not_repeated(
    name: str, fields: Any, kind: type, code: str, service: Any, http: Any, outgoing: Any
) -> None:
    service.reply = http(500 if kind is OutcomeUnknown else 400, error(name, **fields), "Retry-After: 7\r\n")
    found = refused(outgoing())
    assert (type(found), found.code) == (kind, code)
    assert found.provider_code == (fields["Reason"].upper() if "Reason" in fields else name)
    assert found.retry_after == (7.0 if kind is ProviderThrottled else None)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind", "wait"),
    [
        (307, "", ProviderUnavailable, None),
        (403, "", AccountRefused, None),
        (429, "", ProviderThrottled, 7.0),
        (500, error("InternalFailure"), OutcomeUnknown, None),
        (502, "<html>", OutcomeUnknown, None),
        (503, error("ServiceUnavailable"), ProviderUnavailable, 7.0),
        (504, "", OutcomeUnknown, None),
    ],
)
def test_another_error_is_told_by_its_http_status(
    status: int, body: str, kind: type, wait: float | None, service: Any, http: Any, outgoing: Any
) -> None:
    service.reply = http(status, body, f"Retry-After: 7\r\nLocation: {service.url}/x\r\n")
    found = refused(outgoing())
    assert (type(found), found.provider_code, found.retry_after) == (kind, str(status), wait)
    assert len(service.requests) == 1


def test_a_lost_reply_means_that_nobody_knows(service: Any, http: Any, outgoing: Any) -> None:
    replies = (b"", b"HTTP/1.1 200 O", http(200, '{"mess', cut=99), b"\0\r\n\r\n")
    for reply in replies:
        service.reply = reply
        assert type(refused(outgoing())) is OutcomeUnknown
    assert len(service.requests) == len(replies)  # once each


@pytest.mark.parametrize(
    "body", ["", "<html>OK</html>", "null", "[]", "{}", '"OK"', "{" * 9, '{"MessageId": null}', "7"]
)
def test_a_yes_that_cannot_be_read_is_no_certain_no(body: str, service: Any, http: Any, outgoing: Any) -> None:
    service.reply = http(200, body)
    assert type(refused(outgoing())) is OutcomeUnknown
    assert len(service.requests) == 1


def test_a_reply_that_does_not_come_means_that_nobody_knows(
    service: Any, outgoing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_eum, "READ_TIMEOUT", 0.05)
    service.answering.clear()
    assert type(refused(outgoing())) is OutcomeUnknown
    service.answering.set()
    assert len(service.requests) == 1


def test_a_refused_connection_means_that_nothing_was_sent(service: Any, outgoing: Any) -> None:
    service.close()
    assert type(refused(outgoing())) is ProviderUnavailable


def test_botocore_refuses_before_it_sends(service: Any, outgoing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(refused(outgoing(text=""))) is ContentRefused
    assert type(refused(outgoing(), max_price="1")) is AccountRefused
    assert type(refused(outgoing(), region="no region")) is AccountRefused
    aws_eum._client.cache_clear()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert refused(outgoing()).code == "credentials"
    assert not service.requests


def test_the_region_may_be_another(service: Any, http: Any, outgoing: Any) -> None:
    service.reply = http(200, json.dumps({"MessageId": AWS_ID}))
    eum(region="eu-west-1").submit(outgoing())
    assert b"/eu-west-1/sms-voice/aws4_request" in service.requests[0]


@pytest.mark.parametrize("name", ["ValidationException", "SerializationException", "ServiceUnavailable"])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_no_error_tells_text_or_number(
    name: str, status: int, service: Any, http: Any, outgoing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    message = outgoing(text="Rumpelstilzchen")
    said = "Value 'Rumpelstilzchen' at 'messageBody' of +33987654321 failed to satisfy constraint"
    caplog.set_level("DEBUG", logger="chalicelib")
    for body in (error(name, Message=said), said):
        service.reply = http(status, body)
        found = refused(message)
        told = "".join([*traceback.format_exception(found), repr(vars(found)), caplog.text])
        assert "Rumpelstilzchen" not in told
        assert "33987654321" not in told
