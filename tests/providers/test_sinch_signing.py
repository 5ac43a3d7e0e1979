"""Sinch: which callbacks are believed, with the vendor's package and its published example as the judges."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sinch.domains.authentication.sinch_events.v1 import authentication_validation as vendors
from sinch.domains.sms.sinch_events.v1.sms_sinch_event import SmsSinchEvent
from test_sinch import ID

from chalicelib.errors import CallbackError, CallbackNotAuthentic, ConfigurationError
from chalicelib.messages import IncomingText
from chalicelib.providers.base import Callback
from chalicelib.providers.sinch import Sinch

UNSIGNED = {
    "service_plan_id": "plan4711",
    "api_token": "t0ken-of-the-plan",
    "callback_secret": "s3cret-of-callbacks",
    "incoming_token": "t0ken-of-incoming",
}
SECRET = "SMSWebhooksSecret"
SIGNED_AT = datetime.fromtimestamp(1736760161, tz=timezone.utc)
#: https://github.com/sinch/sinch-sdk-java: SinchEventsServiceTest.java, byte for byte
PUBLISHED = (
    b'{"at":"2025-01-13T09:22:40.914Z","batch_id":"01JHFFHQ0P99JPPNQPJDV7JTBP","client_reference":"a client reference",'
    b'"code":0,"operator_status_at":"2025-01-13T09:22:00Z","recipient":"33662162466","status":"Delivered",'
    b'"type":"recipient_delivery_report_sms"}'
)
HEADERS = {
    "x-sinch-webhook-signature": "ZoHei66PPN/kZjw7hFVfGhJOnml3iGNCMWoyQVcE5o0=",
    "x-sinch-webhook-signature-algorithm": "HmacSHA256",
    "x-sinch-webhook-signature-nonce": "01JHFFHWYY7HSS4FWTMDTQEK8V",
    "x-sinch-webhook-signature-timestamp": "1736760161",
}
SIGNED = [f"x-sinch-webhook-signature{part}" for part in ("", "-nonce", "-timestamp")]


def signing(**settings: str) -> Sinch:
    return Sinch({**UNSIGNED, "webhook_secret": SECRET, **settings})


def published(**changes: Any) -> Callback:
    callback = Callback("POST", "https://sms.example.com/api/callback/sinch", HEADERS, body=PUBLISHED)
    return dataclasses.replace(callback, **changes)


def signed(body: str, secret: str = SECRET, nonce: str = "01JN0NCE", timestamp: str = "1736760161") -> Callback:
    """As the vendor's package would."""
    text = vendors.compute_signed_data(body, nonce, timestamp)
    signature = vendors.calculate_sinch_event_signature(text, secret)
    headers = dict(zip(SIGNED, (signature, nonce, timestamp), strict=True))
    callback = published(headers=headers, body=body.encode())
    assert SmsSinchEvent(secret or "-").validate_authentication_header(headers, callback.body) is bool(secret)
    return callback


def test_the_published_example_is_believed_and_read() -> None:
    signing().verify_callback(published(), SIGNED_AT)
    assert len(signing().parse_callback(published())) == 1


@pytest.mark.parametrize("text", ["Hello", "Ünïcode 😀", "a.b.c", "", " "])
@pytest.mark.parametrize("indent", [None, 2])
def test_what_the_vendors_package_signs_is_believed(text: str, indent: int | None) -> None:
    body = json.dumps({"type": "mo_text", "id": "1", "from": "33", "body": text}, ensure_ascii=False, indent=indent)
    callback = signed(body)
    signing().verify_callback(callback, SIGNED_AT)
    (incoming,) = signing().parse_callback(callback)
    assert isinstance(incoming, IncomingText)
    assert incoming.text == text


@pytest.mark.parametrize("name", SIGNED)
def test_a_flipped_byte_in_a_header_is_refused(name: str) -> None:
    for at, character in enumerate(HEADERS[name]):
        wrong = HEADERS[name][:at] + chr(ord(character) ^ 1) + HEADERS[name][at + 1 :]
        with pytest.raises(CallbackNotAuthentic):
            signing().verify_callback(published(headers={**HEADERS, name: wrong}), SIGNED_AT)


def test_a_flipped_byte_in_the_body_is_refused() -> None:
    for at, byte in enumerate(PUBLISHED):
        wrong = PUBLISHED[:at] + bytes([byte ^ 1]) + PUBLISHED[at + 1 :]
        with pytest.raises(CallbackNotAuthentic):
            signing().verify_callback(published(body=wrong), SIGNED_AT)
    for wrong in (PUBLISHED + b" ", b" " + PUBLISHED, PUBLISHED[:-1], b""):
        with pytest.raises(CallbackNotAuthentic):
            signing().verify_callback(published(body=wrong), SIGNED_AT)


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("value", [None, "", "é", "\ud83d", "a b", "x" * 100_000])
def test_a_missing_or_malformed_header_is_refused(name: str, value: str | None) -> None:
    headers = {key: given for key, given in {**HEADERS, name: value}.items() if given is not None}
    with pytest.raises(CallbackNotAuthentic):
        signing().verify_callback(published(headers=headers), SIGNED_AT)


def test_the_end_of_the_body_cannot_be_passed_off_as_nonce() -> None:
    body, _, rest = PUBLISHED.decode().partition(".")
    nonce = "x-sinch-webhook-signature-nonce"
    moved = published(body=body.encode(), headers={**HEADERS, nonce: f"{rest}.{HEADERS[nonce]}"})
    with pytest.raises(CallbackError):
        signing().verify_callback(moved, SIGNED_AT)  # the same bytes are signed
        signing().parse_callback(moved)


@pytest.mark.parametrize("algorithm", [None, "HmacSHA1", "none"])
def test_the_algorithm_is_not_the_callers_to_choose(algorithm: str | None) -> None:
    headers = {**HEADERS, "x-sinch-webhook-signature-algorithm": algorithm or ""}
    signing().verify_callback(published(headers=headers), SIGNED_AT)


def test_the_signature_of_another_product_is_no_proof() -> None:
    digest = vendors.compute_hmac_signature(PUBLISHED, SECRET)
    for name in ("x-sinch-signature", "x-sinch-webhook-signature"):
        headers = {**HEADERS, "x-sinch-webhook-signature": "", name: digest}
        with pytest.raises(CallbackNotAuthentic):
            signing().verify_callback(published(headers=headers), SIGNED_AT)


@pytest.mark.parametrize(
    ("age", "settings"),
    [
        pytest.param(timedelta(), {}, id="at once"),
        pytest.param(timedelta(minutes=-4), {}, id="Sinch's clock is ahead"),
        pytest.param(timedelta(seconds=81_920), {}, id="the last attempt"),
        pytest.param(timedelta(seconds=60), {"signature_max_age": "60"}, id="within the window that is set"),
    ],
)
def test_a_callback_may_be_as_old_as_the_last_attempt(age: timedelta, settings: dict[str, str]) -> None:
    signing(**settings).verify_callback(published(), SIGNED_AT + age)


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
        signing(**settings).verify_callback(published(), SIGNED_AT + age)


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "1e9", "9" * 5000])
def test_a_signed_callback_needs_a_time(timestamp: str) -> None:
    with pytest.raises(CallbackNotAuthentic, match="time"):
        signing().verify_callback(signed("{}", timestamp=timestamp), SIGNED_AT)


def test_two_secrets_are_good_while_one_replaces_the_other() -> None:
    provider = signing(webhook_secret="new-secret old-secret")
    provider.verify_callback(signed("{}", "old-secret"), SIGNED_AT)
    provider.verify_callback(signed("{}", "new-secret"), SIGNED_AT)
    for secret in ("new-secret old-secret", "other-secret", ""):
        with pytest.raises(CallbackNotAuthentic):
            provider.verify_callback(signed("{}", secret), SIGNED_AT)


def test_a_window_that_is_no_number() -> None:
    with pytest.raises(ConfigurationError, match="signature_max_age"):
        signing(signature_max_age="a day").verify_callback(published(), SIGNED_AT)


@pytest.mark.parametrize("ticket", [Sinch(UNSIGNED).ticket(ID), UNSIGNED["incoming_token"]])
def test_the_url_proves_a_callback_only_where_sinch_does_not_sign(ticket: str) -> None:
    callback = published(headers={}, ticket=ticket)
    Sinch(UNSIGNED).verify_callback(callback, SIGNED_AT)
    with pytest.raises(CallbackNotAuthentic):
        signing().verify_callback(callback, SIGNED_AT)


@pytest.mark.parametrize(
    "ticket", ["", ID, f"{ID}-", f"{ID}-{'0' * 32}", f"{'f' * 32}-{Sinch(UNSIGNED).ticket(ID)[33:]}"]
)
def test_where_sinch_does_not_sign_a_wrong_url_is_refused(ticket: str) -> None:
    for headers in ({}, HEADERS):
        with pytest.raises(CallbackNotAuthentic):
            Sinch(UNSIGNED).verify_callback(published(headers=headers, ticket=ticket), SIGNED_AT)
