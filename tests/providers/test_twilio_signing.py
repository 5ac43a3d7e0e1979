"""Twilio: which callbacks are believed. Twilio's own package signs them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlencode

import pytest
from test_twilio import ID, SID, URL
from twilio.request_validator import RequestValidator

from chalicelib.errors import CallbackError, CallbackNotAuthentic
from chalicelib.messages import DeliveryReceipt
from chalicelib.providers.base import Callback
from chalicelib.providers.twilio import Twilio

TOKEN, SHARED = "t0ken-of-the-account", "s3cret-of-the-shared-key"
HOW = "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256"
RECEIPT = {
    "AccountSid": "AC00000000000000000000000000000000",
    "ApiVersion": "2010-04-01",
    "From": "+15005550006",
    "MessageSid": SID,
    "MessageStatus": "delivered",
    "RawDlrDoneDate": "2610081203",
    "SmsSid": SID,
    "SmsStatus": "delivered",
    "To": "+15005550010",
}


CALL = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]


class Repeated:
    """A form for Twilio's package, which knows the ones of Flask and Django, in which a name may come several times."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.pairs)

    def getall(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]


def twilio(token: str = TOKEN, **settings: str) -> Twilio:
    return Twilio({"account_sid": RECEIPT["AccountSid"], "auth_token": token, **settings})


def posted(
    pairs: list[tuple[str, str]], signature: str, url: str = URL, query: tuple[tuple[str, str], ...] = ()
) -> Callback:
    headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
    return Callback("POST", url, headers, query, urlencode(pairs).encode())


def signed(params: dict[str, str] | None = None, token: str = TOKEN, signed_url: str = URL, url: str = URL) -> Callback:
    params = RECEIPT if params is None else params
    return posted([*params.items()], RequestValidator(token).compute_signature(signed_url, params), url)


def shared(how: str = HOW, algorithm: str = "HMAC_SHA256", key: str = SHARED) -> Callback:
    signature = RequestValidator(key).compute_signature(URL, RECEIPT, algorithm)
    callback = posted([*RECEIPT.items()], signature)
    return dataclasses.replace(callback, headers={**callback.headers, "x-twilio-webhooks-signature-settings": how})


def refused(provider: Twilio, callback: Callback, now: datetime) -> None:
    with pytest.raises(CallbackNotAuthentic):
        provider.verify_callback(callback, now)


@pytest.mark.parametrize(
    ("token", "url", "query", "pairs", "signature"),
    [
        pytest.param(
            "12345",
            "https://example.com/myapp.php",
            (("foo", "1"), ("bar", "2")),
            [
                ("CallSid", "CA1234567890ABCDE"),
                ("Caller", "+14158675310"),
                ("Digits", "1234"),
                ("From", "+14158675310"),
                ("To", "+18005551212"),
            ],
            "L/OH5YylLD5NRKLltdqwSvS0BnU=",
            id="https://www.twilio.com/docs/usage/security",
        ),
        pytest.param(
            "12345",
            "https://mycompany.com/myapp.php",
            (("foo", "1"), ("bar", "2")),
            [
                ("Sid", "CA123"),
                ("SidAccount", "AC123"),
                ("Digits", "5678"),
                ("Digits", "1234"),
                ("Digits", "1234"),
            ],
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
            id="a repeated parameter, from the tests of Twilio's package",
        ),
        *(
            pytest.param(
                "12345", f"{url}/myapp.php", (("foo", "1"), ("bar", "2")), CALL, signature, id=f"{sentence}, from there"
            )
            for url, signature, sentence in [
                ("https://mycompany.com", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "as it is called"),
                ("https://mycompany.com:1234", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "without the port that is called"),
                ("https://mycompany.com", "kvajT1Ptam85bY51eRf/AJRuM3w=", "with the port of HTTPS"),
                ("http://mycompany.com", "0ZXoZLH/DfblKGATFgpif+LLRf4=", "with the port of HTTP"),
                ("http://mycompany.com:1234", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=", "with the port that is called"),
            ]
        ),
        pytest.param(
            "test-auth-token",
            "https://gw.example.com/twilio/status",
            (("mid", "01J"),),
            [*RECEIPT.items()],
            "BAj+ZA8ewaUIXhCjYM0hhftTLV0=",
            id="a receipt",
        ),
    ],
)
def test_the_signature_is_the_known_one(
    now: datetime,
    token: str,
    url: str,
    query: tuple[tuple[str, str], ...],
    pairs: list[tuple[str, str]],
    signature: str,
) -> None:
    twilio(token).verify_callback(posted(pairs, signature, url, query), now)
    refused(twilio("12346"), posted(pairs, signature, url, query), now)


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([("Body", "Hello"), ("From", "+1")], id="plain"),
        pytest.param([("Body", " a&b=c + 50% \n"), ("From", " ")], id="blanks and signs are not trimmed"),
        pytest.param([("Body", ""), ("FromCity", ""), ("From", "+1")], id="empty values count"),
        pytest.param([("Body", "Ünïcode 😀"), ("From", "+1")], id="UTF-8"),
        pytest.param([("b", "1"), ("B", "2"), ("a", "3"), ("_", "4"), ("B1", "5")], id="sorted as ASCII has it"),
        pytest.param([("x", "2"), ("x", "1"), ("x", "2"), ("y", "1")], id="repeated: sorted, each value once"),
    ],
)
def test_the_signature_is_the_one_that_twilios_package_makes(now: datetime, pairs: list[tuple[str, str]]) -> None:
    signature = RequestValidator(TOKEN).compute_signature(URL, Repeated(pairs))
    twilio().verify_callback(posted(pairs, signature), now)


@pytest.mark.parametrize(
    ("signed_url", "url"),
    [
        ("https://sms.example.com:443/callback/twilio", "https://sms.example.com/callback/twilio"),
        ("https://sms.example.com/callback/twilio", "https://sms.example.com:443/callback/twilio"),
        ("https://sms.example.com/callback/twilio", "https://sms.example.com:8443/callback/twilio"),
        ("https://sms.example.com:8443/callback/twilio", "https://sms.example.com:8443/callback/twilio"),
        ("http://sms.example.com:80/callback/twilio", "http://sms.example.com/callback/twilio"),
        ("https://sms.example.com/callback/twilio", "https://us:er@sms.example.com/callback/twilio"),
    ],
)
def test_the_port_may_be_signed_or_left_out_and_who_calls_is(now: datetime, signed_url: str, url: str) -> None:
    twilio().verify_callback(signed(signed_url=signed_url, url=url), now)


@pytest.mark.parametrize(
    "signed_url",
    [
        f"http://sms.example.com/api/callback/twilio/{ID}",
        f"https://sms.example.com:444/api/callback/twilio/{ID}",
        f"https://sms.example.org/api/callback/twilio/{ID}",
        f"https://sms.example.com/api/callback/twilio/{ID[::-1]}",
        f"{URL}?x=1",
        f"{URL}#rc=5&rp=5xx,ct,rt",
    ],
)
def test_another_url_is_not_ours(now: datetime, signed_url: str) -> None:
    refused(twilio(), signed(signed_url=signed_url), now)


def flipped(text: str) -> list[str]:
    return [text[:at] + chr(ord(one) ^ 1) + text[at + 1 :] for at, one in enumerate(text)]


def test_a_flipped_byte_of_url_signature_or_body_is_refused(now: datetime) -> None:
    callback = signed()
    attempts = [dataclasses.replace(callback, url=url) for url in flipped(callback.url)]
    attempts += [dataclasses.replace(callback, body=body.encode()) for body in flipped(callback.body.decode())]
    for signature in flipped(callback.headers["x-twilio-signature"]):
        attempts.append(dataclasses.replace(callback, headers={"x-twilio-signature": signature}))
    for attempt in attempts:
        with pytest.raises(CallbackError):
            twilio().verify_callback(attempt, now)


def test_a_ticket_that_is_not_the_one_of_the_url_is_refused(now: datetime) -> None:
    callback = signed()
    twilio().verify_callback(dataclasses.replace(callback, ticket=ID), now)
    for ticket in (ID[::-1], ID[1:], "0"):
        refused(twilio(), dataclasses.replace(callback, ticket=ticket), now)


@pytest.mark.parametrize("signature", ["", " ", "é", "\ud83d", "AAAA", "not base64!", "=" * 10_000])
def test_a_signature_that_is_none_is_refused(now: datetime, signature: str) -> None:
    refused(twilio(), posted([*RECEIPT.items()], signature), now)


def test_a_url_that_is_no_text_is_refused(now: datetime) -> None:
    refused(twilio(), dataclasses.replace(signed(), url=f"{URL}\ud83d"), now)
    refused(twilio(), dataclasses.replace(signed(), query=(("\ud83d", "1"),)), now)


def test_without_a_signature_nothing_is_believed(now: datetime) -> None:
    refused(twilio(), dataclasses.replace(signed(), headers={}), now)


@pytest.mark.parametrize("token", [" ", ",\n"])
def test_without_a_token_nothing_is_believed(now: datetime, token: str) -> None:
    for key in ("", token):
        refused(twilio(token), signed(token=key), now)


def test_two_tokens_are_good_while_one_replaces_the_other(now: datetime) -> None:
    provider = twilio("new-token old-token")
    provider.verify_callback(signed(token="old-token"), now)
    provider.verify_callback(signed(token="new-token"), now)
    refused(provider, signed(token="new-token old-token"), now)


# GET, and JSON.


def test_a_get_is_signed_by_its_url_alone(now: datetime) -> None:
    query = (("MessageSid", SID), ("From", "+15005550010"), ("Body", "Hello you"))
    url = "https://sms.example.com/api/incoming/twilio"
    signature = RequestValidator(TOKEN).compute_signature(f"{url}?{urlencode(query)}", {})
    headers = {"x-twilio-signature": signature, "content-type": "application/json"}
    twilio().verify_callback(Callback("GET", url, headers, query), now)
    for other in ((*query[:2], ("Body", "Yes")), query[:2], ()):
        refused(twilio(), Callback("GET", url, headers, other), now)


def as_json(body: bytes, digest: str | None = None) -> Callback:
    query = {"bodySHA256": hashlib.sha256(body).hexdigest() if digest is None else digest}
    signature = RequestValidator(TOKEN).compute_signature(f"{URL}?{urlencode(query)}", {})
    headers = {"content-type": "application/json", "x-twilio-signature": signature}
    return Callback("POST", URL, headers, tuple(query.items()), body, ID)


JSON = b'{"MessageSid": "SM11111111111111111111111111111111", "MessageStatus": "failed", "ErrorCode": 30003}'


def test_of_json_the_url_has_the_hash(now: datetime) -> None:
    callback = as_json(JSON)
    assert RequestValidator(TOKEN).validate(callback.full_url, JSON.decode(), callback.headers["x-twilio-signature"])
    twilio().verify_callback(callback, now)
    (receipt,) = twilio().parse_callback(callback)
    assert isinstance(receipt, DeliveryReceipt)
    assert (receipt.message_id, receipt.provider_status) == (ID, "failed 30003")
    twilio().verify_callback(as_json(JSON, hashlib.sha256(JSON).hexdigest().upper()), now)


def test_the_hash_and_signature_of_json_are_the_known_ones(now: datetime) -> None:
    body = b'{"property": "value", "boolean": true}'
    digest = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    query = (("foo", "1"), ("bar", "2"), ("bodySHA256", digest))
    headers = {"content-type": "application/json", "x-twilio-signature": "a9nBmqA0ju/hNViExpshrM61xv4="}
    twilio("12345").verify_callback(Callback("POST", "https://mycompany.com/myapp.php", headers, query, body), now)


def test_json_that_is_not_the_one_of_the_hash_is_refused(now: datetime) -> None:
    callback = as_json(JSON)
    for body in (b"", JSON[:-1], JSON.replace(b"failed", b"queued")):
        refused(twilio(), dataclasses.replace(callback, body=body), now)
    refused(twilio(), as_json(JSON, hashlib.sha256(b"").hexdigest()), now)
    refused(twilio(), as_json(JSON, "é"), now)


def test_json_without_a_hash_is_refused_though_its_url_is_signed(now: datetime) -> None:
    signature = RequestValidator(TOKEN).compute_signature(URL, {})
    headers = {"content-type": "application/json", "x-twilio-signature": signature}
    refused(twilio(), Callback("POST", URL, headers, body=JSON), now)


# Shared keys.


def test_a_callback_may_be_signed_with_a_shared_key(now: datetime) -> None:
    provider = twilio(shared_key=f"new-key {SHARED}")
    for how in (HOW, HOW.replace(",", ", "), "algorithm=HMAC_SHA256"):
        provider.verify_callback(shared(how), now)
    provider.verify_callback(shared(key="new-key"), now)
    provider.verify_callback(signed(), now)  # others are signed with the token as before


def test_the_signature_with_a_shared_key_is_the_known_one(now: datetime) -> None:
    url, query = "https://gw.example.com/twilio/status", (("mid", "01J"),)
    callback = posted([*RECEIPT.items()], "01c3kjnQmWe1eETcK62KEEv9oLZ93ftL7sYAS9+HyYU=", url, query)
    headers = {**callback.headers, "x-twilio-webhooks-signature-settings": HOW}
    twilio(shared_key="test-auth-token").verify_callback(dataclasses.replace(callback, headers=headers), now)


def test_a_shared_key_may_sign_with_sha1(now: datetime) -> None:
    for how in ("key=1,algorithm=HMAC_SHA1", "key=1"):
        twilio(shared_key=SHARED, shared_key_algorithm="HMAC_SHA1").verify_callback(shared(how, "HMAC_SHA1"), now)


@pytest.mark.parametrize(
    ("settings", "callback"),
    [
        pytest.param({}, shared(key=TOKEN), id="the token is no shared key"),
        pytest.param({"shared_key": SHARED}, signed(token=SHARED), id="the shared key is no token"),
        pytest.param({"shared_key": " "}, shared(key=""), id="no key is set"),
        pytest.param({"shared_key": SHARED}, shared("key=1", "HMAC_SHA1"), id="SHA-1, which is not the key's"),
        pytest.param({"shared_key": SHARED}, shared("key=1,algorithm=HMAC_SHA1", "HMAC_SHA1"), id="the same, in words"),
        pytest.param({"shared_key": SHARED}, shared("key=1,algorithm=ROT13"), id="an algorithm nobody has heard of"),
        pytest.param(
            {"shared_key": SHARED, "shared_key_algorithm": "ROT13"},
            shared("key=1,algorithm=ROT13"),
            id="the same, and set",
        ),
        pytest.param({"shared_key": SHARED}, shared("é\ud83d"), id="a header that cannot be read"),
    ],
)
def test_another_key_is_refused(now: datetime, settings: dict[str, str], callback: Callback) -> None:
    refused(twilio(**settings), callback, now)
