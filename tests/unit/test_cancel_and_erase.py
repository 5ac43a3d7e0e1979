"""POST /messages/{id}/cancel and DELETE /messages/{id}."""

from datetime import timedelta

import pytest
from test_dispatching import ticket
from test_send import answers_with

from chalicelib import dispatching, keys, sending, store
from chalicelib.errors import OutcomeUnknown, ProviderThrottled
from chalicelib.messages import DeliveryReceipt, Submission, rfc3339
from chalicelib.status import Status


def cancel(http, message_id):
    return http.call("POST", f"/messages/{message_id}/cancel")


@pytest.fixture
def scheduled(http):
    return http.send(send_at=rfc3339(sending.now() + timedelta(hours=1))).json_body["id"]


def test_a_scheduled_text_is_taken_back_and_never_sent(http, scheduled, monkeypatch):
    handed = answers_with(monkeypatch, Submission(("1",)))
    before = ticket(scheduled)
    answer = cancel(http, scheduled)
    assert (answer.status_code, answer.json_body["status"]) == (200, "canceled")
    assert store.get(scheduled).sequence == 2
    assert dispatching.handle(before) is None
    assert handed == []


def test_a_text_that_waits_for_a_retry_is_taken_back(http, monkeypatch):
    answers_with(monkeypatch, ProviderThrottled("throttled", "slower"))
    assert cancel(http, http.send().json_body["id"]).json_body["status"] == "canceled"


def test_canceling_twice_is_canceling(http, scheduled):
    assert cancel(http, scheduled).json_body == cancel(http, scheduled).json_body
    assert store.get(scheduled).sequence == 2


def test_a_text_that_is_out_cannot_be_taken_back(http):
    answer = cancel(http, http.send().json_body["id"])
    assert (answer.status_code, answer.json_body["code"]) == (409, "too_late")


def test_a_text_that_may_be_out_cannot_be_taken_back(http, monkeypatch):
    answers_with(monkeypatch, OutcomeUnknown("no_reply", "no reply"))
    assert cancel(http, http.send().json_body["id"]).status_code == 409


def test_of_a_cancel_and_a_claim_at_once_only_one_wins(http, scheduled, monkeypatch):
    handed = answers_with(monkeypatch, Submission(("1",)))
    change = store.change
    monkeypatch.setattr(store, "change", lambda *given: dispatching.handle(ticket(scheduled)) and change(*given))
    with monkeypatch.context() as claimed_first:
        claimed_first.setattr(sending, "store", store)
        claimed_first.setattr(dispatching, "submit", lambda message, adapter, inline: handed.append(message) or message)
        answer = cancel(http, scheduled)
    assert (answer.status_code, len(handed)) == (409, 1)


def test_erasing_forgets_text_and_numbers_and_keeps_the_accounting(http, monkeypatch):
    answers_with(monkeypatch, Submission(("theirs-1",), segments=2))
    message_id = http.send(metadata={"name": "Ada"}, reference="r-1").json_body["id"]
    store.advance(message_id, "dummy", DeliveryReceipt(Status.DELIVERED, "delivered", message_id), sending.now())
    answer = http.call("DELETE", f"/messages/{message_id}")
    assert (answer.status_code, answer.body) == (204, b"")
    message = http.get(f"/messages/{message_id}").json_body
    assert (message["text"], message["from"], message["to"], message["metadata"]) == ("", "", "", {})
    assert (message["status"], message["segments"], message["reference"]) == ("delivered", 2, "r-1")
    assert message["history"][-1]["outcome"] == "erased"
    assert http.get("/messages?to=%2B33612345678").json_body["messages"] == []
    assert http.call("DELETE", f"/messages/{message_id}").status_code == 204


def test_erasing_signals_nothing(http):
    message_id = http.send().json_body["id"]
    http.call("DELETE", f"/messages/{message_id}")
    assert store.get(message_id).sequence == 2


def test_a_text_that_is_erased_still_takes_its_receipt(http):
    message_id = http.send().json_body["id"]
    http.call("DELETE", f"/messages/{message_id}")
    store.advance(message_id, "dummy", DeliveryReceipt(Status.DELIVERED, "delivered", message_id), sending.now())
    assert store.get(message_id).status is Status.DELIVERED


def test_a_text_that_waits_must_be_canceled_first(http, scheduled):
    assert http.call("DELETE", f"/messages/{scheduled}").status_code == 409
    assert store.get(scheduled).text


@pytest.mark.parametrize(("method", "path"), [("POST", "/messages/{}/cancel"), ("DELETE", "/messages/{}")])
def test_both_need_their_scope_and_a_message(http, method, path):
    assert http.call(method, path.format("0" * 32)).status_code == 404
    http.key = keys.create(("read",), sending.now())[0]
    assert http.call(method, path.format("0" * 32)).status_code == 403
