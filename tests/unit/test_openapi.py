"""GET /openapi.json: it must say what the routes do."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from chalicelib import compose, sending

DOCUMENT = json.loads((Path(__file__).parents[2] / "chalicelib" / "openapi.json").read_text())


def schema(name):
    return Draft202012Validator({**DOCUMENT["components"]["schemas"][name], "components": DOCUMENT["components"]})


def test_it_is_served_without_a_key_and_valid(http):
    http.key = "none"
    answer = http.get("/openapi.json")
    assert answer.status_code == 200
    assert json.loads(answer.body) == DOCUMENT
    validate(DOCUMENT)


def test_health_needs_no_key_and_no_store(http, requests_made):
    http.key = "none"
    answer = http.get("/health")
    assert (answer.status_code, answer.json_body) == (200, {"status": "ok", "stage": "test"})
    assert dict(requests_made) == {}


def test_it_has_every_route_and_no_other():
    from app import app

    routes = {
        (path, method.lower())
        for path, methods in app.routes.items()
        for method, entry in methods.items()
        if not entry.view_name.startswith("refuse")
    }
    described = {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == routes


def test_the_fields_of_a_text_are_those_that_are_understood():
    with pytest.raises(compose.InvalidMessage) as caught:
        compose.compose({"x": 1}, now=sending.now())
    known = caught.value.errors["x"].split("the fields are ")[1].split(", ")
    assert sorted(DOCUMENT["components"]["schemas"]["Text"]["properties"]) == known


def test_answers_are_as_described(http):
    good, bad = http.send(reference="r").json_body, http.send(to="x").json_body
    schema("Message").validate(good)
    schema("Problem").validate(bad)
    assert set(good) == set(DOCUMENT["components"]["schemas"]["Message"]["properties"])


def test_the_matrix_of_the_providers_is_as_described(http):
    answer = http.get("/providers")
    assert answer.status_code == 200
    rows = answer.json_body["providers"]
    assert [row["name"] for row in rows if row["in_route"]] == ["dummy"]
    for row in rows:
        schema("Provider").validate(row)
    assert set(rows[0]) == set(DOCUMENT["components"]["schemas"]["Provider"]["properties"])
    http.key = "none"
    assert http.get("/providers").status_code == 401
