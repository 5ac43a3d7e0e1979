"""Sinch: what its callbacks say."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given, strategies
from test_sinch import AT, BATCH

from chalicelib.errors import CallbackUnreadable, ErrorClass
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError
from chalicelib.providers.base import Callback
from chalicelib.providers.sinch import Sinch
from chalicelib.status import Status

SETTINGS = {"service_plan_id": "plan4711", "api_token": "t0ken-of-the-plan", "callback_secret": "s3cret-of-callbacks"}
ID, OTHER = "0123456789abcdef0123456789abcdef", "f" * 32
RECEIPT = {
    "type": "recipient_delivery_report_sms",
    "batch_id": BATCH,
    "recipient": "33987654321",
    "code": 0,
    "status": "Delivered",
    "at": "2026-01-13T09:22:40.914Z",
    "operator_status_at": "2026-01-13T09:22:00Z",
    "client_reference": ID,
}
REPORT = {"type": "delivery_report_sms", "batch_id": BATCH, "client_reference": ID, "total_message_count": 1}
INCOMING = {
    "type": "mo_text",
    "id": "01JHG0000000000000000MO001",
    "from": "33987654321",
    "to": "33123456789",
    "body": "STOP",
    "received_at": "2026-01-13T09:22:40.914Z",
    "client_reference": ID,
}


def sinch(**settings: str) -> Sinch:
    return Sinch({**SETTINGS, **settings})


def called(event: Any, ticket: str | None = None) -> Callback:
    """At the URL that travelled with the text, unless another ticket is given."""
    ticket = sinch().ticket(ID) if ticket is None else ticket
    return Callback("POST", "https://sms.example.com", {}, body=json.dumps(event).encode(), ticket=ticket)


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in names}


def receipt(status: Status, word: str, error: MessageError | None = None, **more: Any) -> DeliveryReceipt:
    usual = {"message_id": ID, "provider_message_id": BATCH, "error": error, "occurred_on": AT}
    return DeliveryReceipt(status, word, **{**usual, **more})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, receipt(Status.DELIVERED, "Delivered"), id="delivered is delivered"),
        pytest.param({"status": "DELIVERED"}, receipt(Status.DELIVERED, "DELIVERED"), id="in upper case too"),
        pytest.param({"code": "0"}, receipt(Status.DELIVERED, "Delivered"), id="a code may be a string"),
        pytest.param(
            {"status": "Queued", "code": 400}, receipt(Status.SENDING, "Queued 400"), id="queued at Sinch is sending"
        ),
        pytest.param(
            {"status": "Dispatched", "code": 401}, receipt(Status.SENT, "Dispatched 401"), id="dispatched is sent"
        ),
        pytest.param(
            {"status": "Failed", "code": 8},
            receipt(Status.UNDELIVERED, "Failed 8", MessageError(ErrorClass.UNKNOWN, "undelivered", "8")),
            id="failed is undelivered, the carrier's code is kept raw",
        ),
        pytest.param(
            {"status": "Expired", "code": 404},
            receipt(Status.EXPIRED, "Expired 404", MessageError(ErrorClass.PROVIDER, "temporary_failure", "404")),
            id="expired is expired",
        ),
        pytest.param(
            {"status": "Rejected", "code": 4},
            receipt(Status.REJECTED, "Rejected 4", MessageError(ErrorClass.UNKNOWN, "rejected", "4")),
            id="rejected is rejected",
        ),
        pytest.param(
            {"status": "Deleted", "code": 34},
            receipt(Status.REJECTED, "Deleted 34", MessageError(ErrorClass.RECIPIENT, "deleted", "34")),
            id="deleted is rejected: an invalid number, or one that opted out",
        ),
        pytest.param({"status": "Unknown"}, receipt(Status.UNKNOWN, "Unknown"), id="unknown is unknown"),
        pytest.param(
            {"status": "Teleported", "code": 404},
            receipt(Status.UNKNOWN, "Teleported 404"),
            id="a word nobody has heard of is unknown and kept",
        ),
        pytest.param({"number_of_message_parts": 3}, receipt(Status.DELIVERED, "Delivered", segments=3), id="segments"),
        pytest.param({"number_of_message_parts": True}, receipt(Status.DELIVERED, "Delivered"), id="no segments"),
        pytest.param(
            {"at": "2026-01-13T09:22:40.9140001"}, receipt(Status.DELIVERED, "Delivered"), id="a time without offset"
        ),
        pytest.param(
            {"at": None},
            receipt(Status.DELIVERED, "Delivered", occurred_on=AT.replace(second=0, microsecond=0)),
            id="else the carrier's time",
        ),
        pytest.param(
            {"type": "recipient_delivery_report_mms"}, receipt(Status.DELIVERED, "Delivered"), id="gone out as MMS"
        ),
        pytest.param(
            {"client_reference": OTHER}, receipt(Status.DELIVERED, "Delivered"), id="the proven URL wins over the body"
        ),
    ],
)
def test_a_receipt(changes: dict[str, Any], expected: DeliveryReceipt) -> None:
    assert sinch().parse_callback(called({**RECEIPT, **changes})) == (expected,)


@pytest.mark.parametrize(
    ("word", "code", "status", "kind", "reason"),
    [
        ("Aborted", 402, Status.REFUSED, ErrorClass.PROVIDER, "unroutable"),
        ("Aborted", 403, Status.REFUSED, ErrorClass.PROVIDER, "internal_error"),
        ("Aborted", 404, Status.REFUSED, ErrorClass.PROVIDER, "temporary_failure"),
        ("Aborted", 405, Status.REFUSED, ErrorClass.CONTENT, "placeholder"),
        ("Aborted", 406, Status.EXPIRED, ErrorClass.PROVIDER, "expired"),
        ("Cancelled", 407, Status.REFUSED, ErrorClass.ACCOUNT, "canceled"),
        ("Canceled", 407, Status.REFUSED, ErrorClass.ACCOUNT, "canceled"),
        ("Aborted", 408, Status.REFUSED, ErrorClass.PROVIDER, "rejected"),
        ("Aborted", 410, Status.REFUSED, ErrorClass.SENDER, "invalid_sender"),
        ("Aborted", 411, Status.REFUSED, ErrorClass.CONTENT, "too_long"),
        ("ABORTED", 412, Status.REFUSED, ErrorClass.ACCOUNT, "not_permitted"),
        ("Aborted", 413, Status.REFUSED, ErrorClass.ACCOUNT, "account_barred"),
        ("Aborted", 499, Status.REFUSED, ErrorClass.UNKNOWN, "refused"),
    ],
)
def test_a_text_that_sinch_gave_up(word: str, code: int, status: Status, kind: ErrorClass, reason: str) -> None:
    expected = receipt(status, f"{word} {code}", MessageError(kind, reason, str(code)))
    assert sinch().parse_callback(called({**RECEIPT, "status": word, "code": code})) == (expected,)


@pytest.mark.parametrize("code", [{}, {"code": None}, {"code": []}, {"code": True}])
def test_a_failure_without_a_code(code: dict[str, Any]) -> None:
    event = {**without(RECEIPT, "code"), "status": "Failed", **code}
    expected = receipt(Status.UNDELIVERED, "Failed", MessageError(ErrorClass.UNKNOWN, "undelivered"))
    assert sinch().parse_callback(called(event)) == (expected,)


@pytest.mark.parametrize(
    "statuses",
    [
        pytest.param([{"code": 0, "status": "Delivered", "count": 1}], id="summary"),
        pytest.param([{"code": 0, "status": "Delivered", "count": 1, "recipients": ["33987654321"]}], id="full"),
    ],
)
def test_a_report_about_a_batch(statuses: Any) -> None:
    expected = receipt(Status.DELIVERED, "Delivered", occurred_on=None)
    assert sinch().parse_callback(called({**REPORT, "statuses": statuses})) == (expected,)


def test_a_status_that_cannot_be_read_does_not_lose_the_others(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="chalicelib")
    statuses = [None, {"code": 0}, {"code": 0, "status": "Delivered", "recipients": ["33987654321"]}]
    assert len(sinch().parse_callback(called({**REPORT, "statuses": statuses}))) == 1
    assert "2 of 3" in caplog.text
    assert "33987654321" not in caplog.text


def test_a_batch_that_was_cancelled_in_time_reports_nothing() -> None:
    assert sinch().parse_callback(called({**REPORT, "statuses": []})) == ()


@pytest.mark.parametrize(
    ("settings", "ticket", "reference", "expected"),
    [
        pytest.param({"incoming_token": OTHER}, OTHER, ID, ID, id="at the dashboard's URL, which may look like an id"),
        pytest.param({"incoming_token": OTHER}, OTHER, "r-1", None, id="there, of a batch that is not ours"),
        pytest.param({"incoming_token": OTHER}, OTHER, f"{ID}\n0", None, id="there, of what is no id"),
        pytest.param({"webhook_secret": "x"}, "", ID, ID, id="signed"),
        pytest.param({"webhook_secret": "x"}, OTHER, ID, ID, id="signed, with a URL that proves nothing"),
        pytest.param({"webhook_secret": "x"}, OTHER, None, None, id="signed, and that URL is no help"),
    ],
)
def test_whose_receipt_it_is(settings: dict[str, str], ticket: str, reference: Any, expected: str | None) -> None:
    event = called({**RECEIPT, "client_reference": reference}, ticket)
    (parsed,) = sinch(**settings).parse_callback(event)
    assert isinstance(parsed, DeliveryReceipt)
    assert (parsed.message_id, parsed.provider_message_id) == (expected, BATCH)


@pytest.mark.parametrize(
    ("changes", "frm", "to", "text"),
    [
        pytest.param({}, "+33987654321", "+33123456789", "STOP", id="a text, with plus"),
        pytest.param({"from": "+33987654321"}, "+33987654321", "+33123456789", "STOP", id="a plus may be there"),
        pytest.param({"to": "78910", "body": "Ünï 😀"}, "+33987654321", "78910", "Ünï 😀", id="to a short code"),
        pytest.param({"body": ""}, "+33987654321", "+33123456789", "", id="an empty text is a text"),
        pytest.param(
            {"type": "mo_binary", "body": "SGVsbG8=", "udh": "0605"}, "+33987654321", "+33123456789", "", id="binary"
        ),
        pytest.param(
            {"type": "mo_media", "body": {"subject": "Look", "message": "At this", "media": []}},
            "+33987654321",
            "+33123456789",
            "At this",
            id="a picture's text",
        ),
        pytest.param({"type": "mo_media", "body": {"media": []}}, "+33987654321", "+33123456789", "", id="a picture"),
    ],
)
def test_an_incoming_text(changes: dict[str, Any], frm: str, to: str, text: str) -> None:
    expected = IncomingText(frm, to, text, "01JHG0000000000000000MO001", AT)
    assert sinch().parse_callback(called({**INCOMING, **changes})) == (expected,)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param([], id="no object"),
        pytest.param({}, id="nothing"),
        pytest.param(without(RECEIPT, "type"), id="no type"),
        pytest.param({**RECEIPT, "type": "weather_report"}, id="another type"),
        pytest.param(without(RECEIPT, "status"), id="no status"),
        pytest.param({**REPORT, "statuses": [None]}, id="no status among the statuses"),
        pytest.param(without(INCOMING, "from"), id="a text from nobody"),
        pytest.param(without(INCOMING, "id"), id="a text without an id"),
    ],
)
def test_what_cannot_be_read(event: Any) -> None:
    with pytest.raises(CallbackUnreadable):
        sinch().parse_callback(called(event))


def test_a_receipt_that_names_no_text_cannot_be_read() -> None:
    with pytest.raises(CallbackUnreadable):
        sinch().parse_callback(called(without(RECEIPT, "batch_id"), ""))


ANY = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=5,
)
KINDS = ("mo_text", "mo_media", "mo_binary", "delivery_report_sms", "recipient_delivery_report_sms")
NAMES = ("batch_id", "client_reference", "status", "statuses", "code", "at", "from", "to", "id", "body", "received_at")


@given(
    strategies.fixed_dictionaries({"type": strategies.sampled_from(KINDS)}, optional=dict.fromkeys(NAMES, ANY)) | ANY
)
def test_whatever_comes_is_read_or_refused(event: Any) -> None:
    for settings in ({}, {"webhook_secret": "x"}):
        try:
            events = sinch(**settings).parse_callback(called(event))
        except CallbackUnreadable:
            continue
        assert all(isinstance(event, DeliveryReceipt | IncomingText) for event in events)
