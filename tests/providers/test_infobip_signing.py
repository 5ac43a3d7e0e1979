"""Infobip: which callbacks are believed. It has no verifier of its own to compare with."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from base64 import b64encode
from datetime import datetime, timezone
from typing import Any

import pytest
from test_infobip import URL, infobip

from chalicelib.errors import CallbackNotAuthentic, ConfigurationError
from chalicelib.providers.base import Callback

ID, OTHER = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
TICKET = f"{ID}-{hmac.new(b's3cret-of-the-tickets', b'infobip/' + ID.encode(), hashlib.sha256).hexdigest()[:32]}"


def carrying(*items: object, ticket: str = TICKET, **headers: str) -> Callback:
    body = json.dumps({"results": items}).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Callback("POST", URL, {"content-type": "application/json", **names}, body=body, ticket=ticket)


RECEIPT = {"messageId": ID, "status": {"groupId": 3, "id": 5, "name": "DELIVERED_TO_HANDSET"}, "callbackData": ID}
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
BASIC = {"basic_user": "infobip", "basic_password": "p4ssword-new p4ssword-old"}
HEADER = {"header_name": "X-Proof", "header_value": "v4lue-new v4lue-old"}
HMAC = {"hmac_header": "X-Signature", "hmac_secret": "s1gning-new s1gning-old"}


def basic(password: str = "p4ssword-new", user: str = "infobip") -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def digest(secret: str = "s1gning-new", algorithm: str = "sha256", body: bytes = carrying(RECEIPT).body) -> bytes:
    return hmac.new(secret.encode(), body, algorithm).digest()


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        pytest.param({}, {}, id="the ticket is enough where nothing else is set"),
        pytest.param(BASIC, {"authorization": basic()}, id="user and password"),
        pytest.param(BASIC, {"authorization": basic("p4ssword-old")}, id="the old password while it is changed"),
        pytest.param(HEADER, {"x_proof": "v4lue-new"}, id="a fixed header"),
        pytest.param(HEADER, {"x_proof": "v4lue-old"}, id="the old value while it is changed"),
        pytest.param(HMAC, {"x_signature": digest().hex()}, id="HMAC in hexadecimal"),
        pytest.param(HMAC, {"x_signature": digest().hex().upper()}, id="HMAC in capitals"),
        pytest.param(HMAC, {"x_signature": b64encode(digest()).decode()}, id="HMAC in base64"),
        pytest.param(HMAC, {"x_signature": digest("s1gning-old").hex()}, id="HMAC with the old secret"),
        pytest.param(
            {**BASIC, **HEADER, **HMAC},
            {"authorization": basic(), "x_proof": "v4lue-new", "x_signature": digest().hex()},
            id="all that are set hold",
        ),
    ],
)
def test_a_callback_is_believed(settings: dict[str, str], headers: dict[str, str]) -> None:
    infobip(**settings).verify_callback(carrying(RECEIPT, **headers), NOW)
    infobip(**settings).verify_callback(carrying(RECEIPT, ticket="t0ken-for-the-dashboard", **headers), NOW)


@pytest.mark.parametrize("name", ["MD5", "SHA_1", "SHA_224", "SHA_256", "SHA_384", "SHA_512"])
def test_the_algorithms_have_infobips_names(name: str) -> None:
    algorithm = name.replace("_", "").lower()
    signed = carrying(RECEIPT, x_signature=digest(algorithm=algorithm).hex())
    for spelled in (f"HMAC_{name}", algorithm):
        infobip(**HMAC, hmac_algorithm=spelled).verify_callback(signed, NOW)


GOOD = {"authorization": basic(), "x_proof": "v4lue-new", "x_signature": digest().hex()}


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        pytest.param({}, {"ticket": ""}, id="no ticket"),
        pytest.param({}, {"ticket": ID}, id="a ticket without proof"),
        pytest.param({}, {"ticket": OTHER + TICKET[32:]}, id="the proof of another text"),
        pytest.param({}, {"ticket": TICKET[:-1]}, id="a proof cut short"),
        pytest.param({}, {"ticket": "é\ud83d-\ud83d"}, id="half an emoji as ticket"),
        pytest.param({"incoming_token": ""}, {"ticket": ""}, id="no ticket where no token is set"),
        pytest.param({**BASIC, **HEADER, **HMAC}, {"ticket": ID}, id="all the rest makes no ticket"),
        pytest.param(BASIC, {"authorization": ""}, id="no credentials"),
        pytest.param(BASIC, {"authorization": basic("p4ssword-other")}, id="another password"),
        pytest.param(BASIC, {"authorization": basic(user="infobjp")}, id="another user"),
        pytest.param(BASIC, {"authorization": basic("p4ssword-new p4ssword-old")}, id="both passwords as one"),
        pytest.param(BASIC, {"authorization": "Basic \ud83d%%%"}, id="credentials that are no base64"),
        pytest.param(HEADER, {"x_proof": ""}, id="no header"),
        pytest.param(HEADER, {"x_proof": "v4lue-neW"}, id="a header with a flipped byte"),
        pytest.param(HMAC, {"x_signature": ""}, id="no signature"),
        pytest.param(HMAC, {"x_signature": digest("s1gning-bad").hex()}, id="a signature with another secret"),
        pytest.param(HMAC, {"x_signature": digest(body=b"").hex()}, id="a signature of nothing"),
        pytest.param(HMAC, {"x_signature": digest(algorithm="md5").hex()}, id="a signature of another algorithm"),
        pytest.param(HMAC, {"x_signature": b64encode(digest()).decode().swapcase()}, id="base64 in the wrong case"),
        pytest.param({**BASIC, **HMAC}, {"x_signature": ""}, id="one that is set fails though another holds"),
        pytest.param({**HEADER, **HMAC}, {"x_proof": ""}, id="one that is set fails though the next holds"),
    ],
)
def test_a_callback_is_refused(settings: dict[str, str], changes: dict[str, str]) -> None:
    infobip(**settings).verify_callback(carrying(RECEIPT, **{**GOOD, "ticket": TICKET}), NOW)
    with pytest.raises(CallbackNotAuthentic):
        infobip(**settings).verify_callback(carrying(RECEIPT, **{**GOOD, **changes}), NOW)


def test_a_flipped_byte_of_what_is_signed_is_refused() -> None:
    genuine = carrying(RECEIPT, **GOOD)
    for at in range(len(genuine.body)):
        flipped = genuine.body[:at] + bytes([genuine.body[at] ^ 1]) + genuine.body[at + 1 :]
        with pytest.raises(CallbackNotAuthentic):
            infobip(**HMAC).verify_callback(dataclasses.replace(genuine, body=flipped), NOW)


def test_two_secrets_are_good_while_one_replaces_the_other(outgoing: Any) -> None:
    changing = infobip(callback_secret="n3w-secret s3cret-of-the-tickets")
    changing.verify_callback(carrying(RECEIPT), NOW)
    changing.verify_callback(carrying(RECEIPT, ticket=changing.ticket(ID)), NOW)
    with pytest.raises(CallbackNotAuthentic):
        infobip().verify_callback(carrying(RECEIPT, ticket=changing.ticket(ID)), NOW)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"basic_user": "infobip"}, "basic_password"),
        ({"basic_password": "p4ssword-new"}, "basic_user"),
        ({"basic_user": "infobip", "basic_password": "two words-of-it"}, "basic_password"),
        ({"header_name": "Authorization", "header_value": "Bearer s3cret-of-it"}, "header_value"),
        ({"header_name": "X-Proof"}, "header_value"),
        ({"hmac_secret": "s1gning-new"}, "hmac_header"),
        ({"hmac_header": "X-Signature", "hmac_secret": " "}, "hmac_secret"),
        ({**HMAC, "hmac_algorithm": "rot13"}, "hmac_algorithm"),
    ],
)
def test_settings_that_are_wrong(settings: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        infobip(**settings).verify_callback(carrying(RECEIPT), NOW)
    assert "s3cret" not in str(caught.value)
