"""What each function may do: all that it does, nothing that it does not, and nothing of another stage."""

import json
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import boto3
import pytest
from botocore.client import BaseClient
from chalice.test import Client
from conftest import forget

from chalicelib import config, delivering, sending, signals, store, store_webhooks
from chalicelib.errors import ProviderThrottled
from chalicelib.http import HttpResponse
from chalicelib.providers.aws_eum import AwsEum
from chalicelib.providers.dummy import Dummy
from chalicelib.providers.sandbox import Sandbox
from chalicelib.stage import provider
from chalicelib.store_references import link
from chalicelib.webhook_http import Answer
from chalicelib.webhooks import Endpoint
from infra.policies import Place, rendered_policies

ROOT = Path(__file__).parent.parent.parent
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
PLACE = Place("aws", "us-east-1", "123456789012")
POLICIES = {name: json.loads(text) for name, text in rendered_policies("test", PLACE)}
FUNCTIONS = ["api_handler", "on_message_change", "submit_message", "dispatch_due", "sandbox_report", "log_outcome"]
FUNCTIONS += ["deliver_webhook", "aws_eum_message", "aws_eum_event"]
ROUTE = '{"rules": [{"tiers": ["sandbox", "dummy"]}]}'
RECEIPT = {"eventType": "TEXT_DELIVERED", "messageId": "aws-1", "isFinal": True}
#: What Lambda does in the function's name: it writes the logs, empties queue and stream, and puts away what failed.
OF_LAMBDA = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}


def policy_of(function):
    """The statements of a function's policy, as the stage `test` gets it."""
    name = CONFIG["lambda_functions"].get(function, CONFIG)["iam_policy_file"]
    return POLICIES[name]["Statement"]


def listed(value):
    return value if isinstance(value, list) else [value]


def actions(function):
    return {action for statement in policy_of(function) for action in listed(statement["Action"])}


def allows(function, action, resource, source=None):
    """Whether a statement allows the action; `source` is that of an event."""
    for statement in policy_of(function):
        condition = statement.get("Condition", {}).get("ForAllValues:StringEquals", {})
        named = any(fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
        if named and action in listed(statement["Action"]) and condition.get("events:source", source) == source:
            return True
    return False


def asked(service, operation, parameters):
    """A call as IAM sees it: pairs of an action and a resource."""
    action = f"{service}:{operation.removesuffix('Batch')}"
    arn = f"arn:aws:{service}:us-east-1:123456789012:"
    if service == "sqs":
        name = parameters.get("QueueName") or parameters["QueueUrl"].rpartition("/")[2]
        return [(action, arn + name)]
    if service == "ssm":
        return [(action, f"{arn}parameter{parameters['Name']}")]
    if service == "secretsmanager":
        return [(action, f"{arn}secret:{parameters['SecretId']}-AbCdEf")]
    if service == "pinpoint-sms-voice-v2":  # as IAM calls it
        return [(f"sms-voice:{operation}", "arn:aws:sms-voice:us-east-1:123456789012:phone-number/1")]
    if service == "events":
        return [(action, f"{arn}event-bus/default")]
    if "TransactItems" in parameters:  # allowed by the right to do each of its parts
        return [
            (f"{service}:{part}Item", f"{arn}table/{item['TableName']}")
            for parts in parameters["TransactItems"]
            for part, item in parts.items()
        ]
    tables = parameters.get("RequestItems") or [parameters["TableName"]]
    index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
    return [(action, f"{arn}table/{table}{index}") for table in tables]


class Stage:
    """A stage in moto, and its functions."""

    def __init__(self, http, aws, monkeypatch):
        self.http, self.aws, self.monkeypatch = http, aws, monkeypatch

    def invoke(self, function, event):
        """A function, as Lambda calls it."""
        from app import app

        with Client(app, project_dir=str(Path(__file__).parent)) as client:
            return client.lambda_.invoke(function, event)

    def image(self, message_id):
        """A message as the table holds it."""
        key = {"message_id": {"S": message_id}}
        return self.aws["dynamodb"].get_item(TableName="smsignal-test-messages", Key=key)["Item"]

    def ticket(self, provider):
        """What is on the outbox for a new text."""
        frm = {"from": "+33123456789"}
        waiting = self.http.send(provider=provider, **frm, headers={"Prefer": "respond-async"}).json_body["id"]
        return json.dumps({"message_id": waiting, "due_at": self.image(waiting)["due_at"]["S"]})

    def change(self, new_image):
        """The stream's event about a new item."""
        change = {"Keys": {"message_id": {"S": "x"}}, "NewImage": new_image, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        about = {"ApproximateCreationDateTime": 0, "SequenceNumber": "1", "SizeBytes": 1}
        source = {"awsRegion": "us-east-1", "eventSourceARN": "arn:aws:dynamodb:us-east-1:1:table/t/stream/s"}
        record = {"eventName": "INSERT", "eventID": "1", **source, "dynamodb": {**change, **about}}
        self.invoke("on_message_change", {"Records": [record]})

    def with_a_route(self):
        """From here on texts have more than one provider."""
        self.monkeypatch.setenv("SMSIGNAL_ROUTE", ROUTE)
        config.route.cache_clear()

    def send_by_aws(self):
        """A text that AWS is asked to send, which moto does not know how to."""
        return self.http.send(provider="aws_eum", **{"from": "+33123456789"})

    def without_our_id(self):
        """From here on the sandbox's receipts carry nothing but its own id."""
        self.monkeypatch.setattr(Sandbox, "echoes_message_id", False)


def throttle(*_):
    raise ProviderThrottled("throttled", "slower")


# Each function in all that it does: what comes before, and what is recorded.


def api_handler(stage):
    yield
    http, text = stage.http, {"to": "+33612345678", "text": "Hi"}
    sent = http.send(provider="sandbox").json_body["id"]
    waiting = http.send(headers={"Prefer": "respond-async"}).json_body["id"]
    assert http.call("POST", "/send/batch", json.dumps({"messages": [text, text]}).encode()).status_code == 202
    for path in (f"/messages/{sent}", "/messages", "/messages?to=%2B33612345678"):
        assert http.get(path).status_code == 200
    assert http.call("POST", f"/messages/{waiting}/cancel").status_code == 200
    queued = json.dumps({"url": "/", "message_id": sent, "status": "delivered"})
    report = provider("sandbox").report(queued, sending.now())
    assert http.http.post("/callback/sandbox", headers=dict(report.headers), body=report.content).status_code == 200
    assert http.call("DELETE", f"/messages/{sent}").status_code == 204
    stage.without_our_id()
    assert http.send(provider="sandbox").status_code == 201
    assert stage.send_by_aws().status_code >= 200
    stage.with_a_route()
    assert http.send().json_body["provider"] == "sandbox"


def on_message_change(stage):
    key_id = stage.http.key.split("_")[1]
    store_webhooks.change(key_id, lambda _: Endpoint(key_id, ("whsec_c2VjcmV0",), "https://client.example.com"))
    stored = stage.image(stage.http.send().json_body["id"])
    yield
    stage.change(stored)
    stage.change({"sequence": {"N": "1"}})  # not a message: set aside


def submit_message(stage):
    sent, refused, by_aws = stage.ticket("sandbox"), stage.ticket("dummy"), stage.ticket("aws_eum")
    stage.with_a_route()
    routed = stage.ticket(None)
    yield
    stage.with_a_route()
    stage.without_our_id()
    stage.monkeypatch.setattr(Dummy, "submit", throttle)
    records = [{"messageId": ticket, "body": ticket} for ticket in (sent, refused, by_aws, routed)]
    assert stage.invoke("submit_message", {"Records": records}).payload == {"batchItemFailures": []}


def dispatch_due(stage):
    stage.http.send(headers={"Prefer": "respond-async"})
    yield
    fields = ("id", "region", "detail-type", "source", "account", "time")
    stage.invoke("dispatch_due", {**dict.fromkeys(fields, ""), "version": "0", "detail": {}, "resources": []})


def sandbox_report(stage):
    stage.monkeypatch.setattr(Sandbox, "exchange", lambda *_: HttpResponse(200, {}, b""))
    yield
    body = json.dumps({"url": "/", "message_id": "1", "status": "delivered"})
    stage.invoke("sandbox_report", {"Records": [{"body": body, "receiptHandle": "1"}]})


def deliver_webhook(stage):
    key_id = stage.http.key.split("_")[1]
    store_webhooks.change(key_id, lambda _: Endpoint(key_id, ("whsec_c2VjcmV0",), "https://client.example.com"))
    message = store.get(stage.http.send().json_body["id"])
    change = signals.status_change(None, message)
    letter = delivering.Letter(key_id, "https://client.example.com", change.kind, change.as_json())
    yield
    for attempts, answer in ((0, 500), (10, 500), (0, 410)):  # later, given up, never again
        stage.monkeypatch.setattr(delivering, "post", lambda *_, answer=answer, **__: Answer(answer, f"HTTP {answer}"))
        body = replace(letter, attempts=attempts).as_body()
        stage.invoke("deliver_webhook", {"Records": [{"body": body, "receiptHandle": "1"}]})


def aws_eum_message(stage):
    message_id = stage.http.send(provider="dummy").json_body["id"]
    stage.monkeypatch.setattr(AwsEum, "echoes_message_id", True)
    yield
    texts = {
        "originationNumber": "+33612345678",
        "destinationNumber": "+33123456789",
        "messageBody": "Hi",
        "inboundMessageId": "1",
    }
    for body in (texts, RECEIPT, {**RECEIPT, "context": {"message_id": message_id}}):
        stage.invoke(
            "aws_eum_message",
            {"Records": [{"Sns": {"Message": json.dumps(body), "Subject": None, "MessageAttributes": {}}}]},
        )


def aws_eum_event(stage):
    sent = stage.http.send(provider="dummy").json_body["id"]
    link("aws_eum", "aws-1", sent, sending.now())
    yield
    fields = ("id", "region", "detail-type", "source", "account", "time")
    stage.invoke("aws_eum_event", {**dict.fromkeys(fields, ""), "version": "0", "detail": RECEIPT, "resources": []})


CALLED = ("aws_eum_message", "aws_eum_event")
USES = [api_handler, on_message_change, submit_message, dispatch_due, sandbox_report, deliver_webhook]
USES += [aws_eum_message, aws_eum_event]
SECRETS = {"ssm": "ssm:GetParameter", "secretsmanager": "secretsmanager:GetSecretValue"}


@pytest.fixture(params=SECRETS)
def secrets(request, aws, monkeypatch):
    """Both places where a stage may keep its secrets."""
    monkeypatch.setenv("SMSIGNAL_SECRETS", request.param)
    boto3.client("secretsmanager").create_secret(Name="smsignal/test/sandbox", SecretString='{"secret": "s"}')
    return request.param


@pytest.fixture
def calls_of(secrets, http, aws, monkeypatch):
    """Gives the calls that a function makes, in a new container."""

    def recorded(use):
        calls, original = set(), BaseClient._make_api_call

        def call(self, operation, parameters):
            calls.update(asked(self.meta.service_model.service_name, operation, parameters))
            return original(self, operation, parameters)

        running = use(Stage(http, aws, monkeypatch))
        next(running)
        forget()
        with monkeypatch.context() as patched:
            patched.setattr(BaseClient, "_make_api_call", call)
            assert next(running, "done") == "done"
        return calls

    return recorded


@pytest.mark.parametrize("use", USES)
def test_a_function_may_do_what_it_does_and_nothing_else(use, calls_of, secrets):
    function, calls = use.__name__, calls_of(use)
    assert [call for call in sorted(calls) if not allows(function, *call, source="smsignal.test")] == []
    elsewhere = {action for place, action in SECRETS.items() if place != secrets}
    given_up = {"sqs:SendMessage"} if function in CALLED else set()  # Lambda does it, in the function's name
    assert {action for action, _ in calls} == actions(function) - OF_LAMBDA - elsewhere - given_up


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_policy_is_wider_than_the_stage(function):
    for statement in policy_of(function):
        assert statement["Effect"] == "Allow"
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        for resource in listed(statement["Resource"]):
            # Numbers, pools and configuration sets of AWS End User Messaging belong to the account, and to no stage.
            assert re.search(
                "[:/]smsignal[-/]test|:event-bus/default$|^arn:aws:sms-voice:us-east-1:123456789012:", resource
            )
            assert resource.count("*") <= 2


def test_a_function_may_publish_events_of_its_stage_only():
    call = ("events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/default")
    assert allows("on_message_change", *call, source="smsignal.test")
    assert not allows("on_message_change", *call, source="smsignal.other")


def test_each_function_has_its_policy_and_a_subscriber_needs_none_of_its_own():
    from app import app

    handlers = {handler.name for handler in app.pure_lambda_functions + app.event_sources}
    assert {"api_handler", *handlers} == set(FUNCTIONS)
    assert set(CONFIG["lambda_functions"]) == set(FUNCTIONS) - {"log_outcome"}
    used = {entry["iam_policy_file"] for entry in [CONFIG, *CONFIG["lambda_functions"].values()]}
    assert used == set(POLICIES)


def test_a_policy_for_a_template_leaves_the_account_and_the_region_to_it():
    text = dict(rendered_policies("test", Place()))["policy-dispatch_due.json"]
    assert "123456789012" not in text
    table = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/smsignal-test-messages/index/due"
    assert {"Fn::Sub": table} in [statement["Resource"] for statement in json.loads(text)["Statement"]]
