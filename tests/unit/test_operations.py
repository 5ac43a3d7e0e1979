"""Who is attached, what is told again, what was given up: the commands' work, against moto."""

import json
from argparse import Namespace

import boto3
import pytest

from chalicelib import delivering, store, store_webhooks
from chalicelib.messages import DeliveryReceipt
from chalicelib.stage import now
from chalicelib.status import Status
from chalicelib.webhooks import Endpoint
from infra.errors import Stopped
from infra.signals import dead, handing, replay, rules
from infra.signals.place import Place
from infra.signals.webhook import set_endpoint
from localdev import operations
from tests.unit.conftest import make_queue

PLACE = Place("test")
ACCOUNT = "arn:aws:%s:us-east-1:123456789012:"


@pytest.fixture
def bus(aws):
    return boto3.client("events")


@pytest.fixture
def queue(aws):
    return make_queue(aws)


def policy(aws):
    url = aws["sqs"].get_queue_url(QueueName="theirs")["QueueUrl"]
    text = aws["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {}).get("Policy")
    return json.loads(text)["Statement"] if text else []


def bodies(aws, name):
    url = aws["sqs"].get_queue_url(QueueName=name)["QueueUrl"]
    taken = aws["sqs"].receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
    return [json.loads(one["Body"]) for one in taken]


def put(aws, name, body, **attributes):
    url = aws["sqs"].get_queue_url(QueueName=f"smsignal-test-{name}")["QueueUrl"]
    typed = {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()}
    aws["sqs"].send_message(QueueUrl=url, MessageBody=json.dumps(body), MessageAttributes=typed)


# Attached.


def test_a_queue_is_attached_with_filter_retries_dead_letters_and_permission(aws, bus, queue):
    name = rules.attach(PLACE, queue, ["delivered"])
    assert name == "smsignal-test-to-theirs"
    pattern = json.loads(bus.describe_rule(Name=name)["EventPattern"])
    assert pattern == {"source": ["smsignal.test"], "detail": {"status": ["delivered"]}}
    (target,) = bus.list_targets_by_rule(Rule=name)["Targets"]
    assert target["Arn"] == queue
    assert target["DeadLetterConfig"]["Arn"] == ACCOUNT % "sqs" + "smsignal-test-attached-dead"
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 86_400
    (statement,) = policy(aws)
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": ACCOUNT % "events" + f"rule/{name}"}}


def test_attaching_again_changes_the_filter_and_doubles_nothing(aws, bus, queue):
    rules.attach(PLACE, queue, ["delivered"])
    rules.attach(PLACE, queue, [])
    ((_, arn, pattern),) = rules.attached(PLACE)
    assert (arn, pattern) == (queue, {"source": ["smsignal.test"]})
    assert len(policy(aws)) == 1


def test_detaching_leaves_nothing_behind(aws, bus, queue):
    rules.attach(PLACE, queue, [])
    assert rules.detach(PLACE, queue)
    assert ([*rules.attached(PLACE)], policy(aws)) == ([], [])
    assert not rules.detach(PLACE, queue)


def test_a_topic_keeps_the_policy_that_it_had(aws, bus):
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="theirs")["TopicArn"]
    before = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])["Statement"]
    rules.attach(PLACE, topic, [])
    after = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])["Statement"]
    assert after[:-1] == before
    rules.detach(PLACE, topic)
    assert json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])["Statement"] == before


@pytest.mark.parametrize("arn", ["theirs", "arn:aws:s3:::bucket", "arn:aws:lambda:us-east-1:123456789012", ""])
def test_what_cannot_be_told_is_said(aws, arn):
    with pytest.raises(Stopped, match="is not the ARN of a Lambda function, SQS queue, SNS topic"):
        rules.attach(PLACE, arn, [])


def test_a_queue_that_is_not_there_is_said(aws, bus):
    with pytest.raises(Stopped, match="cannot be found"):
        rules.attach(PLACE, ACCOUNT % "sqs" + "nobodys", [])


# Told again.


@pytest.fixture
def text(http):
    """A text that was delivered: three changes."""
    message_id = http.send().json_body["id"]
    store.advance(message_id, "dummy", DeliveryReceipt(Status.DELIVERED, "d", message_id), now())
    return message_id


def silent(_):
    pass


def test_one_subscriber_alone_is_told_what_it_wants(aws, bus, queue, text, monkeypatch):
    # moto's TestEventPattern answers nothing; the flows ask the local cloud's.
    def wants(_, pattern, event):
        return event["detail"]["status"] in pattern["detail"]["status"]

    monkeypatch.setattr(handing, "wants", wants)
    rules.attach(PLACE, queue, ["delivered"])
    told = replay.changes(text, None, None, now())
    assert replay.replay(PLACE, told, "smsignal-test-to-theirs", silent) == 1
    (event,) = bodies(aws, "theirs")
    assert (event["detail"]["id"], event["detail-type"], event["source"]) == (
        f"{text}:3",
        "Message Status Changed",
        "smsignal.test",
    )


def test_all_changes_of_a_time_are_told_to_everybody(aws, bus, queue, text, http):
    rules.attach(PLACE, queue, [])
    since = now().replace(year=2000)
    with pytest.raises(Stopped, match="at most 27 days"):
        replay.replay(PLACE, replay.changes(None, since, None, now()), None, silent)
    recent = store.get(text).created_on
    assert replay.replay(PLACE, replay.changes(None, recent, None, now()), None, silent) >= 2
    assert {event["detail"]["message_id"] for event in bodies(aws, "theirs")} == {text}


def test_webhooks_are_told_again_by_key(aws, text, http):
    key_id = http.key.split("_")[1]
    store_webhooks.change(key_id, lambda _: Endpoint(key_id, ("whsec_c2VjcmV0",), "https://client.example.com"))
    for subscriber, count in (("webhooks", 3), (f"webhooks/{key_id}", 3), ("webhooks/other", 0)):
        assert replay.replay(PLACE, replay.changes(text, None, None, now()), subscriber, silent) == count
    assert len(bodies(aws, "smsignal-test-webhooks")) == 6


def test_what_is_to_be_told_must_be_said(aws):
    with pytest.raises(Stopped, match="MESSAGE=<id>, or SINCE="):
        next(replay.changes(None, None, None, now()))
    with pytest.raises(Stopped, match="there is no subscriber 'nobody'"):
        replay.replay(PLACE, [], "nobody", silent)


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-25T09:00:00"])
def test_a_moment_that_cannot_be_read_is_said(moment, capsys, monkeypatch):
    monkeypatch.setenv("SMSIGNAL_STAGE", "dev")  # which the command names, too
    options = Namespace(command="replay", stage="dev", message=None, since=moment, until=None, subscriber=None)
    assert operations.do(options) == 1
    assert f"'{moment}' is no moment: write one like 2026-11-25T09:00:00Z" in capsys.readouterr().err


# Given up.


def listed(name):
    return {queue.name: queue for queue in dead.queues(PLACE)}[name]


def test_every_queue_of_what_was_given_up_is_listed_with_reasons(aws):
    put(aws, "attached-dead", {"detail": {}}, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="not allowed")
    put(aws, "webhooks-dead", {"reason": "HTTP 500"})
    put(aws, "webhooks-dead", {"reason": "HTTP 500"})
    failed = {"errorType": "KeyError", "errorMessage": "'x'"}
    put(aws, "outbox-dead", {"message_id": "1", "due_at": "2"})
    assert {queue.name for queue in dead.queues(PLACE)} >= {
        "attached-dead",
        "outbox-dead",
        "unsignalled",
        "webhooks-dead",
    }
    assert (listed("attached-dead").count, listed("attached-dead").reasons) == (1, {"NO_PERMISSIONS not allowed": 1})
    assert listed("webhooks-dead").reasons == {"HTTP 500": 2}
    assert listed("outbox-dead").reasons == {"it was taken off too often, and never handled": 1}
    put(aws, "unsignalled", {"requestContext": {"condition": "RetriesExhausted"}, "responsePayload": failed})
    assert listed("unsignalled").reasons == {"KeyError: 'x'": 1}


def test_a_webhook_goes_back_with_all_its_attempts_before_it(aws, http, text):
    change = replay.changes(text, None, None, now())
    _, first = next(change)
    letter = delivering.Letter(
        "k", "https://client.example.com", first.kind, first.as_json(), attempts=11, not_before=9.0
    )
    put(aws, "webhooks-dead", {**json.loads(letter.as_body()), "reason": "HTTP 500"})
    assert dead.redrive(PLACE, "webhooks-dead", silent) == 1
    (back,) = bodies(aws, "smsignal-test-webhooks")
    assert delivering.Letter(**back) == delivering.Letter("k", letter.url, first.kind, first.as_json())
    assert listed("webhooks-dead").count == 0


def test_a_pointer_is_told_to_everybody_with_its_own_id(aws, bus, queue, text):
    rules.attach(PLACE, queue, [])
    put(aws, "unsignalled", {"message_id": text, "sequence": 2, "reason": "the bus refused it"})
    assert dead.redrive(PLACE, "unsignalled", silent) == 1
    assert [event["detail"]["id"] for event in bodies(aws, "theirs")] == [f"{text}:2"]


def test_an_event_goes_back_to_the_target_that_did_not_take_it(aws, bus, queue):
    put(aws, "attached-dead", {"detail": {"id": "m:1"}, "resources": []}, TARGET_ARN=queue, ERROR_CODE="X")
    assert dead.redrive(PLACE, "attached-dead", silent) == 1
    (event,) = bodies(aws, "theirs")
    assert (event["detail"], event["resources"]) == ({"id": "m:1"}, ["smsignal:redriven"])


def test_what_cannot_be_put_back_stays(aws):
    put(aws, "attached-dead", {"nonsense": True})
    said = []
    assert dead.redrive(PLACE, "attached-dead", said.append) == 0
    assert said == ["left where it is: nobody knows where it belongs"]


@pytest.mark.parametrize("name", ["outbox", "webhooks"])
def test_only_what_was_given_up_can_be_put_back(aws, name):
    with pytest.raises(Stopped, match="is no dead-letter queue"):
        dead.redrive(PLACE, name, silent)
    with pytest.raises(Stopped, match="has no queue 'dead-nobody'"):
        dead.redrive(PLACE, "dead-nobody", silent)


# Webhook endpoints.


def test_an_endpoint_is_made_changed_and_its_secret_changed_in_two_steps(key):
    key_id = key.split("_")[1]
    made, new = set_endpoint(key_id)
    assert (new, made.url, len(made.secrets)) == (True, None, 1)
    changed, new = set_endpoint(
        key_id, url="https://client.example.com", filters={"types": [], "statuses": ["delivered"]}
    )
    assert (new, changed.secrets, changed.statuses) == (False, made.secrets, ("delivered",))
    rotated, new = set_endpoint(key_id, rotate=True)
    assert (new, rotated.secrets[1:], len(rotated.secrets)) == (True, made.secrets, 2)
    again, _ = set_endpoint(key_id, rotate=True)
    assert again.secrets[1:] == rotated.secrets[:1]
    assert set_endpoint(key_id, remove=True) == (None, False)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"url": "http://client.example.com"}, "must be an https URL"),
        ({"filters": {"types": ["message.sent"], "statuses": []}}, "message.sent is not one of the types"),
        ({"filters": {"types": [], "statuses": ["gone"]}}, "gone is not one of the statuses"),
    ],
)
def test_what_is_wrong_is_said(key, given, sentence):
    with pytest.raises((Stopped, ValueError), match=sentence):
        set_endpoint(key.split("_")[1], **given)


def test_an_endpoint_of_nobody_is_not_made(aws):
    with pytest.raises(Stopped, match="there is no API key"):
        set_endpoint("f" * 16)
