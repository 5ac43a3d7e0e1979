"""A stage's route: what may be written, and which provider a text gets."""

import json
from collections import Counter

import pytest

from chalicelib.compose import compose
from chalicelib.errors import ConfigurationError
from chalicelib.routing import parse_route
from chalicelib.stage import now

KNOWN = {"acme", "other", "third"}
ROUTE = {
    "rules": [
        {"name": "codes to France", "country": ["FR"], "priority": ["high"], "tiers": ["third"]},
        {"to": ["+3361", "+44"], "tiers": ["other", "acme"]},
        {"from": ["MyShop"], "tiers": [{"acme": 1, "third": 1}]},
        {"tiers": [{"acme": 80, "other": 20}, "third"]},
    ]
}


def text(**fields):
    return compose({"to": "+4915112345678", "text": "x", "from": "smsignal", **fields}, now=now())


def candidates(**fields):
    return parse_route(json.dumps(ROUTE), KNOWN).candidates(text(**fields))


@pytest.mark.parametrize(
    ("fields", "providers", "rule"),
    [
        pytest.param(
            {"to": "+33712345678", "priority": "high"}, ["third"], "codes to France", id="all conditions hold"
        ),
        pytest.param(
            {"to": "+33612345678", "priority": "high"}, ["third"], "codes to France", id="the first rule wins"
        ),
        pytest.param({"to": "+33612345678"}, ["other", "acme"], "2", id="a prefix; a rule without name has its number"),
        pytest.param({"to": "+447700900123"}, ["other", "acme"], "2", id="another prefix"),
    ],
)
def test_the_first_rule_whose_conditions_hold_decides(fields, providers, rule):
    found = candidates(**fields)
    assert ([one.provider for one in found], {one.rule for one in found}) == (providers, {rule})


def test_a_sender_is_a_condition():
    assert {one.provider for one in candidates(**{"from": "MyShop"})} == {"acme", "third"}


def test_a_tier_comes_after_all_of_the_one_before_it():
    found = candidates()
    assert [one.tier for one in found] == [1, 1, 2]
    assert found[-1].provider == "third"


def test_texts_are_shared_by_weight_and_a_text_that_is_asked_about_again_goes_the_same_way():
    route, texts = parse_route(json.dumps(ROUTE), KNOWN), [text() for _ in range(2000)]
    first = Counter(route.candidates(one)[0].provider for one in texts)
    assert 0.76 < first["acme"] / len(texts) < 0.84
    assert all(route.candidates(one) == route.candidates(one) for one in texts[:50])


def test_a_place_is_said_in_words():
    assert candidates()[2].place == "rule '4', tier 2"
    assert {one.place for one in candidates()[:2]} == {"rule '4', tier 1 (80 %)", "rule '4', tier 1 (20 %)"}


LAST = {"tiers": ["acme"]}


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        pytest.param("{", "not JSON", id="no JSON"),
        pytest.param([], "must be an object like", id="a list"),
        pytest.param({"rules": []}, "at least one rule", id="no rules"),
        pytest.param({"rules": [LAST], "more": 1}, "must be an object like", id="something beside the rules"),
        pytest.param({"rules": ["acme"]}, "rule 1 of the route must be an object", id="a rule that is a string"),
        pytest.param({"rules": [{"tiers": []}]}, "rule 1 of the route: 'tiers'", id="no tiers"),
        pytest.param({"rules": [{"tier": ["acme"]}]}, "'tier' is not one of", id="a misspelt word"),
        pytest.param(
            {"rules": [{"tiers": ["nobody"]}]}, "tier 1: there is no provider 'nobody'", id="no such provider"
        ),
        pytest.param(
            {"rules": [{"tiers": [{"acme": 0}]}]}, "weight of 'acme' must be a number above 0", id="no weight"
        ),
        pytest.param({"rules": [{"tiers": [{"acme": True}]}]}, "weight of 'acme'", id="a weight that is true"),
        pytest.param(
            {"rules": [{"tiers": [["acme"]]}]}, "tier 1 must be a provider or an object", id="a tier that is a list"
        ),
        pytest.param(
            {"rules": [{"to": ["33"], **LAST}, LAST]}, "'to' must be a list of prefixes", id="a prefix without plus"
        ),
        pytest.param({"rules": [{"to": "+33", **LAST}, LAST]}, "'to' must be a list", id="a prefix that is no list"),
        pytest.param({"rules": [{"to": [], **LAST}, LAST]}, "'to' must be a list", id="an empty condition"),
        pytest.param(
            {"rules": [{"country": ["fr"], **LAST}, LAST]}, "'country' must be", id="a country in small letters"
        ),
        pytest.param({"rules": [{"priority": ["urgent"], **LAST}, LAST]}, "'priority' must be", id="no such priority"),
        pytest.param(
            {"rules": [{"to": ["+33"], **LAST}]}, "the last rule must have no conditions", id="some have no way"
        ),
        pytest.param(
            {"rules": [LAST, LAST]}, "rule 1 of the route: it has no conditions", id="a rule that is never reached"
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(document, sentence):
    written = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(ConfigurationError, match=sentence.replace("(", r"\(")):
        parse_route(written, KNOWN)
