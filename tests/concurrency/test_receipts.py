"""Receipts that come at once, twice, in any order, and before the provider's own answer is written down."""

from collections import Counter
from decimal import Decimal
from functools import partial
from itertools import pairwise, permutations, product

import clients
import pytest
from racing import race, races

from chalicelib import sending, store, submitting
from chalicelib.errors import ErrorClass, OutcomeUnknown, ProviderThrottled, RecipientRefused
from chalicelib.messages import DeliveryReceipt, MessageError, Submission
from chalicelib.providers.dummy import Dummy
from chalicelib.stage import now, provider
from chalicelib.status import FAILED, RANK, Status

SENT, DELIVERED, UNDELIVERED, UNKNOWN = Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.UNKNOWN


def receipt(status, segment=None, price=None):
    error = MessageError(ErrorClass.RECIPIENT, status.value) if status in FAILED else None
    amount, currency = (None, None) if price is None else (Decimal(price), "EUR")
    return DeliveryReceipt(status, f"their {status.value}", None, segment, segment is not None, error, amount, currency)


def applying(message, *receipts):
    """For each receipt, the act of applying it."""
    return [partial(store.advance, message.id, "dummy", one, now()) for one in receipts]


def check(changes, message, receipts, status):
    """What always holds of a text that was stored and handed to its provider once, whoever was first."""
    stands = store.get(message.id)
    reports = [entry.provider_status for entry in stands.history if entry.source == "receipt"]
    assert Counter(reports) == Counter(one.provider_status for one in receipts)
    assert (stands.status, len(stands.history)) == (status, 2 + len(receipts))
    assert [change.sequence for change in changes] == list(range(1, stands.sequence + 1))
    for before, after in pairwise(changes):
        assert after.previous_status is before.status
        assert RANK[after.status] > RANK[before.status] or (
            after.status is before.status and after.price != before.price
        )
    assert (changes[0].previous_status, changes[-1].status) == (None, status)
    return stands


def sent(stage):
    """A text that its provider took."""
    message, _ = sending.send(stage.compose())
    return message


COPIES = [copies for copies in product(range(3), repeat=3) if sum(copies) > 1]


@pytest.mark.parametrize("copies", COPIES, ids=lambda copies: "sent {} delivered {} undelivered {}".format(*copies))
def test_receipts_at_once_come_to_the_highest_rank_and_are_all_kept(stage, copies):
    words = [word for word, count in zip((SENT, DELIVERED, UNDELIVERED), copies, strict=True) for _ in range(count)]
    for order in (words, words[::-1]):
        message, receipts = sent(stage), [receipt(word) for word in order]
        race(*applying(message, *receipts))
        check(stage.changes()[message.id], message, receipts, max(words, key=RANK.get))


@pytest.mark.parametrize("words", [(SENT, DELIVERED), (UNDELIVERED, DELIVERED), (SENT, UNDELIVERED, DELIVERED)])
def test_vumi_991_receipts_in_every_order_come_to_the_highest_rank_and_are_all_kept(stage, every_order, words):
    receipts, messages = [receipt(word) for word in words], []
    for at_once in every_order():
        messages.append(sent(stage))
        at_once(*applying(messages[-1], *receipts))
    told = stage.changes()
    for message in messages:
        check(told[message.id], message, receipts, DELIVERED)


@pytest.mark.parametrize("late", [Status.SENDING, SENT, UNKNOWN, UNDELIVERED, DELIVERED])
def test_courier_1189_a_late_report_does_not_undo_delivered(stage, late):
    message = sent(stage)
    receipts = receipt(DELIVERED), receipt(late)
    for one in receipts:
        store.advance(message.id, "dummy", one, now())
    stands = check(stage.changes()[message.id], message, receipts, DELIVERED)
    assert (stands.sequence, stands.error) == (3, None)


def test_jasmin_599_receipts_that_come_to_several_lambdas_are_one_story(stage, processes):
    message = sent(stage)
    lives = list(permutations([receipt(SENT), receipt(UNDELIVERED), receipt(DELIVERED)]))[:3]
    barrier = processes.barrier(3)
    for process in [processes(clients.receive, barrier, message.id, life) for life in lives]:
        process.hear_until("done")
    stands = check(stage.changes()[message.id], message, [one for life in lives for one in life], DELIVERED)
    assert stands.error is None


def in_the_air(stage):
    """A text that a Lambda is handing to its provider."""
    return stage.store(attempts=1, holders=("a lambda",))


def answering(monkeypatch, message, receipts):
    """The act of writing down the provider's answer to a text, whose segments those receipts are for."""
    segments = len(receipts) if receipts[0].per_segment else 1
    monkeypatch.setattr(Dummy, "submit", lambda *_: Submission(tuple("abc"[:segments]), "0", segments))
    return partial(submitting.submit, message, provider("dummy"))


#: What races with the provider's answer.
WAYS = {
    "one segment": [receipt(DELIVERED, "a", "0.04")],
    "three segments": [receipt(DELIVERED, segment, "0.04") for segment in "abc"],
    "no segments": [receipt(SENT), receipt(DELIVERED, price="0.04")],
}
#: Enough to meet each pair of requests in both orders many times; all orders of four actors are thousands.
SOME = 20
IN_EACH_WAY = pytest.mark.parametrize("receipts", WAYS.values(), ids=WAYS)


@pytest.mark.parametrize(
    "receipts", [WAYS["one segment"], WAYS["three segments"]], ids=["one segment", "three segments"]
)
def test_notifications_api_2916_a_receipt_races_the_answer_two_hundred_times(stage, monkeypatch, receipts):
    messages = stage.store_many(200, attempts=1, holders=("a lambda",))
    entries = [
        (stage.late(answering(monkeypatch, message, receipts), number % 4), *applying(message, *receipts))
        for number, message in enumerate(messages)
    ]
    races(entries)
    stored = stage.all_messages()
    assert len(stored) == 200
    assert {(one.status, one.due_at, one.holders) for one in stored.values()} == {(DELIVERED, None, ())}


@IN_EACH_WAY
def test_jasmin_844_in_any_order_the_answer_and_the_receipts_are_one_story(stage, monkeypatch, gate, receipts):
    messages = []
    for at_once in gate.some_orders(SOME):
        messages.append(in_the_air(stage))
        at_once(answering(monkeypatch, messages[-1], receipts), *applying(messages[-1], *receipts))
    told = stage.changes()
    for message in messages:
        check(told[message.id], message, receipts, DELIVERED)


@IN_EACH_WAY
def test_twilio_node_45_the_price_is_known_in_the_end_whoever_was_first(stage, monkeypatch, gate, receipts):
    known = Counter()
    for at_once in gate.some_orders(SOME // 2):
        message = in_the_air(stage)
        at_once(answering(monkeypatch, message, receipts), *applying(message, *receipts))
        known[store.get(message.id).price] += 1
    assert set(known) == {sum(one.price or Decimal(0) for one in receipts)}


def test_postmangovsg_1150_one_failed_segment_among_others_is_never_hidden(stage, monkeypatch, gate):
    receipts = [receipt(DELIVERED, "a"), receipt(UNDELIVERED, "b"), receipt(DELIVERED, "c")]
    messages = []
    for at_once in gate.some_orders(SOME):
        messages.append(in_the_air(stage))
        at_once(answering(monkeypatch, messages[-1], receipts), *applying(messages[-1], *receipts))
    told = stage.changes()
    for message in messages:
        stands = check(told[message.id], message, receipts, UNDELIVERED)
        assert "1 of 3 segments failed" in stands.error.detail


#: Answers that are no yes, and what each says of the text.
SAYS = {
    OutcomeUnknown("no_reply", "no reply"): (),
    ProviderThrottled("throttled", "slower"): (),
    RecipientRefused("barred", "barred"): (Status.REFUSED,),
}


@pytest.mark.parametrize("outcome", SAYS, ids=lambda outcome: outcome.code)
@pytest.mark.parametrize("word", [SENT, DELIVERED, UNDELIVERED])
def test_a_receipt_tells_more_than_an_answer_that_is_no_yes(stage, monkeypatch, every_order, outcome, word):
    for at_once in every_order():
        message, one = in_the_air(stage), receipt(word)
        monkeypatch.setattr(Dummy, "submit", partial(_raise, outcome))
        at_once(partial(submitting.submit, message, provider("dummy")), *applying(message, one))
        stands = store.get(message.id)
        highest = max((word, *SAYS[outcome]), key=RANK.get)
        assert (RANK[stands.status], stands.holders) == (RANK[highest], ())


def _raise(error, *_):
    raise error
