"""A price that the provider tells only to who asks for it, some time after the end: asked for, signalled, and given up."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib import dispatching, receipts, store
from chalicelib.errors import ConfigurationError, OutcomeUnknown, ProviderUnavailable
from chalicelib.messages import DeliveryReceipt, Submission, rfc3339
from chalicelib.providers.dummy import Dummy
from chalicelib.retries import PRICE_ASKS
from chalicelib.stage import now
from chalicelib.status import Status


class Asked:
    """The provider's answers when it is asked, one after the other."""

    def __init__(self):
        self.prices, self.count = [], 0

    def answer(self, message):
        self.count += 1
        price = self.prices.pop(0) if self.prices else None
        if isinstance(price, Exception):
            raise price
        amount = None if price is None else Decimal(price)
        return [DeliveryReceipt(Status.DELIVERED, "delivered", message.id, "1", price=amount, currency="USD")]


@pytest.fixture
def asked(monkeypatch):
    asked = Asked()
    monkeypatch.setattr(Dummy, "prices", "fetch")
    monkeypatch.setattr(Dummy, "fetches_status", True)
    monkeypatch.setattr(Dummy, "fetch_status", lambda _, message: asked.answer(message))
    return asked


def report(message_id, word, price=None):
    receipt = DeliveryReceipt(Status(word), word, message_id, "1", price=price)
    receipts._apply("dummy", receipt, price_later=True)


def do_what_is_due(message_id, monkeypatch):
    """The worker, at the moment at which the text is due."""
    message = store.get(message_id)
    at = message.due_at + timedelta(milliseconds=1)
    monkeypatch.setattr(dispatching, "now", lambda: at)
    return dispatching.handle(json.dumps({"message_id": message_id, "due_at": rfc3339(message.due_at)}))


def minutes_until_asked(message_id):
    message = store.get(message_id)
    return None if message.due_at is None else round((message.due_at - message.updated_on) / timedelta(minutes=1))


def test_it_is_asked_for_after_a_minute_and_signalled(http, asked, monkeypatch):
    asked.prices = ["0.0075"]
    message_id = http.send().json_body["id"]
    report(message_id, "delivered")
    assert minutes_until_asked(message_id) == 1
    before = store.get(message_id)
    after = do_what_is_due(message_id, monkeypatch)
    assert (after.price, after.currency, after.sequence) == (Decimal("0.0075"), "USD", before.sequence + 1)
    assert (after.due_at, asked.count) == (None, 1)


def test_it_is_asked_for_four_times_and_no_more(http, asked, monkeypatch):
    message_id = http.send().json_body["id"]
    report(message_id, "delivered")
    asked.prices = [None, ProviderUnavailable("down", "no answer"), None, None]
    waited = []
    while store.get(message_id).due_at:
        waited.append(minutes_until_asked(message_id))
        do_what_is_due(message_id, monkeypatch)
    assert waited == [after / timedelta(minutes=1) for after in PRICE_ASKS]
    assert asked.count == 4


def test_a_receipt_that_has_a_price_leaves_nothing_to_ask(http, asked):
    for price in (Decimal("0.01"), Decimal(0)):
        message_id = http.send().json_body["id"]
        report(message_id, "delivered", price)
        assert store.get(message_id).due_at is None


@pytest.mark.parametrize("late", ["sent", "delivered", "undelivered"])
def test_what_comes_after_the_end_does_not_keep_it_from_being_asked_for(http, asked, late):
    message_id = http.send().json_body["id"]
    report(message_id, "delivered")
    report(message_id, late)
    assert minutes_until_asked(message_id) == 1


@pytest.mark.parametrize("outcome", [Submission(("1",)), OutcomeUnknown("no_reply", "lost")], ids=["answered", "lost"])
def test_a_receipt_that_overtakes_the_reply_has_its_price_asked_for(http, asked, monkeypatch, outcome):
    def overtaken(_, message):
        report(message.id, "delivered")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(Dummy, "submit", overtaken)
    message_id = http.send().json_body["id"]
    assert store.get(message_id).status is Status.DELIVERED
    assert minutes_until_asked(message_id) == 1


def test_an_erased_text_has_its_price_asked_for(http, asked):
    message_id = http.send().json_body["id"]
    report(message_id, "delivered")
    assert http.call("DELETE", f"/messages/{message_id}").status_code == 204
    assert minutes_until_asked(message_id) == 1


def test_while_its_provider_is_not_set_up_it_is_asked_for_no_more_often(http, asked, monkeypatch):
    message_id = http.send().json_body["id"]
    report(message_id, "delivered")
    waited = []
    with monkeypatch.context() as broken:
        broken.setattr(dispatching, "provider", not_set_up)
        while store.get(message_id).due_at:
            waited.append(minutes_until_asked(message_id))
            do_what_is_due(message_id, broken)
    assert waited == [after / timedelta(minutes=1) for after in PRICE_ASKS]


def not_set_up(name):
    raise ConfigurationError(f"{name} has no credentials")


def test_a_text_of_another_provider_is_not_asked_about(http):
    message_id = http.send().json_body["id"]
    store.advance(message_id, "dummy", DeliveryReceipt(Status.DELIVERED, "d", message_id), now())
    assert store.get(message_id).due_at is None
