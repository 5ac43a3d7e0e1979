"""Attaching what the local cloud does not judge: names that clash, destinations for failures, roles that IAM is slow to tell of."""

import io
import json
import zipfile

import boto3
import pytest

from infra.errors import Stopped
from infra.signals import failures, readers, rules
from infra.signals.place import Place
from tests.unit.conftest import make_queue

PLACE = Place("test")
DEAD = "arn:aws:sqs:us-east-1:123456789012:smsignal-test-attached-dead"


@pytest.fixture
def iam(aws):
    return boto3.client("iam")


@pytest.fixture
def function(aws, iam):
    """A function of another stack, named `theirs`: its ARN."""
    role = iam.create_role(RoleName="their-role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): pass")
    made = boto3.client("lambda").create_function(
        FunctionName="theirs",
        Runtime="python3.11",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": code.getvalue()},
    )
    return made["FunctionArn"]


def destination(function):
    return failures._destination(failures._present(PLACE, function))


def test_a_function_and_a_queue_of_one_name_have_a_rule_each(aws, function):
    queue = make_queue(aws)
    names = {rules.attach(PLACE, arn, []) for arn in (function, queue)}
    assert len(names) == 2
    assert {rules.attach(PLACE, arn, ["sent"]) for arn in (function, queue)} == names
    assert {arn for _, arn, _ in rules.attached(PLACE)} == {function, queue}
    assert rules.detach(PLACE, queue)
    assert [arn for _, arn, _ in rules.attached(PLACE)] == [function]
    assert rules.detach(PLACE, function)


def test_names_that_differ_after_what_a_rule_s_name_can_hold_clash_no_more(aws):
    arns = []
    for end in "ab":
        url = aws["sqs"].create_queue(QueueName="q" * 70 + end)["QueueUrl"]
        asked = {"QueueUrl": url, "AttributeNames": ["QueueArn"]}
        arns.append(aws["sqs"].get_queue_attributes(**asked)["Attributes"]["QueueArn"])
    names = [rules.attach(PLACE, arn, []) for arn in arns]
    assert len(set(names)) == 2
    assert all(len(name) <= 64 for name in names)


def test_what_an_attached_function_fails_at_is_kept_and_detaching_undoes_it(function, iam):
    rules.attach(PLACE, function, [])
    assert destination(function) == DEAD
    policy = iam.get_role_policy(RoleName="their-role", PolicyName="smsignal-test-to-theirs")["PolicyDocument"]
    assert policy["Statement"] == [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": DEAD}]
    rules.attach(PLACE, function, ["sent"])
    assert destination(function) == DEAD
    rules.detach(PLACE, function)
    assert failures._present(PLACE, function) == {}
    assert iam.list_role_policies(RoleName="their-role")["PolicyNames"] == []


def test_its_own_retries_stay(function, monkeypatch):
    """moto keeps the first of two configurations; what is asked for is looked at."""
    asked = []
    monkeypatch.setattr(failures, "settled", lambda _, **request: asked.append(request))
    boto3.client("lambda").put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=1)
    rules.attach(PLACE, function, [])
    (request,) = asked
    assert request == {
        "FunctionName": function,
        "MaximumRetryAttempts": 1,
        "DestinationConfig": {"OnFailure": {"Destination": DEAD}},
    }
    monkeypatch.setattr(failures, "_present", lambda *_: {**request, "FunctionArn": function})
    rules.detach(PLACE, function)
    assert asked[1] == {"FunctionName": function, "MaximumRetryAttempts": 1, "DestinationConfig": {}}


def test_a_destination_of_its_own_stays(function, iam):
    own = {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:their-dead"}}
    boto3.client("lambda").put_function_event_invoke_config(FunctionName=function, DestinationConfig=own)
    rules.attach(PLACE, function, [])
    rules.detach(PLACE, function)
    assert destination(function) == own["OnFailure"]["Destination"]
    assert iam.list_role_policies(RoleName="their-role")["PolicyNames"] == []


def test_a_function_that_is_not_there_is_said(aws, iam):
    for attach in (rules.attach, readers.attach):
        with pytest.raises(Stopped, match="there is no function"):
            attach(PLACE, "arn:aws:lambda:us-east-1:123456789012:function:nobodys", [])


def test_the_filter_of_a_reader_is_read_back():
    criteria = readers._filters(["delivered", "expired"])
    assert json.loads(criteria["Filters"][0]["Pattern"]) == {
        "dynamodb": {"NewImage": {"status": {"S": ["delivered", "expired"]}}}
    }
    assert readers.statuses_of({"FilterCriteria": criteria}) == ["delivered", "expired"]
    assert readers.statuses_of({"FilterCriteria": readers._filters([])}) == readers.statuses_of({}) == []
