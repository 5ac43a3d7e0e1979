"""Plivo: which callbacks are believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plivo.utils import validate_signature, validate_v3_signature
from plivo.utils.signature_v3 import construct_get_url, construct_post_url, get_signature_v3
from test_plivo import ID

from chalicelib.errors import CallbackError, CallbackNotAuthentic
from chalicelib.messages import DeliveryReceipt, IncomingText
from chalicelib.providers.base import Callback
from chalicelib.providers.plivo import Plivo

TOKEN, MAIN, NONCE = "my_auth_token", "main_auth_token", "05429567804466091622"
SETTINGS = {
    "auth_id": "SA000000000000000000",
    "auth_token": TOKEN,
    "main_auth_token": MAIN,
    "callback_secret": "c4llback-s3cret",
    "incoming_token": "inc0ming-t0ken",
}
RECEIPT = {
    "From": "14155550100",
    "To": "14155550101",
    "MessageUUID": "5b40a428-bfc7-4daf-9d06-726c558bf3b8",
    "Status": "delivered",
    "Units": "1",
    "TotalRate": "0.0025",
    "TotalAmount": "0.0025",
    "ErrorCode": "000",
    "MCC": "310",
    "MNC": "004",
}
INCOMING = {
    "From": "14155550101",
    "To": "14155550100",
    "Text": "1+1=2 & Ünï 😀.",
    "Type": "sms",
    "MessageUUID": "7a242edc",
}
Sign = Callable[..., Callback]


def plivo(**changes: str) -> Plivo:
    return Plivo({**SETTINGS, **changes})


def to_ticket(ticket: str, params: dict[str, str] = RECEIPT) -> Callback:
    url = f"https://sms.example.com/api/callback/plivo/{ticket}".rstrip("/")
    return Callback("POST", url, body=urlencode(params).encode(), ticket=ticket)


def v2(callback: Callback, token: str = TOKEN, nonce: str = NONCE, of: str = "v2") -> Callback:
    digest = hmac.new(token.encode(), f"{callback.url}{nonce}".encode(), hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    assert validate_signature(callback.full_url, nonce, signature, token)
    headers = {f"x-plivo-signature-{of}": signature, "x-plivo-signature-v2-nonce": nonce}
    return replace(callback, headers={**callback.headers, **headers})


def v3(callback: Callback, token: str = TOKEN, nonce: str = NONCE, of: str = "v3") -> Callback:
    """The package cannot read a query beyond ASCII in the URL, but takes it as parameters of a GET."""
    is_post = callback.method == "POST"
    pairs = parse_qsl(callback.body.decode(), keep_blank_values=True) if is_post else callback.query
    lists = {name: [value for key, value in pairs if key == name] for name, _ in pairs}
    params = {name: values if len(values) > 1 else values[0] for name, values in lists.items()}
    url, make = (callback.full_url, construct_post_url) if is_post else (callback.url, construct_get_url)
    signature = get_signature_v3(token, make(url, dict(params)).decode(), nonce).decode()
    assert validate_v3_signature(callback.method, url, nonce, token, signature, dict(params))
    headers = {f"x-plivo-signature-{of}": signature, "x-plivo-signature-v3-nonce": nonce}
    return replace(callback, headers={**callback.headers, **headers})


def is_believed(callback: Callback, **changes: str) -> bool:
    try:
        plivo(**changes).verify_callback(callback, datetime.now().astimezone())
    except CallbackNotAuthentic:
        return False
    return True


def proven(params: dict[str, str] = RECEIPT) -> Callback:
    return to_ticket(plivo().ticket(ID), params)


# Both versions.


@pytest.mark.parametrize("sign", [v2, v3])
def test_a_signed_receipt_is_believed(sign: Sign) -> None:
    callback = sign(proven())
    assert is_believed(callback)
    (receipt,) = plivo().parse_callback(callback)
    assert isinstance(receipt, DeliveryReceipt)
    assert receipt.message_id == ID


@pytest.mark.parametrize("sign", [v2, v3])
def test_a_signed_text_is_believed(sign: Sign) -> None:
    callback = sign(to_ticket("inc0ming-t0ken", INCOMING))
    assert is_believed(callback)
    (text,) = plivo().parse_callback(callback)
    assert isinstance(text, IncomingText)
    assert text.text == INCOMING["Text"]


def test_the_known_signatures() -> None:
    url, at = (
        "https://gw.example.com/plivo/status",
        {"x-plivo-signature-v3-nonce": NONCE, "x-plivo-signature-v2-nonce": NONCE},
    )
    body = urlencode(RECEIPT).encode()
    good = {**at, "x-plivo-signature-v3": "OZY7sa1VEmyWzklh9DMoxNBYyTJlfpiSK9xJI7wz1bA="}
    assert is_believed(Callback("POST", url, good, body=body))
    # Of V2 Plivo's vectors have URLs without a ticket: the signature is good, the URL is not.
    vectors = [
        (url, NONCE, "Gh0S2A06/abVDchDHuZZr/RBigJf5cR7AXZ7ScoIZbk="),
        ("https://answer.url", "12345", "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="),
    ]
    for at_url, nonce, signature in vectors:
        headers = {"x-plivo-signature-v2": signature, "x-plivo-signature-v2-nonce": nonce}
        with pytest.raises(CallbackNotAuthentic, match="the URL lacks its token"):
            plivo().verify_callback(Callback("POST", at_url, headers, body=body), datetime.now().astimezone())
        with pytest.raises(CallbackNotAuthentic, match="V2 signature"):
            plivo(auth_token="other").verify_callback(
                Callback("POST", at_url, headers, body=body), datetime.now().astimezone()
            )


@pytest.mark.parametrize("sign", [v2, v3])
def test_a_flipped_byte_is_refused(sign: Sign) -> None:
    callback = sign(proven())
    for name, value in callback.headers.items():
        for at in range(len(value)):
            wrong = value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
            assert not is_believed(replace(callback, headers={**callback.headers, name: wrong}))
    for at in range(len(callback.url)):
        assert not is_believed(
            replace(callback, url=callback.url[:at] + chr(ord(callback.url[at]) ^ 1) + callback.url[at + 1 :])
        )
    for at in range(len(callback.ticket)):
        assert not is_believed(
            replace(
                callback, ticket=callback.ticket[:at] + chr(ord(callback.ticket[at]) ^ 1) + callback.ticket[at + 1 :]
            )
        )


@pytest.mark.parametrize("sign", [v2, v3])
@pytest.mark.parametrize(
    "url", ["https://sms.example.com:443/api/callback/plivo/{}", "https://SMS.example.com/api/callback/plivo/{}"]
)
def test_the_host_is_signed_as_it_is_written(sign: Sign, url: str) -> None:
    callback = proven()
    called = sign(replace(callback, url=url.format(callback.ticket)))
    assert is_believed(called)
    assert not is_believed(replace(called, url=callback.url))


@pytest.mark.parametrize("sign", [v2, v3])
@pytest.mark.parametrize("of_main", [False, True])
def test_each_token_makes_a_good_signature(sign: Sign, of_main: bool) -> None:
    version = sign.__name__
    callback = sign(proven(), MAIN, of=f"ma-{version}") if of_main else sign(proven())
    assert is_believed(callback)
    assert is_believed(callback, main_auth_token=f"newer {MAIN}", auth_token=f"newer, {TOKEN}")
    assert not is_believed(callback, **{"main_auth_token" if of_main else "auth_token": "other"})
    # A signature that means something else may stand beside the good one, as Plivo has been seen to do.
    beside = {f"x-plivo-signature-{'' if of_main else 'ma-'}{version}": "d3Jvbmc="}
    assert is_believed(replace(callback, headers={**callback.headers, **beside}))


@pytest.mark.parametrize("sign", [v2, v3])
@pytest.mark.parametrize("many", ["{},wrong", "wrong, {}", "a,b,,{} ,c"])
def test_a_header_may_hold_several_signatures(sign: Sign, many: str) -> None:
    callback = sign(proven())
    name = f"x-plivo-signature-{sign.__name__}"
    assert is_believed(replace(callback, headers={**callback.headers, name: many.format(callback.headers[name])}))
    assert not is_believed(replace(callback, headers={**callback.headers, name: many.format("")}))


@pytest.mark.parametrize("sign", [v2, v3])
def test_a_missing_header_is_refused(sign: Sign) -> None:
    callback = sign(proven())
    for name in callback.headers:
        assert not is_believed(
            replace(callback, headers={key: value for key, value in callback.headers.items() if key != name})
        )


def test_a_signature_without_a_nonce_is_refused() -> None:
    assert not is_believed(v2(proven(), nonce=""))
    assert not is_believed(v3(proven(), nonce=""))


@pytest.mark.parametrize("nonce", ["", "é", "\ud83d", "1\n"])
@pytest.mark.parametrize("signature", ["", ",", "=", "ſ" * 44, "\ud83d", "!" * 10_000])
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_what_is_no_signature_is_refused(version: str, signature: str, nonce: str) -> None:
    headers = {f"x-plivo-signature-{version}": signature, f"x-plivo-signature-{version}-nonce": nonce}
    assert not is_believed(replace(proven(), headers=headers))


def test_an_empty_token_signs_nothing() -> None:
    for callback in (v2(proven(), ""), v3(proven(), " ")):
        assert not is_believed(callback, auth_token=" ", main_auth_token="")


# V3.


@pytest.mark.parametrize("of", ["v3", "ma-v3", "v3-nonce"])
def test_a_wrong_v3_is_not_made_good_by_v2(of: str) -> None:
    callback = v2(proven())
    assert is_believed(callback)
    assert not is_believed(replace(callback, headers={**callback.headers, f"x-plivo-signature-{of}": "d3Jvbmc="}))


def test_a_good_v3_needs_neither_v2_nor_a_token_in_the_url() -> None:
    for callback in (to_ticket(ID), to_ticket("", INCOMING)):
        assert is_believed(v3(callback), callback_secret="", incoming_token="")
        assert is_believed(replace(v3(callback), headers={**v3(callback).headers, "x-plivo-signature-v2": "d3Jvbmc="}))


def test_a_nonce_cannot_swallow_the_end_of_the_body() -> None:
    params = {"MessageUUID": "1", "Status": "delivered", "Text": "a.b"}
    callback = v3(to_ticket(ID, params))
    shorter = replace(
        to_ticket(ID, {**params, "Text": "a"}), headers={**callback.headers, "x-plivo-signature-v3-nonce": f"b.{NONCE}"}
    )
    assert is_believed(callback)
    assert not is_believed(shorter)


def test_only_what_is_signed_is_read() -> None:
    callback = v3(to_ticket(ID))
    more = {"content-type": "application/json"}
    assert plivo().parse_callback(replace(callback, headers=more)) == plivo().parse_callback(callback)
    assert not is_believed(replace(callback, body=callback.body + b"&Status=failed"))
    assert not is_believed(replace(callback, query=(("Status", "failed"),)))
    assert not is_believed(replace(callback, method="GET", query=tuple(RECEIPT.items())))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ASCII = st.text(st.characters(max_codepoint=127), max_size=8)


@given(query=st.lists(st.tuples(ASCII, ASCII), max_size=4), fields=st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_what_the_vendors_package_signs_is_believed(
    query: list[tuple[str, str]], fields: list[tuple[str, str]]
) -> None:
    url = "https://sms.example.com/api/callback/plivo"
    assert is_believed(v3(Callback("POST", url, query=tuple(query), body=urlencode(fields).encode())))
    assert is_believed(v3(Callback("GET", url, query=tuple(fields), body=b"not read")))


# V2, which leaves out the body: the URL must be one that only Plivo knows.


@pytest.mark.parametrize(
    "callback",
    [
        pytest.param(to_ticket(ID), id="a ticket without a proof"),
        pytest.param(to_ticket(f"{ID}-{'0' * 32}"), id="a ticket with a false proof"),
        pytest.param(to_ticket(plivo().ticket(ID).replace("0", "1", 1)), id="the proof of another text"),
        pytest.param(to_ticket(""), id="no ticket"),
        pytest.param(to_ticket("inc0ming-t0ken"), id="a receipt to the URL of incoming texts"),
        pytest.param(proven(INCOMING), id="an incoming text to the URL of a receipt"),
        pytest.param(to_ticket("", INCOMING), id="an incoming text without a token"),
        pytest.param(to_ticket("0ther-t0ken", INCOMING), id="an incoming text with another token"),
    ],
)
def test_v2_alone_is_not_enough(callback: Callback) -> None:
    assert not is_believed(v2(callback))
    assert is_believed(v3(callback))


def test_v2_alone_needs_its_settings() -> None:
    assert not is_believed(v2(proven()), callback_secret="")
    assert not is_believed(v2(to_ticket("inc0ming-t0ken", INCOMING)), incoming_token="")


def test_the_token_alone_is_not_enough_either() -> None:
    assert not is_believed(proven())
    assert not is_believed(to_ticket("inc0ming-t0ken", INCOMING))


def test_a_nonce_cannot_move_into_the_url() -> None:
    callback = v2(proven(), nonce="12345")
    moved = replace(callback, headers={**callback.headers, "x-plivo-signature-v2-nonce": "2345"})
    assert not is_believed(replace(moved, url=callback.url + "1", ticket=callback.ticket + "1"))


def test_a_body_that_is_no_form_is_refused() -> None:
    for callback in (replace(v2(proven()), body=b"\xff{"), replace(v3(proven()), body=b"{}")):
        with pytest.raises(CallbackError):
            plivo().verify_callback(callback, datetime.now().astimezone())
