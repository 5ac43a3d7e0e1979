"""The parts of long incoming texts, all at once: joined once, signalled once, and none lost."""

from datetime import timedelta
from functools import partial

import pytest
from racing import race
from stand_ins import ticket

from chalicelib import dispatching, inbound, store
from chalicelib.messages import IncomingText, Part
from chalicelib.stage import now
from chalicelib.status import Status

PIECES = ("Once upon ", "a time ", "there was ", "a very ", "long text.")


def receiving(reference, number, *, of=5, prefix="in", piece=None):
    """The act of taking one part, as its provider tells it."""
    theirs = f"{prefix}-{reference}-{number}"
    part = Part(reference, of, number)
    text = IncomingText("+33611111111", "+33622222222", piece or PIECES[number - 1], theirs, None, part)
    return partial(inbound.receive, "dummy", text, now())


def signalled(stage):
    """The texts that subscribers are told of, each as often as they are."""
    return sorted(change.text for changes in stage.changes().values() for change in changes)


def test_the_parts_of_a_long_text_each_told_twice_are_joined_once(stage):
    for number in range(20):
        messages = race(*[receiving(str(number), part) for part in (1, 2, 3, 4, 5) * 2])
        assert len({message.id for message in messages}) == 1
        message = store.get(messages[0].id)
        assert (message.text, message.status, message.sequence) == ("".join(PIECES), Status.RECEIVED, 1)
        assert (message.due_at, message.fragments, len(message.provider_message_ids)) == (None, {}, 5)
    assert signalled(stage) == ["".join(PIECES)] * 20


def test_the_parts_of_a_text_in_every_order_of_their_requests_are_joined_once(stage, every_order):
    orders = 0
    for at_once in every_order():
        orders += 1
        at_once(*[receiving(str(orders), part, of=2) for part in (1, 2)], receiving(str(orders), 1, of=2))
    assert signalled(stage) == ["Once upon a time "] * orders


def test_a_last_part_that_races_with_the_deadline_is_not_lost(stage, every_order, later):
    """Late, it begins a text of its own, whose time is then up in turn; early, it completes its text."""
    orders = 0
    for at_once in every_order():
        orders += 1
        first = receiving(str(orders), 1, of=2)()
        at_once(partial(dispatching.handle, ticket(first)), receiving(str(orders), 2, of=2))
    later(minutes=30)
    while stage.work():
        pass
    texts = signalled(stage)
    assert "".join(texts).count("a time ") == orders, texts


@pytest.mark.parametrize("of", [2, 3])
def test_two_texts_at_once_with_the_same_reference_lose_no_part(stage, every_order, later, of):
    """A handset may use a reference again at any time; whatever is joined with what, all that came is told."""
    orders = 0
    for at_once in every_order():
        orders += 1
        receiving(str(orders), 1, of=of, piece="one ")()
        at_once(*[receiving(str(orders), 2, of=of, prefix=prefix, piece=f"{prefix} ") for prefix in ("two", "too")])
    later(minutes=30)
    while stage.work():
        pass
    told = "".join(signalled(stage))
    assert (told.count("two "), told.count("too ")) == (orders, orders)


@pytest.mark.parametrize("parts", [(1, 2), (2, 1)])
def test_a_text_that_arrives_around_midnight_is_joined_all_the_same(stage, parts):
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
    for part, at in zip(parts, (midnight - timedelta(seconds=1), midnight + timedelta(seconds=1)), strict=True):
        act = receiving("7", part, of=2)
        inbound.receive("dummy", act.args[1], at)
    assert signalled(stage) == ["Once upon a time "]
