"""Vonage's Messages API: what its callbacks say."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_vonage_messages import ID, INCOMING, RECEIPT, UUID, as_json, vonage

from chalicelib.errors import CallbackUnreadable, ErrorClass
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError
from chalicelib.providers.base import Callback
from chalicelib.providers.vonage_messages import CODES
from chalicelib.status import FAILED, Status

AT = datetime(2026, 10, 8, 12, 3, 5, tzinfo=timezone.utc)
PAGE = "https://developer.vonage.com/api-errors/messages"


def receipt(status: Status, word: str, error: MessageError | None = None) -> DeliveryReceipt:
    return DeliveryReceipt(status, word, ID, UUID, False, error, Decimal("0.0333"), "EUR", 2, AT)


def failure(status: Status, word: str, kind: ErrorClass, reason: str, code: str | None, detail: Any) -> DeliveryReceipt:
    return receipt(status, word, MessageError(kind, reason, code, detail))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"status": "submitted"}, receipt(Status.SENT, "submitted"), id="submitted is sent"),
        pytest.param({}, receipt(Status.DELIVERED, "delivered"), id="delivered is delivered"),
        pytest.param({"status": "read"}, receipt(Status.DELIVERED, "read"), id="read is delivered"),
        pytest.param({"status": "DELIVERED"}, receipt(Status.DELIVERED, "DELIVERED"), id="in capitals, too"),
        pytest.param({"status": "eaten"}, receipt(Status.UNKNOWN, "eaten"), id="a word that nobody knows is unknown"),
        pytest.param({"status": 7}, receipt(Status.UNKNOWN, "7"), id="a number is a word that nobody knows"),
        pytest.param(
            {"status": "rejected", "error": {"type": f"{PAGE}#1210", "title": "1210", "detail": "Anti-Spam Rejection"}},
            failure(Status.REJECTED, "rejected 1210", ErrorClass.CONTENT, "spam", "1210", "Anti-Spam Rejection"),
            id="rejected as spam",
        ),
        pytest.param(
            {"status": "rejected", "error": {"type": PAGE, "title": 1190, "detail": "of +447700900000"}},
            failure(Status.UNDELIVERED, "rejected 1190", ErrorClass.RECIPIENT, "inactive", "1190", "of +447*******00"),
            id="rejected, since nobody has the number any more, is undelivered",
        ),
        pytest.param(
            {"status": "rejected", "error": {"code": 1120, "reason": "Illegal Sender Address"}},
            failure(
                Status.REFUSED, "rejected 1120", ErrorClass.SENDER, "invalid_sender", "1120", "Illegal Sender Address"
            ),
            id="rejected for its sender is refused; an error of v0.1",
        ),
        pytest.param(
            {"status": "rejected", "error": {"title": "1360"}},
            failure(Status.EXPIRED, "rejected 1360", ErrorClass.UNKNOWN, "expired", "1360", "1360"),
            id="rejected, since its time is up, is expired",
        ),
        pytest.param(
            {"status": "rejected", "error": {"title": "1330"}},
            receipt(Status.UNKNOWN, "rejected 1330"),
            id="rejected for a reason that the carrier does not tell is unknown",
        ),
        pytest.param(
            {"status": "rejected", "error": {"type": f"{PAGE}#1999", "title": "Brand new"}},
            failure(Status.REJECTED, "rejected 1999", ErrorClass.UNKNOWN, "rejected", "1999", "Brand new"),
            id="rejected with a new code keeps it",
        ),
        pytest.param(
            {"status": "rejected", "error": {"type": PAGE, "title": "Brand new"}},
            failure(Status.REJECTED, "rejected", ErrorClass.UNKNOWN, "rejected", None, "Brand new"),
            id="rejected with a new word",
        ),
        pytest.param(
            {"status": "rejected"},
            failure(Status.REJECTED, "rejected", ErrorClass.UNKNOWN, "rejected", None, None),
            id="rejected without a reason",
        ),
        pytest.param(
            {"status": "undeliverable"},
            failure(Status.REFUSED, "undeliverable", ErrorClass.PROVIDER, "unavailable", None, None),
            id="undeliverable did not leave Vonage",
        ),
        pytest.param(
            {"status": "undeliverable", "error": {"code": "1260", "reason": "Destination unreachable"}},
            failure(
                Status.UNDELIVERED,
                "undeliverable 1260",
                ErrorClass.RECIPIENT,
                "unreachable",
                "1260",
                "Destination unreachable",
            ),
            id="undeliverable with a reason",
        ),
        pytest.param(
            {"status": "expired", "error": {"code": "1280"}},
            failure(Status.EXPIRED, "expired 1280", ErrorClass.RECIPIENT, "blocked_by_carrier", "1280", None),
            id="expired stays expired, whatever the reason",
        ),
        pytest.param(
            {"status": "submitted", "error": {"code": 1220}},
            receipt(Status.SENT, "submitted 1220"),
            id="busy, and tried again, is no failure",
        ),
    ],
)
def test_a_receipt(changes: dict[str, Any], expected: DeliveryReceipt) -> None:
    event = {**RECEIPT, **changes}
    assert vonage().parse_callback(as_json(event)) == (expected,)
    addresses = {who: {"type": "sms", "number": event[who]} for who in ("to", "from")}
    v01 = {name: value for name, value in {**event, **addresses}.items() if name != "channel"}
    assert vonage().parse_callback(as_json(v01)) == (expected,)


@pytest.mark.parametrize("code", CODES)
def test_a_code_of_a_rejected_text_decides_its_status(code: str) -> None:
    kind, word, status = CODES[code]
    (parsed,) = vonage().parse_callback(as_json({**RECEIPT, "status": "rejected", "error": {"type": f"{PAGE}#{code}"}}))
    assert isinstance(parsed, DeliveryReceipt)
    assert parsed.status is status
    told = parsed.error and (parsed.error.error_class, parsed.error.code, parsed.error.provider_code)
    assert told == ((kind.error_class, word, code) if status in FAILED else None)


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (Status.REJECTED, "1210 1240 1241 1270 1280 1480 1481 1482 1483"),
        (Status.UNDELIVERED, "1180 1190 1200 1220 1230 1250 1260 1290"),
        (
            Status.REFUSED,
            "1000 1010 1020 1030 1040 1050 1060 1070 1080 1090 1100 1120 1130 1140 1150 1160 1170 1470 1472 1476",
        ),
        (Status.EXPIRED, "1360"),
        (Status.UNKNOWN, "1320 1330"),
    ],
)
def test_the_status_of_each_code(status: Status, codes: str) -> None:
    assert {CODES[code][2] for code in codes.split()} == {status}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"usage": {"price": "-0.0333", "currency": "EUR"}}, (Decimal("0.0333"), "EUR", 2), id="negative"),
        pytest.param(
            {"usage": {"price": 0.0333}, "sms": {"count_total": 2}}, (Decimal("0.0333"), None, 2), id="numbers"
        ),
        pytest.param({"usage": {"price": "", "currency": "EUR"}}, (None, None, 2), id="no price, so no currency"),
        pytest.param(
            {"usage": {"price": "-1e999999999", "currency": "EUR"}},
            (None, None, 2),
            id="more than there is",
        ),
        pytest.param({"usage": None, "sms": None}, (None, None, None), id="nothing"),
        pytest.param({"usage": [], "sms": "2"}, (None, None, None), id="nothing that can be read"),
        pytest.param({"usage": {"price": "NaN"}, "sms": {"count_total": "0"}}, (None, None, None), id="nonsense"),
    ],
)
def test_price_and_segments_come_with_receipts(changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
    (parsed,) = vonage().parse_callback(as_json({**RECEIPT, **changes}))
    assert isinstance(parsed, DeliveryReceipt)
    assert (parsed.price, parsed.currency, parsed.segments) == expected


@pytest.mark.parametrize("ours", ["", "r-1", ID.upper(), ID + "0", None, [ID]])
def test_a_client_ref_that_is_no_id_of_ours_is_not_taken_for_one(ours: Any) -> None:
    (parsed,) = vonage().parse_callback(as_json({**RECEIPT, "client_ref": ours}))
    assert isinstance(parsed, DeliveryReceipt)
    assert (parsed.message_id, parsed.provider_message_id) == (None, UUID)


V01 = {
    "message_uuid": UUID,
    "to": {"type": "sms", "number": "447700900000"},
    "from": {"type": "sms", "number": "447700900001"},
    "timestamp": "2026-10-08T12:03:05.000Z",
    "message": {"content": {"type": "text", "text": "STOP"}, "sms": {"num_messages": "2"}},
    "usage": {"price": "0.0333", "currency": "EUR"},
}


def text(frm: str = "+447700900001", to: str = "+447700900000", said: str = "STOP", at: Any = AT) -> IncomingText:
    return IncomingText(frm, to, said, UUID, at)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(INCOMING, text(), id="a text, with plus"),
        pytest.param(V01, text(), id="a text of v0.1"),
        pytest.param({**INCOMING, "to": "78910"}, text(to="78910"), id="a text to a short code"),
        pytest.param({**INCOMING, "from": "AcmeInc"}, text(frm="AcmeInc"), id="a text from a name"),
        pytest.param({**INCOMING, "text": " Ünï 😀\n"}, text(said=" Ünï 😀\n"), id="a text is kept as it is"),
        pytest.param({**INCOMING, "text": ""}, text(said=""), id="an empty text is a text"),
        pytest.param({**INCOMING, "timestamp": "soon"}, text(at=None), id="a time that cannot be read is none"),
        pytest.param({**INCOMING, "timestamp": "0001-01-01T00:00:00+01:00"}, text(at=None), id="one before all times"),
        pytest.param(
            {
                **INCOMING,
                "channel": "mms",
                "message_type": "image",
                "text": None,
                "image": {"url": "https://a.example"},
            },
            text(said=""),
            id="a picture without words",
        ),
    ],
)
def test_an_incoming_text(event: dict[str, Any], expected: IncomingText) -> None:
    assert vonage().parse_callback(as_json(event)) == (expected,)


@pytest.mark.parametrize(
    "event", [{**INCOMING, "channel": "whatsapp"}, {**V01, "to": {"type": "messenger", "id": "1"}}]
)
def test_what_comes_over_other_channels_means_nothing_to_us(event: dict[str, Any]) -> None:
    assert vonage().parse_callback(as_json(event)) == ()


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"foo": "bar"}, id="neither kind"),
        pytest.param([RECEIPT], id="a list"),
        pytest.param({**RECEIPT, "message_uuid": ""}, id="a receipt for nothing"),
        pytest.param({**RECEIPT, "status": None}, id="no status"),
        pytest.param({**INCOMING, "from": {}}, id="no sender"),
    ],
)
def test_what_is_neither_cannot_be_read(event: Any) -> None:
    with pytest.raises(CallbackUnreadable):
        vonage().parse_callback(as_json(event))


@pytest.mark.parametrize("body", [b"", b"status=delivered", b"\xff", b"[" * 99999])
def test_what_is_no_json_cannot_be_read(body: bytes) -> None:
    with pytest.raises(CallbackUnreadable):
        vonage().parse_callback(Callback("POST", "https://sms.example.com", body=body))


NAMES = sorted(
    {*RECEIPT, *INCOMING, *V01, "error", "code", "type", "title", "number", "price", "count_total", "content"}
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["sms", "rejected", "1e9999999"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.sampled_from([{}, RECEIPT, INCOMING, V01]))
def test_whatever_json_comes_is_read_or_cannot_be_read(event: dict[str, Any], like: dict[str, Any]) -> None:
    for given_event in (event, {**like, **event}):
        try:
            for parsed in vonage().parse_callback(as_json(given_event)):
                assert isinstance(parsed, DeliveryReceipt | IncomingText)
        except CallbackUnreadable:
            pass
