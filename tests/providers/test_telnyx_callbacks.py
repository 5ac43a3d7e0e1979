"""Telnyx: what its receipts say, and what it answers when it is asked. Other callbacks: test_telnyx_incoming.py."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, get_args

import pytest
from telnyx.types import outbound_message_payload
from telnyx.types.delivery_update_webhook_event import DeliveryUpdateWebhookEvent
from test_telnyx import THEIRS

from chalicelib.errors import (
    AccountRefused,
    ErrorClass,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    SubmissionError,
)
from chalicelib.messages import DeliveryReceipt, MessageError
from chalicelib.providers.base import Callback
from chalicelib.providers.telnyx import Telnyx
from chalicelib.status import Status

SETTINGS = {"api_key": "KEY0123456789ABCDEF_made-up"}
ID, OTHER = "0123456789abcdef0123456789abcdef", "f" * 32
URL = f"https://sms.example.com/api/callback/telnyx/{ID}"
PROFILE_URL = "https://sms.example.com/api/incoming/telnyx"
PAYLOAD: dict[str, Any] = {
    "record_type": "message",
    "direction": "outbound",
    "id": THEIRS,
    "type": "SMS",
    "from": {"phone_number": "+13125550001"},
    "to": [{"phone_number": "+13125550002", "status": "delivered", "carrier": "T-MOBILE USA, INC."}],
    "text": "Hi",
    "parts": 2,
    "encoding": "GSM-7",
    "cost": {"amount": "0.0102", "currency": "USD"},
    "cost_breakdown": {"carrier_fee": {"amount": "0.0061", "currency": "USD"}},
    "errors": [],
    "completed_at": "2026-10-08T12:03:05.148+00:00",
    "tags": [],
    "webhook_url": URL,
}
AT = datetime(2026, 10, 8, 12, 3, 5, 148000, tzinfo=timezone.utc)


def telnyx() -> Telnyx:
    return Telnyx(SETTINGS)


def posted(body: Any, ticket: str = ID) -> Callback:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = f"https://sms.example.com/api/callback/telnyx/{ticket}"
    return Callback("POST", url, {"content-type": "application/json"}, body=content, ticket=ticket)


def event(payload: Any, kind: str = "message.finalized", delivered_to: Any = URL) -> dict[str, Any]:
    data = {"event_type": kind, "id": "4ee8c3a6-4995-4309-a3c6-38e3db9ea4be", "occurred_at": "2026-10-08T12:03:05.148Z"}
    return {
        "data": {**data, "record_type": "event", "payload": payload},
        "meta": {"attempt": 1, "delivered_to": delivered_to},
    }


def standing(status: Any, *codes: Any, **changes: Any) -> dict[str, Any]:
    errors = [{"code": code, "title": "As they say", "detail": "to +33987654321"} for code in codes]
    return {**PAYLOAD, "to": [{"phone_number": "+13125550002", "status": status}], "errors": errors, **changes}


def receipt(status: Status, word: str, error: MessageError | None = None, **changes: Any) -> DeliveryReceipt:
    usual = {"price": Decimal("0.0102"), "currency": "USD", "segments": 2, "occurred_on": AT}
    return DeliveryReceipt(status, word, ID, THEIRS, error=error, **{**usual, **changes})


def why(kind: ErrorClass, word: str, code: str) -> MessageError:
    return MessageError(kind, word, code, "As they say: to +339******21")


UNPRICED: dict[str, Any] = {"price": None, "currency": None}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(standing("queued"), receipt(Status.SENDING, "queued", **UNPRICED), id="queued is sending"),
        pytest.param(standing("sending"), receipt(Status.SENDING, "sending", **UNPRICED), id="sending is sending"),
        pytest.param(
            standing("sent"),
            receipt(Status.SENT, "sent", **UNPRICED),
            id="sent is sent, its cost not yet the last word",
        ),
        pytest.param(PAYLOAD, receipt(Status.DELIVERED, "delivered"), id="delivered is delivered"),
        pytest.param(standing("Delivered"), receipt(Status.DELIVERED, "Delivered"), id="however it is written"),
        pytest.param(standing("read"), receipt(Status.DELIVERED, "read"), id="read is delivered"),
        pytest.param(
            standing("delivery_unconfirmed"),
            receipt(Status.UNKNOWN, "delivery_unconfirmed"),
            id="unconfirmed is no failure",
        ),
        pytest.param(
            standing("delivery_failed", "40008"),
            receipt(Status.UNDELIVERED, "delivery_failed 40008", why(ErrorClass.PROVIDER, "network", "40008")),
            id="failed is undelivered",
        ),
        pytest.param(
            standing("delivery_failed", 40001),
            receipt(Status.UNDELIVERED, "delivery_failed 40001", why(ErrorClass.RECIPIENT, "not_mobile", "40001")),
            id="failed at a landline, the code a number",
        ),
        pytest.param(
            standing("delivery_failed", "40003"),
            receipt(Status.REJECTED, "delivery_failed 40003", why(ErrorClass.SENDER, "blocked_by_carrier", "40003")),
            id="failed as spam is rejected",
        ),
        pytest.param(
            standing("delivery_failed", "40018"),
            receipt(Status.REJECTED, "delivery_failed 40018", why(ErrorClass.THROTTLED, "quota", "40018")),
            id="failed at the carrier's limit is rejected",
        ),
        pytest.param(
            standing("sending_failed", "40015"),
            receipt(Status.REFUSED, "sending_failed 40015", why(ErrorClass.CONTENT, "content_filter", "40015")),
            id="failed at Telnyx's own filter is refused",
        ),
        pytest.param(
            standing("delivery_failed", "40300"),
            receipt(Status.REFUSED, "delivery_failed 40300", why(ErrorClass.RECIPIENT, "opted_out", "40300")),
            id="who opted out is refused, whatever the word",
        ),
        pytest.param(
            standing("sending_failed", "40014"),
            receipt(Status.EXPIRED, "sending_failed 40014", why(ErrorClass.THROTTLED, "queue_expired", "40014")),
            id="too long in the queue is expired",
        ),
        pytest.param(
            standing("expired", "40300"),
            receipt(Status.EXPIRED, "expired 40300", why(ErrorClass.RECIPIENT, "opted_out", "40300")),
            id="expired stays expired, whatever the reason",
        ),
        pytest.param(
            standing("delivery_failed", "49999", "40012"),
            receipt(
                Status.UNDELIVERED, "delivery_failed 40012", why(ErrorClass.RECIPIENT, "invalid_recipient", "40012")
            ),
            id="of several errors the one that is known",
        ),
        pytest.param(
            standing("delivery_failed", "49999"),
            receipt(Status.UNDELIVERED, "delivery_failed 49999", why(ErrorClass.UNKNOWN, "delivery_failed", "49999")),
            id="failed for a reason that nobody has described is undelivered",
        ),
        pytest.param(
            standing("sending_failed", errors=None),
            receipt(Status.REFUSED, "sending_failed", MessageError(ErrorClass.UNKNOWN, "sending_failed")),
            id="not passed on, without a reason, is refused",
        ),
        pytest.param(
            standing("cancelled"),
            receipt(Status.REFUSED, "cancelled", MessageError(ErrorClass.UNKNOWN, "cancelled")),
            id="cancelled at Telnyx is refused",
        ),
        pytest.param(
            standing("teleported"),
            receipt(Status.UNKNOWN, "teleported"),
            id="a word that nobody knows is unknown, and kept",
        ),
        pytest.param(
            standing("delivered", cost=None, parts=None),
            receipt(Status.DELIVERED, "delivered", segments=None, **UNPRICED),
            id="what is missing is not known",
        ),
        pytest.param(
            standing("delivered", cost={"amount": -0.0102, "currency": "usd"}),
            receipt(Status.DELIVERED, "delivered"),
            id="a price is positive",
        ),
    ],
)
def test_a_receipt(payload: dict[str, Any], expected: DeliveryReceipt) -> None:
    assert telnyx().parse_callback(posted(event(payload))) == (expected,)


@pytest.mark.parametrize("kind", ["message.sent", "message.finalized", "message.read", "message.news"])
def test_the_type_of_the_event_is_not_the_status(kind: str) -> None:
    payload = standing("delivery_failed", "40008")
    (parsed,) = telnyx().parse_callback(posted(event(payload, kind)))
    assert isinstance(parsed, DeliveryReceipt)
    assert parsed.status is Status.UNDELIVERED


def test_the_vendors_package_knows_no_other_status_and_reads_the_same_event() -> None:
    statuses = outbound_message_payload.To.model_fields["status"].annotation
    words = {word for one in get_args(statuses) for word in get_args(one)}
    assert "delivered" in words
    assert words <= Telnyx.STATUSES.keys()
    update = DeliveryUpdateWebhookEvent.model_validate(event(PAYLOAD))
    assert update.data and update.data.payload and update.data.payload.to
    assert (update.data.payload.id, update.data.payload.to[0].status, update.data.payload.parts) == (
        THEIRS,
        "delivered",
        2,
    )


# Which text it is about.


@pytest.mark.parametrize(
    ("webhook_url", "delivered_to", "ours"),
    [
        pytest.param(URL, PROFILE_URL, ID, id="the URL of the text, though another was called"),
        pytest.param(URL, URL.replace(ID, OTHER), ID, id="even if it was another text's"),
        pytest.param(None, URL, ID, id="the URL that was called, where the text's is not told"),
        pytest.param(f"{URL}-{'a' * 32}", URL, ID, id="with a proof behind it"),
        pytest.param(f"{URL}?a=/b", None, ID, id="with a query behind it"),
        pytest.param(PROFILE_URL, PROFILE_URL, None, id="the profile's URL tells nothing"),
        pytest.param(URL.upper(), ["odd"], None, id="no id of ours"),
        pytest.param(None, None, None, id="neither"),
    ],
)
@pytest.mark.parametrize("called", [ID, OTHER, ""])
def test_our_id_is_the_one_in_the_signed_body(
    webhook_url: Any, delivered_to: Any, ours: str | None, called: str
) -> None:
    callback = posted(event({**PAYLOAD, "webhook_url": webhook_url}, delivered_to=delivered_to), ticket=called)
    (parsed,) = telnyx().parse_callback(callback)
    assert isinstance(parsed, DeliveryReceipt)
    assert (parsed.message_id, parsed.provider_message_id) == (ours, THEIRS)


# When it is asked.


def test_it_is_asked_for_each_id(outgoing: Any, wire: Any, http: Any) -> None:
    wire.reply = http(200, json.dumps({"data": {**standing("delivered"), "webhook_url": None}}))
    provider = Telnyx({**SETTINGS, "base_url": wire.url})
    assert provider.fetch_status(outgoing(provider_message_ids=(THEIRS,))) == [receipt(Status.DELIVERED, "delivered")]
    assert wire.requests[0].startswith(f"GET /v2/messages/{THEIRS} HTTP/1.1\r\n".encode())
    assert b"Authorization: Bearer KEY0123456789ABCDEF_made-up\r\n" in wire.requests[0]
    assert provider.fetch_status(outgoing(provider_message_ids=("a/../b?",))) != []
    assert wire.requests[1].startswith(b"GET /v2/messages/a%2F..%2Fb%3F HTTP/1.1\r\n")
    assert provider.fetch_status(outgoing()) == []


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(404, '{"errors": [{"code": "10005"}]}', ProviderUnavailable, id="unknown, or over ten days ago"),
        pytest.param(401, "{}", AccountRefused, id="a wrong key"),
        pytest.param(429, "", ProviderThrottled, id="too many questions"),
        pytest.param(500, "", OutcomeUnknown, id="it broke"),
        pytest.param(200, "<html>", OutcomeUnknown, id="no JSON"),
        pytest.param(200, '{"data": {"to": []}}', OutcomeUnknown, id="no status"),
    ],
)
def test_an_answer_that_tells_nothing(
    status: int, body: str, kind: type[SubmissionError], outgoing: Any, wire: Any, http: Any
) -> None:
    wire.reply = http(status, body)
    with pytest.raises(SubmissionError) as caught:
        Telnyx({**SETTINGS, "base_url": wire.url}).fetch_status(outgoing(provider_message_ids=(THEIRS,)))
    assert type(caught.value) is kind
