"""What all adapters stand on: requests, replies, callbacks, and the errors of a connection."""

from __future__ import annotations

import ssl
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme

from chalicelib.errors import (
    AccountRefused,
    CallbackError,
    CallbackNotAuthentic,
    CallbackUnreadable,
    ConfigurationError,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    RecipientRefused,
    SubmissionError,
    UnknownProvider,
)
from chalicelib.http import HttpRequest, HttpResponse, error_from_status, retry_after
from chalicelib.messages import Submission, TextMessage
from chalicelib.providers import adapter
from chalicelib.providers.base import Callback, Provider, Reply, price

URL = "https://sms.example.com/api/callback/plain"


class Plain(Provider):
    """The least that an adapter can be."""

    name = "plain"
    docs = "https://example.com"
    required: ClassVar[tuple[str, ...]] = ("token",)

    def build_request(self, message: TextMessage) -> HttpRequest:
        return HttpRequest(
            "POST",
            self.settings["base_url"],
            {"X-Token": self.settings["token"]},
            json={"to": message.to, "text": message.text},
        )

    def parse_response(self, response: HttpResponse) -> Submission:
        return Submission((response.json()["id"],))

    def parse_error(self, response: HttpResponse) -> SubmissionError | None:
        return RecipientRefused("barred", "as they say") if response.body == b"barred" else None


def plain(**settings: str) -> Plain:
    return Plain({"token": "t0ken-t0ken", **settings})


# A submission.


def test_a_request_leaves_as_described(wire: Any, http: Any, outgoing: Any) -> None:
    wire.reply = http(201, '{"id": "a"}')
    assert plain(base_url=f"{wire.url}/texts").submit(outgoing(text="Grüße")) == Submission(("a",))
    (request,) = wire.requests
    assert request.startswith(b"POST /texts HTTP/1.1\r\n")
    assert b"\r\nX-Token: t0ken-t0ken\r\n" in request
    assert request.endswith(b'{"to": "+33987654321", "text": "Gr\\u00fc\\u00dfe"}')


def test_what_the_adapter_reads_in_an_error_comes_first(wire: Any, http: Any, outgoing: Any) -> None:
    wire.reply = http(400, "barred")
    with pytest.raises(RecipientRefused):
        plain(base_url=wire.url).submit(outgoing())
    wire.reply = http(400, "something else")
    with pytest.raises(ProviderUnavailable):
        plain(base_url=wire.url).submit(outgoing())


def test_a_redirect_is_no_yes(wire: Any, http: Any, outgoing: Any) -> None:
    wire.reply = http(302, '{"id": "a"}', f"Location: {wire.url}/elsewhere\r\n")
    with pytest.raises(ProviderUnavailable):
        plain(base_url=wire.url).submit(outgoing())
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("sms.example.com", id="no scheme"),
        pytest.param("sms://example.com", id="a scheme that nobody speaks"),
        pytest.param("https://", id="no host"),
        pytest.param("https://sms.invalid", id="a host that nobody has"),
    ],
)
def test_where_no_connection_can_be_made_nothing_was_sent(url: str, outgoing: Any) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        plain(base_url=url).submit(outgoing())
    assert caught.value.code == "unreachable"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The only one that is believed, as somebody has it whose provider is behind a gateway of his own."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    return made


def encrypted(wire: Any, authority: trustme.CA, name: str = "127.0.0.1") -> str:
    """Have the server show a certificate for a name; returns its URL."""
    wire.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(wire.tls)
    return str(wire.url.replace("http:", "https:"))


@pytest.mark.parametrize("name", ["127.0.0.1", "127.0.0.2"])
def test_a_server_without_a_good_certificate_gets_nothing(
    wire: Any, http: Any, authority: trustme.CA, outgoing: Any, name: str
) -> None:
    """Nobody that is believed has signed it, or it is another's."""
    wire.reply = http(200, '{"id": "a"}')
    stranger = trustme.CA() if name == "127.0.0.1" else authority
    for _ in range(2):  # nor the second time
        with pytest.raises(ProviderUnavailable) as caught:
            plain(base_url=encrypted(wire, stranger, name)).submit(outgoing())
        assert caught.value.code == "unreachable"
    assert wire.requests == []


def test_each_text_has_a_connection_of_its_own_and_the_authorities_are_read_once(
    wire: Any, http: Any, authority: trustme.CA, outgoing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading them takes longer than all else that a text takes."""
    read, load = [], ssl.SSLContext.load_verify_locations
    monkeypatch.setattr(
        ssl.SSLContext, "load_verify_locations", lambda self, *given: read.append(given) or load(self, *given)
    )
    wire.reply = http(200, '{"id": "a"}').replace(b"Connection: close", b"Connection: keep-alive")
    provider = plain(base_url=encrypted(wire, authority))
    assert [provider.submit(outgoing()).provider_message_ids for _ in range(3)] == [("a",)] * 3
    assert (len(wire.requests), len(read)) == (3, 1)


# Errors by HTTP status.


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (301, ProviderUnavailable, "bad_request"),
        (400, ProviderUnavailable, "bad_request"),
        (401, AccountRefused, "credentials"),
        (402, AccountRefused, "credentials"),
        (403, AccountRefused, "credentials"),
        (404, ProviderUnavailable, "bad_request"),
        (422, ProviderUnavailable, "bad_request"),
        (429, ProviderThrottled, "throttled"),
        (500, OutcomeUnknown, "server_error"),
        (501, OutcomeUnknown, "server_error"),
        (502, OutcomeUnknown, "server_error"),
        (503, ProviderUnavailable, "unavailable"),
        (504, OutcomeUnknown, "server_error"),
    ],
)
def test_an_http_status_has_its_error(status: int, kind: type[SubmissionError], code: str) -> None:
    error = error_from_status(HttpResponse(status, {}, b""))
    assert type(error) is kind
    assert (error.code, error.provider_code, error.retry_after) == (code, str(status), None)


@pytest.mark.parametrize("status", [429, 503])
def test_the_time_to_wait_is_told(status: int) -> None:
    assert error_from_status(HttpResponse(status, {"retry-after": "30"}, b"")).retry_after == 30.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0.0), ("120", 120.0), ("", None), ("-1", None), ("soon", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)
def test_retry_after_is_a_number_of_seconds(header: str, seconds: float | None) -> None:
    assert retry_after(HttpResponse(429, {"retry-after": header}, b"")) == seconds


# Replies.


def test_a_json_reply_is_read() -> None:
    assert HttpResponse(200, {}, b'{"id": ["a", 1]}').json() == {"id": ["a", 1]}


@pytest.mark.parametrize("body", [b"", b"OK", b'{"id": ', b"\xff", b"[" * 100_000])
def test_a_reply_that_is_not_json_may_be_a_yes(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        HttpResponse(200, {}, body).json()


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0.03330000", Decimal("0.0333")),
        ("  1.5 ", Decimal("1.5")),
        ("-0.0075", Decimal("-0.0075")),
        (0, Decimal(0)),
        (0.1, Decimal("0.1")),
        ("1e-3", Decimal("0.001")),
        (None, None),
        ("", None),
        ("free", None),
        ("NaN", None),
        ("Infinity", None),
        ("1,50", None),
        ({}, None),
    ],
)
def test_a_price(value: object, amount: Decimal | None) -> None:
    assert price(value) == amount


@pytest.mark.parametrize(
    ("sentence", "quoted"),
    [
        ("no route to +33987654321", "no route to +339******21"),
        ("33987654321 and 447700900000", "3398*****21 and 4477******00"),
        ("code 1234, wait [ 250 ]", "code 1234, wait [ 250 ]"),
        ("the token t0ken-t0ken is wrong", "the token *** is wrong"),
        ("t0ken-t0ken-too", "***"),
        ("x" * 300, "x" * 200),
        (None, "None"),
    ],
)
def test_a_providers_sentence_is_quoted_without_secrets_and_numbers(sentence: object, quoted: str) -> None:
    assert plain(other="t0ken-t0ken-too", short="1234").quoted(sentence) == quoted


# Callbacks.

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("callback", "params"),
    [
        pytest.param(Callback("GET", URL, query=(("a", "1 +"), ("b", ""))), {"a": "1 +", "b": ""}, id="a query"),
        pytest.param(Callback("GET", URL), {}, id="an empty query"),
        pytest.param(Callback("POST", URL, FORM, body=b"a=1+%2B&b="), {"a": "1 +", "b": ""}, id="a form"),
        pytest.param(Callback("POST", URL, FORM, body="a=ü".encode()), {"a": "ü"}, id="a form that is not escaped"),
        pytest.param(Callback("POST", URL, FORM), {}, id="an empty form"),
        pytest.param(Callback("POST", URL, body=b"a=1"), {"a": "1"}, id="a body without a type is a form"),
        pytest.param(Callback("POST", URL, FORM, (("a", "2"),), b"a=1"), {"a": "1"}, id="a form wins over a query"),
        pytest.param(Callback("POST", URL, FORM, body=b"a=1&a=2"), {"a": "2"}, id="the last of two wins"),
        pytest.param(Callback("POST", URL, JSON, body=b'{"a": "1"}'), {"a": "1"}, id="JSON"),
        pytest.param(
            Callback("POST", URL, JSON, body=b'{"a": 1, "b": null, "c": true}'),
            {"a": "1", "b": "None", "c": "True"},
            id="what is no string is written as Python does",
        ),
    ],
)
def test_the_parameters_of_a_callback(callback: Callback, params: dict[str, str]) -> None:
    assert callback.params() == params


@pytest.mark.parametrize(
    "callback",
    [
        pytest.param(Callback("POST", URL, FORM, body=b"nonsense"), id="not a form"),
        pytest.param(Callback("POST", URL, FORM, body=b"a=\xff"), id="not UTF-8"),
        pytest.param(Callback("POST", URL, JSON), id="no JSON"),
        pytest.param(Callback("POST", URL, JSON, body=b'{"a": '), id="half of JSON"),
        pytest.param(Callback("POST", URL, JSON, body=b'[{"a": 1}]'), id="an array"),
        pytest.param(Callback("POST", URL, JSON, body=b"[" * 100_000), id="JSON without a bottom"),
    ],
)
def test_a_callback_that_cannot_be_read(callback: Callback) -> None:
    with pytest.raises(CallbackUnreadable):
        callback.params()


def test_an_adapter_that_says_nothing_of_callbacks_believes_none(now: Any) -> None:
    with pytest.raises(CallbackNotAuthentic):
        plain().verify_callback(Callback("GET", URL), now)
    with pytest.raises(CallbackError):
        plain().parse_callback(Callback("GET", URL))
    assert plain().acknowledge() == Reply(200, "", "text/plain")


# The registry.


def test_missing_settings_are_named_together() -> None:
    with pytest.raises(ConfigurationError, match="plain lacks its settings token"):
        Plain({"token": ""})


@pytest.mark.parametrize("name", ["", "base", "Base", "nobody", "__init__", "_private", "../base", "os.path", "a\n"])
def test_no_provider_of_that_name(name: str) -> None:
    with pytest.raises(UnknownProvider):
        adapter(name)


def test_an_adapter_is_loaded_once() -> None:
    assert adapter("dummy") is adapter("dummy")
