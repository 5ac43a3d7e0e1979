"""The store keeps the rules of transitions.py, also where it writes without reading first (store.advance)."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from racing import attempt

from chalicelib import store
from chalicelib.errors import ErrorClass, OutcomeUnknown, ProviderThrottled, RecipientRefused, TooLate
from chalicelib.messages import DeliveryReceipt, MessageError, Submission, rfc3339
from chalicelib.stage import now
from chalicelib.status import FAILED, FINAL, RANK, Status
from chalicelib.transitions import accepted, canceled, ended, postponed, received, refused

WORDS = [status for status in Status if status not in (Status.CREATED, Status.RECEIVED)]


#: One of each rank: which of two failures is told depends on the order of a map, see below.
OF_SEGMENTS = (Status.SENDING, Status.SENT, Status.UNKNOWN, Status.UNDELIVERED, Status.DELIVERED)
PRICES = st.sampled_from([None, "0.02"])


def receipt(status, segment=None, price=None, currency="EUR", per_segment=None):
    error = MessageError(ErrorClass.RECIPIENT, status.value, "7", "why") if status in FAILED else None
    per_segment = segment is not None if per_segment is None else per_segment
    amount = None if price is None else Decimal(price)
    return DeliveryReceipt(
        status, status.value, None, segment, per_segment, error, amount, currency if amount else None
    )


def answer(segments, price=None):
    amount = None if price is None else Decimal(price)
    return Submission(tuple("abc"[:segments]), "0", segments, amount, "EUR" if amount else None)


def states(stage, at):
    """A text in each state in which a receipt may find it."""
    created = replace(stage.compose(), due_at=at, attempts=1, holders=("a lambda",))
    yield "created", created
    yield "created, with a reason", postponed(created, OutcomeUnknown("no_reply", "no reply"), at, at)
    yield "canceled", canceled(replace(created, holders=()), at)
    yield "refused", refused(created, RecipientRefused("barred", "barred"), at)
    yield "sending, with a price", accepted(created, answer(1, "0.03"), at, at)
    for segments in (1, 3):
        sending = accepted(created, answer(segments), at, at)
        yield f"sending, {segments} segments", sending
        for word in (Status.SENT, Status.UNKNOWN, Status.UNDELIVERED, Status.DELIVERED):
            yield f"{word.value}, {segments} segments", received(sending, receipt(word), at)
    early = received(created, receipt(Status.SENT, "a", "0.03"), at)
    yield "a segment was early", early
    yield "a segment was early, then the answer came", accepted(early, answer(1), at, at)
    yield (
        "the first of two segments arrived",
        received(accepted(created, answer(2), at, at), receipt(Status.DELIVERED, "a", "0.03"), at),
    )


#: One word of each rank that a receipt can have, and both that are special.
SPOKEN = (Status.SENDING, Status.SENT, Status.UNKNOWN, Status.REJECTED, Status.CANCELED, Status.DELIVERED)
RECEIPTS = [
    receipt(word, segment, price, per_segment=per_segment)
    for word, price in [*product(SPOKEN, [None]), (Status.SENT, "0.04"), (Status.DELIVERED, "0.04")]
    for segment, per_segment in ((None, False), ("a", True), (None, True))
]


def test_a_receipt_does_in_one_write_what_the_rules_say(stage):
    at = now()
    later = at + timedelta(seconds=1)
    cases = [(name, before, one) for name, before in states(stage, at) for one in RECEIPTS]
    befores = [replace(before, id=f"{number:032x}") for number, (_, before, _) in enumerate(cases)]
    for start in range(0, len(befores), store.MOST_AT_ONCE):
        assert store.create_all(befores[start : start + store.MOST_AT_ONCE])
    for before, (_, _, one) in zip(befores, cases, strict=True):
        store.advance(before.id, "dummy", one, later)
    after = stage.all_messages()
    for before, (name, _, one) in zip(befores, cases, strict=True):
        assert after[before.id] == replace(received(before, one, later), revision=2), (name, one)


def test_a_receipt_that_names_a_currency_without_a_price_is_the_same_both_ways(stage):
    one = replace(receipt(Status.DELIVERED), currency="EUR")
    message = stage.store()
    store.advance(message.id, "dummy", one, now())
    assert store.get(message.id).currency == received(message, one, now()).currency


def test_of_two_failed_segments_the_same_is_told_as_the_reason_however_the_table_orders_them(stage):
    """DynamoDB does not keep the order of a map's keys, so what depends on it is left to chance."""
    at = now()
    message = replace(stage.compose(), attempts=1, holders=("a lambda",))
    for segment, word in (("b", Status.REJECTED), ("a", Status.EXPIRED)):
        message = received(message, receipt(word, segment), at)
    orders = dict(message.parts), dict(reversed(message.parts.items()))
    assert len({accepted(replace(message, parts=parts), answer(2), at, at).error for parts in orders}) == 1


class Text(RuleBasedStateMachine):
    """One text in the real store, and beside it what the rules say of it."""

    stage = None
    final = None  # how each text ended

    @initialize()
    def begin(self):
        self.at = now()
        self.expected = self.stage.store()
        self.stale = self.expected

    def tick(self):
        self.at += timedelta(seconds=1)
        return self.at

    def expect(self, after):
        before, self.expected = self.expected, after
        assert RANK[after.status] >= RANK[before.status]
        changed = after.status is not before.status or after.price != before.price
        assert after.sequence == before.sequence + changed
        assert len(after.history) in (len(before.history), len(before.history) + 1)

    @invariant()
    def the_store_holds_it(self):
        if hasattr(self, "expected"):
            stored = store.get(self.expected.id)
            assert stored == replace(self.expected, revision=stored.revision)
            assert not (stored.status in FINAL and stored.due_at)

    @rule(word=st.sampled_from(WORDS), price=PRICES)
    def receive(self, word, price):
        self.apply(receipt(word, None, price))

    @rule(word=st.sampled_from(OF_SEGMENTS), segment=st.sampled_from("ab"), price=PRICES)
    def receive_for_a_segment(self, word, segment, price):
        self.apply(receipt(word, segment, price))

    def apply(self, one):
        at = self.tick()
        store.advance(self.expected.id, "dummy", one, at)
        self.expect(received(self.expected, one, at))

    def change(self, transition):
        """By somebody who read the text a while ago."""
        store.change(self.stale, transition)
        self.expect(transition(self.expected))

    @rule()
    def read(self):
        self.stale = store.get(self.expected.id)

    @precondition(lambda self: self.expected.submitted_on is None)
    @rule(segments=st.integers(1, 2), price=PRICES, waits=st.booleans())
    def accept(self, segments, price, waits):
        at = self.tick()
        self.change(lambda text: accepted(text, answer(segments, price), at, at if waits else None))

    @rule(error=st.sampled_from([OutcomeUnknown("no_reply", "-"), ProviderThrottled("throttled", "-")]))
    def postpone(self, error):
        at = self.tick()
        self.change(lambda text: postponed(text, error, at + timedelta(minutes=1), at))

    @rule()
    def refuse(self):
        at = self.tick()
        self.change(lambda text: refused(text, RecipientRefused("barred", "barred"), at))

    @rule()
    def end(self):
        at = self.tick()
        self.change(lambda text: ended(text, at))

    @rule()
    def cancel(self):
        at = self.tick()
        if isinstance(attempt(TooLate, lambda: canceled(self.expected, at))(), TooLate):
            with pytest.raises(TooLate):
                store.change(self.stale, lambda text: canceled(text, at))
        else:
            self.change(lambda text: canceled(text, at))

    @precondition(lambda self: self.expected.due_at)
    @rule()
    def claim(self):
        before, lease = self.expected, self.tick()
        claimed = store.claim(before.id, rfc3339(before.due_at), lease)
        assert claimed.holders[:-1] == before.holders
        self.expect(replace(before, holders=claimed.holders, attempts=before.attempts + 1, due_at=lease))

    @rule()
    def claim_late(self):
        assert store.claim(self.expected.id, "2020-01-01T00:00:00Z", self.tick()) is None

    def teardown(self):
        if hasattr(self, "expected"):
            self.final[self.expected.id] = self.expected


def test_whatever_is_reported_in_whatever_order_the_store_keeps_the_rules(stage):
    Text.stage, Text.final = stage, {}
    run_state_machine_as_test(Text, settings=settings(max_examples=25, stateful_step_count=12, deadline=None))
    for message_id, changes in stage.changes().items():
        message = Text.final[message_id]
        assert [change.sequence for change in changes] == list(range(1, message.sequence + 1))
        assert (changes[-1].status, changes[-1].price) == (message.status, message.price)
