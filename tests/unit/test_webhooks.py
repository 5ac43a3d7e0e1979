"""Webhooks: signed as the specification has it, told to whom they are for, tried again, given up, and never posted inside."""

import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib import delivering, signals, store, store_webhooks
from chalicelib.changes import StatusChange
from chalicelib.inbound import receive
from chalicelib.messages import DeliveryReceipt, IncomingText
from chalicelib.relay import relay
from chalicelib.stage import now
from chalicelib.status import Status
from chalicelib.webhooks import BACKOFF, Endpoint, body_of, check_url, headers_of, new_secret, wait_after

SECRET, OLDER = new_secret(b"n" * 32), new_secret(b"o" * 32)
URL = "https://client.example.com/hooks"


@pytest.fixture
def key_id(key):
    return key.split("_")[1]


def endpoint(key_id, **changes):
    store_webhooks.change(key_id, lambda _: Endpoint(key_id, (SECRET,), **changes))


def change_of(message_id):
    return signals.status_change(None, store.get(message_id))


def queued(aws, name="webhooks"):
    url = aws["sqs"].get_queue_url(QueueName=f"smsignal-test-{name}")["QueueUrl"]
    taken = aws["sqs"].receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [one["Body"] for one in taken]


def delayed(aws):
    """How many letters the queue holds back."""
    url, name = (
        aws["sqs"].get_queue_url(QueueName="smsignal-test-webhooks")["QueueUrl"],
        "ApproximateNumberOfMessagesDelayed",
    )
    return int(aws["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def letter(http, receiver_url, key_id):
    """A change on its way to a receiver."""
    message = store.get(http.send(reference="r").json_body["id"])
    change = signals.status_change(None, message)
    return delivering.Letter(key_id, receiver_url, change.kind, change.as_json())


# The wire.


def test_the_reference_package_believes_it_while_both_secrets_are_good(http, receiver, key_id, aws):
    store_webhooks.change(key_id, lambda _: Endpoint(key_id, (SECRET, OLDER)))
    sent = letter(http, receiver.url, key_id)
    delivering.deliver(sent.as_body())
    ((headers, body),) = receiver.requests
    for secret in (SECRET, OLDER):
        event = Webhook(secret).verify(body, headers)
        assert event == {"type": "message.status_changed", "timestamp": sent.change["occurred_at"], "data": sent.change}
    assert headers["webhook-id"] == sent.change["id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret(b"x" * 32)).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)


def test_a_repetition_has_the_same_id_and_a_new_time(http, key_id):
    message_id = http.send().json_body["id"]
    body = body_of(change_of(message_id))
    first, second = (headers_of("m:1", body, [SECRET], now() + timedelta(seconds=after)) for after in (0, 60))
    assert (first["webhook-id"], first["webhook-timestamp"]) != (second["webhook-id"], second["webhook-timestamp"])
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-signature"] != second["webhook-signature"]


# To whom.


def records(*pairs):
    class Record:
        def __init__(self, old, new):
            self.event_name, self.old_image, self.new_image = "MODIFY" if old else "INSERT", old, new
            self.keys = {"message_id": {"S": "x"}}

    return [Record(*pair) for pair in pairs]


def relayed(aws, message_id):
    """The letters of a text's creation, as the stream's reader writes them."""
    key = {"message_id": {"S": message_id}}
    image = aws["dynamodb"].get_item(TableName="smsignal-test-messages", Key=key)["Item"]
    relay(records((None, image)))
    return [json.loads(body) for body in queued(aws)]


def test_a_text_that_names_a_url_is_told_of_there_and_nowhere_else(http, aws, key_id):
    endpoint(key_id, url="https://other.example.com")
    answer = http.send(webhook_url=URL)
    assert answer.status_code == 201
    (one,) = relayed(aws, answer.json_body["id"])
    assert (one["url"], one["key_id"], one["change"]["message_id"]) == (URL, key_id, answer.json_body["id"])


def test_without_a_secret_no_webhook_is_promised(http):
    answer = http.send(webhook_url=URL)
    assert answer.status_code == 422
    assert "make webhook" in answer.json_body["errors"][0]["message"]


def test_a_secret_that_was_made_a_moment_ago_is_known(http, key_id, monkeypatch):
    assert http.send(webhook_url=URL).status_code == 422
    with monkeypatch.context() as elsewhere:  # the command's process, not this Lambda
        elsewhere.setattr(store_webhooks, "_cache", {})
        endpoint(key_id)
    assert http.send(webhook_url=URL).status_code == 201


def test_a_key_that_has_a_url_is_told_of_all_its_texts(http, aws, key_id):
    assert relayed(aws, http.send().json_body["id"]) == []
    endpoint(key_id, url=URL)
    assert [one["url"] for one in relayed(aws, http.send().json_body["id"])] == [URL]


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({}, True),
        ({"types": ("message.status_changed",)}, True),
        ({"types": ("message.received",)}, False),
        ({"statuses": ("sending", "delivered")}, True),
        ({"statuses": ("delivered",)}, False),
        ({"disabled": "it answered 410 Gone"}, False),
    ],
)
def test_filters(http, aws, key_id, filters, told):
    endpoint(key_id, url=URL, **filters)
    assert bool(relayed(aws, http.send().json_body["id"])) is told


def test_an_incoming_text_is_told_to_every_key_that_wants_it(aws):
    for name, filters in {
        "a" * 16: {},
        "b" * 16: {"types": ("message.received",)},
        "c" * 16: {"statuses": ("sent",)},
    }.items():
        endpoint(name, url=f"https://{name}.example.com", **filters)
    message = receive("dummy", IncomingText("+33612345678", "2580", "STOP", "in-1"), now())
    told = relayed(aws, message.id)
    assert sorted(one["key_id"] for one in told) == ["a" * 16, "b" * 16]
    assert {one["change"]["text"] for one in told} == {"STOP"}


# Again and again.


def test_what_is_not_taken_comes_again_later_and_at_last_is_given_up_with_the_reason(http, receiver, key_id, aws):
    endpoint(key_id, url=receiver.url)
    receiver.answer, waiting = 500, letter(http, receiver.url, key_id)
    for attempt in range(1, len(BACKOFF) + 1):
        delivering.deliver(replace(waiting, not_before=0).as_body())
        url = aws["sqs"].get_queue_url(QueueName="smsignal-test-webhooks")["QueueUrl"]
        attributes = aws["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert attributes["ApproximateNumberOfMessagesDelayed"] == str(attempt)
        waiting = replace(waiting, attempts=attempt)
    delivering.deliver(waiting.as_body())
    (dead,) = queued(aws, "webhooks-dead")
    assert (json.loads(dead)["reason"], json.loads(dead)["attempts"]) == ("HTTP 500", 11)
    assert len(receiver.requests) == 11


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 429, 503])
def test_everything_but_a_2xx_is_a_failure_and_no_redirect_is_followed(http, receiver, key_id, aws, status):
    endpoint(key_id, url=receiver.url)
    receiver.answer, receiver.headers = status, {"location": receiver.url}
    delivering.deliver(letter(http, receiver.url, key_id).as_body())
    assert len(receiver.requests) == 1
    assert (delayed(aws), queued(aws)) == (1, [])


def test_gone_disables_the_endpoint_until_somebody_enables_it(http, receiver, key_id, aws):
    endpoint(key_id, url=receiver.url)
    receiver.answer, sent = 410, letter(http, receiver.url, key_id)
    delivering.deliver(sent.as_body())
    assert store_webhooks.endpoints()[key_id].disabled == "it answered 410 Gone"
    delivering.deliver(sent.as_body())
    assert len(receiver.requests) == 1
    assert queued(aws) == []


def test_a_letter_that_is_not_due_goes_back(http, receiver, key_id, aws):
    endpoint(key_id, url=receiver.url)
    later = replace(letter(http, receiver.url, key_id), not_before=now().timestamp() + 4000)
    delivering.deliver(later.as_body())
    assert receiver.requests == []
    assert (delayed(aws), queued(aws)) == (1, [])


def test_the_table_of_waits_and_a_receivers_own_wish(monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: 1.0)
    assert [wait_after(attempts) for attempts in range(1, 12)] == [*BACKOFF, None]
    assert sum(BACKOFF) / 3600 == pytest.approx(27.7, abs=0.1)
    assert [wait_after(1, wish) for wish in (0, 60, 1_000_000)] == [5, 60, 43_200]


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://client.example.com/hooks?a=b", True),
        ("https://client.example.com:8443", True),
        ("http://client.example.com", False),
        ("https://", False),
        ("https://user:secret@client.example.com", False),
        ("https://client.example.com/#here", False),
        ("https://client.example.com:99999", False),
        ("https://client.example.com/a b", False),
        ("ftp://client.example.com", False),
        ("http://127.0.0.1:8000", False),
        ("nonsense", False),
    ],
)
def test_what_a_url_may_look_like(http, key_id, url, good):
    endpoint(key_id)
    answer = http.send(webhook_url=url)
    assert answer.status_code == (201 if good else 422)
    if not good:
        assert answer.json_body["errors"][0]["field"] == "webhook_url"
        with pytest.raises(ValueError, match="must be"):
            check_url(url)


def test_two_who_change_endpoints_at_once_lose_nothing(aws):
    def meanwhile(_):
        if not store_webhooks.endpoints().get("b" * 16):
            endpoint("b" * 16, url=URL)
        return Endpoint("a" * 16, (SECRET,))

    store_webhooks.change("a" * 16, meanwhile)
    assert set(store_webhooks.endpoints()) == {"a" * 16, "b" * 16}


def test_a_stage_without_webhooks_asks_for_them_once_in_half_a_minute(http, aws, requests_made):
    ids = [http.send().json_body["id"] for _ in range(3)]
    requests_made.clear()
    for message_id in ids:
        relayed(aws, message_id)
    assert requests_made["GetItem"] == 3 + 1  # three images, and the endpoints


def test_a_receipts_change_goes_to_the_texts_url_too(http, aws, key_id):
    endpoint(key_id)
    message_id = http.send(webhook_url=URL).json_body["id"]
    before = store.get(message_id)
    store.advance(message_id, "dummy", DeliveryReceipt(Status.DELIVERED, "d", message_id), now())
    after = store.get(message_id)
    (one,) = delivering.letters(after, signals.status_change(before, after))
    assert StatusChange.from_event(one.kind, one.change).status is Status.DELIVERED
