"""MessageBird: which callbacks are believed. The judge is MessageBird's own validator."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messagebird.error import ValidationError
from messagebird.request_validator import RequestValidator

from chalicelib.errors import CallbackNotAuthentic, ConfigurationError
from chalicelib.messages import DeliveryReceipt
from chalicelib.providers.base import Callback
from chalicelib.providers.messagebird import MessageBird
from chalicelib.status import Status

KEY, OTHER_KEY = "signing-key-" * 6, "another-key-" * 6
SETTINGS = {"access_key": "test_gshuPaZoeEG6ovbc8M79w0QyM", "callback_secret": "s3cret-of-the-urls", "signing_key": KEY}
HEADER = "messagebird-signature-jwt"
ID, OTHER = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
NOW = datetime.now(timezone.utc)  # the validator looks at the clock, some time after this
DAY = timedelta(days=1)


def messagebird(**settings: str) -> MessageBird:
    return MessageBird({**SETTINGS, **settings})


TICKET = messagebird().ticket(ID)
URL = f"https://sms.example.com/api/callback/messagebird/{TICKET}"
INCOMING = "https://sms.example.com/api/incoming/messagebird"
# As MessageBird shows them: sorted by name.
RECEIPT = {
    "datacoding": "plain",
    "id": "f28bbe526fc14974b3e7e663a6139b53",
    "price[amount]": "0.052",
    "price[currency]": "EUR",
    "recipient": "33987654321",
    "reference": ID,
    "status": "delivered",
    "statusDatetime": "2026-01-01T10:00:04+00:00",
    "statusReason": "successfully delivered",
}
TEXT = urlencode({"id": "m1", "originator": "33987654321", "recipient": "33123456789", "body": "Grüße & <3"}).encode()


def digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def claims(url: str, body: bytes = b"", at: datetime = NOW, **changes: object) -> dict[str, object]:
    usual = {"iss": "MessageBird", "nbf": int(at.timestamp()), "exp": int((at + DAY).timestamp()), "jti": "59a244dc"}
    hashes = {"url_hash": digest(url.encode()), "payload_hash": digest(body) if body else None}
    return {name: value for name, value in {**usual, **hashes, **changes}.items() if value is not None}


def signed(said: Mapping[str, object], key: str = KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(dict(said), key, algorithm)


def called(url: str, token: str | None, body: bytes = b"", ticket: str = TICKET, shuffled: bool = True) -> Callback:
    """The request as API Gateway hands it over: its parameters decoded, and in an order of its own."""
    path, _, query = url.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    pairs = pairs[1::2] + pairs[::2] if shuffled else pairs
    headers = {} if token is None else {HEADER: token}
    return Callback("POST" if body else "GET", path, headers, tuple(pairs), body, ticket)


def believed(callback: Callback, now: datetime = NOW, **settings: str) -> bool:
    try:
        messagebird(**settings).verify_callback(callback, now)
    except CallbackNotAuthentic:
        return False
    return True


# The cases of MessageBird's test data (python-rest-api, webhook_signature_test_data.json), made anew.

QUERY = f"{URL}?bar=1&foo=2"
SPECIAL = f"{URL}?a=%C3%BC+%26%3D%2B&b=~-_.&price%5Bamount%5D=1"
CASES = [
    pytest.param(URL, b"", {}, KEY, "HS256", True, id="neither parameters nor a payload"),
    pytest.param(QUERY, b"", {}, KEY, "HS256", True, id="parameters"),
    pytest.param(QUERY, b"Hello", {}, KEY, "HS256", True, id="parameters and a payload"),
    pytest.param(URL, "Grüße \0 🙂".encode(), {}, KEY, "HS256", True, id="special characters in the payload"),
    pytest.param(SPECIAL, b"", {}, KEY, "HS256", True, id="special characters in the URL"),
    pytest.param(f"https://example.com:8443/{TICKET}", b"", {}, KEY, "HS256", True, id="a port in the URL"),
    pytest.param(QUERY, b"", {}, KEY, "HS384", True, id="HS384"),
    pytest.param(QUERY, b"", {}, KEY, "HS512", True, id="HS512"),
    pytest.param(QUERY, b"", {"jti": None}, KEY, "HS256", True, id="no jti"),
    pytest.param(QUERY, b"", {"iat": 9e15}, KEY, "HS256", True, id="iat is not looked at"),
    pytest.param(QUERY, b"", {}, OTHER_KEY, "HS256", False, id="another key"),
    pytest.param(QUERY, b"", {}, "", "none", False, id="no algorithm"),
    pytest.param(QUERY, b"", {"iss": "messagebird"}, KEY, "HS256", False, id="another issuer"),
    pytest.param(QUERY, b"", {"iss": None}, KEY, "HS256", False, id="no issuer"),
    pytest.param(QUERY, b"", {"nbf": None}, KEY, "HS256", False, id="no begin"),
    pytest.param(QUERY, b"", {"exp": None}, KEY, "HS256", False, id="no end"),
    pytest.param(QUERY, b"", {"at": NOW + DAY}, KEY, "HS256", False, id="too early"),
    pytest.param(QUERY, b"", {"at": NOW - 2 * DAY}, KEY, "HS256", False, id="too late"),
    pytest.param(QUERY, b"", {"url_hash": digest(f"{URL}?bar=1&foo=3".encode())}, KEY, "HS256", False, id="a value"),
    pytest.param(QUERY, b"", {"url_hash": digest(URL.encode())}, KEY, "HS256", False, id="the URL without parameters"),
    pytest.param(URL, b"", {"url_hash": digest(URL[:-1].encode())}, KEY, "HS256", False, id="another URL"),
    pytest.param(URL, b"", {"url_hash": ""}, KEY, "HS256", False, id="no URL"),
    pytest.param(URL, b"Hello", {"payload_hash": digest(b"Hallo")}, KEY, "HS256", False, id="another payload"),
    pytest.param(URL, b"Hello", {"payload_hash": None}, KEY, "HS256", False, id="the payload was added"),
    pytest.param(URL, b"", {"payload_hash": digest(b"Hello")}, KEY, "HS256", False, id="the payload was removed"),
]


@pytest.mark.parametrize(("url", "body", "changes", "key", "algorithm", "good"), CASES)
def test_what_their_validator_believes_is_believed(
    url: str, body: bytes, changes: dict[str, Any], key: str, algorithm: str, good: bool
) -> None:
    token = signed(claims(url, body, **changes), key, algorithm)
    try:
        RequestValidator(KEY).validate_signature(token, url, body)
    except ValidationError:
        assert not good
    else:
        assert good
    assert believed(called(url, token, body), url_hash="required") is good


def test_another_order_of_the_parameters_is_not_seen() -> None:
    """Their validator would refuse it; what the parameters say is the same."""
    token = signed(claims(QUERY))
    with pytest.raises(ValidationError):
        RequestValidator(KEY).validate_signature(token, f"{URL}?foo=2&bar=1", b"")
    assert believed(called(f"{URL}?foo=2&bar=1", token), url_hash="required")


# How a URL may be written whose parameters API Gateway hands over.

BY_PAGE = {name: RECEIPT[name] for name in ("id", "reference", "recipient", "status", "statusDatetime")}


@pytest.mark.parametrize(
    ("query", "shuffled"),
    [
        pytest.param(urlencode(RECEIPT), True, id="sorted, like a form"),
        pytest.param(urlencode(RECEIPT, quote_via=quote), True, id="sorted, %20 for a space"),
        pytest.param(urlencode(BY_PAGE), True, id="as on the support page"),
        pytest.param("status=delivered&id=1&again=a&again=b", False, id="as API Gateway happens to keep it"),
    ],
)
def test_the_parameters_are_covered_where_their_writing_is_known(query: str, shuffled: bool) -> None:
    url = f"{URL}?{query}"
    token = signed(claims(url))
    RequestValidator(KEY).validate_signature(token, url, b"")
    callback = called(url, token, shuffled=shuffled)
    assert believed(callback, url_hash="required")
    for at, (name, value) in enumerate(callback.query):
        for wrong in ((name, value + "0"), (name + "0", value), (name, value[:-1])):
            pairs = (*callback.query[:at], wrong, *callback.query[at + 1 :])
            assert not believed(replace(callback, query=pairs), url_hash="required")
        assert not believed(
            replace(callback, query=(*callback.query[:at], *callback.query[at + 1 :])), url_hash="required"
        )


UNKNOWN_WRITING = f"{URL}?status=delivered&id=1&price%5bamount%5d=0.052&statusReason=a%20b+c"


def test_where_it_is_not_known_the_url_alone_proves_it() -> None:
    callback = called(UNKNOWN_WRITING, signed(claims(UNKNOWN_WRITING)))
    assert believed(callback)
    assert not believed(callback, url_hash="required")
    assert not believed(replace(callback, ticket=""))


def test_then_the_parameters_are_not_protected_but_the_text_is() -> None:
    """This is what `covers_body = False` says. Who knows the URL could do it; MessageBird alone got it."""
    callback = called(UNKNOWN_WRITING, signed(claims(UNKNOWN_WRITING)))
    changed = replace(callback, query=(("status", "delivery_failed"), ("reference", OTHER)))
    assert believed(changed)
    (event,) = messagebird().parse_callback(changed)
    assert isinstance(event, DeliveryReceipt)
    assert (event.status, event.message_id) == (Status.UNDELIVERED, ID)
    assert not believed(replace(changed, ticket=TICKET.replace(ID, OTHER)))
    assert not believed(changed, url_hash="required")


def test_a_url_without_a_ticket_needs_a_signature_that_covers_it() -> None:
    url = f"https://sms.example.com/api/callback/messagebird?{urlencode(RECEIPT)}"
    callback = called(url, signed(claims(url)), ticket="")
    assert believed(callback)
    assert not believed(replace(callback, query=(*callback.query, ("extra", "1"))))
    assert not believed(replace(callback, headers={}))
    assert not believed(callback, signing_key="")


# Reports without the header.


@pytest.mark.parametrize(
    ("settings", "good"),
    [
        ({}, True),
        ({"signing_key": ""}, True),
        ({"signature": "optional", "url_hash": "optional"}, True),
        ({"signature": "required"}, False),
        ({"url_hash": "required"}, False),
        ({"signature": "requierd"}, False),
        ({"callback_secret": "another"}, False),
        ({"callback_secret": "a-new-one s3cret-of-the-urls"}, True),
    ],
)
def test_a_report_without_the_header(settings: dict[str, str], good: bool) -> None:
    assert believed(called(f"{URL}?{urlencode(RECEIPT)}", None), **settings) is good


def test_a_header_that_is_wrong_is_worse_than_none() -> None:
    url = f"{URL}?{urlencode(RECEIPT)}"
    assert not believed(called(url, signed(claims(url), OTHER_KEY)))
    assert not believed(called(url, signed(claims(url, at=NOW - 2 * DAY))))
    assert not believed(called(url, signed(claims(url, payload_hash=digest(b"")))))


def test_without_a_key_the_header_says_nothing_and_the_url_proves_it() -> None:
    assert believed(called(f"{URL}?{urlencode(RECEIPT)}", "whatever"), signing_key="")


@pytest.mark.parametrize("setting", ["signature", "url_hash"])
def test_without_a_key_a_signature_that_is_required_cannot_be_there(setting: str) -> None:
    url = f"{URL}?{urlencode(RECEIPT)}"
    assert not believed(called(url, signed(claims(url))), signing_key="", **{setting: "required"})


# Incoming texts.


def incoming(token: str | None, ticket: str = "") -> Callback:
    return called(f"{INCOMING}/{ticket}" if ticket else INCOMING, token, TEXT, ticket)


def test_an_incoming_text_is_covered_whole() -> None:
    callback = incoming(signed(claims(INCOMING, TEXT)))
    assert believed(callback)
    for at in range(len(TEXT)):
        body = TEXT[:at] + bytes([TEXT[at] ^ 1]) + TEXT[at + 1 :]
        assert not believed(replace(callback, body=body))
        assert not believed(replace(callback, body=TEXT[:at]))
    for at in range(len(INCOMING)):
        url = INCOMING[:at] + chr(ord(INCOMING[at]) ^ 1) + INCOMING[at + 1 :]
        assert not believed(replace(callback, url=url))


def test_an_incoming_text_without_the_header_is_refused_though_it_has_the_token() -> None:
    assert not believed(incoming(None))
    assert not believed(incoming(None, "t0ken"), incoming_token="t0ken")


def test_without_a_key_an_incoming_text_needs_the_token() -> None:
    assert believed(incoming(None, "t0ken"), signing_key="", incoming_token="t0ken")
    assert not believed(incoming(None, "token"), signing_key="", incoming_token="t0ken")
    assert not believed(incoming(None), signing_key="", incoming_token="t0ken")
    assert not believed(incoming(None), signing_key="")


def test_a_token_in_the_url_must_be_right_even_if_it_is_signed() -> None:
    callback = incoming(signed(claims(f"{INCOMING}/t0ken", TEXT)), "t0ken")
    assert believed(callback, incoming_token="t0ken")
    assert not believed(callback)


# Tokens.


def test_a_flipped_byte_of_the_token_is_refused() -> None:
    url = f"{URL}?{urlencode(RECEIPT)}"
    token = signed(claims(url))
    assert believed(called(url, token))
    for at in range(len(token)):
        for bit in (1, 2, 4, 8, 16, 32, 64, 128):
            wrong = token[:at] + chr(ord(token[at]) ^ bit) + token[at + 1 :]
            assert not believed(called(url, wrong))


def crafted(head: object, payload: object = None, key: str = KEY) -> str:
    """A token whose signature is right for what PyJWT would never write."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, payload)]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    made = hmac.new(key.encode(), text, "sha256").digest()
    return f"{text.decode()}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


HS256 = {"alg": "HS256"}


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "..",
        "a.b.c",
        "é.é.é",
        "\ud83d.\ud83d.\ud83d",
        "eyJhbGciOiJub25lIn0.e30.",
        crafted({"alg": "none"}, claims(URL)),
        crafted({"alg": "RS256"}, claims(URL)),
        crafted({"alg": ["HS256"]}, claims(URL)),
        crafted({"alg": None}, claims(URL)),
        crafted([HS256], claims(URL)),
        crafted(b"\xff", claims(URL)),
        crafted(b"[" * 100_000, claims(URL)),
        crafted(HS256, []),
        crafted(HS256, None),
        crafted(HS256, b"{"),
        crafted(HS256, claims(URL, nbf="0")),
        crafted(HS256, claims(URL, exp=[9e15])),
        crafted(HS256, claims(URL, exp=float("nan"))),
        crafted(HS256, claims(URL, iss=["MessageBird"])),
        crafted(HS256, claims(URL, url_hash=[digest(URL.encode())])),
        crafted(HS256, claims(URL, payload_hash={"a": 1})),
        crafted(HS256, claims(URL), ""),
    ],
)
def test_a_token_that_is_odd_is_refused(token: str) -> None:
    assert believed(called(URL, crafted(HS256, claims(URL))))
    assert not believed(called(URL, token))


@given(st.text() | st.lists(st.text(), min_size=3, max_size=3).map(".".join), st.text(), st.binary())
def test_whatever_the_header_says_it_is_refused_and_nothing_else(token: str, query: str, body: bytes) -> None:
    assert not believed(Callback("POST", URL, {HEADER: token or "x"}, (("a", query),), body, TICKET))


@pytest.mark.parametrize("separator", [" ", ",", "\n"])
def test_two_keys_are_good_while_one_replaces_the_other(separator: str) -> None:
    both = f"{KEY}{separator}{OTHER_KEY}"
    assert believed(called(QUERY, signed(claims(QUERY), KEY)), signing_key=both)
    assert believed(called(QUERY, signed(claims(QUERY), OTHER_KEY)), signing_key=both)
    assert not believed(called(QUERY, signed(claims(QUERY), both)), signing_key=both)


@pytest.mark.parametrize(
    ("after", "settings", "good"),
    [
        pytest.param(-59, {}, True, id="their clock is ahead"),
        pytest.param(-62, {}, False, id="from the future"),
        pytest.param(119, {}, True, id="a minute after its end"),
        pytest.param(122, {}, False, id="later"),
        pytest.param(60, {"signature_leeway": "1"}, True, id="as strict as their validator"),
        pytest.param(63, {"signature_leeway": "1"}, False, id="as strict as their validator, later"),
        pytest.param(86_000, {"signature_leeway": "86400"}, True, id="within what is set"),
    ],
)
def test_a_token_lives_a_minute_and_some(after: int, settings: dict[str, str], good: bool) -> None:
    token = signed(claims(URL, exp=int(NOW.timestamp()) + 60))
    assert believed(called(URL, token), NOW + timedelta(seconds=after), **settings) is good


@pytest.mark.parametrize("leeway", ["", "a minute", "-1", "1.5"])
def test_a_leeway_that_is_no_number(leeway: str) -> None:
    with pytest.raises(ConfigurationError, match="signature_leeway"):
        believed(called(URL, signed(claims(URL))), signature_leeway=leeway)
