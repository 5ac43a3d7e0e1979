"""What each function may do: all that it does, nothing that it does not, and nothing of another stage."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import boto3
import pytest
from botocore.client import BaseClient
from chalice.test import Client
from conftest import forget

from chalicelib import sending
from chalicelib.errors import ProviderThrottled
from chalicelib.http import HttpResponse
from chalicelib.providers.dummy import Dummy
from chalicelib.providers.sandbox import Sandbox
from infra.policies import Place, rendered_policies

ROOT = Path(__file__).parent.parent.parent
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
PLACE = Place("aws", "us-east-1", "123456789012")
POLICIES = {name: json.loads(text) for name, text in rendered_policies("test", PLACE)}
FUNCTIONS = ["api_handler", "on_message_change", "submit_message", "dispatch_due", "sandbox_report", "log_outcome"]
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
        waiting = self.http.send(provider=provider, headers={"Prefer": "respond-async"}).json_body["id"]
        return json.dumps({"message_id": waiting, "due_at": self.image(waiting)["due_at"]["S"]})

    def change(self, new_image):
        """The stream's event about a new item."""
        change = {"Keys": {"message_id": {"S": "x"}}, "NewImage": new_image, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        about = {"ApproximateCreationDateTime": 0, "SequenceNumber": "1", "SizeBytes": 1}
        source = {"awsRegion": "us-east-1", "eventSourceARN": "arn:aws:dynamodb:us-east-1:1:table/t/stream/s"}
        record = {"eventName": "INSERT", "eventID": "1", **source, "dynamodb": {**change, **about}}
        self.invoke("on_message_change", {"Records": [record]})

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
    report = sending.provider("sandbox").report(queued, sending.now())
    assert http.http.post("/callback/sandbox", headers=dict(report.headers), body=report.content).status_code == 200
    assert http.call("DELETE", f"/messages/{sent}").status_code == 204
    stage.without_our_id()
    assert http.send(provider="sandbox").status_code == 201


def on_message_change(stage):
    stored = stage.image(stage.http.send().json_body["id"])
    yield
    stage.change(stored)
    stage.change({"sequence": {"N": "1"}})  # not a message: set aside


def submit_message(stage):
    sent, refused = stage.ticket("sandbox"), stage.ticket("dummy")
    yield
    stage.without_our_id()
    stage.monkeypatch.setattr(Dummy, "submit", throttle)
    records = [{"messageId": "1", "body": sent}, {"messageId": "2", "body": refused}]
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


USES = [api_handler, on_message_change, submit_message, dispatch_due, sandbox_report]
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
    assert {action for action, _ in calls} == actions(function) - OF_LAMBDA - elsewhere


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_policy_is_wider_than_the_stage(function):
    for statement in policy_of(function):
        assert statement["Effect"] == "Allow"
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        for resource in listed(statement["Resource"]):
            assert re.search("[:/]smsignal[-/]test|:event-bus/default$", resource)
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
