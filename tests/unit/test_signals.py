"""From the stream to the bus: what is signalled, in which shape, and what happens when something is wrong."""

import json
from decimal import Decimal

import boto3
import pytest
from chalice.test import Client

from chalicelib import sending, signals, store
from chalicelib.changes import StatusChange
from chalicelib.inbound import receive
from chalicelib.messages import DeliveryReceipt, IncomingText
from chalicelib.status import Status


@pytest.fixture
def bus(aws, monkeypatch):
    """A queue behind a rule that takes everything; returns a function that empties it, in the order of publication."""
    events, sqs = boto3.client("events"), aws["sqs"]
    url = sqs.create_queue(QueueName="tap")["QueueUrl"]
    events.put_rule(Name="tap", EventPattern=json.dumps({"source": ["smsignal.test"]}))
    events.put_targets(Rule="tap", Targets=[{"Id": "tap", "Arn": "arn:aws:sqs:us-east-1:123456789012:tap"}])

    def drain():
        taken = []
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            taken += [json.loads(message["Body"]) for message in batch]
            for message in batch:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    return drain


@pytest.fixture
def stream(aws):
    """Everything that the stream holds, as Lambda would get it."""

    def records():
        arn = aws["dynamodb"].describe_table(TableName="smsignal-test-messages")["Table"]["LatestStreamArn"]
        streams = boto3.client("dynamodbstreams")
        shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        found = []
        for shard in shards:
            iterator = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            found += streams.get_records(ShardIterator=iterator)["Records"]
        for record in found:  # boto3 made a datetime of what Lambda is given as seconds
            made = record["dynamodb"]["ApproximateCreationDateTime"]
            record["dynamodb"]["ApproximateCreationDateTime"] = made.timestamp()
        return [{**record, "eventSourceARN": arn} for record in found]

    return records


def invoke(records):
    """on_message_change, as Lambda calls it."""
    from app import app

    with Client(app, project_dir="tests") as client:
        return client.lambda_.invoke("on_message_change", {"Records": records})


def unsignalled(aws):
    url = aws["sqs"].get_queue_url(QueueName="smsignal-test-unsignalled")["QueueUrl"]
    messages = aws["sqs"].receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def test_each_change_is_published_once_in_order_and_in_the_contracts_shape(http, bus, stream):
    message_id = http.send(reference="r-1", metadata={"a": "b"}).json_body["id"]
    for word in (Status.SENT, Status.SENT, Status.DELIVERED, Status.SENT):
        store.advance(message_id, "dummy", DeliveryReceipt(word, word.value, message_id), sending.now())
    invoke(stream())
    events = bus()
    assert [event["detail"]["status"] for event in events] == ["created", "sending", "sent", "delivered"]
    assert [event["detail"]["previous_status"] for event in events] == [None, "created", "sending", "sent"]
    assert [event["detail"]["id"] for event in events] == [f"{message_id}:{number}" for number in (1, 2, 3, 4)]
    assert {event["detail-type"] for event in events} == {"Message Status Changed"}
    message = http.get(f"/messages/{message_id}").json_body
    assert events[-1]["detail"] == {
        "version": "1", "id": f"{message_id}:4", "sequence": 4, "message_id": message_id, "direction": "outgoing",
        "status": "delivered", "previous_status": "sent", "occurred_at": message["updated_on"], "from": "smsignal",
        "to": "+33612345678", "provider": "dummy", "reference": "r-1", "metadata": {"a": "b"}, "segments": 1,
        "price": None, "currency": None, "error": None,
    }  # fmt: skip


def test_a_price_that_comes_late_is_a_change_of_its_own(http, bus, stream):
    message_id = http.send().json_body["id"]
    for price in (None, Decimal("0.03330000"), Decimal("0.04")):
        receipt = DeliveryReceipt(Status.DELIVERED, "delivered", message_id, price=price, currency="EUR")
        store.advance(message_id, "dummy", receipt, sending.now())
    invoke(stream())
    last = bus()[-1]
    assert (last["detail-type"], last["detail"]["sequence"]) == ("Message Price Changed", 4)
    assert (last["detail"]["price"], last["detail"]["currency"]) == ("0.03330000", "EUR")


def test_an_incoming_text_is_signalled_with_its_text_once(aws, bus, stream):
    for _ in range(2):
        receive("dummy", IncomingText("+33611111111", "+33622222222", "STOP", "in-1"), sending.now())
    invoke(stream())
    (event,) = bus()
    assert event["detail-type"] == "Message Received"
    assert (event["detail"]["text"], event["detail"]["status"]) == ("STOP", "received")


def test_an_event_reads_back_as_the_change_that_made_it(http, bus, stream):
    http.send()
    invoke(stream())
    event = bus()[0]
    change = StatusChange.from_event(event["detail-type"], event["detail"])
    assert change.as_json() == event["detail"]


def test_a_poison_record_is_set_aside_as_a_pointer_and_the_rest_goes_on(http, bus, stream, aws):
    first, second = (http.send().json_body["id"] for _ in range(2))
    records = stream()
    del records[0]["dynamodb"]["NewImage"]["status"]
    records[0]["dynamodb"]["NewImage"]["created_on"] = {"S": "not a time"}
    invoke(records)
    assert sorted(event["detail"]["message_id"] for event in bus()) == sorted([first, second, second])
    assert unsignalled(aws) == [{"message_id": first, "sequence": 1, "reason": "not understood: ValueError"}]


def test_an_entry_that_the_bus_refuses_is_tried_again_then_set_aside(http, stream, aws, monkeypatch):
    message_id = http.send().json_body["id"]
    calls = []

    class Bus:
        def put_events(self, Entries):
            calls.append(len(Entries))
            refused = [{"ErrorCode": "ThrottlingException"} if '"sequence": 1' in e["Detail"] else {} for e in Entries]
            return {"FailedEntryCount": sum(map(bool, refused)), "Entries": refused}

    monkeypatch.setattr(signals.aws, "client", lambda service: Bus() if service == "events" else aws[service])
    monkeypatch.setattr(signals, "PAUSE", 0)
    invoke(stream())
    assert calls == [2, 1, 1]
    (pointer,) = unsignalled(aws)
    assert (pointer["message_id"], pointer["sequence"]) == (message_id, 1)
    assert "ThrottlingException" in pointer["reason"]


def test_more_changes_than_the_bus_takes_at_once_are_all_published(http, bus, stream):
    for _ in range(6):
        http.send()
    invoke(stream())
    assert len(bus()) == 12


def test_a_bus_that_is_down_makes_the_stream_give_the_batch_again(http, stream, monkeypatch):
    from botocore.exceptions import EndpointConnectionError

    class Bus:
        def put_events(self, Entries):
            raise EndpointConnectionError(endpoint_url="events")

    http.send()
    monkeypatch.setattr(signals.aws, "client", lambda service: Bus())
    with pytest.raises(EndpointConnectionError):
        invoke(stream())


def test_an_expired_item_is_no_change(http, bus, stream):
    http.send()
    records = [{**record, "eventName": "REMOVE"} for record in stream()]
    for record in records:
        record["dynamodb"].pop("NewImage")
    invoke(records)
    assert bus() == []


def test_the_shipped_subscriber_tells_how_a_text_ended_without_the_number(http, bus, stream, capsys):
    from app import app

    message_id = http.send().json_body["id"]
    receipt = DeliveryReceipt(Status.DELIVERED, "delivered", message_id)
    store.advance(message_id, "dummy", receipt, sending.now())
    invoke(stream())
    with Client(app, project_dir="tests") as client:
        client.lambda_.invoke("log_outcome", {"account": "123456789012", **bus()[-1]})  # moto leaves it out
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["message"], line["status"], line["message_id"]) == ("text ended", "delivered", message_id)
    assert "612345678" not in json.dumps(line)
