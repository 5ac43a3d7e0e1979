"""The budgets of requests: what leaves botocore for one send, one callback, one duplicate."""

import pytest
from test_callbacks import call_back

from chalicelib import store


@pytest.fixture
def warm(http, requests_made):
    """A container that has served before: the key is cached, the clients are made."""
    http.send()
    requests_made.clear()
    return http


def test_a_send_accepted_inline_takes_two_writes_and_no_read(warm, requests_made):
    assert warm.send().status_code == 201
    assert dict(requests_made) == {"PutItem": 1, "UpdateItem": 1}


def test_a_repeated_idempotency_key_takes_one_request(warm, requests_made):
    warm.send(headers={"Idempotency-Key": "k"})
    requests_made.clear()
    warm.send(headers={"Idempotency-Key": "k"})
    assert dict(requests_made) == {"PutItem": 1}


@pytest.mark.parametrize(
    ("before", "word", "most"),
    [((), "delivered", 1), (("sent",), "delivered", 1), (("delivered",), "delivered", 2), (("delivered",), "sent", 2)],
    ids=["the first receipt", "the next receipt", "a duplicate", "a stale receipt"],
)
def test_a_receipt_takes_one_write_and_a_repeated_one_two(warm, requests_made, before, word, most):
    message_id = warm.send(provider="sandbox").json_body["id"]
    for earlier in before:
        call_back(warm, message_id, earlier)
    requests_made.clear()
    call_back(warm, message_id, word)
    assert dict(requests_made) == {"UpdateItem": most}


def test_a_forged_callback_costs_no_request(warm, requests_made):
    message_id = warm.send(provider="sandbox").json_body["id"]
    requests_made.clear()
    warm.call("POST", "/callback/sandbox", b'{"message_id": "%s", "status": "delivered"}' % message_id.encode())
    assert dict(requests_made) == {}


def test_a_status_update_writes_to_neither_list_index(warm, aws):
    """An index is written to when one of its attributes is; none of theirs is ever changed."""
    table = aws["dynamodb"].describe_table(TableName="smsignal-test-messages")["Table"]
    lists = [index for index in table["GlobalSecondaryIndexes"] if index["IndexName"] != "due"]
    keys = {key["AttributeName"] for index in lists for key in index["KeySchema"]}
    assert keys == {"recipient", "day", "position"}
    assert {index["Projection"]["ProjectionType"] for index in lists} == {"KEYS_ONLY"}
    assert not keys & set(store.FIELDS)
