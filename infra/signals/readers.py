"""Subscribers on the stream itself: Lambda functions that read every change in order per message, in the stream's second slot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from infra import events
from infra.errors import Stopped
from infra.passing import settled
from infra.signals.place import Place

#: More readers of a shard throttle each other: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
SLOTS = 2


def attach(place: Place, arn: str, statuses: Sequence[str]) -> str:
    """Make, or change, the mapping from the stream to a function; returns its id. Raises Stopped."""
    if ":lambda:" not in arn:
        raise Stopped("only a Lambda function can read the stream; others attach with VIA=bus")
    aws_lambda, known = place.client("lambda"), attached(place)
    mine = next((one for one in known if same(one["FunctionArn"], arn)), None)
    if mine is None and len(known) >= SLOTS:
        readers = ", ".join(one["FunctionArn"].rpartition(":")[2] for one in known)
        raise Stopped(
            f"both readers' slots of the stream are taken, by {readers}: a third one would slow down all."
            " Attach with VIA=bus, or detach one first"
        )
    _permit(place, arn)
    wanted = {
        "FunctionName": arn,
        "BatchSize": 100,
        "FilterCriteria": _filters(statuses),
        **events.STREAM,
        "ParallelizationFactor": 1,
        "DestinationConfig": {"OnFailure": {"Destination": place.queue_arn("attached-dead")}},
    }
    if mine:
        settled(aws_lambda.update_event_source_mapping, UUID=mine["UUID"], **wanted)
        return str(mine["UUID"])
    made = settled(
        aws_lambda.create_event_source_mapping,
        EventSourceArn=place.stream_arn,
        StartingPosition="TRIM_HORIZON",
        **wanted,
    )
    return str(made["UUID"])


def detach(place: Place, arn: str) -> bool:
    """Remove a function's mapping and its permission; False when there is none."""
    mine = [one for one in attached(place) if same(one["FunctionArn"], arn)]
    for one in mine:
        place.client("lambda").delete_event_source_mapping(UUID=one["UUID"])
    if mine:
        iam = place.client("iam")
        with suppress(iam.exceptions.NoSuchEntityException):  # somebody took it away
            iam.delete_role_policy(RoleName=place.role_of(arn), PolicyName=place.resource("stream"))
    return bool(mine)


def attached(place: Place) -> list[dict[str, Any]]:
    """The mappings of the stream, the stage's own among them."""
    pages = place.client("lambda").get_paginator("list_event_source_mappings").paginate(EventSourceArn=place.stream_arn)
    return [one for page in pages for one in page["EventSourceMappings"] if one.get("State") != "Deleting"]


def statuses_of(mapping: Mapping[str, Any]) -> list[str]:
    """What a mapping's filter lets through; nothing for all."""
    filters = mapping.get("FilterCriteria", {}).get("Filters", [])
    found = [json.loads(one["Pattern"]) for one in filters]
    return [status for one in found for status in one["dynamodb"]["NewImage"]["status"]["S"]]


def _filters(statuses: Sequence[str]) -> dict[str, Any]:
    if not statuses:
        return {"Filters": []}
    pattern = {"dynamodb": {"NewImage": {"status": {"S": list(statuses)}}}}
    return {"Filters": [{"Pattern": json.dumps(pattern)}]}


def _permit(place: Place, arn: str) -> None:
    """Lambda reads a stream in the name of the function: its role is given just that."""
    read = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
    statements = [
        {"Effect": "Allow", "Action": read, "Resource": place.stream_arn},
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": place.queue_arn("attached-dead")},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    place.client("iam").put_role_policy(
        RoleName=place.role_of(arn), PolicyName=place.resource("stream"), PolicyDocument=document
    )


def same(one: str, other: str) -> bool:
    """Whether two ARNs, or names, are of one function."""
    return one.rpartition(":function:")[2].partition(":")[0] == other.rpartition(":function:")[2].partition(":")[0]
