"""examples/notifications: what it makes of repeats, of old news, and of writes that are no change."""

import importlib.util
import json
from itertools import permutations
from pathlib import Path

import boto3
import pytest

from chalicelib import signals, store
from chalicelib.messages import DeliveryReceipt
from chalicelib.models import MessageRecord
from chalicelib.stage import now
from chalicelib.status import Status

EXAMPLE = Path(__file__).parents[2] / "examples" / "notifications"


@pytest.fixture
def app(aws, monkeypatch):
    """The example, with its table."""
    spec = importlib.util.spec_from_file_location("notifications_app", EXAMPLE / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    template = json.loads((EXAMPLE / "resources.json").read_text())
    aws["dynamodb"].create_table(**template["Resources"]["NotificationsTable"]["Properties"])
    monkeypatch.setenv(
        "TABLE", json.loads((EXAMPLE / ".chalice/config.json").read_text())["environment_variables"]["TABLE"]
    )
    return module


@pytest.fixture
def told(http, aws):
    """A text that went through four writes, three of them changes: the events of the bus and the records of the stream."""
    images, records, events = [None], [], []

    def see(message_id):
        key = {"message_id": {"S": message_id}}
        image = aws["dynamodb"].get_item(TableName="smsignal-test-messages", Key=key)["Item"]
        before, after = images[-1], image
        record = {"Keys": key, "NewImage": after} | ({"OldImage": before} if before else {})
        records.append({"eventName": "MODIFY" if before else "INSERT", "dynamodb": record})
        change = signals.status_change(before and to_text(before), to_text(after))
        if change:
            events.append({"detail-type": change.kind, "detail": change.as_json()})
        images.append(image)

    def to_text(image):
        record = MessageRecord()
        record.deserialize(json.loads(json.dumps(image)))
        return store.to_message(record)

    message_id = http.send(reference="order-1").json_body["id"]
    see(message_id)
    for word in (Status.SENT, Status.SENT, Status.DELIVERED):
        store.advance(message_id, "dummy", DeliveryReceipt(word, word.value, message_id), now())
        see(message_id)
    return message_id, events, records


def kept(message_id):
    item = boto3.client("dynamodb").get_item(TableName="notifications", Key={"message_id": {"S": message_id}})["Item"]
    return {name: next(iter(value.values())) for name, value in item.items()}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_whatever_the_order_the_newest_stays(app, told, order):
    message_id, events, _ = told
    assert len(events) == 3
    for place in (*order, *order):
        app.on_bus(events[place], None)
    assert kept(message_id) == {
        "message_id": message_id,
        "sequence": "4",
        "event": f"{message_id}:4",
        "status": "delivered",
        "reference": "order-1",
        "price": True,
    }


def test_of_the_stream_only_what_raised_sequence_is_a_change(app, told, requests_made):
    message_id, _, records = told
    requests_made.clear()
    app.on_stream({"Records": records}, None)
    assert (kept(message_id)["status"], kept(message_id)["sequence"]) == ("delivered", "4")
    assert requests_made["UpdateItem"] == 3  # of four writes one was a duplicate receipt


def test_a_text_that_is_deleted_is_no_change(app, told):
    message_id, _, records = told
    gone = {"Keys": records[-1]["dynamodb"]["Keys"], "OldImage": records[-1]["dynamodb"]["NewImage"]}
    app.on_stream({"Records": [*records, {"eventName": "REMOVE", "dynamodb": gone}]}, None)
    assert kept(message_id)["status"] == "delivered"


def test_it_stands_on_its_own():
    text = (EXAMPLE / "app.py").read_text()
    assert "chalicelib" not in text
    assert len(text.splitlines()) <= 80
