"""GET /messages and GET /messages/{id}."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import keys, sending, store
from chalicelib.inbound import receive
from chalicelib.messages import IncomingText, rfc3339


@pytest.fixture
def texts(http):
    """Seven texts to two recipients, one minute apart over midnight, oldest first."""
    template = store.get(http.send(to="+33600000009").json_body["id"])
    start = sending.now().replace(hour=0, minute=0, second=0) - timedelta(minutes=3)
    made = []
    for number in range(7):
        at = start + timedelta(minutes=number)
        to = "+33600000001" if number % 2 else "+33600000002"
        made.append(replace(template, id=f"{number * 2:x}" * 32, to=to, created_on=at, updated_on=at))
        store.create(made[-1])
    return made


def ids(answer):
    assert answer.status_code == 200, answer.json_body
    return [message["id"] for message in answer.json_body["messages"]]


def window(texts):
    return f"since={rfc3339(texts[0].created_on)}&until={rfc3339(texts[-1].created_on + timedelta(seconds=1))}"


def test_texts_come_newest_first_over_midnight_and_all_shards(http, texts):
    assert ids(http.get(f"/messages?{window(texts)}")) == [text.id for text in reversed(texts)]


def test_pages_join_without_gap_or_repeat(http, texts):
    seen, cursor = [], ""
    while True:
        answer = http.get(f"/messages?{window(texts)}&limit=2{cursor}")
        seen += ids(answer)
        if answer.json_body["next_cursor"] is None:
            break
        cursor = f"&cursor={answer.json_body['next_cursor']}"
    assert seen == [text.id for text in reversed(texts)]


def test_texts_to_one_recipient_are_found_however_old(http, texts):
    old = replace(texts[0], id="f" * 32, created_on=texts[0].created_on - timedelta(days=400))
    store.create(old)
    found = ids(http.get("/messages?to=%2B33600000002"))
    assert found == [text.id for text in reversed(texts) if text.to == "+33600000002"] + [old.id]


def test_a_plus_that_was_not_escaped_is_understood(http, texts):
    assert ids(http.get("/messages?to=+33600000001")) == ids(http.get("/messages?to=%2B33600000001")) != []


def test_since_is_inclusive_and_until_exclusive(http, texts):
    period = f"since={rfc3339(texts[2].created_on)}&until={rfc3339(texts[4].created_on)}"
    assert ids(http.get(f"/messages?{period}")) == [texts[3].id, texts[2].id]


def test_status_and_direction_filter(http, texts):
    incoming = receive("dummy", IncomingText("+33611111111", "+33622222222", "STOP", "in-1"), sending.now())
    assert ids(http.get("/messages?direction=incoming")) == [incoming.id]
    assert ids(http.get("/messages?direction=incoming&to=%2B33622222222")) == [incoming.id]
    assert ids(http.get("/messages?status=received")) == [incoming.id]
    assert ids(http.get("/messages?status=delivered")) == []


def test_a_page_examines_a_bounded_number_and_goes_on_with_a_cursor(http, texts, monkeypatch):
    from chalicelib import store_lists

    monkeypatch.setattr(store_lists, "MOST_EXAMINED", 3)
    answer = http.get(f"/messages?status=delivered&{window(texts)}")
    assert ids(answer) == []
    assert answer.json_body["next_cursor"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("status=lost", "status"),
        ("direction=up", "direction"),
        ("since=yesterday", "since"),
        ("since=2020-01-01T00:00:00Z", "since"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("cursor=%2A%2A", "cursor"),
        ("cursor=aGVsbG8", "cursor"),
        ("colour=red", "colour"),
    ],
)
def test_a_bad_filter_is_named(http, query, named):
    answer = http.get(f"/messages?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json_body["errors"]] == [named]


def test_a_message_that_does_not_exist_is_404(http):
    answer = http.get(f"/messages/{'0' * 32}")
    assert (answer.status_code, answer.json_body["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/messages", "/messages/" + "0" * 32])
def test_reading_needs_the_scope(http, path):
    http.key = keys.create(("send",), sending.now())[0]
    assert http.get(path).status_code == 403
    http.key = "nonsense"
    answer = http.get(path)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
