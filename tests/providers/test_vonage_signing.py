"""Vonage: which callbacks are believed."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.errors import CallbackNotAuthentic, ConfigurationError
from chalicelib.providers.base import Callback
from chalicelib.providers.vonage import METHODS, Vonage

SECRET = "s3cr3ts3cr3ts3cr3t"
SETTINGS = {"api_key": "abcd1234", "api_secret": "s3cr3t-of-the-api", "signature_secret": SECRET}
ID = "0123456789abcdef0123456789abcdef"
SIGNED_AT = datetime.fromtimestamp(1791460985, tz=timezone.utc)
RECEIPT = {
    "msisdn": "447700900000",
    "to": "AcmeInc",
    "network-code": "23410",
    "messageId": "0A0000001234567B",
    "price": "0.03330000",
    "status": "delivered",
    "scts": "2610081203",
    "err-code": "0",
    "api-key": "abcd1234",
    "client-ref": ID,
    "message-timestamp": "2026-10-08 12:03:05",
    "timestamp": "1791460985",
    "nonce": "ec11dd3e-1e7f-4db5-9467-82b02cd223b9",
}
INCOMING = {
    "api-key": "abcd1234",
    "msisdn": "447700900001",
    "to": "447700900000",
    "messageId": "0A0000000123ABCD1",
    "text": "STOP",
    "type": "text",
    "keyword": "STOP",
    "message-timestamp": "2026-10-08 12:05:00",
    "timestamp": "1791460985",
    "nonce": "ec11dd3e-1e7f-4db5-9467-82b02cd223b9",
}


def vonage(**settings: str) -> Vonage:
    return Vonage({**SETTINGS, **settings})


def form(params: dict[str, str]) -> Callback:
    return Callback("POST", "https://sms.example.com/api/callback/vonage", body=urlencode(params).encode())


def as_json(params: dict[str, str]) -> Callback:
    kind = {"content-type": "application/json; charset=utf-8"}
    return Callback("POST", "https://sms.example.com/api/callback/vonage", kind, body=json.dumps(params).encode())


def signed(params: dict[str, str], secret: str = SECRET) -> dict[str, str]:
    """By hand, in the default mode, for values without `&` and `=`; the vectors and the vendor's package do the rest."""
    text = "".join(f"&{name}={params[name]}" for name in sorted(params))
    return {**params, "sig": hashlib.md5((text + secret).encode()).hexdigest().upper()}


def test_a_signed_callback_is_believed(carried: Any) -> None:
    vonage().verify_callback(carried(signed(RECEIPT)), SIGNED_AT)


@pytest.mark.parametrize(
    ("method", "digest"),
    [
        ("md5hash", "9993ef1c21a52d6b1ff18ebb22b525f9"),
        ("md5", "e7c10921e6a384315c50a28c153b6f9d"),
        ("sha1", "2ec69ec50c09f1629a865bd0983d898d8d43c622"),
        ("sha256", "487e57a901c31f8b3ee27ccb65bdd785c21556c7c0a2fe7990b5be4714978bc6"),
        (
            "sha512",
            "7f288be370ea207bd985b9291a101c6246a09edc6eb8f8621d7e0bdf6b7b2d8d"
            "8cf35ecd349659afe2903ff4cf3cedfcebc53589b0c8ba1a862337864ca22f59",
        ),
    ],
)
def test_the_signature_is_the_known_one(method: str, digest: str) -> None:
    params = {**RECEIPT, "client-ref": "m&1=2", "sig": digest}
    vonage(signature_method=method).verify_callback(form(params), SIGNED_AT)


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("text", ["Hello", "a&b=c", "Ünïcode 😀", "50%+1 _&_=", " "])
def test_the_signature_is_the_one_that_the_vendors_package_makes(carried: Any, method: Any, text: str) -> None:
    from vonage_http_client import Auth  # it cannot do `md5hash`

    auth = Auth(api_key="abcd1234", signature_secret=SECRET, signature_method=method)
    params = {**INCOMING, "text": text}
    digest = auth.sign_params(dict(params))
    for sig in (digest, digest.upper()):
        vonage(signature_method=method).verify_callback(carried({**params, "sig": sig}), SIGNED_AT)


def test_a_blank_value_may_be_signed_or_left_out() -> None:
    with_blank = signed({**INCOMING, "text": "", "keyword": " "})
    vonage().verify_callback(form(with_blank), SIGNED_AT)
    without = signed({name: value for name, value in INCOMING.items() if name not in ("text", "keyword")})
    vonage().verify_callback(form({**without, "text": "", "keyword": " "}), SIGNED_AT)


@pytest.mark.parametrize("name", [*RECEIPT, "sig"])
def test_a_flipped_byte_is_refused(carried: Any, name: str) -> None:
    params = signed(RECEIPT)
    flipped = params[name][:-1] + chr(ord(params[name][-1]) ^ 1)
    with pytest.raises(CallbackNotAuthentic):
        vonage().verify_callback(carried({**params, name: flipped}), SIGNED_AT)


@pytest.mark.parametrize("name", [*RECEIPT, "sig"])
def test_a_missing_parameter_is_refused(carried: Any, name: str) -> None:
    params = signed(RECEIPT)
    del params[name]
    with pytest.raises(CallbackNotAuthentic):
        vonage().verify_callback(carried(params), SIGNED_AT)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"extra": "1"}, id="a parameter is added"),
        pytest.param({"sig": ""}, id="the signature is empty"),
        pytest.param({"sig": "ſ" * 32}, id="the signature is not ASCII"),
        pytest.param({"sig": "\ud83d"}, id="the signature is half an emoji"),
        pytest.param({"to": "\ud83d"}, id="a value is half an emoji"),
        pytest.param({"sig": hashlib.md5(b"").hexdigest()}, id="the signature is of nothing"),
    ],
)
def test_a_forged_callback_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(CallbackNotAuthentic):
        vonage().verify_callback(as_json({**signed(RECEIPT), **changes}), SIGNED_AT)


def test_a_name_cannot_swallow_its_neighbour() -> None:
    params = signed({**RECEIPT, "status": "failed", "err-code": "6"})
    swallowed = {name: value for name, value in params.items() if name not in ("client-ref", "err-code")}
    swallowed[f"client-ref={ID}&err-code"] = "6"
    with pytest.raises(CallbackNotAuthentic):
        vonage().verify_callback(form(swallowed), SIGNED_AT)


def test_a_repeated_parameter_is_read_as_it_is_signed() -> None:
    forged = urlencode(signed(RECEIPT)).encode() + b"&status=failed"
    with pytest.raises(CallbackNotAuthentic):
        vonage().verify_callback(Callback("POST", "https://sms.example.com", body=forged), SIGNED_AT)
    harmless = Callback("POST", "https://sms.example.com", body=b"status=failed&" + urlencode(signed(RECEIPT)).encode())
    vonage().verify_callback(harmless, SIGNED_AT)
    assert vonage().parse_callback(harmless) == vonage().parse_callback(form(RECEIPT))


@pytest.mark.parametrize(
    ("age", "settings"),
    [
        pytest.param(timedelta(), {}, id="at once"),
        pytest.param(timedelta(minutes=-4), {}, id="Vonage's clock is ahead"),
        pytest.param(timedelta(hours=24), {}, id="the last of a day's attempts"),
        pytest.param(timedelta(seconds=60), {"signature_max_age": "60"}, id="within the window that is set"),
    ],
)
def test_a_callback_may_be_as_old_as_the_last_attempt(age: timedelta, settings: dict[str, str]) -> None:
    vonage(**settings).verify_callback(form(signed(RECEIPT)), SIGNED_AT + age)


@pytest.mark.parametrize(
    ("age", "settings"),
    [
        pytest.param(timedelta(hours=25), {}, id="older than any attempt"),
        pytest.param(timedelta(minutes=-6), {}, id="from the future"),
        pytest.param(timedelta(seconds=61), {"signature_max_age": "60"}, id="outside the window that is set"),
    ],
)
def test_an_old_callback_is_refused(age: timedelta, settings: dict[str, str]) -> None:
    with pytest.raises(CallbackNotAuthentic, match="time"):
        vonage(**settings).verify_callback(form(signed(RECEIPT)), SIGNED_AT + age)


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "1e9", "1791460985.0", "١٧٩١٤٦٠٩٨٥", "9" * 5000])
def test_a_signed_callback_needs_a_time(timestamp: str) -> None:
    with pytest.raises(CallbackNotAuthentic, match="time"):
        vonage().verify_callback(form(signed({**RECEIPT, "timestamp": timestamp})), SIGNED_AT)


@pytest.mark.parametrize("secret", ["", " ", ",\n"])
def test_without_a_secret_nothing_is_believed(secret: str) -> None:
    with pytest.raises(CallbackNotAuthentic, match="set signature_secret"):
        vonage(signature_secret=secret).verify_callback(form(signed(RECEIPT, secret="")), SIGNED_AT)


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\n"])
def test_two_secrets_are_good_while_one_replaces_the_other(separator: str) -> None:
    provider = vonage(signature_secret=f"old-secret{separator}new-secret")
    provider.verify_callback(form(signed(RECEIPT, "old-secret")), SIGNED_AT)
    provider.verify_callback(form(signed(RECEIPT, "new-secret")), SIGNED_AT)
    with pytest.raises(CallbackNotAuthentic):
        provider.verify_callback(form(signed(RECEIPT, f"old-secret{separator}new-secret")), SIGNED_AT)


@pytest.mark.parametrize(
    "settings", [{"signature_method": "rot13"}, {"signature_max_age": "a day"}, {"signature_max_age": "-1"}]
)
def test_settings_that_are_wrong(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        vonage(**settings).verify_callback(form(signed(RECEIPT)), SIGNED_AT)


def test_the_dashboards_probe_is_answered(carried: Any) -> None:
    probe = carried({})
    provider = Vonage({name: value for name, value in SETTINGS.items() if name != "signature_secret"})
    provider.verify_callback(probe, SIGNED_AT)
    assert provider.parse_callback(probe) == ()
