"""`make bench`: smsignal's Lambda against the floor and the peers. Its arithmetic, and one function as Lambda runs it."""

from dataclasses import replace

import pytest

from bench import events, packages
from bench.instructions import Counted
from bench.lambdas import Runs, figures, ratio
from bench.outside import signed
from bench.runtime import Failed, Function, Package
from bench.subjects import Subject

NOWHERE = Package(None, "app.app", None)
OURS = Runs([100.0, 110.0], [120.0, 130.0], [], [5e7, 5e7], [2.0, 2.2], [4.0, 4.4], Counted(1_000, 50.0))
OTHER = replace(OURS, cold_cpu=[200.0, 220.0], as_made=[400.0, 440.0], counted=Counted(1_500, 40.0))


def by_name(runs):
    return {figure.name: figure for figure in figures(runs)}


def test_a_ratio_is_one_of_medians_and_its_spread_that_of_the_turns():
    figure = ratio("floor", "x", [1.0, 2.0, 9.0], [2.0, 2.0, 3.0], 1.15)
    assert (figure.value, figure.least, figure.most) == (1.0, 0.5, 3.0)
    assert not figure.judged


def test_smsignal_is_judged_by_what_it_takes_of_the_floor():
    found = by_name({Subject("smsignal", "send", NOWHERE): OURS, Subject("floor", "send", NOWHERE): OTHER})
    assert found["send: cold start to the first answer, CPU"].value == pytest.approx(0.5)
    assert found["send: cold start to the first answer, CPU, the floor as Chalice packages it"].value == 0.25
    warm = found["send: warm, instructions"]
    assert (warm.value, warm.budget, warm.kept, warm.judged) == (1.25, 1.25, True, True)


def test_a_peer_must_take_no_less_than_smsignal():
    ours, peer = Subject("smsignal", "callback", NOWHERE), Subject("Peer", "callback", NOWHERE)
    found = by_name({ours: OURS, peer: OTHER})
    assert found["Peer: cold, CPU"].value == pytest.approx(2.0)
    assert not found["Peer: warm, instructions"].kept
    assert found["Peer: warm, CPU"].budget == 1
    assert "Peer: warm, instructions" not in by_name({ours: OURS, peer: replace(OTHER, counted=None)})


def test_a_package_is_laid_down_with_all_that_it_needs():
    assert {"boto3", "botocore", "s3transfer", "jmespath", "urllib3"} <= set(packages.closure("boto3"))


def test_an_event_is_that_of_api_gateway():
    event = events.callback("a" * 32)
    query = event["queryStringParameters"]
    assert (event["resource"], event["path"]) == ("/callback/{provider}", "/callback/vonage")
    assert {name: [value] for name, value in query.items()} == event["multiValueQueryStringParameters"]
    assert set(signed({"a": "1"})) == {"a", "timestamp", "sig"}
    assert events.callback("a" * 32, forged=True)["queryStringParameters"]["price"] != query["price"]


@pytest.fixture
def function(tmp_path, monkeypatch):
    """A function of a few lines, as Lambda would run it."""
    pytest.importorskip("awslambdaric")
    monkeypatch.setattr(packages, "FOLDER", tmp_path)
    code = "def greet(event, context):\n    return {'hello': event['name'], 'id': context.aws_request_id}\n"
    (tmp_path / "greeting.py").write_text(code)
    with Function(Package(tmp_path, "greeting.greet", packages.runtime()), {"X": "1"}) as function:
        yield function


def test_a_function_answers_as_in_lambda(function):
    first = function.invoke({"name": "you"})
    second = function.invoke({"name": "again"})
    assert (first.body["hello"], second.body["hello"]) == ("you", "again")
    assert function.started_at < first.at < second.at
    assert 0 < first.cpu < second.cpu
    assert function.most_memory() > 1e6


def test_a_function_that_fails_says_why(function):
    with pytest.raises(Failed, match="KeyError"):
        function.invoke({})
