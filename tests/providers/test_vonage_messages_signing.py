"""Vonage's Messages API: which of its callbacks are believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_vonage_messages import (
    APPLICATION,
    PEM,
    RECEIPT,
    SECRET,
    UUID,
    as_json,
    genuine_callback,
    vonage,
)
from vonage_jwt import VonageVerifyJwtError, verify_signature

from chalicelib.errors import CallbackNotAuthentic, ConfigurationError
from chalicelib.providers.base import Callback
from chalicelib.providers.vonage_messages import VonageMessages

BODY = json.dumps(RECEIPT).encode()
CLAIMS = {
    "iss": "Vonage",
    "jti": UUID,
    "api_key": "abcd1234",
    "application_id": APPLICATION["application_id"],
    "payload_hash": hashlib.sha256(BODY).hexdigest(),
}


def token(now: datetime, secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {**CLAIMS, "iat": int(now.timestamp()), **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not ...}, secret, algorithm)


def carrying(authorization: str, body: bytes = BODY) -> Callback:
    return replace(as_json(None, authorization), body=body)


def refused(callback: Callback, now: datetime, **settings: str) -> str:
    with pytest.raises(CallbackNotAuthentic) as caught:
        vonage(**settings).verify_callback(callback, now)
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  ", " Bearer "])
def test_a_signed_callback_is_believed(now: datetime, scheme: str) -> None:
    vonage().verify_callback(carrying(scheme + token(now)), now)


def test_the_vendors_package_believes_the_same_signatures() -> None:
    now = datetime.now(tz=timezone.utc)  # its clock is the machine's
    good = token(now)
    header, claims, signature = good.split(".")
    altered = [f"{header}.{claims}.{flip(signature, at)}" for at in range(0, len(signature) - 1, 7)]
    altered += [token(now, secret="x" * 32), f"{header}.{flip(claims, 9)}.{signature}"]
    for attempt in [good, *altered]:
        try:
            vonage().verify_callback(carrying(f"Bearer {attempt}"), now)
            believed = True
        except CallbackNotAuthentic:
            believed = False
        assert believed is vendor_believes(attempt)
    assert vendor_believes(good)


def vendor_believes(attempt: str) -> bool:
    try:
        return verify_signature(attempt, SECRET)
    except VonageVerifyJwtError:
        return False


def flip(text: str, at: int) -> str:
    return text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]


def test_the_known_hash_of_a_body(now: datetime) -> None:
    body = b'{"message_uuid":"aaaaaaaa-bbbb-cccc-dddd-0123456789ab","status":"delivered"}'
    known = "32138b6475c4c4b55b24b5620e92cdcf326d44d72f5c42535e0d2e865af5b5c7"
    for digest in (known, known.upper()):
        vonage().verify_callback(carrying(f"Bearer {token(now, payload_hash=digest)}", body), now)
    for at in range(len(body)):
        wrong = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        refused(carrying(f"Bearer {token(now, payload_hash=known)}", wrong), now)


@pytest.mark.parametrize(
    "hashed",
    [
        pytest.param('{"text":"é 😀","n":[1,2.5,null]}', id="compact"),
        pytest.param('{"text":"\\u00e9 \\ud83d\\ude00","n":[1,2.5,null]}', id="compact, and only ASCII"),
        pytest.param('{ "text": "\\u00e9 😀",\n "n": [1, 2.5, null] }', id="as it came"),
    ],
)
def test_the_body_may_be_hashed_as_it_came_or_as_compact_json(now: datetime, hashed: str) -> None:
    came = '{ "text": "\\u00e9 😀",\n "n": [1, 2.5, null] }'.encode()
    digest = hashlib.sha256(hashed.encode()).hexdigest()
    vonage().verify_callback(carrying(f"Bearer {token(now, payload_hash=digest)}", came), now)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"iss": "vonage.example"}, "Vonage's", id="another issuer"),
        pytest.param({"iss": ...}, "Vonage's", id="no issuer"),
        pytest.param({"api_key": "abcd1235"}, "this account", id="another account"),
        pytest.param({"api_key": ...}, "this account", id="no account"),
        pytest.param({"payload_hash": ...}, "another body", id="no hash"),
        pytest.param({"payload_hash": ""}, "another body", id="an empty hash"),
        pytest.param({"payload_hash": ["x"]}, "another body", id="a hash that is a list"),
        pytest.param({"payload_hash": "\ud83d"}, "another body", id="a hash that is half an emoji"),
        pytest.param({"iat": ...}, "time", id="no time"),
        pytest.param({"iat": "1795403565"}, "time", id="a time that is a string"),
        pytest.param({"iat": None}, "time", id="a time that is null"),
        pytest.param({"iat": True}, "time", id="a time that is true"),
        pytest.param({"iat": float("nan")}, "time", id="a time that is no number"),
        pytest.param({"iat": float("inf")}, "time", id="a time that never comes"),
        pytest.param({"iat": 10**400}, "time", id="a time beyond all numbers of a processor"),
    ],
)
def test_claims_that_are_not_believed(now: datetime, changes: dict[str, Any], why: str) -> None:
    assert why in refused(carrying(f"Bearer {handmade({**CLAIMS, 'iat': int(now.timestamp()), **changes})}"), now)


def handmade(claims: Any, header: Any = None, digest: Any = "sha256") -> str:
    """What PyJWT would not make."""
    kept = {name: value for name, value in claims.items() if value is not ...} if isinstance(claims, dict) else claims
    parts = [header if header is not None else {"alg": "HS256", "typ": "JWT"}, kept]
    texts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in parts]
    signed = b".".join(base64.urlsafe_b64encode(text).rstrip(b"=") for text in texts)
    signature = base64.urlsafe_b64encode(hmac.digest(SECRET.encode(), signed, digest)).rstrip(b"=")
    return (signed + b"." + signature).decode()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda claims: handmade(claims, {"alg": "none"}), id="none, though signed"),
        pytest.param(lambda claims: jwt.encode(claims, None, "none"), id="none"),
        pytest.param(lambda claims: handmade(claims, digest="sha512"), id="HS512, said to be HS256"),
        pytest.param(lambda claims: handmade(claims, {"alg": "HS512"}, "sha512"), id="HS512"),
        pytest.param(lambda claims: handmade(claims, {"alg": "HS512"}), id="HS256, said to be HS512"),
        pytest.param(lambda claims: handmade(claims, {"alg": ["HS256"]}), id="a list of algorithms"),
        pytest.param(lambda claims: handmade(claims, ["HS256"]), id="a header that is a list"),
        pytest.param(lambda claims: handmade(claims, {}), id="no algorithm"),
        pytest.param(lambda claims: jwt.encode(claims, PEM, "RS256"), id="RS256"),
        pytest.param(lambda claims: handmade([claims]), id="claims that are a list"),
        pytest.param(lambda claims: handmade(b"{"), id="claims that are no JSON"),
        pytest.param(lambda claims: handmade(b"\xff"), id="claims that are no text"),
        pytest.param(lambda claims: handmade(b"[" * 99999), id="claims that are very deep"),
        pytest.param(lambda claims: "", id="nothing"),
        pytest.param(lambda claims: ".", id="a dot"),
        pytest.param(lambda claims: handmade(claims).partition(".")[2], id="two parts"),
        pytest.param(lambda claims: "e30." + handmade(claims), id="four parts"),
        pytest.param(lambda claims: handmade(claims) + "=", id="a filled signature"),
        pytest.param(
            lambda claims: handmade(claims)[:-1] + chr(ord(handmade(claims)[-1]) + 1), id="loose bits at the end"
        ),
        pytest.param(lambda claims: handmade(claims).replace(".", ". "), id="spaces"),
        pytest.param(lambda claims: handmade(claims) + "\ud83d", id="half an emoji"),
        pytest.param(lambda claims: "\ud83d" + handmade(claims), id="half an emoji in front"),
        pytest.param(lambda claims: "é" + handmade(claims), id="not ASCII"),
    ],
)
def test_a_forged_token_is_refused(now: datetime, make: Callable[[Any], str]) -> None:
    refused(carrying(f"Bearer {make({**CLAIMS, 'iat': int(now.timestamp())})}"), now)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "{token}", "Basic {token}", "Bearer{token}"])
def test_a_callback_without_a_bearer_is_not_signed(now: datetime, header: str) -> None:
    refused(carrying(header.format(token=token(now))), now)
    assert "not signed" in refused(Callback("POST", "https://sms.example.com", body=BODY), now)


def test_a_flipped_byte_of_the_token_or_the_body_is_refused(now: datetime) -> None:
    genuine = genuine_callback(now)
    vonage().verify_callback(genuine, now)
    given = genuine.headers["authorization"]
    for at in range(len("Bearer "), len(given)):
        refused(carrying(flip(given, at), genuine.body), now)
    for at in range(len(genuine.body)):
        body = genuine.body[:at] + bytes([genuine.body[at] ^ 1]) + genuine.body[at + 1 :]
        refused(replace(genuine, body=body), now)


@pytest.mark.parametrize("body", [b"", b"null", b"[" * 99999, b"\xff", b'{"a": "\\ud83d"}', b"[" * 900 + b"]" * 900])
def test_a_genuine_token_does_not_carry_another_body(now: datetime, body: bytes) -> None:
    assert "another body" in refused(carrying(f"Bearer {token(now)}", body), now)


def test_nor_one_that_is_just_too_deep(now: datetime) -> None:
    given = f"Bearer {token(now)}"
    for depth in range(800, 1100):
        assert "another body" in refused(carrying(given, b"[" * depth + b"]" * depth), now)


@given(st.binary(max_size=60), st.text(max_size=60))
def test_whatever_comes_unsigned_is_refused_and_nothing_else(body: bytes, authorization: str) -> None:
    at = datetime(2026, 11, 23, tzinfo=timezone.utc)
    refused(carrying(authorization, body), at)
    refused(carrying(f"Bearer {authorization}", body), at)


def test_the_account_is_compared_only_if_it_is_known(now: datetime) -> None:
    provider = VonageMessages({**APPLICATION, "signature_secret": SECRET})
    provider.verify_callback(carrying(f"Bearer {token(now, api_key='whoever1')}"), now)


@pytest.mark.parametrize(
    ("age", "settings", "believed"),
    [
        pytest.param(timedelta(minutes=-4), {}, True, id="Vonage's clock is ahead"),
        pytest.param(timedelta(minutes=-6), {}, False, id="from the future"),
        pytest.param(timedelta(hours=24), {}, True, id="the last of a day's attempts"),
        pytest.param(timedelta(hours=25), {}, False, id="older than any attempt"),
        pytest.param(timedelta(seconds=60), {"signature_max_age": "60"}, True, id="within the window that is set"),
        pytest.param(timedelta(seconds=61), {"signature_max_age": "60"}, False, id="outside the window that is set"),
    ],
)
def test_a_callback_may_be_as_old_as_the_last_attempt(
    now: datetime, age: timedelta, settings: dict[str, str], believed: bool
) -> None:
    callback = carrying(f"Bearer {token(now)}")
    if believed:
        vonage(**settings).verify_callback(callback, now + age)
    else:
        assert "time" in refused(callback, now + age, **settings)


@pytest.mark.parametrize("age", ["a day", "-1", "1.5"])
def test_a_window_must_be_a_number_of_seconds(now: datetime, age: str) -> None:
    with pytest.raises(ConfigurationError, match="signature_max_age"):
        vonage(signature_max_age=age).verify_callback(carrying(f"Bearer {token(now)}"), now)


@pytest.mark.parametrize("secret", ["", " ", ",\n"])
def test_without_a_secret_nothing_is_believed(now: datetime, secret: str) -> None:
    assert "set signature_secret" in refused(carrying(f"Bearer {token(now)}"), now, signature_secret=secret)


def test_two_secrets_are_good_while_one_replaces_the_other(now: datetime) -> None:
    new = "a-new-signature-secret-0123456789abcdef"
    for secret in (SECRET, new):
        vonage(signature_secret=f"{new} {SECRET}").verify_callback(carrying(f"Bearer {token(now, secret)}"), now)
    refused(carrying(f"Bearer {token(now, f'{new} {SECRET}')}"), now, signature_secret=f"{new} {SECRET}")
