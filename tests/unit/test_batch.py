"""POST /send/batch."""

import json

import pytest
from test_dispatching import outbox
from test_send import answers_with

from chalicelib import keys, sending, store
from chalicelib.messages import Submission
from chalicelib.status import Status


def send_batch(http, texts, headers=None):
    return http.call("POST", "/send/batch", json.dumps({"messages": texts}).encode(), headers)


def text(number):
    return {"to": f"+3361234{number:04d}", "text": f"hello {number}"}


def test_each_text_has_its_result_in_order_and_a_bad_one_does_not_spoil_the_rest(http, aws, monkeypatch):
    handed = answers_with(monkeypatch, Submission(("1",)))
    texts = [text(1), {"to": "nobody", "text": "x"}, text(2), "no object", {**text(3), "provider": "pigeon"}]
    answer = send_batch(http, texts)
    assert answer.status_code == 202
    results = answer.json_body["results"]
    assert [result["status"] for result in results] == [202, 422, 202, 422, 422]
    assert [result["message"]["to"] for result in results if "message" in result] == ["+33612340001", "+33612340002"]
    fields = [result["problem"]["errors"][0]["field"] for result in results if "problem" in result]
    assert fields == ["to", "messages[3]", "provider"]
    assert (outbox(aws), handed) == (2, [])
    stored = store.get(results[0]["message"]["id"])
    assert (stored.status, stored.attempts) == (Status.CREATED, 0)
    assert stored.due_at is not None


def test_a_hundred_texts_take_one_write_and_ten_sends_to_the_queue(http, requests_made):
    http.send()
    requests_made.clear()
    assert len(send_batch(http, [text(number) for number in range(100)]).json_body["results"]) == 100
    requests_made.pop("GetQueueUrl")
    assert dict(requests_made) == {"TransactWriteItems": 1, "SendMessageBatch": 10}


def test_a_repeated_batch_meets_its_own_texts(http):
    first, again = (
        send_batch(http, [text(1), text(1)], {"Idempotency-Key": "b-1"}).json_body["results"] for _ in range(2)
    )
    assert first == again
    assert first[0]["message"]["id"] != first[1]["message"]["id"]
    changed = send_batch(http, [text(1), text(2)], {"Idempotency-Key": "b-1"}).json_body["results"]
    assert [result["status"] for result in changed] == [202, 422]
    assert changed[1]["problem"]["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    "body",
    [{}, {"messages": []}, {"messages": "x"}, {"messages": [text(1)] * 101}, {"messages": [text(1)], "to": "x"}],
    ids=["nothing", "an empty list", "no list", "too many", "another field"],
)
def test_what_is_no_batch_is_refused_as_a_whole(http, body):
    answer = http.call("POST", "/send/batch", json.dumps(body).encode())
    assert (answer.status_code, answer.json_body["errors"][0]["field"]) == (422, "messages")


def test_a_store_that_is_down_is_told_for_each_text(http, aws):
    http.send()
    aws["dynamodb"].delete_table(TableName="smsignal-test-messages")
    results = send_batch(http, [text(1), text(2)]).json_body["results"]
    assert [result["status"] for result in results] == [503, 503]


def test_a_batch_needs_the_scope(http):
    http.key = keys.create(("read",), sending.now())[0]
    assert send_batch(http, [text(1)]).status_code == 403
