"""Subscribers on the event bus: a rule with its filter, its target, its retries, its dead-letter queue and its permission."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from infra.errors import Stopped
from infra.signals import failures
from infra.signals.place import Place

#: EventBridge tries for so long; then the event goes to `attached-dead`.
RETRIES = {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86_400}
#: What a target's service is called in its ARN, and the action of the permission that it needs.
TARGETS = {
    "lambda": "lambda:InvokeFunction",
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "states": "states:StartExecution",
}


def name_of(place: Place, arn: str) -> str:
    """The name of the rule that a target has, so that attaching again changes what is there; else one that is free."""
    events, prefix = place.client("events"), place.resource("to-")
    mine = events.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
    if found := next((name for name in mine if name.startswith(prefix)), None):
        return str(found)
    last = re.sub(r"[^A-Za-z0-9_-]", "-", re.split(r"[:/]", arn)[-1])
    name = f"{prefix}{last}"[:64]
    with suppress(events.exceptions.ResourceNotFoundException):
        if events.list_targets_by_rule(Rule=name)["Targets"]:  # of a queue, say, that is called as this function is
            return f"{name[:55]}-{hashlib.sha256(arn.encode()).hexdigest()[:8]}"
    return name


def attach(place: Place, arn: str, statuses: Sequence[str], role: str | None = None) -> str:
    """Make, or change, the rule for a target; returns its name. Raises Stopped."""
    service = service_of(arn)
    events, name = place.client("events"), name_of(place, arn)
    pattern: dict[str, Any] = {"source": [place.event_source]}
    if statuses:
        pattern["detail"] = {"status": list(statuses)}
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern), Description=f"smsignal: changes for {arn}")[
        "RuleArn"
    ]
    target = {
        "Id": "target",
        "Arn": arn,
        "RetryPolicy": RETRIES,
        "DeadLetterConfig": {"Arn": place.queue_arn("attached-dead")},
    }
    if service == "states":
        target["RoleArn"] = role or _role(place, name, arn)
    _permit(place, service, arn, rule, name)
    answer = events.put_targets(Rule=name, Targets=[target])
    if answer.get("FailedEntryCount"):
        raise Stopped(f"the event bus does not take {arn}: {answer['FailedEntries'][0].get('ErrorMessage')}")
    if service == "lambda":
        failures.keep(place, arn, name)
    return name


def detach(place: Place, arn: str) -> bool:
    """Remove a target's rule and permission; False when there is none."""
    events, name = place.client("events"), name_of(place, arn)
    try:
        events.describe_rule(Name=name)
    except events.exceptions.ResourceNotFoundException:
        return False
    events.remove_targets(Rule=name, Ids=["target"])
    events.delete_rule(Name=name)
    _forbid(place, service_of(arn), arn, name)
    if service_of(arn) == "lambda":
        failures.keep_no_more(place, arn, name)
    return True


def attached(place: Place) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Every rule that listens to the stage, whoever made it: its name, its target's ARN, its pattern."""
    events = place.client("events")
    for page in events.get_paginator("list_rules").paginate():
        for rule in page["Rules"]:
            pattern = json.loads(rule.get("EventPattern") or "{}")
            if place.event_source in pattern.get("source", []):
                for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                    yield rule["Name"], target["Arn"], pattern


def service_of(arn: str) -> str:
    """The service of a target's ARN. Raises Stopped."""
    parts = arn.split(":")
    if len(parts) < 6 or parts[0] != "arn" or parts[2] not in TARGETS:
        raise Stopped(
            f"'{arn}' is not the ARN of a Lambda function, SQS queue, SNS topic or Step Functions state machine"
        )
    return parts[2]


def _permit(place: Place, service: str, arn: str, rule: str, name: str) -> None:
    if service == "lambda":
        aws_lambda = place.client("lambda")
        permission = {"StatementId": name, "Action": TARGETS[service], "Principal": "events.amazonaws.com"}
        try:
            aws_lambda.add_permission(FunctionName=arn, SourceArn=rule, **permission)
        except aws_lambda.exceptions.ResourceConflictException:
            pass  # it has it
        except aws_lambda.exceptions.ResourceNotFoundException:
            raise Stopped(f"there is no function {arn}") from None
    elif service in ("sqs", "sns"):
        statement = {
            "Sid": name,
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": TARGETS[service],
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }
        _change_policy(place, service, arn, name, statement)


def _forbid(place: Place, service: str, arn: str, name: str) -> None:
    if service == "lambda":
        aws_lambda = place.client("lambda")
        with suppress(aws_lambda.exceptions.ResourceNotFoundException):  # the function, or its permission, is gone
            aws_lambda.remove_permission(FunctionName=arn, StatementId=name)
    elif service in ("sqs", "sns"):
        _change_policy(place, service, arn, name, None)
    elif service == "states":
        _remove_role(place, name)


def _change_policy(place: Place, service: str, arn: str, sid: str, statement: Mapping[str, Any] | None) -> None:
    """Add a statement to the policy of a queue or a topic, in place of an earlier one of that name; None takes it out."""
    client = place.client(service)
    try:
        if service == "sqs":
            url = client.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
            text = (
                client.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {}).get("Policy")
            )
        else:
            text = client.get_topic_attributes(TopicArn=arn)["Attributes"].get("Policy")
    except ClientError as error:
        raise Stopped(f"{arn} cannot be found: {error.response['Error']['Code']}") from None
    policy = json.loads(text or '{"Version": "2012-10-17", "Statement": []}')
    policy["Statement"] = [one for one in policy["Statement"] if one.get("Sid") != sid]
    policy["Statement"] += [statement] if statement else []
    changed = json.dumps(policy) if policy["Statement"] else ""
    if service == "sqs":
        client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": changed})
    elif changed:  # a topic cannot be without a policy
        client.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=changed)


def _role(place: Place, name: str, arn: str) -> str:
    """The role with which the bus starts a state machine."""
    iam = place.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    try:
        role = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
    except iam.exceptions.EntityAlreadyExistsException:
        role = iam.get_role(RoleName=name)
    allowed = {"Effect": "Allow", "Action": TARGETS["states"], "Resource": arn}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName=name, PolicyName="start", PolicyDocument=document)
    return str(role["Role"]["Arn"])


def _remove_role(place: Place, name: str) -> None:
    iam = place.client("iam")
    try:
        iam.delete_role_policy(RoleName=name, PolicyName="start")
        iam.delete_role(RoleName=name)
    except iam.exceptions.NoSuchEntityException:
        pass  # the caller gave a role of its own
