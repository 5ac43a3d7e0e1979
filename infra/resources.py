"""What a stage keeps, tables and queues: infra/resources.yaml as the stack smsignal-<stage>-resources."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

from infra.errors import Stopped
from infra.paths import ROOT
from infra.stack import Show, Stack
from infra.stage import Stage

TEMPLATE = ROOT / "infra" / "resources.yaml"
#: Which property is the name of what.
NAMES = {"AWS::DynamoDB::Table": "TableName", "AWS::SQS::Queue": "QueueName"}
#: The states that CloudFormation does not leave by itself.
STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")


def make_resources(session: Any, stage: Stage, show: Show) -> str:
    """Create or update the tables and queues; returns the ARN of the messages' stream. Raises Stopped."""
    stack = resources_stack(session, stage, show)
    body = TEMPLATE.read_text()
    request = {"TemplateBody": body, "Parameters": [{"ParameterKey": "Stage", "ParameterValue": stage.name}]}
    status = stack.status
    if status is None:
        _refuse_leftovers(session, stage)
        stack.create(**request)
    elif status in STUCK:
        raise Stopped(
            f"the stack {stack.name} is in the state {status}. See its events in the CloudFormation console;"
            " if it was never complete, delete it there, then run this again"
        )
    elif stack.template.strip() != body.strip():
        stack.update(**request)
    return stack.outputs["MessagesStreamArn"]


def resources_stack(session: Any, stage: Stage, show: Show) -> Stack:
    """The stage's stack of tables and queues, whether it is there or not."""
    return Stack(session.client("cloudformation"), stage.resource("resources"), show)


def _refuse_leftovers(session: Any, stage: Stage) -> None:
    """Tables and queues outlive their stack, and CloudFormation does not take over what it did not make."""
    dynamodb, sqs = session.client("dynamodb"), session.client("sqs")
    tables = set(dynamodb.get_paginator("list_tables").paginate().build_full_result()["TableNames"])
    urls = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=stage.resource("")).build_full_result()
    queues = {url.rpartition("/")[2] for url in urls.get("QueueUrls", [])}
    names = [one[name] for kind, name in NAMES.items() for one in properties(kind, stage.name)]
    left = [name for name in names if name in tables | queues]
    if left:
        raise Stopped(
            f"{', '.join(left)} exist, but not the stack {stage.resource('resources')} that they belong to."
            " Import them into it, delete them, or choose another stage (docs/deploying.md, Removing a stage)"
        )


def properties(kind: str, stage: str) -> Iterator[dict[str, Any]]:
    """What the template says of each table (`AWS::DynamoDB::Table`) or queue (`AWS::SQS::Queue`), with its name in that stage."""
    name = NAMES[kind]
    for resource in _template()["Resources"].values():
        if resource["Type"] == kind:
            known = resource["Properties"]
            yield {**known, name: known[name]["Fn::Sub"].replace("${Stage}", stage)}


@lru_cache(maxsize=1)
def _template() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text())
    return parsed
