"""DynamoDB's own reply is lost and botocore asks again: the second attempt meets the first one's work."""

import json

import pytest
from botocore.endpoint import Endpoint
from botocore.exceptions import ReadTimeoutError
from test_dispatching import ticket
from test_send import answers_with

from chalicelib import dispatching, store
from chalicelib.messages import Submission
from chalicelib.status import Status


@pytest.fixture
def lose_reply(monkeypatch):
    """The next request of that operation is carried out, and its reply lost."""
    left = []
    original = Endpoint._do_get_response

    def losing(self, request, operation_model, context):
        answer = original(self, request, operation_model, context)
        if operation_model.name in left:
            left.remove(operation_model.name)
            return None, ReadTimeoutError(endpoint_url=request.url)
        return answer

    monkeypatch.setattr(Endpoint, "_do_get_response", losing)
    return left.append


def test_a_text_that_was_stored_all_the_same_is_still_submitted_once(http, monkeypatch, lose_reply):
    handed = answers_with(monkeypatch, Submission(("1",)))
    lose_reply("PutItem")
    answer = http.send(headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json_body["status"], len(handed)) == (201, "sending", 1)
    assert "Idempotent-Replayed" not in answer.headers


def test_an_outcome_that_was_stored_all_the_same_is_signalled_once(http, monkeypatch, lose_reply):
    answers_with(monkeypatch, Submission(("1",)))
    http.send()
    lose_reply("UpdateItem")
    message = store.get(http.send().json_body["id"])
    assert (message.status, message.sequence) == (Status.SENDING, 2)


def test_a_claim_that_was_made_all_the_same_is_ours(http, monkeypatch, lose_reply):
    handed = answers_with(monkeypatch, Submission(("1",)))
    message_id = http.send(headers={"Prefer": "respond-async"}).json_body["id"]
    same = ticket(message_id)
    lose_reply("UpdateItem")
    assert dispatching.handle(same).status is Status.SENDING
    assert len(handed) == 1
    assert json.loads(same)["message_id"] == message_id
