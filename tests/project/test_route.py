"""A stage's route in the repository: checked before anything is made, and explained without sending."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from chalicelib import config
from chalicelib.compose import compose
from chalicelib.store_circuits import Circuit
from infra import stage as stages
from infra.deploy import deploy
from infra.errors import Stopped
from infra.package import package
from infra.route import explain
from infra.stage import read_stage

NOW = datetime(2026, 11, 25, tzinfo=timezone.utc)
ROUTE = {
    "rules": [
        {"name": "codes", "country": ["FR"], "priority": ["high"], "tiers": ["vonage", "sandbox"]},
        {"tiers": [{"sandbox": 3, "vonage": 1}]},
    ]
}


@pytest.fixture
def route(tmp_path, monkeypatch):
    """Writes the route of the stage dev."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"app_name": "smsignal", "stages": {"dev": {}}}))
    monkeypatch.setattr(stages, "CONFIG", path)

    def write(document):
        text = document if isinstance(document, str) else json.dumps(document, indent=2)
        (tmp_path / "route-dev.json").write_text(text)
        return read_stage("dev")

    return write


def text(**fields):
    return compose({"to": "+33612345678", "from": "smsignal", "text": "-", **fields}, now=NOW)


def test_the_functions_get_the_route_as_one_variable(route, monkeypatch):
    variable = route(ROUTE).environment["SMSIGNAL_ROUTE"]
    assert json.loads(variable) == ROUTE
    assert "\n" not in variable
    monkeypatch.setenv("SMSIGNAL_ROUTE", variable)
    config.route.cache_clear()
    assert config.route().providers == ["vonage", "sandbox"]
    config.route.cache_clear()


@pytest.mark.parametrize("command", [deploy, package])
@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("{", r"\.chalice/route-dev\.json: the route is not JSON"),
        ({"rules": [{"tiers": ["pigeon"]}]}, "rule 1 of the route, tier 1: there is no provider 'pigeon'"),
    ],
)
def test_a_bad_route_stops_the_deployment_before_anything_is_made(route, document, sentence, command):
    route(document)
    with pytest.raises(Stopped, match=sentence):
        command("dev")


def test_two_routes_are_one_too_many(route):
    stages.CONFIG.write_text(json.dumps({"stages": {"dev": {"environment_variables": {"SMSIGNAL_ROUTE": "{}"}}}}))
    with pytest.raises(Stopped, match="has two routes"):
        assert route(ROUTE).environment


def test_the_decision_is_explained_rule_by_rule(route):
    stage = route(ROUTE)
    assert explain(stage, text(priority="high"), {}, NOW) == [
        "To +336******78 (FR), high priority:",
        "  rule 'codes': holds (country FR; priority high)",
        "Tried in this order:",
        "  1. vonage: rule 'codes', tier 1",
        "  2. sandbox: rule 'codes', tier 2",
    ]
    shared = explain(stage, text(), {}, NOW)
    assert shared[1:3] == [
        "  rule 'codes': does not hold (country FR; priority high)",
        "  rule '2': holds (no conditions)",
    ]
    assert {line[5:] for line in shared[4:6]} == {"sandbox: rule '2', tier 1 (75 %)", "vonage: rule '2', tier 1 (25 %)"}


def test_what_the_stage_leaves_out_is_told(route):
    left_out = {"vonage": Circuit(NOW + timedelta(seconds=9), 1)}
    lines = explain(route(ROUTE), text(priority="high"), left_out, NOW)
    assert lines[3] == "  1. vonage: rule 'codes', tier 1 - it failed lately, and gets 0% of its texts now"


def test_a_stage_without_route_says_so(route, tmp_path):
    stage = route(ROUTE)
    (tmp_path / "route-dev.json").unlink()
    assert explain(stage, text(), {}, NOW)[1] == "  1. sandbox"
