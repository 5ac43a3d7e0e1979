"""Vonage's Messages API: what its answers mean. The other parts are in files of their own, which take what they share from here:
what is sent (_requests), what its callbacks say (_callbacks), and which of them are believed (_signing).
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Any

import jwt
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
from chalicelib.http import HttpResponse
from chalicelib.messages import Submission
from chalicelib.providers.base import Callback
from chalicelib.providers.vonage_messages import VonageMessages

SECRET = "vonage-signature-secret-0123456789abcdef"
PKCS8 = (  # of 2048 bits, for these tests only
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDCFoC3izKo3ACdikdMIVEj26T0rRNTzi3eN/dqPBvGahkAfHeg/GD8+MJKzcVGFt"
    "T2GCKDA0yzcl6Km/cv0Rz79m7Re38v3I0CxOsT0r4yD9qNmCxlhSJAiyhCAeW7I6mAZHs3ukQ/897PBk5+zfLpWGwPju+i34VAAYDOzKd/3BmA/gK5"
    "+FZX9dRoG/jDWbLMHtlXOkqXSIqQUA+RFVFOxVy5qhD+IMzI8sYMBmBGyaFa61CGQ2XdYrx0vFSHcWaWyoNHFMTv3K+jZEAcAoP1oTBGqjzKKNULoT"
    "ixtLAAfbaHJ8RP3ocS40O+f0AFfvGEzbCTDmjfdw/OwnsBFcqfAgMBAAECggEACR60kqtUSJH5520xd3bTULuH70VYtKXqCtiXZCMJ7RNcNGUk2+gw"
    "CIMJ4ij0HZyCCkRNDtnvVzlHDv1QKquJUJ+eSnKiodWbvKcTIr3S2RhcnS2q3GRanSzMyfk72cTNuK5ACfjTLywe6pxxwMydnvBcN4jwYrddFApeCp"
    "mcP0o7wrni6VH+T/+cRrpnjYGFqBySe/LEpQao8t+ZV2mUdXxjKz9viQV0xUZBCgfTiv7P++EWg+Ea8YHTQhrrtYWuKcnmICtXSlhQOZnfM4TuF1Cl"
    "WA5060tk61ZYsOUaylKnGNeeE37UYspKi2kDtsfKZ4px6U6xzRULbim45S44zQKBgQD6sjIWXVIN50vk5URK2095WVf+gzNs0keL748ZBDvrDhVa+U"
    "UkrrRO66MrMByUqv51zYsFsb8UAMAKqE0T1iUGUvbdOdNRx1rQFxK0dbKLCqpeCcjFaKahTY8rGk6v+UKQaBa0/1sMcqmQzHDAa8Mb7/xPW6JoCEkp"
    "6ClfQEH2wwKBgQDGMbWiBrNdbmJWZfsxt5GWtaLZ9CK/sYarnpahwZobONgwAJqPamZ7ZJqFWJ649etCmuD8phQbxrVV0hKT6SvQqOh63CDdt0Zt39"
    "tEdSE+b57bKFKRNquf9X8Tg+E5ugyaQUHH8AxyOEGRjUw2YTRmSKQzzmte6872TUBcpQK29QKBgDLLrmhnqjuU9QTBC5BbVYQR/UldjirrhIGvHYCF"
    "IhrjdKJFRaREHdar2hjjG7dn2j1GU3fo5v2HlWHTbiKpzkC0yL5UfCPiz9zAABM+kdmoZJK/SsXtCW4/h9XE89KmH72gyZEM+IbSKNdlBSeH7jWX77"
    "ioqYSIwUJTfyaEn5j/AoGBAIxGiKjKF09MnltKSNTyeR/zJPUgXyvQCWIUl8abEWis/g5TjxFsnGY/WUKB6607mSyGFDGdlmPma1f3nGCFyxYfRpQW"
    "k0h5vGZt53J3eHUJaaTx0CapTCWmCzATymgiL2NKRrWtSBHbkUTkfgmLGRw/08A7HDGNsukO2jv4Koi1AoGAJroSmM27gDK/ZJFKuqa6e8bs+WGNaL"
    "Qz54yFF3exakrPK3Ext5kOWxdZ+cA564TF82XCIIFlJ/vs2MKfA7bRDQtd4Bvu1kX7zlE1IXHM40/ea8+WKed33foLb4FEIhpO97bmoJ7CeXXKiWs1"
    "0WdOtze0BkcWosaqjW60CMeati0="
)
PEM = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(re.findall(".{1,64}", PKCS8)) + "\n-----END PRIVATE KEY-----\n"
APPLICATION = {"application_id": "aaaaaaaa-1111-cccc-dddd-0123456789ab", "private_key": PEM}
ACCOUNT = {"api_key": "abcd1234", "api_secret": "s3cr3t-of-the-api"}
SETTINGS = {**APPLICATION, **ACCOUNT, "signature_secret": SECRET}
ID = "0123456789abcdef0123456789abcdef"
UUID = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
RECEIPT = {
    "message_uuid": UUID,
    "to": "447700900000",
    "from": "AcmeInc",
    "timestamp": "2026-10-08T12:03:05.000Z",
    "status": "delivered",
    "channel": "sms",
    "client_ref": ID,
    "usage": {"currency": "EUR", "price": "0.0333"},
    "sms": {"count_total": "2"},
    "destination": {"network_code": "23410"},
}
INCOMING = {
    "message_uuid": UUID,
    "to": "447700900000",
    "from": "447700900001",
    "timestamp": "2026-10-08T12:03:05Z",
    "channel": "sms",
    "message_type": "text",
    "text": "STOP",
    "usage": {"currency": "EUR", "price": "0.0333"},
    "sms": {"num_messages": "2", "total_count": "2", "keyword": "STOP"},
    "origin": {"network_code": "23410"},
}


def vonage(**settings: str) -> VonageMessages:
    return VonageMessages({**SETTINGS, **settings})


def as_json(event: Any, authorization: str = "") -> Callback:
    headers = {"content-type": "application/json", "authorization": authorization}
    return Callback(
        "POST", "https://sms.example.com/api/callback/vonage_messages", headers, body=json.dumps(event).encode()
    )


def signed(event: Any, now: datetime) -> Callback:
    digest = hashlib.sha256(as_json(event).body).hexdigest()
    claims = {"iat": int(now.timestamp()), "jti": UUID, "iss": "Vonage", "payload_hash": digest, "api_key": "abcd1234"}
    return as_json(event, f"Bearer {jwt.encode(claims, SECRET, 'HS256')}")


def genuine_callback(now: datetime) -> Callback:
    """For test_conformance.py."""
    return signed(RECEIPT, now)


def genuine_incoming(now: datetime) -> Callback:
    """For test_conformance.py."""
    return signed(INCOMING, now)


# What its answers mean.


def reply(status: int, body: Any, **headers: str) -> HttpResponse:
    return HttpResponse(status, headers, body.encode() if isinstance(body, str) else json.dumps(body).encode())


def problem(code: str, title: Any = "As they say", *names: str) -> dict[str, Any]:
    wrong = [{"name": name, "reason": "invalid value"} for name in names]
    kind = f"https://developer.vonage.com/api-errors/messages#{code}" if code else "about:blank"
    return {"type": kind, "title": title, "detail": "Whatever", "instance": "bf0ca0bf", "invalid_parameters": wrong}


@pytest.mark.parametrize("status", [200, 202])
def test_a_text_is_taken(status: int) -> None:
    answer = reply(
        status, {"message_uuid": UUID, "workflow_id": "3TcNjguHxr2vcCZ9Ddsnq6tw8yQUpZ9rMHv9QXSxLan5ibMxqSzLdx9"}
    )
    assert vonage().parse_response(answer) == Submission((UUID,), str(status))


@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", "{}", "null", '{"message_uuid": null}', '{"message_uuid": {}}', "[" * 99999]
)
def test_an_answer_that_cannot_be_read_may_be_a_yes(body: str) -> None:
    with pytest.raises(OutcomeUnknown):
        vonage().parse_response(reply(202, body))


@pytest.mark.parametrize(
    ("kind", "word", "codes"),
    [
        (ProviderThrottled, "throttled", "1000 1241"),
        (ContentRefused, "missing_parameter", "1010"),
        (ContentRefused, "invalid_parameter", "1020 1130 1150 invalid-params"),
        (ContentRefused, "too_long", "1090"),
        (ContentRefused, "spam", "1210"),
        (ContentRefused, "regulation", "1476 1480 1481 1482 1483"),
        (RecipientRefused, "invalid_recipient", "1040 1170 1430"),
        (RecipientRefused, "barred", "1050"),
        (RecipientRefused, "opted_out", "1240"),
        (RecipientRefused, "fraud", "1470 1472"),
        (SenderRefused, "invalid_sender", "1120 1420"),
        (AccountRefused, "account_barred", "1060 account-suspended"),
        (AccountRefused, "no_credit", "1070 low-balance"),
        (AccountRefused, "not_permitted", "1080 1140 1460 forbidden unprovisioned"),
        (AccountRefused, "recipient_not_allowed", "1160"),
        (AccountRefused, "credentials", "1110 unauthorized jwt-expired jwt-revoked invalid-api-key"),
        (ProviderUnavailable, "unavailable", "1100"),
        (OutcomeUnknown, "provider_error", "1030 1331"),
        (OutcomeUnknown, "duplicate", "1320"),
        (OutcomeUnknown, "unknown", "1330"),
    ],
)
def test_a_text_is_refused(kind: type[SubmissionError], word: str, codes: str) -> None:
    for code in codes.split():
        for body in [problem(code), *([problem("", int(code)), problem("", code)] if code.isdecimal() else [])]:
            error = vonage().parse_error(reply(422, body, **{"retry-after": "7"}))
            assert type(error) is kind
            assert (error.code, error.provider_code, error.detail) == (word, code, "Whatever")
            assert error.retry_after == 7


@pytest.mark.parametrize(
    ("answer", "kind", "word", "detail"),
    [
        pytest.param(
            reply(422, problem("1150", "Invalid params", "to")),
            RecipientRefused,
            "invalid_recipient",
            "Whatever: to",
            id="the recipient is wrong",
        ),
        pytest.param(
            reply(422, problem("1010", "Missing params", "sms.content_id", "from")),
            SenderRefused,
            "invalid_sender",
            "Whatever: sms.content_id: from",
            id="the sender is wrong, among others",
        ),
        pytest.param(
            reply(400, problem("invalid-params", "Invalid", "webhook_url")),
            AccountRefused,
            "invalid_callback_url",
            "Whatever: webhook_url",
            id="our URL is wrong",
        ),
        pytest.param(
            reply(422, problem("1999", "Brand new")),
            ContentRefused,
            "invalid_parameter",
            "Whatever",
            id="422 with a new code",
        ),
        pytest.param(
            reply(422, {"title": "Invalid"}), ContentRefused, "invalid_parameter", "Invalid", id="422 without a code"
        ),
        pytest.param(
            reply(422, {"invalid_parameters": [None, 1, {"name": []}]}),
            ContentRefused,
            "invalid_parameter",
            "",
            id="422 with nothing that can be read",
        ),
        pytest.param(
            reply(422, {"title": "Invalid", "invalid_parameters": 7}),
            ContentRefused,
            "invalid_parameter",
            "Invalid",
            id="422 with a number of wrong parameters",
        ),
        pytest.param(
            reply(402, {"type": "https://developer.nexmo.com/api-errors/#low-balance", "title": "Low balance"}),
            AccountRefused,
            "no_credit",
            "Low balance",
            id="402 as in the vendor's tests",
        ),
    ],
)
def test_what_is_wrong_is_named(answer: HttpResponse, kind: type[SubmissionError], word: str, detail: str) -> None:
    error = vonage().parse_error(answer)
    assert type(error) is kind
    assert (error.code, error.detail) == (word, detail)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(429, "Too many requests"), id="plain text"),
        pytest.param(reply(401, "Unauthorized"), id="plain text without credentials"),
        pytest.param(reply(404, problem("not-found")), id="an unknown word"),
        pytest.param(reply(400, []), id="no object"),
        pytest.param(reply(500, problem("1030")), id="a broken server may have taken the text"),
        pytest.param(reply(502, problem("1120")), id="a gateway, too, whatever it says"),
        pytest.param(reply(503, problem("1170")), id="the server is down, whatever it says"),
    ],
)
def test_the_rest_is_left_to_the_http_status(answer: HttpResponse) -> None:
    assert vonage().parse_error(answer) is None


def test_a_refusal_repeats_neither_number_nor_credentials() -> None:
    told = {**problem("1120"), "detail": "abcd1234: to +33987654321 with s3cr3t-of-the-api: no"}
    error = vonage().parse_error(reply(422, told))
    assert error is not None
    assert error.detail == "***: to +339******21 with ***: no"
