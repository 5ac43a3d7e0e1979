"""Telnyx: which callbacks are believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey
from telnyx.lib import webhook_verification as vendor

from chalicelib.errors import CallbackNotAuthentic, ConfigurationError
from chalicelib.providers.base import Callback
from chalicelib.providers.telnyx import Telnyx

KEY, OTHER = SigningKey(b"\1" * 32), SigningKey(b"\2" * 32)
AT = datetime.fromtimestamp(1791460985, tz=timezone.utc)
BODY = b'{"data": {"payload": {"text": "Z\xc3\xbcrich \\ud83d\\ude00"}}}'
TIME, SIGNATURE = "telnyx-timestamp", "telnyx-signature-ed25519"


def shown(key: SigningKey) -> str:
    """The public key as Telnyx shows it."""
    return base64.b64encode(bytes(key.verify_key)).decode()


def telnyx(public_key: str = shown(KEY), **changes: str) -> Telnyx:
    return Telnyx({"api_key": "KEY0123456789ABCDEF_made-up", "public_key": public_key, **changes})


def signed(body: bytes = BODY, at: str = "1791460985", key: SigningKey = KEY) -> Callback:
    signature = base64.b64encode(key.sign(at.encode() + b"|" + body).signature).decode()
    return Callback("POST", "https://sms.example.com", {TIME: at, SIGNATURE: signature}, body=body)


def respelt(signature: str) -> str:
    """The same bytes: the last letter of 64 has four bits that count for nothing."""
    other = signature[:-3] + chr(ord(signature[-3]) + 1) + "=="
    assert base64.b64decode(other) == base64.b64decode(signature)
    return other


def with_header(name: str, value: str, callback: Callback | None = None) -> Callback:
    callback = callback or signed()
    return replace(callback, headers={**callback.headers, name: value})


def is_believed(callback: Callback, provider: Telnyx | None = None, now: datetime = AT) -> bool:
    try:
        (provider or telnyx()).verify_callback(callback, now)
    except CallbackNotAuthentic:
        return False
    return True


@pytest.fixture
def vendors_verdict(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callback], bool]:
    """What the vendor's own package says of a callback, at that time."""
    monkeypatch.setattr(vendor, "time", SimpleNamespace(time=AT.timestamp))

    def verdict(callback: Callback) -> bool:
        try:
            vendor.verify_webhook_signature(callback.body, callback.headers, shown(KEY))
        except vendor.WebhookVerificationError:
            return False
        return True

    return verdict


def test_the_known_signature_is_believed() -> None:
    signature = "mGibRB7Xy17ERA2GGgybV7L0upCmVLrVkTZNRYF5Nfj2IINkpOUq1WYaC8sE5caET63k8uxR9EUYIUVoepzoCw=="
    callback = Callback("POST", "", {TIME: "1791460985", SIGNATURE: signature}, body=b'{"a":1}')
    assert is_believed(callback, telnyx("iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="))
    assert not is_believed(replace(callback, body=b'{"a": 1}'), telnyx("iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="))


@pytest.mark.parametrize("body", [BODY, b"", b"{}", json.dumps({"text": "a" * 5000}).encode()])
def test_what_the_vendors_package_believes_is_believed(
    vendors_verdict: Callable[[Callback], bool], body: bytes
) -> None:
    assert vendors_verdict(signed(body))
    assert is_believed(signed(body))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_forged_signature_is_refused_and_never_trips_the_arithmetic(data: st.DataObject) -> None:
    """Whatever the 64 bytes are: no point of the curve, a number beyond its order, or a good half of each."""
    good = base64.b64decode(signed().headers[SIGNATURE])
    half = st.binary(min_size=32, max_size=32) | st.sampled_from([b"\0" * 32, b"\xff" * 32, b"\1" + b"\0" * 31])
    forged = data.draw(half | st.just(good[:32])) + data.draw(half | st.just(good[32:]))
    assert is_believed(with_header(SIGNATURE, base64.b64encode(forged).decode())) is (forged == good)


def test_a_number_beyond_the_order_is_no_second_signature() -> None:
    """RFC 8032, 5.1.7: S must be below the order of the curve, else everybody could make another signature of a good one."""
    order = 2**252 + 27742317777372353535851937790883648493
    good = base64.b64decode(signed().headers[SIGNATURE])
    again = good[:32] + (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little")
    assert not is_believed(with_header(SIGNATURE, base64.b64encode(again).decode()))


@pytest.mark.parametrize("name", [TIME, SIGNATURE])
def test_a_flipped_byte_of_a_header_is_refused(name: str) -> None:
    value = signed().headers[name]
    for at in range(len(value)):
        assert not is_believed(with_header(name, value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]))


def test_a_flipped_byte_of_the_body_is_refused() -> None:
    for at in range(len(BODY)):
        body = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
        assert not is_believed(replace(signed(), body=body))


@pytest.mark.parametrize(
    "callback",
    [
        pytest.param(Callback("POST", "", {}, body=BODY), id="no headers"),
        pytest.param(with_header(SIGNATURE, ""), id="an empty signature"),
        pytest.param(with_header(SIGNATURE, "é" * 88), id="a signature that is not ASCII"),
        pytest.param(with_header(SIGNATURE, "\ud83d"), id="half an emoji"),
        pytest.param(with_header(SIGNATURE, signed().headers[SIGNATURE][:-1]), id="bad base64"),
        pytest.param(with_header(SIGNATURE, signed().headers[SIGNATURE] + "\n"), id="more than base64"),
        pytest.param(
            with_header(SIGNATURE, respelt(signed().headers[SIGNATURE])), id="the same 64 bytes, spelt otherwise"
        ),
        pytest.param(with_header(SIGNATURE, base64.b64encode(b"x" * 63).decode()), id="too short"),
        pytest.param(with_header(SIGNATURE, base64.b64encode(b"x" * 65).decode()), id="too long"),
        pytest.param(signed(key=OTHER), id="another key"),
        pytest.param(replace(signed(), body=json.dumps(json.loads(BODY)).encode()), id="the same JSON, written anew"),
        pytest.param(
            replace(signed(b"1|{}", "1791460985"), headers=signed(b"{}", "1791460985|1").headers), id="a moved border"
        ),
    ],
)
def test_a_forged_callback_is_refused(callback: Callback) -> None:
    assert not is_believed(callback)


def test_the_url_is_not_signed_and_does_not_matter() -> None:
    assert is_believed(replace(signed(), url="https://elsewhere.example.com", query=(("a", "b"),), ticket="f" * 32))


@pytest.mark.parametrize(("seconds", "limit"), [(0, ""), (300, ""), (3600, ""), (-300, ""), (60, "60")], ids=str)
def test_a_callback_may_be_as_old_as_a_late_attempt(seconds: int, limit: str) -> None:
    provider = telnyx(signature_max_age=limit) if limit else telnyx()
    assert is_believed(signed(), provider, AT + timedelta(seconds=seconds))


@pytest.mark.parametrize(("seconds", "limit"), [(3601, ""), (-301, ""), (61, "60")], ids=str)
def test_an_old_callback_is_refused(seconds: int, limit: str) -> None:
    provider = telnyx(signature_max_age=limit) if limit else telnyx()
    assert not is_believed(signed(), provider, AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("at", ["", "soon", "-1", "1e9", "1791460985.0", " 1791460985", "+1791460985", "9" * 5000])
def test_a_callback_needs_a_time(at: str) -> None:
    assert not is_believed(signed(at=at))


def test_a_time_in_other_digits_is_none() -> None:
    assert not is_believed(with_header(TIME, "١٧٩١٤٦٠٩٨٥"))


@pytest.mark.parametrize("limit", ["an hour", "-1", "1.5", ""])
def test_a_window_that_is_no_number_of_seconds(limit: str) -> None:
    with pytest.raises(ConfigurationError, match="signature_max_age"):
        telnyx(signature_max_age=limit).verify_callback(signed(), AT)


@pytest.mark.parametrize(
    "public_key", ["", " ", "not-a-key", shown(KEY)[:-2], shown(KEY)[1:], base64.b64encode(b"x" * 31).decode(), "é"]
)
def test_without_a_key_nothing_is_believed(public_key: str) -> None:
    with pytest.raises(CallbackNotAuthentic, match="set public_key"):
        telnyx(public_key).verify_callback(signed(), AT)


def test_a_key_that_is_no_point_of_the_curve_verifies_nothing() -> None:
    assert not is_believed(signed(), telnyx(base64.b64encode(b"\2" + b"\0" * 31).decode()))


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\n"])
def test_two_keys_are_good_while_one_replaces_the_other(separator: str) -> None:
    provider = telnyx(f"{shown(OTHER)}{separator}{shown(KEY)}")
    assert is_believed(signed(key=OTHER), provider)
    assert is_believed(signed(key=KEY), provider)
    assert not is_believed(signed(key=SigningKey(b"\3" * 32)), provider)
