"""What the local cloud cannot show: its bus refuses nothing, and it gives no batch of a stream again after a kill in the middle."""

import json

import boto3
import pytest

from chalicelib import relay, signals, store, store_webhooks
from chalicelib.webhooks import Endpoint
from infra.signals import dead
from infra.signals.place import Place

PLACE = Place("test")


class Killed(BaseException):
    """What no code catches."""


class Record:
    """A stream record, as chalice hands it over."""

    def __init__(self, image):
        self.event_name, self.old_image, self.new_image = "INSERT", None, image
        self.keys = {"message_id": image["message_id"]}


@pytest.fixture
def tap(aws):
    """A queue on the bus; returns what it got since the last look."""
    events, sqs = boto3.client("events"), aws["sqs"]
    url = sqs.create_queue(QueueName="tap")["QueueUrl"]
    events.put_rule(Name="tap", EventPattern=json.dumps({"source": ["smsignal.test"]}))
    events.put_targets(Rule="tap", Targets=[{"Id": "tap", "Arn": "arn:aws:sqs:us-east-1:123456789012:tap"}])
    return lambda: taken(sqs, url)


def taken(sqs, url):
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for one in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return [json.loads(one["Body"]) for one in found]


@pytest.fixture
def records(http, aws):
    """The creation of two texts whose changes go to a webhook."""
    key_id = http.key.split("_")[1]
    store_webhooks.change(key_id, lambda _: Endpoint(key_id, ("whsec_c2VjcmV0",), "https://client.example.com"))
    ids = [http.send().json_body["id"] for _ in range(2)]
    keys = [{"message_id": {"S": message_id}} for message_id in ids]
    return [Record(aws["dynamodb"].get_item(TableName="smsignal-test-messages", Key=key)["Item"]) for key in keys]


def letters(aws):
    return taken(aws["sqs"], aws["sqs"].get_queue_url(QueueName="smsignal-test-webhooks")["QueueUrl"])


def test_killed_between_the_bus_and_the_webhooks_it_tells_both_again_with_the_same_ids(records, tap, aws, monkeypatch):
    """The stream gives a batch again that did not end well (AWS: at least once), and so nothing is lost."""
    with monkeypatch.context() as patched:

        def killed(_):
            raise Killed

        patched.setattr(relay, "enqueue", killed)
        with pytest.raises(Killed):
            relay.relay(records)
    first = [event["detail"] for event in tap()]
    assert (len(first), letters(aws)) == (2, [])

    relay.relay(records)
    assert [event["detail"] for event in tap()] == first
    assert [letter["change"] for letter in letters(aws)] == first


def test_what_the_bus_refuses_is_told_to_the_webhooks_set_aside_and_put_back(records, tap, aws, monkeypatch):
    refused = records[0].keys["message_id"]["S"]
    real = boto3.client("events")

    class Bus:
        """It has no room for one text."""

        def put_events(self, Entries):
            full = [{"ErrorCode": "InternalFailure"} if refused in entry["Detail"] else {} for entry in Entries]
            taken = [entry for entry, code in zip(Entries, full, strict=True) if not code]
            taken and real.put_events(Entries=taken)
            return {"FailedEntryCount": sum(map(bool, full)), "Entries": full}

    with monkeypatch.context() as patched:
        patched.setattr(signals.aws, "client", lambda service: Bus() if service == "events" else aws[service])
        patched.setattr(signals, "PAUSE", 0)
        relay.relay(records)
    assert refused not in {event["detail"]["message_id"] for event in tap()}
    assert {letter["change"]["message_id"] for letter in letters(aws)} == {
        one.keys["message_id"]["S"] for one in records
    }
    (queue,) = (one for one in dead.queues(PLACE) if one.name == "unsignalled")
    assert queue.reasons == {"the bus refused it: InternalFailure": 1}

    assert dead.redrive(PLACE, "unsignalled", lambda _: None) == 1
    (event,) = tap()
    assert event["detail"] == signals.status_change(None, store.get(refused)).as_json() | {
        "id": f"{refused}:2",
        "sequence": 2,
        "previous_status": "created",
    }


def test_one_entry_that_cannot_be_put_back_holds_up_no_other(records, tap, aws):
    url = aws["sqs"].get_queue_url(QueueName="smsignal-test-unsignalled")["QueueUrl"]
    good, said = records[0].keys["message_id"]["S"], []
    for message_id, sequence in (("0" * 32, 1), (good, 2), (good, 9)):
        pointer = {"message_id": message_id, "sequence": sequence, "reason": "the bus refused it"}
        aws["sqs"].send_message(QueueUrl=url, MessageBody=json.dumps(pointer))
    assert dead.redrive(PLACE, "unsignalled", said.append) == 1
    assert [event["detail"]["id"] for event in tap()] == [f"{good}:2"]
    assert "left where it is: no message has that id" in said
    assert f"left where it is: text {good} has no change 9" in said
    (queue,) = (one for one in dead.queues(PLACE) if one.name == "unsignalled")
    assert (queue.count, queue.reasons) == (2, {"the bus refused it": 2})  # and nobody has to wait to see them
