"""Incoming texts: once each, and long ones in one piece."""

from datetime import timedelta
from itertools import permutations

import pytest
from test_dispatching import ticket

from chalicelib import dispatching, sending, store
from chalicelib.inbound import receive
from chalicelib.messages import IncomingText, Part
from chalicelib.status import Status

PIECES = ("Once upon ", "a time there ", "was a text.")


def text(provider_message_id="in-1", piece="STOP", part=None):
    return IncomingText("+33611111111", "+33622222222", piece, provider_message_id, None, part)


def piece(number, prefix="in", reference="7"):
    return text(f"{prefix}-{number}", PIECES[number - 1], Part(reference, 3, number))


def test_a_text_that_is_told_twice_is_stored_once(aws):
    first, again = (receive("dummy", text(), sending.now()) for _ in range(2))
    assert first == again == store.get(first.id)
    assert (first.status, first.direction.value, first.text) == (Status.RECEIVED, "incoming", "STOP")


def test_two_providers_may_use_the_same_id(aws):
    assert receive("dummy", text(), sending.now()).id != receive("sandbox", text(), sending.now()).id


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_a_long_text_is_joined_in_whatever_order_its_parts_come_and_signalled_once(aws, order):
    sequences = []
    for number in order:
        for _ in range(2):  # each told twice
            message = receive("dummy", piece(number), sending.now())
            sequences.append(store.get(message.id).sequence)
    assert sequences == [0, 0, 0, 0, 1, 1]
    message = store.get(message.id)
    assert (message.text, message.status, message.segments) == ("".join(PIECES), Status.RECEIVED, 3)
    assert sorted(message.provider_message_ids) == ["in-1", "in-2", "in-3"]
    assert (message.due_at, message.fragments) == (None, {})


def test_a_reference_that_is_used_again_is_another_text(aws):
    for number in (1, 2, 3):
        first = receive("dummy", piece(number), sending.now())
    for number in (3, 1, 2):
        second = receive("dummy", piece(number, prefix="next"), sending.now())
    assert first.id != second.id
    assert store.get(first.id).text == store.get(second.id).text == "".join(PIECES)


def test_two_texts_at_once_with_one_reference_are_not_mixed_up_beyond_recognition(aws):
    """The same part twice with different ids cannot be of one text."""
    first = receive("dummy", piece(1), sending.now())
    second = receive("dummy", piece(1, prefix="other"), sending.now())
    assert first.id != second.id


def test_parts_that_never_come_leave_a_mark_when_the_time_is_up(aws, monkeypatch):
    receive("dummy", piece(1), sending.now())
    message = receive("dummy", piece(3), sending.now())
    real = sending.now
    monkeypatch.setattr(dispatching, "now", lambda: real() + timedelta(minutes=11))
    assert dispatching.dispatch() == 1
    dispatching.handle(ticket(message.id))
    message = store.get(message.id)
    assert message.text == "Once upon […]was a text."
    assert (message.status, message.sequence, message.due_at) == (Status.RECEIVED, 1, None)
    assert message.history[-1].detail == "1 of 3 parts missing"


def test_a_part_that_comes_too_late_is_not_lost(aws, monkeypatch):
    message = receive("dummy", piece(1), sending.now())
    real = sending.now
    monkeypatch.setattr(dispatching, "now", lambda: real() + timedelta(minutes=11))
    dispatching.handle(ticket(message.id))
    late = receive("dummy", piece(2), real())
    dispatching.handle(ticket(late.id))
    assert store.get(late.id).text == "[…]a time there […]"


def test_a_text_that_is_coming_in_cannot_be_canceled(http):
    message = receive("dummy", piece(1), sending.now())
    assert http.call("POST", f"/messages/{message.id}/cancel").status_code == 409
