"""Plivo: what its callbacks say, and what it says when it is asked. test_plivo_signing.py: which callbacks are believed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_plivo import ID, INCOMING, RECEIPT, TAKEN, TOKEN, form

from chalicelib import transitions
from chalicelib.errors import (
    AccountRefused,
    CallbackUnreadable,
    ErrorClass,
    OutcomeUnknown,
    ProviderUnavailable,
)
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError
from chalicelib.providers.base import Callback
from chalicelib.providers.plivo import Plivo
from chalicelib.status import Status

SETTINGS = {"auth_id": "MA/0000000000000000", "auth_token": TOKEN, "callback_secret": "c4llback-s3cret"}
UUID, OTHER = "5b40a428-bfc7-4daf-9d06-726c558bf3b8", "83876bdb-2033-4876-bfaf-0ff8693705af"


def plivo(**changes: str) -> Plivo:
    return Plivo({**SETTINGS, **changes})


# What its callbacks say.


def receipt(status: Status, word: str, error: MessageError | None = None, **more: Any) -> DeliveryReceipt:
    usual = {"price": Decimal("0.0025"), "currency": "USD", "segments": 1}
    return DeliveryReceipt(status, word, ID, UUID, error=error, **{**usual, **more})


NO_PRICE = {"price": None, "currency": None}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, receipt(Status.DELIVERED, "delivered"), id="delivered is delivered, with its price"),
        pytest.param({"Status": "READ"}, receipt(Status.DELIVERED, "READ"), id="read is delivered, in capitals too"),
        pytest.param({"Status": "sent", "ErrorCode": ""}, receipt(Status.SENT, "sent"), id="sent is sent"),
        pytest.param(
            {"Status": "queued"}, receipt(Status.SENDING, "queued", **NO_PRICE), id="queued costs nothing yet"
        ),
        pytest.param(
            {"TotalAmount": "-0.0050"}, receipt(Status.DELIVERED, "delivered", price=Decimal("0.0050")), id="a debit"
        ),
        pytest.param({"TotalAmount": "free"}, receipt(Status.DELIVERED, "delivered", **NO_PRICE), id="no price"),
        pytest.param(
            {"Status": "failed", "ErrorCode": "000"},
            receipt(Status.REFUSED, "failed", MessageError(ErrorClass.UNKNOWN, "refused")),
            id="failed without a reason is refused",
        ),
        pytest.param(
            {"Status": "rejected", "ErrorCode": "380"},
            receipt(Status.REJECTED, "rejected 380", MessageError(ErrorClass.UNKNOWN, "rejected", "380")),
            id="a code that nobody has described is kept",
        ),
        pytest.param({"Status": "received"}, receipt(Status.UNKNOWN, "received"), id="an unknown word is kept"),
        pytest.param({"Status": "lost", "ErrorCode": "80"}, receipt(Status.UNKNOWN, "lost 80"), id="with its code"),
        pytest.param(
            {"PartInfo": "", "ParentMessageUUID": ""}, receipt(Status.DELIVERED, "delivered"), id="without parts"
        ),
        pytest.param({"PartInfo": "one"}, receipt(Status.DELIVERED, "delivered"), id="with a part that is reserved"),
        pytest.param(
            {"Units": "3", "TotalAmount": "0.0075"},
            receipt(Status.DELIVERED, "delivered", segments=3, price=Decimal("0.0075")),
            id="one receipt for a text of three units",
        ),
        pytest.param(
            {"Units": "²"}, receipt(Status.DELIVERED, "delivered", segments=None), id="units that are no number"
        ),
        pytest.param(
            {"PartInfo": "1 of 3", "Units": "3", "TotalAmount": "0.0075"},
            receipt(Status.DELIVERED, "delivered", per_segment=True, segments=3),
            id="a part costs the rate of one segment",
        ),
        pytest.param(
            {"PartInfo": "1 of 3", "TotalRate": "0.0020"},
            receipt(Status.DELIVERED, "delivered", per_segment=True, segments=3),
            id="or the amount, where that is of one",
        ),
        pytest.param(
            {"PartInfo": "", "ParentMessageUUID": OTHER},
            receipt(Status.DELIVERED, "delivered", per_segment=True, segments=None),
            id="a part that has only an id of its own",
        ),
        pytest.param(
            {"SentTime": "2026-10-08 17:33:01.799021+05:30", "QueuedTime": "2026-10-08 17:33:00+05:30"},
            receipt(Status.DELIVERED, "delivered", occurred_on=datetime(2026, 10, 8, 12, 3, 1, 799021, timezone.utc)),
            id="a time of India",
        ),
        pytest.param(
            {"DeliveryReportTime": "2026-10-08 17:33:01.799021"},
            receipt(Status.DELIVERED, "delivered"),
            id="of nowhere",
        ),
        pytest.param(
            {"DeliveryReportTime": "2026-10-08 17:33"}, receipt(Status.DELIVERED, "delivered"), id="without seconds"
        ),
    ],
)
def test_a_receipt(changes: dict[str, str], expected: DeliveryReceipt) -> None:
    params = {**RECEIPT, **changes}
    assert plivo().parse_callback(form(params)) == (expected,)
    assert plivo().parse_callback(form({name.lower(): value for name, value in params.items()})) == (expected,)
    query = Callback("GET", form({}).url, query=tuple(params.items()), ticket=ID)
    assert plivo().parse_callback(query) == (expected,)


@pytest.mark.parametrize(
    ("code", "status", "kind", "reason"),
    [
        ("10", Status.REJECTED, ErrorClass.CONTENT, "illegal_message"),
        ("020", Status.UNDELIVERED, ErrorClass.PROVIDER, "network"),
        ("30", Status.REJECTED, ErrorClass.CONTENT, "spam"),
        ("40", Status.REFUSED, ErrorClass.SENDER, "invalid_sender"),
        ("50", Status.UNDELIVERED, ErrorClass.RECIPIENT, "invalid_recipient"),
        ("60", Status.REFUSED, ErrorClass.PROVIDER, "loop"),
        ("70", Status.UNDELIVERED, ErrorClass.RECIPIENT, "inactive"),
        ("80", Status.UNDELIVERED, ErrorClass.RECIPIENT, "unreachable"),
        ("90", Status.REFUSED, ErrorClass.PROVIDER, "unroutable"),
        ("100", Status.REJECTED, ErrorClass.RECIPIENT, "blocked_by_carrier"),
        ("110", Status.REFUSED, ErrorClass.CONTENT, "too_long"),
        ("200", Status.REFUSED, ErrorClass.RECIPIENT, "opted_out"),
        ("201", Status.REFUSED, ErrorClass.SENDER, "sender_not_allowed"),
        ("300", Status.REFUSED, ErrorClass.PROVIDER, "not_dispatched"),
        ("420", Status.EXPIRED, ErrorClass.PROVIDER, "expired"),
        ("900", Status.REFUSED, ErrorClass.ACCOUNT, "no_credit"),
        ("910", Status.REFUSED, ErrorClass.ACCOUNT, "account_barred"),
        ("1000", None, ErrorClass.UNKNOWN, "unknown"),
    ],
)
def test_a_code_says_why_and_what_a_failure_is(code: str, status: Status | None, kind: ErrorClass, reason: str) -> None:
    for word, otherwise in (("failed", Status.REFUSED), ("undelivered", Status.UNDELIVERED)):
        (parsed,) = plivo().parse_callback(form({**RECEIPT, "Status": word, "ErrorCode": code}))
        assert parsed == receipt(status or otherwise, f"{word} {code}", MessageError(kind, reason, code))
    (parsed,) = plivo().parse_callback(form({**RECEIPT, "ErrorCode": code}))
    assert parsed == receipt(Status.DELIVERED, f"delivered {code}")


@pytest.mark.parametrize("ticket", ["", "r-1", ID.upper(), ID + "0", "an-incoming-token"])
def test_a_ticket_that_is_not_ours_is_no_id(ticket: str) -> None:
    (parsed,) = plivo(currency="EUR").parse_callback(form(RECEIPT, ticket))
    assert isinstance(parsed, DeliveryReceipt)
    assert (parsed.message_id, parsed.provider_message_id, parsed.currency) == (None, UUID, "EUR")


def part(number: int, status: str) -> DeliveryReceipt:
    ids = {"MessageUUID": (UUID, OTHER)[number - 1], "PartInfo": f"{number} of 2", "Status": status, "Units": "1"}
    (parsed,) = plivo().parse_callback(form({**RECEIPT, **ids}))
    assert isinstance(parsed, DeliveryReceipt)
    return parsed


@pytest.mark.parametrize(
    ("reports", "status", "price"),
    [
        pytest.param([(1, "delivered")], Status.SENT, None, id="one of two"),
        pytest.param([(1, "delivered"), (1, "delivered")], Status.SENT, None, id="one of two, told twice"),
        pytest.param([(2, "delivered"), (2, "sent"), (1, "delivered")], Status.DELIVERED, Decimal("0.0050"), id="both"),
        pytest.param([(1, "delivered"), (2, "undelivered")], Status.UNDELIVERED, Decimal("0.0050"), id="one failed"),
    ],
)
def test_a_long_text_is_delivered_when_all_its_parts_are(
    outgoing: Any, now: datetime, reports: list[tuple[int, str]], status: Status, price: Decimal | None
) -> None:
    submitted = transitions.accepted(outgoing(text="x" * 200), TAKEN, now, now + timedelta(hours=1))
    before = outgoing(text="x" * 200)  # all receipts may overtake the answer, too
    for number, word in reports:
        submitted = transitions.received(submitted, part(number, word), now)
        before = transitions.received(before, part(number, word), now)
    overtaken = transitions.accepted(before, TAKEN, now, now + timedelta(hours=1))
    assert {(one.status, one.price) for one in (submitted, overtaken)} == {(status, price)}


def test_a_long_text_is_delivered_when_one_receipt_says_so_for_all_of_it(outgoing: Any, now: datetime) -> None:
    submitted = transitions.accepted(outgoing(text="x" * 200), TAKEN, now, now + timedelta(hours=1))
    (whole,) = plivo().parse_callback(form({**RECEIPT, "Units": "2", "TotalAmount": "0.0050"}))
    assert isinstance(whole, DeliveryReceipt)
    after = transitions.received(submitted, whole, now)
    assert (after.status, after.price, after.segments) == (Status.DELIVERED, Decimal("0.0050"), 2)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, ("+14155550101", "+14155550100", "STOP"), id="a text, with plus"),
        pytest.param({"To": "78910", "Text": " Ünï & 😀=1 "}, ("+14155550101", "78910", " Ünï & 😀=1 "), id="any text"),
        pytest.param(
            {"Text": "", "Type": "mms", "Media0": "https://media.example.com/1"},
            ("+14155550101", "+14155550100", ""),
            id="a picture",
        ),
        pytest.param(
            {"From": " 14155550101", "Status": ""}, ("+14155550101", "+14155550100", "STOP"), id="an unescaped plus"
        ),
    ],
)
def test_an_incoming_text(changes: dict[str, str], expected: tuple[str, str, str]) -> None:
    assert plivo().parse_callback(form({**INCOMING, **changes})) == (IncomingText(*expected, OTHER),)


def test_a_picture_may_have_no_text_at_all() -> None:
    picture = {name: value for name, value in INCOMING.items() if name != "Text"} | {"Type": "mms"}
    assert plivo().parse_callback(form(picture)) == (IncomingText("+14155550101", "+14155550100", "", OTHER),)


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({}, id="nothing"),
        pytest.param({**RECEIPT, "MessageUUID": ""}, id="a receipt for nothing"),
        pytest.param({"MessageUUID": UUID, "From": "14155550100"}, id="only a number"),
        pytest.param({"MessageUUID": UUID, "Text": "from nobody"}, id="no sender"),
    ],
)
def test_what_is_neither_cannot_be_read(params: dict[str, str]) -> None:
    with pytest.raises(CallbackUnreadable):
        plivo().parse_callback(form(params))


NAMES = st.sampled_from([*RECEIPT, *INCOMING, "SentTime", "ErrorMessage"]) | st.text()
VALUES = (
    st.sampled_from(["failed", "2 of 3", "1e9", "9" * 5000, "NaN", "-0", ID, "2026-10-08 17:33:01+99:99"]) | st.text()
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, VALUES), st.binary(), st.text(), st.sampled_from(["GET", "POST"]))
def test_whatever_comes_is_read_or_called_unreadable(
    params: dict[str, str], body: bytes, ticket: str, method: str
) -> None:
    encoded = "&".join(urlencode({name: value}, errors="replace") for name, value in params.items()).encode()
    for content in (encoded, body):
        try:
            (event,) = plivo().parse_callback(
                Callback(method, "", query=tuple(params.items()), body=content, ticket=ticket)
            )
        except CallbackUnreadable:
            continue
        assert isinstance(event, DeliveryReceipt | IncomingText)


# What it says when it is asked.

RECORD = {
    "api_id": OTHER,
    "message_uuid": UUID,
    "from_number": "14155550100",
    "to_number": "14155550101",
    "message_direction": "outbound",
    "message_state": "delivered",
    "message_type": "sms",
    "message_time": "2026-10-08 17:33:00.799021+05:30",
    "message_sent_time": "2026-10-08 17:33:01+05:30",
    "message_updated_time": "2026-10-08 17:33:05.000000+05:30",
    "error_code": None,
    "error_message": "",
    "units": 1,
    "total_rate": "0.00140",
    "total_amount": "0.00140",
}
AT = datetime(2026, 10, 8, 12, 3, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        pytest.param("x", {}, receipt(Status.DELIVERED, "delivered", occurred_on=AT), id="delivered"),
        pytest.param(
            "x",
            {"message_state": "failed", "error_code": 50, "error_message": "no number 33987654321"},
            receipt(
                Status.UNDELIVERED,
                "failed 50",
                MessageError(ErrorClass.RECIPIENT, "invalid_recipient", "50", "no number 3398*****21"),
                occurred_on=AT,
            ),
            id="failed, with a sentence",
        ),
        pytest.param(
            "x" * 200, {"units": 2}, receipt(Status.DELIVERED, "delivered", segments=2, occurred_on=AT), id="long"
        ),
        pytest.param(
            "x" * 200,
            {},
            receipt(Status.DELIVERED, "delivered", segments=2, per_segment=True, occurred_on=AT),
            id="a single unit of a long text may be its first part",
        ),
        pytest.param(
            "x",
            {"message_uuid": None, "units": None},
            receipt(Status.DELIVERED, "delivered", segments=None, occurred_on=AT),
            id="bare",
        ),
    ],
)
def test_a_fetched_status(
    text: str, changes: dict[str, Any], expected: DeliveryReceipt, wire: Any, http: Any, outgoing: Any
) -> None:
    wire.reply = http(200, json.dumps({**RECORD, "total_amount": "0.0025", **changes}))
    asked = plivo(base_url=wire.url).fetch_status(outgoing(text=text, provider_message_ids=(UUID,)))
    assert asked == [expected]
    head = wire.requests[0].decode()
    assert head.startswith(f"GET /v1/Account/MA%2F0000000000000000/Message/{UUID}/ HTTP")
    assert "Authorization: Basic " in head


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, '{"error": "not found"}', ProviderUnavailable),
        (401, "", AccountRefused),
        (200, "<html>", OutcomeUnknown),
        (200, "[]", OutcomeUnknown),
        (200, '{"message_uuid": "x"}', OutcomeUnknown),
    ],
)
def test_a_status_that_is_not_told(status: int, body: str, kind: type, wire: Any, http: Any, outgoing: Any) -> None:
    wire.reply = http(status, body)
    with pytest.raises(kind):
        plivo(base_url=wire.url).fetch_status(outgoing(provider_message_ids=(UUID,)))


def test_of_a_text_that_has_no_id_nothing_is_asked(outgoing: Any) -> None:
    assert plivo().fetch_status(outgoing()) == []
