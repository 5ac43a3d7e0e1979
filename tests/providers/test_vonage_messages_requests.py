"""Vonage's Messages API: what is sent and how it is signed, as the vendor's package has it; and what is asked later."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import jwt
import pytest
import responses
from cryptography.hazmat.primitives import serialization
from test_vonage_messages import ACCOUNT, APPLICATION, ID, PEM, PKCS8, SECRET, UUID, vonage
from vonage_http_client import Auth, HttpClient
from vonage_messages import Messages, Sms, SmsOptions

from chalicelib.errors import AccountRefused, ConfigurationError, OutcomeUnknown, SubmissionError
from chalicelib.providers.vonage_messages import VonageMessages
from chalicelib.status import Status

KEY: Any = serialization.load_der_private_key(base64.b64decode(PKCS8), None)
PKCS1 = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()


USUAL = {
    "message_type": "text",
    "channel": "sms",
    "to": "33987654321",
    "from": "33123456789",
    "text": "Your code is 4711",
    "client_ref": ID,
    "sms": {"encoding_type": "text"},
    "webhook_url": "https://sms.example.com/api/callback/vonage_messages",
    "webhook_version": "v1",
}
WITHOUT_URL = {name: value for name, value in USUAL.items() if not name.startswith("webhook")}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, USUAL, id="numbers go without plus, our id as client_ref"),
        pytest.param({"frm": "Acme+Co"}, {**USUAL, "from": "Acme+Co"}, id="a name keeps its plus"),
        pytest.param({"frm": "2580"}, {**USUAL, "from": "2580"}, id="a short code"),
        pytest.param({"text": "[50 €]"}, {**USUAL, "text": "[50 €]"}, id="GSM-7 is asked for"),
        pytest.param(
            {"text": "Привет 😀"},
            {**USUAL, "text": "Привет 😀", "sms": {"encoding_type": "unicode"}},
            id="UCS-2 is asked for",
        ),
        pytest.param({"validity_seconds": 90}, {**USUAL, "ttl": 90}, id="validity goes in seconds"),
        pytest.param({"validity_seconds": 5}, {**USUAL, "ttl": 20}, id="a short validity becomes the least"),
        pytest.param({"status_report": False}, WITHOUT_URL, id="no report wanted, no URL given"),
        pytest.param({"public_url": None}, WITHOUT_URL, id="without a URL of ours the application's is used"),
    ],
)
def test_request(outgoing: Any, changes: dict[str, Any], expected: dict[str, Any]) -> None:
    request = vonage().build_request(outgoing(**changes))
    assert (request.method, request.url) == ("POST", "https://api.nexmo.com/v1/messages")
    assert request.json == expected
    read = Sms(**{name: value for name, value in expected.items() if name != "from"}, from_=expected["from"])
    assert (
        read.model_dump(by_alias=True, exclude_none=True) == expected
    )  # the vendor's model reads it, to the last field


@pytest.mark.parametrize(
    "missing", [{}, {"api_key": "k"}, {"api_secret": "s"}, {"application_id": "a"}, {"private_key": "p"}]
)
def test_settings_without_which_nothing_works(missing: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="application_id and private_key, or api_key and api_secret"):
        VonageMessages({**missing, "signature_secret": SECRET})


@pytest.mark.parametrize("half", ["application_id", "private_key"])
def test_half_an_application_is_a_mistake_even_beside_an_account(half: str) -> None:
    with pytest.raises(ConfigurationError):
        VonageMessages({**ACCOUNT, half: APPLICATION[half]})


def test_another_host_can_be_set(outgoing: Any) -> None:
    assert vonage(base_url="http://localhost:1/").build_request(outgoing()).url == "http://localhost:1/v1/messages"


@responses.activate
def test_the_request_is_the_one_that_the_vendors_package_makes(outgoing: Any) -> None:
    responses.post("https://api.nexmo.com/v1/messages", status=202, json={"message_uuid": UUID})
    sms = Sms(
        to="33987654321",
        from_="33123456789",
        text="Your code is 4711",
        client_ref=ID,
        ttl=90,
        webhook_url=USUAL["webhook_url"],
        webhook_version="v1",
        sms=SmsOptions(encoding_type="text"),
    )
    message = outgoing(validity_seconds=90)
    for settings in (APPLICATION, ACCOUNT):
        answer = Messages(HttpClient(Auth(**settings))).send(sms)
        assert VonageMessages(settings).submit(message).provider_message_ids == (answer.message_uuid,)
        theirs, ours = (call.request for call in list(responses.calls)[-2:])
        assert (ours.method, ours.url, json.loads(ours.body)) == (theirs.method, theirs.url, json.loads(theirs.body))
        mine, vendors = ours.headers["Authorization"], theirs.headers["Authorization"]
        if settings is APPLICATION:
            assert token_of(mine)[0] == token_of(vendors)[0]
            assert token_of(mine)[1].keys() == token_of(vendors)[1].keys()
        else:
            assert mine == vendors


def token_of(authorization: str | bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    token = (authorization if isinstance(authorization, str) else authorization.decode()).removeprefix("Bearer ")
    return jwt.get_unverified_header(token), jwt.decode(token, KEY.public_key(), ["RS256"])


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(PEM, id="PKCS#8"),
        pytest.param(PKCS1, id="PKCS#1"),
        pytest.param(PEM.replace("\n", "\\n"), id="line breaks escaped twice"),
        pytest.param("  " + PEM.replace("\n", "\r\n  "), id="line breaks of Windows, and indented"),
    ],
)
def test_the_token_is_signed_with_the_applications_key(outgoing: Any, pem: str) -> None:
    first, second = (vonage(private_key=pem).build_request(outgoing()) for _ in range(2))
    assert first.auth is None
    header, claims = token_of(first.headers["Authorization"])
    assert header == {"alg": "RS256", "typ": "JWT"}
    assert claims["application_id"] == APPLICATION["application_id"]
    assert claims["exp"] - claims["iat"] == 900
    assert claims["jti"] != token_of(second.headers["Authorization"])[1]["jti"]


def der(kind: str, content: bytes) -> str:
    return f"-----BEGIN {kind}-----\n{base64.b64encode(content).decode()}\n-----END {kind}-----\n"


@pytest.mark.parametrize(
    "pem",
    [
        "key.pem",
        PEM.replace("PRIVATE", "PUBLIC"),
        PEM.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        PEM[:-30],
        PEM[:300] + PEM[-27:],
        PEM.replace("A", "é"),
        *(
            der(kind, content)
            for kind in ("PRIVATE KEY", "RSA PRIVATE KEY")
            for content in (b"", b"0", b"\2\1\1", b"0\0")
        ),
        der("PRIVATE KEY", b"0\t\2\1\0000\0\4\2\2\1"),
        der("PRIVATE KEY", b"0\5\2\1\0\5\0"),
        der("RSA PRIVATE KEY", b"0\x1b" + b"\2\1\0" + b"\2\1\7" * 8),
    ],
)
@pytest.mark.filterwarnings("ignore:You have provided a malformed keyfile")  # by rsa, of the last one
def test_a_key_that_cannot_be_used_is_the_accounts_trouble(outgoing: Any, pem: str) -> None:
    with pytest.raises(AccountRefused, match="private_key") as caught:
        vonage(private_key=pem).build_request(outgoing())
    assert pem not in str(vars(caught.value))
    assert caught.value.__suppress_context__


# What is asked later.

AT = datetime(2026, 10, 8, 12, 3, 5, tzinfo=timezone.utc)
RECORD = {
    "account_id": "abcd1234",
    "message_id": UUID,
    "client_ref": "whatever",
    "status": "delivered",
    "error_code": "0",
    "error_code_description": "Delivered",
    "total_price": "0.0666",
    "currency": "EUR",
    "date_received": "2026-10-08T12:03:01+0000",
    "date_finalized": "2026-10-08T12:03:05+0000",
}


def ask(wire: Any, answer: bytes, message: Any) -> Any:
    wire.reply = answer
    return vonage(reports_url=wire.url).fetch_status(message)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, (Status.DELIVERED, "delivered", None), id="delivered"),
        pytest.param({"status": "submitted"}, (Status.SENT, "submitted", None), id="submitted"),
        pytest.param(
            {"status": "failed", "error_code": 1180}, (Status.UNDELIVERED, "failed 1180", "absent"), id="failed"
        ),
        pytest.param(
            {"status": "failed", "error_code": "6"}, (Status.UNDELIVERED, "failed 6", "undelivered"), id="old code"
        ),
        pytest.param(
            {"status": "rejected", "error_code": "1210"}, (Status.REJECTED, "rejected 1210", "spam"), id="spam"
        ),
        pytest.param({"status": "expired"}, (Status.EXPIRED, "expired", "expired"), id="expired"),
        pytest.param({"status": "deleted"}, (Status.UNKNOWN, "deleted", None), id="deleted"),
    ],
)
def test_a_record_is_read_like_a_receipt(wire: Any, http: Any, outgoing: Any, changes: Any, expected: Any) -> None:
    message = outgoing(provider_message_ids=(UUID,))
    records = [{**RECORD, **changes}, {**RECORD, "message_id": "of-another"}, {**RECORD, "status": None}, None, 7]
    (parsed,) = ask(wire, http(200, json.dumps({"records": records})), message)
    assert (parsed.status, parsed.provider_status, parsed.error and parsed.error.code) == expected
    assert (parsed.message_id, parsed.provider_message_id) == (ID, UUID)
    assert (parsed.price, parsed.currency, parsed.occurred_on) == (Decimal("0.0666"), "EUR", AT)
    (request,) = wire.requests
    query = f"account_id=abcd1234&product=MESSAGES&direction=outbound&id={UUID}"
    assert request.startswith(f"GET /v2/reports/records?{query} HTTP".encode())
    assert b"Authorization: Basic YWJjZDEyMzQ6czNjcjN0LW9mLXRoZS1hcGk=" in request


@pytest.mark.parametrize(
    "body", ["{}", "[]", '{"records": 7}', '{"records": null}', '{"records": [], "ids_not_found": "x"}']
)
def test_no_record_is_no_receipt(wire: Any, http: Any, outgoing: Any, body: str) -> None:
    assert ask(wire, http(200, body), outgoing(provider_message_ids=(UUID,))) == []


@pytest.mark.parametrize(("status", "kind"), [(403, AccountRefused), (500, OutcomeUnknown), (200, OutcomeUnknown)])
def test_an_answer_that_is_none(wire: Any, http: Any, outgoing: Any, status: int, kind: type[SubmissionError]) -> None:
    with pytest.raises(kind):
        ask(wire, http(status, "Sorry"), outgoing(provider_message_ids=(UUID,)))


@pytest.mark.parametrize("half", [{}, {"api_key": "abcd1234"}, {"api_secret": "s"}])
def test_an_application_alone_cannot_ask(outgoing: Any, half: dict[str, str]) -> None:
    with pytest.raises(AccountRefused, match="api_secret"):
        VonageMessages({**APPLICATION, **half}).fetch_status(outgoing(provider_message_ids=(UUID,)))
