"""The pure rules: what each report does to a text. Permutations are tried, not chosen."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.encoding import Encoding
from chalicelib.errors import ErrorClass, OutcomeUnknown, ProviderThrottled, RecipientRefused
from chalicelib.messages import DeliveryReceipt, Direction, HistoryEntry, MessageError, Submission, TextMessage
from chalicelib.status import FAILED, FINAL, RANK, Status, advances
from chalicelib.transitions import accepted, ended, postponed, received, refused

START = datetime(2026, 11, 23, 3, 12, 45, tzinfo=timezone.utc)
SILENT = {Status.CREATED, Status.RECEIVED, Status.CANCELED}  # no provider reports these


def text(**changes):
    message = TextMessage(
        id="0" * 32, direction=Direction.OUTGOING, frm="smsignal", to="+33612345678", text="hello",
        encoding=Encoding.GSM_7, segments=1, status=Status.CREATED, created_on=START, updated_on=START,
        history=(HistoryEntry(START, Status.CREATED, "client", "applied"),), attempts=1,
    )  # fmt: skip
    return replace(message, **changes)


def receipt(status, segment=None, price=None):
    error = MessageError(ErrorClass.RECIPIENT, status.value) if status in FAILED else None
    amount = None if price is None else Decimal(price)
    return DeliveryReceipt(status, status.value, "0" * 32, segment, segment is not None, error, amount, "EUR")


def told(message, *reports):
    """The text after these reports, one second apart; each step keeps the promises."""
    for report in reports:
        at = START + timedelta(seconds=len(message.history))
        if isinstance(report, Submission):
            after = accepted(message, report, at, at + timedelta(hours=72))
        else:
            after = received(message, report, at)
        assert RANK[after.status] >= RANK[message.status]
        changed = after.status is not message.status or after.price != message.price
        assert after.sequence == message.sequence + changed
        assert len(after.history) == len(message.history) + 1
        assert (after.updated_on == at) == changed
        assert not (after.status in FINAL and after.due_at)
        message = after
    return message


def accepted_as(segments, price=None):
    ids = tuple("abcdefghij"[:segments])
    return Submission(ids, "0", segments, None if price is None else Decimal(price), "EUR")


@pytest.mark.parametrize("current", list(Status))
@pytest.mark.parametrize("new", list(Status))
def test_a_status_moves_only_to_a_higher_rank(current, new):
    allowed = RANK[new] > RANK[current] and (new is not Status.CANCELED or current is Status.CREATED)
    assert advances(current, new) == allowed


def test_the_handsets_proof_wins_over_every_failure():
    assert all(advances(failure, Status.DELIVERED) for failure in FAILED)
    assert not any(advances(failure, other) for failure in FAILED for other in FAILED)


reports = st.lists(st.sampled_from([receipt(status) for status in Status if status not in SILENT]), max_size=6)


@given(reports, st.randoms())
def test_the_rank_at_the_end_is_the_same_for_every_order_and_repetition(given_reports, random):
    with_answer = [accepted_as(1), *given_reports]
    shuffled = with_answer + random.choices(given_reports, k=2) if given_reports else with_answer
    random.shuffle(shuffled)
    assert RANK[told(text(), *shuffled).status] == RANK[told(text(), *with_answer).status]


@given(st.data())
def test_segments_in_any_order_before_and_after_the_answer_come_to_the_same(data):
    count = data.draw(st.integers(1, 4))
    words = st.sampled_from([Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.UNKNOWN])
    per_segment = data.draw(st.lists(st.tuples(st.sampled_from("abcd"[:count]), words), max_size=8))
    reports = [accepted_as(count), *(receipt(word, segment) for segment, word in per_segment)]
    shuffled = data.draw(st.permutations(reports + reports[1:]))
    at_once, at_random = told(text(), *reports), told(text(), *shuffled)
    # A segment's failure and a later proof of delivery may contradict each other; the whole then depends on who came first.
    contradictory = any({(s, Status.DELIVERED), (s, Status.UNDELIVERED)} <= set(per_segment) for s in "abcd")
    assert contradictory or at_random.status is at_once.status


class TestSegments:
    @pytest.mark.parametrize("order", list(permutations(range(4))))
    def test_a_text_is_delivered_when_all_its_segments_are_and_never_by_the_first(self, order):
        steps = [accepted_as(3), *(receipt(Status.DELIVERED, segment) for segment in "abc")]
        message = text(segments=3)
        for place in order[:-1]:
            message = told(message, steps[place])
            assert message.status is not Status.DELIVERED
        assert told(message, steps[order[-1]]).status is Status.DELIVERED

    @pytest.mark.parametrize("order", list(permutations(range(4))))
    def test_one_failed_segment_makes_the_text_undelivered_with_the_counts(self, order):
        steps = [
            accepted_as(3),
            receipt(Status.DELIVERED, "a"),
            receipt(Status.EXPIRED, "b"),
            receipt(Status.DELIVERED, "c"),
        ]
        message = told(text(segments=3), *(steps[place] for place in order))
        assert message.status is Status.UNDELIVERED
        assert "1 of 3 segments failed" in message.error.detail

    def test_a_single_segment_keeps_its_own_word_whoever_comes_first(self):
        late = told(text(), accepted_as(1), receipt(Status.REJECTED, "a"))
        early = told(text(), receipt(Status.REJECTED, "a"), accepted_as(1))
        assert late.status is early.status is Status.REJECTED
        assert late.error == early.error

    def test_the_provider_knows_better_how_many_segments_there_are(self):
        message = told(text(segments=1), receipt(Status.DELIVERED, "a"), accepted_as(2))
        assert (message.status, message.segments) == (Status.SENT, 2)
        assert told(message, receipt(Status.DELIVERED, "b")).status is Status.DELIVERED

    def test_a_repeated_segment_is_a_duplicate_and_counts_once(self):
        message = told(text(), accepted_as(2), receipt(Status.DELIVERED, "a"), receipt(Status.DELIVERED, "a"))
        assert message.status is Status.SENT
        assert message.history[-1].outcome == "duplicate"

    def test_prices_of_segments_are_summed_when_all_are_known(self):
        message = told(text(), accepted_as(2), receipt(Status.SENT, "a", "0.03"))
        assert message.price is None
        message = told(message, receipt(Status.SENT, "b", "0.04"))
        assert (message.price, message.currency) == (Decimal("0.07"), "EUR")

    def test_a_price_that_the_answer_gave_is_not_added_to(self):
        message = told(
            text(), accepted_as(2, "0.06"), receipt(Status.SENT, "a", "0.03"), receipt(Status.SENT, "b", "0.03")
        )
        assert message.price == Decimal("0.06")


def test_a_text_whose_provider_refused_some_segments_is_undelivered_at_once():
    why = MessageError(ErrorClass.THROTTLED, "throttled", "1", "1 of 2 segments refused")
    message = told(text(segments=2), replace(accepted_as(2), error=why))
    assert (message.status, message.error) == (Status.UNDELIVERED, why)
    assert told(message, receipt(Status.DELIVERED, "a")).status is Status.UNDELIVERED


def test_a_late_refusal_does_not_undo_a_receipt():
    message = told(text(), receipt(Status.DELIVERED))
    after = refused(message, RecipientRefused("barred", "barred"), START)
    assert (after.status, after.error, after.history[-1].outcome) == (Status.DELIVERED, None, "stale")


def test_a_postponed_text_that_was_reported_meanwhile_is_not_tried_again():
    message = told(text(due_at=START), receipt(Status.SENT))
    after = postponed(message, ProviderThrottled("throttled", "slower"), START + timedelta(hours=1), START)
    assert (after.status, after.due_at) == (Status.SENT, START)


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (text(), Status.EXPIRED),
        (told(text(), accepted_as(1)), Status.UNKNOWN),
        (told(text(validity_seconds=60), accepted_as(1)), Status.EXPIRED),
        (told(text(), receipt(Status.DELIVERED)), Status.DELIVERED),
    ],
    ids=["never taken", "taken, no receipt", "taken, validity over", "delivered meanwhile"],
)
def test_what_a_text_becomes_when_its_time_is_up(message, status):
    after = ended(message, START + timedelta(days=4))
    assert (after.status, after.due_at) == (status, None)


def test_an_unknown_outcome_is_raised_by_a_later_receipt():
    message = ended(told(text(), accepted_as(1)), START + timedelta(days=4))
    assert told(message, receipt(Status.DELIVERED)).status is Status.DELIVERED


class TestALostAnswer:
    """The provider took the text and its answer never came: our own count of segments must do."""

    LOST = OutcomeUnknown("no_reply", "the reply was lost")

    @pytest.mark.parametrize("count", [1, 2])
    def test_receipts_after_it_deliver_the_text(self, count):
        message = postponed(text(segments=count), self.LOST, START + timedelta(hours=72), START)
        assert (message.status, message.error.code) == (Status.CREATED, "no_reply")
        for segment in "ab"[:count]:
            message = told(message, receipt(Status.DELIVERED, segment))
        assert (message.status, message.error) == (Status.DELIVERED, None)

    @pytest.mark.parametrize("count", [1, 2])
    def test_receipts_before_it_deliver_the_text_as_soon_as_it_is_known_to_be_lost(self, count):
        message = told(text(segments=count), *(receipt(Status.DELIVERED, segment) for segment in "ab"[:count]))
        assert message.status is Status.SENT
        message = postponed(message, self.LOST, START + timedelta(hours=72), START)
        assert (message.status, message.sequence, message.due_at) == (Status.DELIVERED, 3, None)

    def test_a_single_failure_keeps_its_own_word(self):
        message = postponed(text(), self.LOST, START + timedelta(hours=72), START)
        assert told(message, receipt(Status.REJECTED, "a")).status is Status.REJECTED
