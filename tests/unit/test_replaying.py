"""The changes of a text, told again from its history: they must be those that were told."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib import signals, store
from chalicelib.errors import ErrorClass
from chalicelib.inbound import receive
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Part, Submission
from chalicelib.providers.dummy import Dummy
from chalicelib.replaying import changes_of
from chalicelib.stage import now
from chalicelib.status import Status


@pytest.fixture
def told(aws, monkeypatch):
    """The changes that the stream tells, told by the images of the table after each write."""
    changes, images = [], {}

    def see(message_id):
        stored = store.get(message_id)
        if change := signals.status_change(images.get(message_id), stored):
            changes.append(change)
        images[message_id] = stored

    return changes, see


def again(message_id, changes):
    """The same, but for what is told as it is now."""
    now_known = store.get(message_id)
    return [replace(change, segments=now_known.segments, currency=now_known.currency) for change in changes]


WAYS = {
    "delivered": [("sent", None), ("delivered", None)],
    "out of order": [("delivered", None), ("sent", None)],
    "priced by a receipt": [("sent", "0.05"), ("delivered", None)],
    "priced at the end": [("sent", None), ("delivered", "0.05")],
    "priced later": [("delivered", None), ("delivered", "0.05"), ("delivered", "0.05")],
    "failed": [("sent", None), ("undelivered", None), ("sent", None)],
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("priced", [None, Decimal("0.03")])
def test_they_are_told_as_they_were(http, told, monkeypatch, way, priced):
    changes, see = told
    monkeypatch.setattr(
        Dummy, "submit", lambda *_: Submission(("1",), price=priced, currency="EUR" if priced else None)
    )
    monkeypatch.setattr(store, "create", lambda message, create=store.create: (create(message), see(message.id)))
    message_id = http.send(reference="r", metadata={"a": "b"}).json_body["id"]
    see(message_id)
    for word, price in way:
        error = MessageError(ErrorClass.RECIPIENT, "absent", "1") if word == "undelivered" else None
        amount = None if price is None else Decimal(price)
        receipt = DeliveryReceipt(
            Status(word), word, message_id, "1", error=error, price=amount, currency="EUR" if price else None
        )
        store.advance(message_id, "dummy", receipt, now())
        see(message_id)
    assert len(changes) >= 3
    assert [*changes_of(store.get(message_id))] == again(message_id, changes)


def test_an_incoming_text_in_parts_is_one_change(told):
    changes, see = told
    for number in (1, 2):
        text = IncomingText("+33612345678", "2580", f"part {number}", f"in-{number}", part=Part("7", 2, number))
        message_id = receive("dummy", text, now()).id
        see(message_id)
    assert [change.kind for change in changes] == ["Message Received"]
    assert [*changes_of(store.get(message_id))] == changes


def test_what_a_text_of_several_segments_became_is_told_once(http, told, monkeypatch):
    changes, see = told
    monkeypatch.setattr(Dummy, "submit", lambda *_: Submission(("1", "2"), segments=2))
    monkeypatch.setattr(store, "create", lambda message, create=store.create: (create(message), see(message.id)))
    message_id = http.send(text="x" * 170).json_body["id"]
    see(message_id)
    for segment, word, price in (("1", "delivered", "0.03"), ("2", "sent", None), ("2", "delivered", "0.04")):
        amount = None if price is None else Decimal(price)
        receipt = DeliveryReceipt(Status(word), word, message_id, segment, per_segment=True, price=amount)
        store.advance(message_id, "dummy", receipt, now())
        see(message_id)
    assert changes[-1].price == Decimal("0.07")
    assert [*changes_of(store.get(message_id))] == again(message_id, changes)
