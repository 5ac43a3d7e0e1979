"""Senders with a rate: texts wait for their moment, in order, and are never refused for it."""

import json
from datetime import timedelta

import pytest
from test_batch import send_batch, text
from test_dispatching import outbox, ticket
from test_send import answers_with

from chalicelib import config, dispatching, sending, store
from chalicelib.errors import StoreUnavailable
from chalicelib.messages import Submission
from chalicelib.status import Status
from chalicelib.store_rates import reserve


@pytest.fixture
def rates(monkeypatch):
    def set_to(**by_name):
        monkeypatch.setenv("SMSIGNAL_RATES", json.dumps(by_name))
        config.rates.cache_clear()

    return set_to


@pytest.fixture
def handed(monkeypatch):
    return answers_with(monkeypatch, Submission(("1",)))


@pytest.fixture
def still(monkeypatch):
    """Time stands still, so that nothing gets its turn by the way."""
    at = sending.now()
    for module in (sending, dispatching, __import__("chalicelib.blueprints.send", fromlist=["send"])):
        monkeypatch.setattr(module, "now", lambda: at)
    return at


def seconds_to_wait(message_id, at):
    return (store.get(message_id).due_at - at).total_seconds()


def test_the_first_text_goes_at_once_and_the_next_ones_wait_in_order(http, aws, rates, handed, still):
    rates(dummy=0.5)
    answers = [http.send() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 202, 202]
    assert len(handed) == 1
    waits = [seconds_to_wait(answer.json_body["id"], still) for answer in answers[1:]]
    assert waits == [2, 4]
    assert outbox(aws) == 2


def test_a_long_text_takes_the_time_of_its_segments(http, rates, handed, still):
    rates(dummy=1)
    http.send(text="x" * 400)
    assert seconds_to_wait(http.send().json_body["id"], still) == 3


def test_a_text_whose_moment_has_come_goes_without_asking_again(http, rates, handed, still, monkeypatch, requests_made):
    rates(dummy=1)
    http.send()
    waiting = http.send().json_body["id"]
    monkeypatch.setattr(dispatching, "now", lambda: still + timedelta(seconds=1))
    due = ticket(waiting)
    requests_made.clear()
    assert dispatching.handle(due).status is Status.SENDING
    assert dict(requests_made) == {"UpdateItem": 2}
    assert store.get(waiting).attempts == 1


def test_senders_do_not_wait_for_each_other_and_one_may_have_a_rate_of_its_own(http, rates, handed, still):
    rates(**{"dummy": 100, "dummy/slow": 0.1})
    assert http.send(**{"from": "slow"}).status_code == 201
    assert http.send(**{"from": "quick"}).status_code == 201
    assert seconds_to_wait(http.send(**{"from": "slow"}).json_body["id"], still) == 10


def test_a_one_time_code_never_waits_and_the_others_make_up_for_it(http, rates, handed, still):
    rates(dummy=0.5)
    http.send()
    assert http.send(priority="high").status_code == 201
    assert seconds_to_wait(http.send().json_body["id"], still) == 4


def test_bulk_lets_others_in_within_a_minute(http, rates, handed, still):
    rates(dummy=0.1)
    bulk = [http.send(priority="bulk").json_body["id"] for _ in range(20)]
    assert max(seconds_to_wait(message_id, still) for message_id in bulk[1:]) <= 70
    assert seconds_to_wait(http.send().json_body["id"], still) <= 80


def test_bulk_beyond_the_minute_asks_again_and_loses_no_attempt_by_it(http, rates, handed, still):
    rates(dummy=0.01)
    http.send()
    message_id = http.send(priority="bulk").json_body["id"]
    message = store.get(message_id)
    assert not message.has_slot
    dispatching.handle(ticket(message_id))
    assert (store.get(message_id).attempts, store.get(message_id).holders) == (0, ())
    assert len(handed) == 1


def test_a_text_is_not_lost_when_the_rates_cannot_be_asked(http, rates, handed, monkeypatch):
    """It is claimed by then: left alone, it would count as one that may be out, and never go."""
    rates(dummy=1)
    message_id = http.send(headers={"Prefer": "respond-async"}).json_body["id"]

    def down(*_):
        raise StoreUnavailable("throttled")

    monkeypatch.setattr("chalicelib.pacing.reserve", down)
    assert dispatching.handle(ticket(message_id)).status is Status.SENDING
    assert len(handed) == 1


def test_a_batch_of_one_sender_takes_one_request_for_all_its_moments(http, rates, still, requests_made):
    rates(dummy=10)
    http.send()
    requests_made.clear()
    results = send_batch(http, [text(number) for number in range(25)]).json_body["results"]
    requests_made.pop("GetQueueUrl", None)
    assert dict(requests_made) == {"UpdateItem": 1, "TransactWriteItems": 1, "SendMessageBatch": 3}
    due = [store.get(result["message"]["id"]).due_at for result in results]
    assert due == sorted(due)
    assert (due[-1] - still).total_seconds() == pytest.approx(2.5, abs=0.2)


def test_a_container_that_knows_nothing_of_the_sender_learns(aws, rates):
    from chalicelib import store_rates

    at = sending.now()
    cost = timedelta(seconds=1)
    moments = []
    for _ in range(3):
        moments.append(reserve("dummy", "a", cost, at))
        store_rates._free_at.clear()
    assert [(moment - at).total_seconds() for moment in moments] == [0, 1, 2]
    assert reserve("dummy", "a", cost, at + timedelta(seconds=10)) == at + timedelta(seconds=10)
    store_rates._free_at["rate#dummy#a"] = 10**15  # wrong, as after a long freeze
    assert reserve("dummy", "a", cost, at + timedelta(seconds=20)) == at + timedelta(seconds=20)


@pytest.mark.parametrize("wrong", ["x", "[]", '{"a": 0}', '{"a": "fast"}', '{"a": -1}'])
def test_rates_that_make_no_sense_are_said_to(monkeypatch, wrong):
    monkeypatch.setenv("SMSIGNAL_RATES", wrong)
    config.rates.cache_clear()
    with pytest.raises(config.ConfigurationError, match="SMSIGNAL_RATES"):
        config.rates()
    config.rates.cache_clear()
