"""Receipts that carry the provider's id alone, and come while that id is being tied to its text: none is lost."""

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
from racing import races

from chalicelib import receipts, sending, store, submitting
from chalicelib.messages import DeliveryReceipt, Submission
from chalicelib.providers.dummy import Dummy
from chalicelib.stage import provider
from chalicelib.status import Status


@pytest.fixture(autouse=True)
def _no_echo(monkeypatch):
    """A provider that does not send our id back."""
    monkeypatch.setattr(Dummy, "echoes_message_id", False)
    monkeypatch.setattr(Dummy, "submit", lambda _, message: Submission((f"Theirs-{message.id}",)))


def reporting(message, *words):
    """For each word, the act of taking the receipt that says so."""
    for word in words:
        yield partial(receipts._apply, "dummy", DeliveryReceipt(word, word.value, None, f"theirs-{message.id}"))


def told(message):
    """What stands, and how often each receipt is in its history."""
    stands = store.get(message.id)
    return stands, Counter(entry.provider_status for entry in stands.history if entry.source == "receipt")


def test_notifications_api_2353_a_receipt_races_the_id_two_hundred_times_and_is_never_lost(stage):
    messages = [replace(one, provider_message_ids=(f"Theirs-{one.id}",)) for one in stage.store_many(200)]
    entries = [
        (
            stage.late(partial(receipts.claim_parked, message), number % 2),
            *[stage.late(report, number // 2 % 2) for report in reporting(message, Status.DELIVERED)],
        )
        for number, message in enumerate(messages)
    ]
    races(entries)
    assert {one.status for one in stage.all_messages().values()} == {Status.DELIVERED}


def test_vonage_php_214_in_every_order_a_receipt_meets_its_text(stage, every_order):
    for at_once in every_order():
        message = stage.store(attempts=1, holders=("a lambda",))
        submit = partial(submitting.submit, message, provider("dummy"))
        at_once(submit, *reporting(message, Status.DELIVERED))
        stands, counts = told(message)
        assert (stands.status, stands.due_at) == (Status.DELIVERED, None)
        assert counts["delivered"] >= 1  # applied by both when they meet in the middle: a duplicate changes nothing
        assert [change.sequence for change in stage.changes()[message.id]] == list(range(1, stands.sequence + 1))


def test_in_any_order_several_receipts_meet_their_text(stage, gate):
    words = (Status.SENT, Status.UNDELIVERED, Status.DELIVERED)
    messages = []
    for at_once in gate.some_orders(40):
        messages.append(stage.store(attempts=1, holders=("a lambda",)))
        at_once(partial(submitting.submit, messages[-1], provider("dummy")), *reporting(messages[-1], *words))
    changes = stage.changes()
    for message in messages:
        stands, counts = told(message)
        assert (stands.status, set(counts)) == (Status.DELIVERED, {word.value for word in words})
        assert [change.sequence for change in changes[message.id]] == list(range(1, stands.sequence + 1))


@pytest.mark.parametrize("moment", [0, 1, 2], ids=["before it is tied", "after it is tied", "after it is applied"])
def test_a_lambda_that_dies_while_it_ties_an_id_loses_no_receipt(stage, later, monkeypatch, moment):
    """The text's deadline ties the id again, and finds what waits there."""
    asked = stage.compose()
    with monkeypatch.context() as dying:
        steps = [(receipts.store_references, "link"), (store, "advance"), (store, "get")]
        dying.setattr(*steps[moment], _die)
        for report in reporting(asked, Status.DELIVERED):
            report()
        with pytest.raises(Died):
            sending.send(asked)
    later(days=4)
    while stage.work():
        pass
    assert told(asked)[0].status is Status.DELIVERED


class Died(BaseException):
    """As if by SIGKILL: nothing catches it."""


def _die(*_):
    raise Died


def test_jasmin_916_an_id_that_two_texts_have_does_not_fail_the_second(stage):
    """Ids that differ in case alone, or that a provider uses again: the text is out, and its client must not be told a fault."""
    first, second = (stage.store(provider_message_ids=(theirs,)) for theirs in ("aBc", "AbC"))
    receipts.claim_parked(first)
    assert receipts.claim_parked(second).id == second.id
