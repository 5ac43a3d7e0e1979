"""What every adapter must do, whichever it is: it is found by its file's name, and none is named here.

The adapter's own test file, `test_<name>.py`, helps with two names: `SETTINGS`, good settings (without it, what `required`
names is made up), and, where the provider makes callbacks, `genuine_callback(now)`, one as the provider would sign it.
"""

from __future__ import annotations

import dataclasses
import json
import re
import traceback
from collections.abc import Callable
from datetime import datetime
from importlib import util
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pytest

from chalicelib import http as http_client
from chalicelib import providers
from chalicelib.errors import (
    AccountRefused,
    CallbackError,
    ConfigurationError,
    ErrorClass,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    SubmissionError,
)
from chalicelib.messages import DeliveryReceipt, IncomingText, TextMessage
from chalicelib.providers.base import Callback, Provider
from chalicelib.status import Status

NAMES = sorted(module.name for module in iter_modules(providers.__path__) if module.name != "base")


def adapter(name: str) -> type[Provider]:
    return providers.adapter(name)


def writes(name: str, method: str) -> bool:
    """Whether the adapter has its own version of a method."""
    return getattr(adapter(name), method) is not getattr(Provider, method)


every_adapter = pytest.mark.parametrize("name", NAMES)
over_http = pytest.mark.parametrize("name", [name for name in NAMES if writes(name, "build_request")])
ticketed = pytest.mark.parametrize("name", [name for name in NAMES if adapter(name).ticketed])
CALLED_BACK = [name for name in NAMES if writes(name, "verify_callback")]
called_back = pytest.mark.parametrize("name", CALLED_BACK)
#: Of the others the URL alone proves where a callback is from; see the flipped ticket.
covering_all = pytest.mark.parametrize("name", [name for name in CALLED_BACK if adapter(name).covers_body])


def own_tests(name: str) -> ModuleType | None:
    path = Path(__file__).with_name(f"test_{name}.py")
    spec = util.spec_from_file_location(f"conformance_{name}", path)
    if not path.exists() or spec is None or spec.loader is None:
        return None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings(name: str) -> dict[str, str]:
    made_up = {setting: f"{setting}-made-up-for-tests" for setting in adapter(name).required}
    return {**made_up, **getattr(own_tests(name), "SETTINGS", {})}


def credentials(name: str) -> list[str]:
    """The values that must appear nowhere."""
    return [value for key, value in settings(name).items() if re.search("key|secret|token|password|auth(?!_id)", key)]


def genuine_callback(name: str, now: datetime) -> Callback:
    make = getattr(own_tests(name), "genuine_callback", None)
    assert make, f"tests/providers/test_{name}.py offers no genuine_callback(now)"
    callback = make(now)
    assert isinstance(callback, Callback)
    return callback


# The file.


@every_adapter
def test_the_slug_is_the_modules_name(name: str) -> None:
    assert adapter(name).__module__.rpartition(".")[2] == name
    assert adapter(name).name == name


@every_adapter
def test_it_links_to_its_documentation(name: str) -> None:
    assert re.match(
        r"https://\S+$" if writes(name, "build_request") else r"https://\S+$|docs/\S+\.md$", adapter(name).docs
    )
    assert adapter(name).__doc__


@every_adapter
def test_every_word_for_a_status_has_a_status(name: str) -> None:
    reported = set(Status) - {Status.CREATED, Status.RECEIVED}
    assert all(isinstance(status, Status) and status in reported for status in adapter(name).STATUSES.values())


@every_adapter
def test_a_missing_setting_is_named(name: str) -> None:
    adapter(name)(settings(name))
    for setting in adapter(name).required:
        lacking = {key: value for key, value in settings(name).items() if key != setting}
        with pytest.raises(ConfigurationError, match=setting) as caught:
            adapter(name)(lacking)
        assert not any(value in str(caught.value) for value in credentials(name))


# Callbacks.

UNSIGNED = [
    Callback("GET", "https://sms.example.com", query=(("status", "delivered"), ("id", "1"))),
    Callback("GET", "https://sms.example.com", query=(("status", "delivered"), ("sig", ""), ("signature", "é"))),
    Callback("POST", "https://sms.example.com", body=b"status=delivered&id=1&messageId=1"),
    Callback("POST", "https://sms.example.com", {"content-type": "application/json"}, body=b'{"status": "delivered"}'),
    Callback(
        "POST", "https://sms.example.com", {"content-type": "application/json"}, body=b'[{"status": "delivered"}]'
    ),
    Callback("POST", "https://sms.example.com", {"content-type": "application/json"}, body=b'{"\\ud83d": "\\ud83d"}'),
    Callback("POST", "https://sms.example.com", {"content-type": "application/json"}, body=b"[" * 100_000),
    Callback("POST", "https://sms.example.com", {"content-type": "application/json"}, body=b"\xff\xfe{"),
    Callback("POST", "https://sms.example.com", {"authorization": "Bearer x.y.z"}, body=b"status=delivered"),
]


@every_adapter
@pytest.mark.parametrize("callback", UNSIGNED, ids=range(len(UNSIGNED)))
def test_an_unsigned_callback_is_refused(name: str, callback: Callback, now: datetime) -> None:
    with pytest.raises(CallbackError):
        adapter(name)(settings(name)).verify_callback(callback, now)


@called_back
def test_a_genuine_callback_is_believed_and_read(name: str, now: datetime) -> None:
    provider, callback = adapter(name)(settings(name)), genuine_callback(name, now)
    provider.verify_callback(callback, now)
    events = provider.parse_callback(callback)
    assert events
    for event in events:
        assert isinstance(event, DeliveryReceipt | IncomingText)
        if isinstance(event, DeliveryReceipt):
            assert event.per_segment is provider.receipts_per_segment
            assert event.message_id or event.provider_message_id
            assert event.message_id or not provider.echoes_message_id


@called_back
def test_a_genuine_callback_with_another_secret_is_refused(name: str, now: datetime) -> None:
    other = {key: f"not-{value}" if value in credentials(name) else value for key, value in settings(name).items()}
    with pytest.raises(CallbackError):
        adapter(name)(other).verify_callback(genuine_callback(name, now), now)


def flipped(text: bytes) -> list[bytes]:
    """The text with one bit turned, for each of its bytes."""
    return [text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :] for at in range(len(text))]


@every_adapter
def test_what_it_is_said_to_do_it_does(name: str, now: datetime) -> None:
    kind = adapter(name)
    assert kind.fetches_status is writes(name, "fetch_status")
    assert (kind.authenticity is not None) is (writes(name, "parse_callback"))
    assert kind.prices in (None, "submission", "receipt", "fetch")
    assert kind.senders
    assert kind.validity is None or 1 <= kind.validity[0] < kind.validity[1]
    if kind.incoming:
        make = getattr(own_tests(name), "genuine_incoming", None)
        assert make, f"tests/providers/test_{name}.py offers no genuine_incoming(now)"
        provider, callback = kind(settings(name)), make(now)
        if writes(name, "verify_callback"):
            provider.verify_callback(callback, now)
        (text,) = provider.parse_callback(callback)
        assert isinstance(text, IncomingText)
        assert text.frm.startswith("+")
        assert text.opt_out in (("stop", "start", "help") if kind.opt_outs else (None,))


@ticketed
def test_the_callbacks_url_leads_back_to_the_text(name: str, outgoing: Any) -> None:
    provider, message = adapter(name)(settings(name)), outgoing()
    url = provider.callback_url(message)
    assert url
    assert url.startswith(f"https://sms.example.com/api/callback/{name}/")
    request = provider.build_request(message)
    sent = {*(request.form or {}).values(), *re.findall(r'"([^"]*)"', _json_of(request))}
    assert url in {
        value.partition("#")[0] for value in sent
    }  # a fragment tells the provider how to repeat, and stays with it
    assert provider.ticket_of(Callback("POST", url, ticket=url.rpartition("/")[2])) == message.id


def _json_of(request: Any) -> str:
    return json.dumps(request.json) if request.content is None else request.content.decode()


@called_back
def test_a_flipped_byte_of_header_url_or_ticket_is_refused_or_not_read(name: str, now: datetime) -> None:
    provider, callback = adapter(name)(settings(name)), genuine_callback(name, now)
    events = provider.parse_callback(callback)
    tampered = [dataclasses.replace(callback, ticket=wrong.decode()) for wrong in flipped(callback.ticket.encode())]
    for key, value in callback.headers.items():
        for wrong in flipped(value.encode()):
            headers = {**callback.headers, key: wrong.decode(errors="replace")}
            tampered.append(dataclasses.replace(callback, headers=headers))
    for attempt in tampered:
        try:
            provider.verify_callback(attempt, now)
            assert provider.parse_callback(attempt) == events
        except CallbackError:
            pass


@covering_all
def test_a_genuine_callback_with_a_flipped_byte_is_refused(name: str, now: datetime) -> None:
    provider, callback = adapter(name)(settings(name)), genuine_callback(name, now)
    tampered = [dataclasses.replace(callback, body=body) for body in flipped(callback.body)]
    for at, (key, value) in enumerate(callback.query):
        for wrong in flipped(value.encode()):
            pair = (key, wrong.decode(errors="replace"))
            query = [*callback.query[:at], pair, *callback.query[at + 1 :]]
            tampered.append(dataclasses.replace(callback, query=query))
    assert tampered
    for attempt in tampered:
        with pytest.raises(CallbackError):
            provider.verify_callback(attempt, now)


@covering_all
def test_a_truncated_callback_is_refused(name: str, now: datetime) -> None:
    provider, callback = adapter(name)(settings(name)), genuine_callback(name, now)
    shorter = [dataclasses.replace(callback, body=callback.body[:end]) for end in range(1, len(callback.body))]
    shorter += [dataclasses.replace(callback, query=callback.query[:end]) for end in range(1, len(callback.query))]
    for attempt in shorter:
        with pytest.raises(CallbackError):
            provider.verify_callback(attempt, now)


# Submissions, over a real connection.


@over_http
def test_a_request_goes_encrypted_and_its_url_tells_nothing(name: str, outgoing: Any) -> None:
    message = outgoing()
    url = adapter(name)(settings(name)).build_request(message).url
    assert url.startswith("https://")
    assert not any(value in url for value in [*credentials(name), message.text, message.to.removeprefix("+")])


def submit_to(name: str, url: str, message: TextMessage) -> SubmissionError:
    with pytest.raises(SubmissionError) as caught:
        adapter(name)({**settings(name), "base_url": url}).submit(message)
    return caught.value


@over_http
@pytest.mark.parametrize(
    ("status", "kind", "wait"),
    [
        (429, ProviderThrottled, 7.0),
        (500, OutcomeUnknown, None),
        (502, OutcomeUnknown, None),
        (503, ProviderUnavailable, 7.0),
        (504, OutcomeUnknown, None),
        (401, AccountRefused, None),
        (403, AccountRefused, None),
    ],
)
def test_an_http_error_has_its_class(
    name: str, status: int, kind: type, wait: float | None, wire: Any, http: Any, outgoing: Any
) -> None:
    wire.reply = http(status, "Sorry", "Retry-After: 7\r\n")
    error = submit_to(name, wire.url, outgoing())
    assert type(error) is kind
    assert error.retry_after == wait
    assert len(wire.requests) == 1


@over_http
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(name: str, status: int, wire: Any, http: Any, outgoing: Any) -> None:
    wire.reply = http(status, "", f"Location: {wire.url}/elsewhere\r\n")
    error = submit_to(name, wire.url, outgoing())
    assert error.error_class in (ErrorClass.PROVIDER, ErrorClass.UNKNOWN)
    assert len(wire.requests) == 1


@over_http
def test_a_refused_connection_means_that_nothing_was_sent(name: str, wire: Any, outgoing: Any) -> None:
    wire.close()
    assert type(submit_to(name, wire.url, outgoing())) is ProviderUnavailable


@over_http
@pytest.mark.parametrize("body", ["", "<html>OK</html>", "null", "[]", "{}", '"OK"', "{" * 9])
def test_a_yes_that_cannot_be_read_is_no_certain_no(name: str, body: str, wire: Any, http: Any, outgoing: Any) -> None:
    wire.reply = http(200, body, "Content-Type: application/json\r\n")
    assert type(submit_to(name, wire.url, outgoing())) is OutcomeUnknown


@over_http
def test_a_lost_reply_means_that_nobody_knows(name: str, wire: Any, http: Any, outgoing: Any) -> None:
    for reply in (b"", b"HTTP/1.1 200 O", http(200, '{"mess', cut=99), b"\0\r\n\r\n"):
        wire.reply = reply
        assert type(submit_to(name, wire.url, outgoing())) is OutcomeUnknown
    assert len(wire.requests) == 4  # once each


@over_http
def test_a_reply_that_does_not_come_means_that_nobody_knows(
    name: str, wire: Any, outgoing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "READ_TIMEOUT", 0.05)
    wire.answering.clear()
    assert type(submit_to(name, wire.url, outgoing())) is OutcomeUnknown
    wire.answering.set()
    assert len(wire.requests) == 1


def quoting(status: int, http: Callable[..., bytes]) -> Callable[[bytes], bytes]:
    """A server that quotes the whole request in its answer, as some do."""
    return lambda request: http(status, request.decode(errors="replace")) if status else b""


@over_http
@pytest.mark.parametrize("status", [200, 400, 401, 422, 429, 500, 503, 0])
def test_no_error_tells_credentials_text_or_number(
    name: str,
    status: int,
    wire: Any,
    http: Any,
    outgoing: Any,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG", logger="chalicelib")
    wire.reply = quoting(status, http)
    message = outgoing(text="Rumpelstilzchen")
    error = submit_to(name, wire.url, message)
    printed = capsys.readouterr()
    told = [*traceback.format_exception(error), repr(error), repr(vars(error)), caplog.text, printed.out, printed.err]
    assert b"Rumpelstilzchen" in wire.requests[0]
    header = re.findall(r"(?im)^authorization: \w+ (\S+)", wire.requests[0].decode())  # where Basic hides a password
    for value in [*credentials(name), *header, message.text, message.to.removeprefix("+")]:
        assert not any(value in line for line in told)


@every_adapter
def test_an_adapters_repr_tells_no_credentials(name: str) -> None:
    assert not any(value in repr(adapter(name)(settings(name))) for value in credentials(name))


def test_there_are_adapters_to_test() -> None:
    assert {*NAMES} >= {name.stem for name in Path(providers.__file__).parent.glob("[a-z]*.py")} - {"base"}
