"""Asking Vonage what became of a text, of the simulated carrier over real HTTP."""

from dataclasses import replace

import pytest
from test_dispatching import ticket

from chalicelib import config, dispatching, store
from chalicelib.errors import AccountRefused, ProviderUnavailable
from chalicelib.providers.vonage import Vonage
from chalicelib.status import Status
from localdev.carrier.server import CarrierServer
from localdev.carrier.settings import Settings
from localdev.carrier.vonage_rules import VonageSettings

ACCOUNT = {"api_key": "key12345", "api_secret": "s3cret", "signature_secret": "sign"}


@pytest.fixture(scope="module")
def carrier():
    with CarrierServer(settings=Settings(callback_delay=0.01), vonage=VonageSettings(**ACCOUNT)) as server:
        yield server


@pytest.fixture
def vonage(carrier, monkeypatch):
    """The adapter, and the stage set to it."""
    settings = {**ACCOUNT, "base_url": carrier.url, "reports_url": carrier.url}
    for name, value in settings.items():
        monkeypatch.setenv(f"SMSIGNAL_VONAGE_{name.upper()}", value)
    return Vonage(settings)


def sent(http, digits, text="hello"):
    answer = http.send(provider="vonage", to=f"+3361234{digits}", text=text)
    assert answer.status_code == 201, answer.json_body
    return store.get(answer.json_body["id"])


@pytest.mark.parametrize("text", ["hello", "x" * 200], ids=["one segment", "two segments"])
def test_a_text_whose_receipts_never_came_is_asked_for_and_delivered(http, vonage, monkeypatch, text):
    message = sent(http, "9005", text)
    assert (message.due_at - message.submitted_on).total_seconds() == 3600
    at = message.due_at
    monkeypatch.setattr(dispatching, "now", lambda: at)
    assert dispatching.dispatch() == 1
    after = dispatching.handle(ticket(message.id))
    assert (after.status, after.due_at, after.holders) == (Status.DELIVERED, None, ())
    assert [entry.source for entry in after.history].count("receipt") == message.segments


def test_a_text_that_is_still_on_its_way_is_asked_for_again_later(http, vonage, monkeypatch):
    message = sent(http, "9006")
    at = message.due_at
    monkeypatch.setattr(dispatching, "now", lambda: at)
    after = dispatching.handle(ticket(message.id))
    assert (after.status, after.holders) == (Status.SENT, ())
    assert (after.due_at - message.submitted_on).total_seconds() == 6 * 3600


def test_in_the_end_nobody_knows(http, vonage, monkeypatch):
    message = sent(http, "9006")
    for _ in range(4):
        at = message.due_at
        monkeypatch.setattr(dispatching, "now", lambda at=at: at)
        message = dispatching.handle(ticket(message.id))
    assert (message.status, message.due_at) == (Status.UNKNOWN, None)


def test_a_wrong_account_is_told_and_the_text_waits_on(http, vonage, monkeypatch):
    message = sent(http, "9005")
    with pytest.raises(AccountRefused):
        Vonage({**vonage.settings, "api_secret": "wrong"}).fetch_status(message)
    with pytest.raises(ProviderUnavailable):
        Vonage({**vonage.settings, "reports_url": "http://127.0.0.1:9"}).fetch_status(message)
    monkeypatch.setenv("SMSIGNAL_VONAGE_REPORTS_URL", "http://127.0.0.1:9")
    config.provider_settings.cache_clear()
    at = message.due_at
    monkeypatch.setattr(dispatching, "now", lambda: at)
    after = dispatching.handle(ticket(message.id))
    assert (after.status, (after.due_at - message.submitted_on).total_seconds()) == (Status.SENDING, 6 * 3600)


def test_ids_that_vonage_does_not_know_report_nothing(http, vonage):
    message = replace(sent(http, "9005"), provider_message_ids=("nobodys",))
    assert vonage.fetch_status(message) == []
