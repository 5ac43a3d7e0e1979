"""With a route: which provider gets a text, what happens when it fails, and what is told of it."""

import json
from datetime import timedelta

import pytest

from chalicelib import circuits, config, dispatching, providers, store, store_circuits, submitting
from chalicelib.errors import (
    AccountRefused,
    ContentRefused,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    RecipientRefused,
    SenderRefused,
)
from chalicelib.messages import DeliveryReceipt, Submission, rfc3339
from chalicelib.phone import SenderKind
from chalicelib.providers.base import Provider
from chalicelib.stage import now
from chalicelib.status import Status

DOWN = ProviderUnavailable("unreachable", "no connection")


class Stage:
    """Three providers, `first`, `second` and `third`, each of which answers as it is told to."""

    def __init__(self, monkeypatch):
        self.handed = []
        self.outcomes = {}
        self.monkeypatch = monkeypatch
        self.kinds = {name: self._kind(name) for name in ("first", "second", "third")}
        found = providers.adapter
        monkeypatch.setattr(providers, "adapter", lambda name: self.kinds.get(name) or found(name))
        self.route({"rules": [{"name": "all", "tiers": ["first", "second", "third"]}]})

    def route(self, document):
        self.monkeypatch.setenv("SMSIGNAL_ROUTE", json.dumps(document))
        config.route.cache_clear()

    def _kind(stage, name):
        class Told(Provider):
            def submit(self, message):
                stage.handed.append(self.name)
                outcome = stage.outcomes.get(self.name) or Submission((f"{self.name}-1",))
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome

        Told.name = name
        return Told


@pytest.fixture
def stage(aws, monkeypatch):
    return Stage(monkeypatch)


def work(message_id):
    """Have the worker do what is due."""
    message = store.get(message_id)
    return dispatching.handle(json.dumps({"message_id": message_id, "due_at": rfc3339(message.due_at)}))


def told(message):
    return [(entry["source"], entry["outcome"], entry["detail"]) for entry in message["history"]]


def test_the_first_provider_of_the_route_has_it_and_the_history_says_why(http, stage):
    answer = http.send()
    assert (answer.status_code, answer.json_body["provider"], stage.handed) == (201, "first", ["first"])
    assert ("route", "chosen", "first: rule 'all', tier 1") in told(answer.json_body)


@pytest.mark.parametrize("error", [DOWN, ProviderThrottled("t", "slow down"), AccountRefused("c", "no credit")])
def test_what_is_the_providers_fault_goes_to_the_next_one_at_once(http, stage, error):
    stage.outcomes["first"] = error
    answer = http.send()
    assert (answer.status_code, answer.json_body["provider"]) == (201, "second")
    assert stage.handed == ["first", "second"]
    assert told(answer.json_body)[-3:-1] == [
        ("submit", "failed", f"first: {error.detail}"),
        ("route", "chosen", "second: rule 'all', tier 2"),
    ]
    assert store.get(answer.json_body["id"]).as_json() == answer.json_body


@pytest.mark.parametrize("error", [RecipientRefused, ContentRefused, SenderRefused])
def test_what_is_the_texts_fault_goes_nowhere_else(http, stage, error):
    stage.outcomes["first"] = error("no", "never")
    answer = http.send()
    assert (answer.status_code, answer.json_body["message"]["status"]) == (422, "refused")
    assert stage.handed == ["first"]


def test_a_lost_reply_goes_nowhere_else_unless_the_client_said_so(http, stage):
    stage.outcomes["first"] = OutcomeUnknown("no_reply", "the reply was lost")
    assert http.send().status_code == 202
    assert stage.handed == ["first"]
    answer = http.send(on_unknown="resend")
    assert (answer.status_code, answer.json_body["provider"]) == (201, "second")
    assert stage.handed == ["first", "first", "second"]


def test_when_all_fail_it_waits_and_begins_again_with_the_first(http, stage):
    stage.outcomes = dict.fromkeys(("first", "second", "third"), DOWN)
    answer = http.send()
    assert (answer.status_code, answer.json_body["status"]) == (202, "created")
    assert stage.handed == ["first", "second", "third"]
    stage.outcomes.clear()
    circuits.forget()
    assert work(answer.json_body["id"]).provider == "first"


def test_credentials_that_no_provider_takes_are_told_as_such(http, stage):
    stage.outcomes = dict.fromkeys(("first", "second", "third"), AccountRefused("credentials", "who are you?"))
    answer = http.send()
    assert (answer.status_code, answer.json_body["code"]) == (502, "credentials")
    stage.outcomes["second"] = DOWN  # one of them may yet take it
    assert http.send().status_code == 202


def test_a_provider_that_the_client_names_has_no_other_behind_it(http, stage):
    stage.outcomes["second"] = DOWN
    answer = http.send(provider="second")
    assert (answer.status_code, answer.json_body["provider"], stage.handed) == (202, "second", ["second"])


def test_a_batch_is_routed_too(http, stage):
    body = {"messages": [{"to": "+33612345678", "text": "x"}]}
    (result,) = http.call("POST", "/send/batch", json.dumps(body).encode()).json_body["results"]
    assert (result["message"]["provider"], stage.handed) == ("first", [])


def test_a_provider_without_credentials_is_passed_over(http, stage):
    stage.kinds["first"].required = ("token",)
    answer = http.send()
    assert answer.json_body["provider"] == "second"
    assert "first passed over: the provider first lacks its settings token" in told(answer.json_body)[1][2]


def test_one_that_cannot_send_from_a_name_is_passed_over_and_named_when_there_is_no_other(http, stage):
    stage.kinds["first"].senders = frozenset({SenderKind.NUMBER})
    assert http.send().json_body["provider"] == "second"
    assert http.send(**{"from": "+33123456789"}).json_body["provider"] == "first"
    refused = http.send(provider="first")
    assert refused.status_code == 422
    assert refused.json_body["errors"] == [
        {"field": "from", "message": "the provider first cannot send from alphanumeric; it can from number"}
    ]


def test_a_receipt_of_the_second_provider_is_believed_and_one_of_a_third_is_not(http, stage):
    stage.outcomes["first"] = DOWN
    message_id = http.send().json_body["id"]
    store.advance(message_id, "second", DeliveryReceipt(Status.DELIVERED, "d", message_id), now())
    assert store.get(message_id).status is Status.DELIVERED
    with pytest.raises(store.MessageNotFound):
        store.advance(message_id, "third", DeliveryReceipt(Status.SENT, "s", message_id), now())


def test_of_a_provider_that_had_it_before_only_the_arrival_counts(http, stage):
    stage.outcomes["first"] = OutcomeUnknown("no_reply", "the reply was lost")
    message_id = http.send(on_unknown="resend").json_body["id"]
    store.advance(message_id, "first", DeliveryReceipt(Status.UNDELIVERED, "u", message_id), now())
    assert store.get(message_id).status is Status.SENDING
    assert store.get(message_id).history[-1].outcome == "stale"
    store.advance(message_id, "first", DeliveryReceipt(Status.DELIVERED, "d", message_id), now())
    assert store.get(message_id).status is Status.DELIVERED


def test_a_receipt_that_overtakes_the_reply_keeps_it_from_going_elsewhere(http, stage):
    def overtaken(self, message):
        stage.handed.append("first")
        store.advance(message.id, "first", DeliveryReceipt(Status.SENT, "s", message.id), now())
        raise OutcomeUnknown("no_reply", "the reply was lost")

    stage.kinds["first"].submit = overtaken
    answer = http.send(on_unknown="resend")
    assert (answer.json_body["status"], stage.handed) == ("sent", ["first"])


def test_a_client_is_not_kept_waiting_for_provider_after_provider(http, stage, monkeypatch):
    stage.outcomes["first"] = DOWN
    start, calls = now(), iter(range(0, 1000, 9))
    monkeypatch.setattr(submitting, "now", lambda: start + timedelta(seconds=next(calls)))
    assert http.send().status_code == 202
    assert stage.handed == ["first"]


def test_failing_over_takes_one_write_more(http, stage, requests_made):
    http.send(), http.send(provider="second")  # warm
    requests_made.clear()
    stage.outcomes["first"] = DOWN
    circuits.succeeded("first")
    http.send()
    assert requests_made == {"PutItem": 1, "UpdateItem": 2}


# A provider that fails is left out.


def fail(times=store_circuits.FAILURES):
    for _ in range(times):
        circuits.failed("first", now())


def test_a_provider_that_fails_is_left_out_for_all_containers(http, stage):
    fail()
    circuits.forget()  # another container
    answer = http.send()
    assert (answer.json_body["provider"], stage.handed) == ("second", ["second"])
    assert "first passed over: it failed, and is left out until" in told(answer.json_body)[1][2]


def test_one_failure_among_many_successes_is_no_evidence(stage, requests_made):
    for _ in range(10):
        circuits.succeeded("first")
        circuits.failed("first", now())
    assert requests_made["UpdateItem"] == 0


def test_who_is_left_out_already_is_not_counted_against_again(stage, requests_made):
    """Where a stage has no other provider, every text of an outage would write to the one item."""
    fail()
    requests_made.clear()
    fail(100)
    assert not requests_made


def test_when_every_provider_is_left_out_the_first_is_tried_all_the_same(http, stage):
    for _ in range(3):
        for name in ("first", "second", "third"):
            circuits.failed(name, now())
    answer = http.send()
    assert answer.json_body["provider"] == "first"
    assert "though it fails, for there is no other" in told(answer.json_body)[1][2]


def test_it_comes_back_slowly_and_is_left_out_longer_when_it_fails_again(aws):
    at = now()
    opened = [store_circuits.fail("first", at) for _ in range(3)][-1]
    assert (opened.trips, opened.open_until) == (1, at + timedelta(seconds=30))
    assert [opened.share(at + timedelta(seconds=after)) for after in (0, 29, 30, 45, 60, 999)] == [0, 0, 0, 0.5, 1, 1]
    again = store_circuits.fail("first", at + timedelta(seconds=45))
    assert (again.trips, again.open_until) == (2, at + timedelta(seconds=45 + 60))
    assert store_circuits.read(["first"]) == {"first": again}
    late = at + timedelta(hours=2)
    afresh = [store_circuits.fail("first", late) for _ in range(3)]
    assert [one.trips for one in afresh] == [2, 2, 1]


def test_failures_that_are_far_apart_do_not_add_up(aws):
    at = now()
    for minutes in range(6):
        assert store_circuits.fail("first", at + timedelta(minutes=2 * minutes)).open_until is None


def test_no_text_asks_for_the_state_of_the_providers(http, stage, requests_made):
    http.send()
    requests_made.clear()
    for _ in range(5):
        http.send()
    assert requests_made == {"PutItem": 5, "UpdateItem": 5}


def test_a_stage_without_route_never_asks(http, requests_made):
    http.send()
    assert requests_made["BatchGetItem"] == 0


def test_a_waiting_text_leaves_a_provider_that_fails_meanwhile(http, stage):
    message_id = http.call(
        "POST", "/send", json.dumps({"to": "+33612345678", "text": "x"}).encode(), {"Prefer": "respond-async"}
    ).json_body["id"]
    fail()
    assert work(message_id).provider == "second"
    assert stage.handed == ["second"]


def test_a_text_in_doubt_stays_with_the_provider_that_may_have_it(http, stage, monkeypatch):
    stage.outcomes["first"] = OutcomeUnknown("no_reply", "the reply was lost")
    message_id = http.send().json_body["id"]
    fail()
    monkeypatch.setattr(dispatching, "now", lambda: now() + timedelta(hours=1))
    assert work(message_id).provider == "first"
    assert stage.handed == ["first"]


def test_a_text_that_may_be_out_is_sent_again_by_another_than_the_one_that_may_have_it(http, stage, monkeypatch):
    """The client did not wait for a second provider, so the outbox goes on; `first` may have the text."""
    stage.outcomes["first"] = OutcomeUnknown("no_reply", "the reply was lost")
    start, calls = now(), iter(range(0, 1000, 9))
    with monkeypatch.context() as slow:
        slow.setattr(submitting, "now", lambda: start + timedelta(seconds=next(calls)))
        message_id = http.send(on_unknown="resend").json_body["id"]
    assert stage.handed == ["first"]
    assert work(message_id).provider == "second"
    assert stage.handed == ["first", "second"]


def test_a_text_whose_sender_died_is_sent_again_by_another(http, stage, monkeypatch):
    with monkeypatch.context() as dying:
        dying.setattr("chalicelib.sending.submit", lambda message, adapter: message)
        message_id = http.send(on_unknown="resend").json_body["id"]
    assert work(message_id).provider == "second"


def test_a_waiting_text_goes_on_with_its_provider_when_the_stage_has_no_route_any_more(http, stage, monkeypatch):
    headers, body = {"Prefer": "respond-async"}, json.dumps({"to": "+33612345678", "text": "x"}).encode()
    message_id = http.call("POST", "/send", body, headers).json_body["id"]
    monkeypatch.delenv("SMSIGNAL_ROUTE")
    config.route.cache_clear()
    assert (work(message_id).status, stage.handed) == (Status.SENDING, ["first"])


def test_a_text_in_doubt_stays_with_a_provider_that_discards_it_the_second_time(http, stage, monkeypatch):
    stage.kinds["second"].discards_duplicates = True
    stage.outcomes["first"], stage.outcomes["second"] = DOWN, OutcomeUnknown("no_reply", "the reply was lost")
    stage.outcomes["third"] = DOWN
    message_id = http.send(on_unknown="resend").json_body["id"]
    assert stage.handed == ["first", "second", "third"]
    stage.outcomes.clear()
    assert work(message_id).provider == "second"
