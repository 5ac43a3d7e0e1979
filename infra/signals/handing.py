"""Handing an event to one target, as the event bus would: for what is told again, or put back, to one subscriber alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from chalicelib.changes import StatusChange
from chalicelib.messages import rfc3339
from infra.errors import Stopped
from infra.signals.place import Place
from infra.signals.rules import service_of


def event_of(place: Place, change: StatusChange) -> dict[str, Any]:
    """A change as a target gets it from the bus."""
    account, region = place.prefix.split(":")[4], place.prefix.split(":")[3]
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": change.kind,
        "source": place.event_source,
        "account": account,
        "time": rfc3339(change.occurred_at),
        "region": region,
        "resources": [],
        "detail": change.as_json(),
    }


def wants(place: Place, pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether a rule's pattern matches an event, by EventBridge's own judgement."""
    answer = place.client("events").test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))
    return bool(answer["Result"])


def hand_over(place: Place, arn: str, event: Mapping[str, Any]) -> None:
    """Give an event to a target. Raises Stopped for one that nothing can be given to."""
    service, text = service_of(arn), json.dumps(event)
    client = place.client("stepfunctions" if service == "states" else service)
    if service == "lambda":
        client.invoke(FunctionName=arn, InvocationType="Event", Payload=text.encode())
    elif service == "sqs":
        client.send_message(
            QueueUrl=client.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"], MessageBody=text
        )
    elif service == "sns":
        client.publish(TopicArn=arn, Message=text)
    elif service == "states":
        client.start_execution(stateMachineArn=arn, input=text)
    else:
        raise Stopped(f"nothing can be handed to {arn}")


def call(place: Place, arn: str, event: Mapping[str, Any]) -> None:
    """Call a function and wait for it, as a stream does, which goes on only after it. Raises Stopped when it fails."""
    answer = place.client("lambda").invoke(FunctionName=arn, Payload=json.dumps(event).encode())
    if answer.get("FunctionError"):
        said = json.loads(answer["Payload"].read() or b"{}") or {}
        raise Stopped(f"{said.get('errorType', 'it failed')}: {said.get('errorMessage', '')}"[:200])
