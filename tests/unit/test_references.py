"""Receipts that carry only the provider's id, and those that come before anybody knows what they are for."""

from itertools import permutations

import pytest
from test_send import answers_with

from chalicelib import sending, store, submitting
from chalicelib.messages import DeliveryReceipt, Submission
from chalicelib.providers.dummy import Dummy
from chalicelib.receipts import _apply
from chalicelib.status import Status


@pytest.fixture
def silent(monkeypatch):
    """A provider that does not echo our id."""
    monkeypatch.setattr(Dummy, "echoes_message_id", False)
    return answers_with(monkeypatch, Submission(("Theirs-1",)))


def receipt(status, provider_message_id="Theirs-1"):
    return DeliveryReceipt(status, status.value, None, provider_message_id)


def test_a_receipt_finds_its_text_by_the_providers_id(http, silent):
    message_id = http.send().json_body["id"]
    _apply("dummy", receipt(Status.DELIVERED))
    assert store.get(message_id).status is Status.DELIVERED


def test_neither_case_nor_white_space_hides_it(http, silent):
    message_id = http.send().json_body["id"]
    _apply("dummy", receipt(Status.DELIVERED, " theirs-1 "))
    assert store.get(message_id).status is Status.DELIVERED


@pytest.mark.parametrize("early", list(permutations((Status.SENT, Status.DELIVERED, Status.SENT))))
def test_receipts_that_come_first_wait_and_are_applied_when_the_text_claims_them(http, silent, early):
    for status in early:
        _apply("dummy", receipt(status))
    answer = http.send()
    assert answer.json_body["status"] == "delivered"
    history = [entry for entry in answer.json_body["history"] if entry["source"] == "receipt"]
    assert [entry["status"] for entry in history] == [status.value for status in early]


def test_a_receipt_between_the_answer_and_the_link_is_not_lost(http, silent, monkeypatch):
    link = submitting._linked
    monkeypatch.setattr(
        submitting, "_linked", lambda message: _apply("dummy", receipt(Status.DELIVERED)) or link(message)
    )
    assert http.send().json_body["status"] == "delivered"


def test_another_providers_id_of_the_same_name_is_another_text(http, silent):
    message_id = http.send().json_body["id"]
    _apply("sandbox", receipt(Status.DELIVERED))
    assert store.get(message_id).status is Status.SENDING


def test_a_flood_of_receipts_for_nobody_is_bounded(http, silent, monkeypatch):
    from chalicelib import store_references

    monkeypatch.setattr(store_references, "MOST_PARKED", 3)
    for _ in range(10):
        _apply("dummy", receipt(Status.SENT))
    history = http.send().json_body["history"]
    assert [entry["source"] for entry in history].count("receipt") == 3


def test_a_known_id_takes_two_requests(http, silent, requests_made):
    http.send()
    requests_made.clear()
    _apply("dummy", receipt(Status.DELIVERED))
    assert dict(requests_made) == {"UpdateItem": 2}


def test_a_receipt_that_was_parked_when_its_link_failed_is_applied_before_the_text_is_given_up(
    http, silent, monkeypatch
):
    from datetime import timedelta

    from test_dispatching import ticket

    from chalicelib import dispatching

    with monkeypatch.context() as dying:
        dying.setattr(submitting, "_linked", lambda message: message)
        message_id = http.send().json_body["id"]
    _apply("dummy", receipt(Status.DELIVERED))
    real = sending.now
    monkeypatch.setattr(dispatching, "now", lambda: real() + timedelta(hours=73))
    dispatching.handle(ticket(message_id))
    assert store.get(message_id).status is Status.DELIVERED
