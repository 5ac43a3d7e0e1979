"""In-app subscribers: the filters that they may have, and `once`."""

import pytest
from chalice import Chalice
from chalice.app import Blueprint

from chalicelib import signals, store
from chalicelib.blueprints.subscription import subscriber
from chalicelib.changes import StatusChange


class App:
    """An application with one subscriber, `follow`, that keeps what it is told, and may fail."""

    def __init__(self, **filters):
        self.told, self.fails = [], []
        self.app, blueprint = Chalice("app"), Blueprint("here")

        def follow(change):
            if self.fails:
                raise self.fails.pop()
            self.told.append(change)

        subscriber(blueprint, **filters)(follow)
        self.app.register_blueprint(blueprint)

    @property
    def pattern(self):
        (source,) = self.app.event_sources
        return source.event_pattern

    def call(self, change, resources=(), request_id=None):
        """As Lambda calls it for an event of the bus."""
        envelope = dict.fromkeys(("id", "region", "account", "time", "version"), "")
        event = {**envelope, "source": "smsignal.test", "detail-type": change.kind, "resources": list(resources)}
        return self.app.handler_map["follow"]({**event, "detail": change.as_json()}, _Context(request_id))


class _Context:
    def __init__(self, request_id):
        self.aws_request_id = request_id or "one"


@pytest.fixture
def change(http):
    return signals.status_change(None, store.get(http.send(metadata={"team": "a"}).json_body["id"]))


@pytest.mark.parametrize(
    ("filters", "pattern"),
    [
        ({}, {}),
        ({"status": ["sent"]}, {"detail": {"status": ["sent"]}}),
        ({"kind": ["Message Received"]}, {"detail-type": ["Message Received"]}),
        (
            {"provider": ["dummy"], "direction": ["outgoing"], "metadata": {"team": ["a", "b"]}},
            {"detail": {"provider": ["dummy"], "direction": ["outgoing"], "metadata": {"team": ["a", "b"]}}},
        ),
    ],
)
def test_filters_become_a_pattern_of_the_bus(aws, filters, pattern):
    assert App(**filters).pattern == {"source": ["smsignal.test"], **pattern}


def test_the_function_gets_the_change_typed(change):
    app = App()
    app.call(change)
    assert app.told == [change]
    assert isinstance(app.told[0], StatusChange)


def test_without_once_a_repeat_is_told_again_and_with_it_not(change):
    often, once = App(), App(once=True)
    for app in (often, once):
        for request in ("one", "two"):
            app.call(change, request_id=request)
    assert (len(often.told), len(once.told)) == (2, 1)


def test_a_call_that_failed_leaves_the_change_to_the_next(change):
    app = App(once=True)
    app.fails = [KeyError("x")]
    with pytest.raises(KeyError):
        app.call(change, request_id="one")
    app.call(change, request_id="two")
    assert len(app.told) == 1


def test_lambdas_own_retry_of_a_call_that_died_goes_through(change, monkeypatch):
    """It has the same id: the first one was killed after it had claimed the change."""
    app = App(once=True)
    monkeypatch.setattr("chalicelib.store_once.release", lambda *_: None)  # who is killed releases nothing
    app.fails = [KeyError("killed")]
    with pytest.raises(KeyError):
        app.call(change, request_id="one")
    app.call(change, request_id="two")
    assert app.told == []
    app.call(change, request_id="one")
    assert len(app.told) == 1


def test_what_is_put_back_by_hand_goes_through(change, monkeypatch):
    app = App(once=True)
    monkeypatch.setattr("chalicelib.store_once.release", lambda *_: None)
    app.fails = [KeyError("killed")]
    with pytest.raises(KeyError):
        app.call(change, request_id="one")
    app.call(change, resources=["smsignal:redriven"], request_id="three")
    assert len(app.told) == 1


def test_once_costs_one_write(change, requests_made):
    app = App(once=True)
    requests_made.clear()
    app.call(change)
    assert requests_made == {"UpdateItem": 1}
