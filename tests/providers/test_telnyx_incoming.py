"""Telnyx: the texts that it brings, and whatever else comes."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telnyx.types.inbound_message_webhook_event import InboundMessageWebhookEvent

from chalicelib.errors import CallbackUnreadable
from chalicelib.messages import DeliveryReceipt, IncomingText
from chalicelib.providers.base import Callback
from chalicelib.providers.telnyx import Telnyx

SETTINGS = {"api_key": "KEY0123456789ABCDEF_made-up"}
URL = "https://sms.example.com/api/callback/telnyx/0123456789abcdef0123456789abcdef"
PROFILE_URL = "https://sms.example.com/api/incoming/telnyx"
PAYLOAD: dict[str, Any] = {
    "direction": "outbound",
    "id": "40385f64-5717-4562-b3fc-2c963f66afa6",
    "to": [{"phone_number": "+13125550002", "status": "delivered"}],
    "cost": {"amount": "0.0102", "currency": "USD"},
    "errors": [{"code": "40008"}],
    "completed_at": "2026-10-08T12:03:05.148+00:00",
    "parts": 1,
    "webhook_url": URL,
}
INCOMING: dict[str, Any] = {
    "direction": "inbound",
    "id": "84cca175-3af8-4bbc-8b11-b1f0b1f0b1f0",
    "type": "SMS",
    "from": {"phone_number": "+13125550001", "carrier": "T-Mobile USA", "line_type": "long_code"},
    "to": [
        {"phone_number": "+17735550002", "carrier": "Telnyx", "line_type": "Wireless", "status": "webhook_delivered"}
    ],
    "text": "STOP",
    "autoresponse_type": "STOP",
    "media": [],
    "parts": 1,
    "received_at": "2026-10-08T12:16:07.503+00:00",
    "webhook_url": PROFILE_URL,
}
AT = datetime(2026, 10, 8, 12, 3, 5, 148000, tzinfo=timezone.utc)


def telnyx() -> Telnyx:
    return Telnyx(SETTINGS)


def posted(body: Any) -> Callback:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Callback("POST", PROFILE_URL, {"content-type": "application/json"}, body=content)


def event(payload: Any, kind: str = "message.finalized", delivered_to: Any = URL) -> dict[str, Any]:
    data = {"event_type": kind, "id": "4ee8c3a6-4995-4309-a3c6-38e3db9ea4be", "occurred_at": "2026-10-08T12:03:05.148Z"}
    return {
        "data": {**data, "record_type": "event", "payload": payload},
        "meta": {"attempt": 1, "delivered_to": delivered_to},
    }


# Incoming texts.

TOLD = IncomingText(
    "+13125550001",
    "+17735550002",
    "STOP",
    INCOMING["id"],
    datetime(2026, 10, 8, 12, 16, 7, 503000, tzinfo=timezone.utc),
    opt_out="stop",
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, {}, id="who says STOP is marked"),
        pytest.param({"autoresponse_type": "start"}, {"opt_out": "start"}, id="so is who says START"),
        pytest.param({"autoresponse_type": "HELP"}, {"opt_out": "help"}, id="and HELP"),
        pytest.param({"autoresponse_type": "INFO"}, {"opt_out": "help"}, id="by its other name too"),
        pytest.param({"autoresponse_type": None}, {"opt_out": None}, id="a text like others, whatever it says"),
        pytest.param({"text": None, "media": [{"url": "https://x"}]}, {"text": ""}, id="a picture is an empty text"),
        pytest.param({"to": "+17735550002", "from": "13125550001"}, {}, id="plain numbers are read, also without plus"),
        pytest.param({"to": [{"phone_number": "78910"}]}, {"to": "78910"}, id="to a short code"),
        pytest.param({"received_at": None}, {"received_on": AT}, id="else the time of the event"),
        pytest.param({"to": []}, {"to": ""}, id="to nobody: still somebody wrote"),
    ],
)
def test_an_incoming_text(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    (parsed,) = telnyx().parse_callback(posted(event({**INCOMING, **changes}, "message.received")))
    assert parsed == IncomingText(**{**vars(TOLD), **expected})


def test_the_vendors_package_reads_the_same_event() -> None:
    text = InboundMessageWebhookEvent.model_validate(event(INCOMING, "message.received"))
    assert text.data and text.data.payload and text.data.payload.from_
    read = text.data.payload
    assert (read.from_.phone_number, read.text, read.id) == (TOLD.frm, TOLD.text, TOLD.provider_message_id)
    assert (read.autoresponse_type, read.received_at) == ("STOP", TOLD.received_on)


# What is neither.


def test_a_click_on_a_shortened_link_means_nothing_to_us() -> None:
    click = {
        "record_type": "click",
        "message_id": "40385f64",
        "time_clicked": "2026-10-08T12:16:07Z",
        "url": "https://x",
    }
    assert telnyx().parse_callback(posted({"data": click})) == ()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff{", id="no UTF-8"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param([event(PAYLOAD)], id="a list"),
        pytest.param({"data": event(PAYLOAD)}, id="in the wrong place"),
        pytest.param(event({**PAYLOAD, "to": []}), id="no recipient"),
        pytest.param(event({**PAYLOAD, "to": [{"status": None}]}), id="no status"),
        pytest.param(event({**PAYLOAD, "id": None, "webhook_url": None}, delivered_to=None), id="no id at all"),
        pytest.param(event({**INCOMING, "from": None}, "message.received"), id="a text from nobody"),
        pytest.param(event({**INCOMING, "id": ""}, "message.received"), id="a text without an id"),
        pytest.param(event(None), id="no payload"),
    ],
)
def test_what_is_neither_cannot_be_read(body: Any) -> None:
    with pytest.raises(CallbackUnreadable):
        telnyx().parse_callback(posted(body))


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("delivered") | st.just(URL)
)
odd = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(list(PAYLOAD)), inner),
    max_leaves=9,
)


@given(st.dictionaries(st.sampled_from([*PAYLOAD, "autoresponse_type", "received_at"]), odd), odd, odd)
def test_whatever_comes_it_is_read_or_unreadable(changes: dict[str, Any], kind: Any, meta: Any) -> None:
    for body in (
        event({**PAYLOAD, **changes}, kind, meta),
        event({**INCOMING, **changes}, "message.received"),
        changes,
    ):
        try:
            parsed = telnyx().parse_callback(posted(body))
        except CallbackUnreadable:
            continue
        assert all(isinstance(one, DeliveryReceipt | IncomingText) for one in parsed)
