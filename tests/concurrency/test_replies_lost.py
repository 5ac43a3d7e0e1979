"""DynamoDB does what it is asked and its reply is lost: botocore asks again, while others go on with what was done."""

import pytest
from botocore.endpoint import Endpoint
from botocore.exceptions import ReadTimeoutError

from chalicelib import sending, store
from chalicelib.stage import now
from chalicelib.status import Status
from chalicelib.transitions import canceled


@pytest.fixture
def lose_reply(monkeypatch):
    """Loses the reply to the next request of that operation; `meanwhile` happens before it is asked again."""
    to_come = []
    original = Endpoint._do_get_response

    def losing(self, request, operation_model, context):
        answer = original(self, request, operation_model, context)
        if to_come and to_come[0][0] == operation_model.name:
            to_come.pop()[1]()
            return None, ReadTimeoutError(endpoint_url=request.url)
        return answer

    monkeypatch.setattr(Endpoint, "_do_get_response", losing)
    return lambda operation, meanwhile=lambda: None: to_come.append((operation, meanwhile))


def test_playsms_586_a_batch_whose_reply_is_lost_does_not_undo_what_was_sent_meanwhile(stage, submitted, lose_reply):
    """The clock finds the texts in the table before botocore has given up waiting, and workers send them."""
    messages = [stage.compose() for _ in range(3)]
    lose_reply("TransactWriteItems", meanwhile=stage.work)
    sending.send_all(messages)
    while stage.work():
        pass
    assert sorted(submitted) == sorted(message.id for message in messages)
    assert {store.get(message.id).sequence for message in messages} == {2}


def test_a_cancel_whose_reply_is_lost_is_a_cancel(stage, lose_reply):
    message = stage.store()
    lose_reply("UpdateItem")
    after = store.change(message, lambda current: canceled(current, now()))
    assert (after.status, after.sequence) == (Status.CANCELED, 2)


def test_a_text_for_later_whose_reply_is_lost_goes_out_at_once_and_once(stage, submitted, lose_reply):
    message = stage.compose()
    lose_reply("PutItem")
    _, replayed = sending.send(message, later=True)
    stage.drain()
    assert (submitted, replayed) == ([message.id], False)
