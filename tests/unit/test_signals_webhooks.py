"""A webhook is not dropped for what a container that has run for a while remembers of its endpoint."""

import json

import pytest

from chalicelib import delivering, signals, store, store_webhooks
from chalicelib.webhook_http import Answer
from chalicelib.webhooks import Endpoint

URL = "https://client.example.com/hooks"


@pytest.fixture
def posted(monkeypatch):
    """The URLs that were posted to."""
    found = []
    monkeypatch.setattr(delivering, "post", lambda url, *_, **__: found.append(url) or Answer(200, "HTTP 200"))
    return found


@pytest.fixture
def letter(http):
    """A change on its way to the URL of a key, which another container knows."""
    key_id = http.key.split("_")[1]
    change = signals.status_change(None, store.get(http.send().json_body["id"]))
    return delivering.Letter(key_id, URL, change.kind, change.as_json())


def remembered(monkeypatch, *endpoints):
    """What this container read half a minute ago."""
    known = {one.key_id: one for one in endpoints}
    monkeypatch.setitem(store_webhooks._cache, store_webhooks.KEY, (float("inf"), known))


@pytest.mark.parametrize("disabled", [None, "it answered 410 Gone"])
def test_what_was_made_or_enabled_a_moment_ago_is_delivered(letter, posted, monkeypatch, disabled):
    endpoint = Endpoint(letter.key_id, ("whsec_c2VjcmV0",), URL)
    store_webhooks.change(letter.key_id, lambda _: endpoint)
    before = [Endpoint(letter.key_id, endpoint.secrets, URL, disabled=disabled)] if disabled else []
    remembered(monkeypatch, *before)
    delivering.deliver(letter.as_body())
    assert posted == [URL]


def test_what_is_gone_is_dropped_at_the_price_of_one_look(letter, posted, monkeypatch, requests_made):
    remembered(monkeypatch)
    requests_made.clear()
    delivering.deliver(letter.as_body())
    assert (posted, json.dumps(requests_made)) == ([], '{"GetItem": 1}')
