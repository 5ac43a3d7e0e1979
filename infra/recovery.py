"""What Chalice's record does not know, looked up before Chalice reads it.

By its record alone Chalice knows the API, its domain and the event source mappings. Without it, on another machine or after a
deployment that broke off, it would make a second API and stop at the first mapping that exists. And it keeps a mapping to a stream
that is no more (chalice/deploy/planner.py compares it with the record, not with the application), so that one is deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.record import Record, Resource
from infra.stage import Stage


def put_right(record: Record, session: Any, stage: Stage, stream_arn: str) -> None:
    """Add to the record what there is and what it does not know; end a mapping to an earlier stream."""
    _put_mappings_right(record, session.client("lambda"), stage, stream_arn)
    apigateway = session.client("apigateway")
    if not record.get("rest_api") and (api_id := _api_id(apigateway, stage)):
        url = f"https://{api_id}.execute-api.{session.region_name}.{_suffix(session)}/{stage.api_stage}/"
        record.set({"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api_id, "rest_api_url": url})
    if stage.custom_domain and not record.get("api_gateway_custom_domain"):
        _add_domain(record, apigateway, stage.custom_domain)


def _put_mappings_right(record: Record, aws_lambda: Any, stage: Stage, stream_arn: str) -> None:
    mappings = [*_mappings(aws_lambda, stage)]
    known = {mapping["UUID"] for mapping in mappings}
    for mapping in mappings:
        entry = _entry(mapping, stage)
        if "stream_arn" in entry and _is_earlier(entry["stream_arn"], stream_arn):
            aws_lambda.delete_event_source_mapping(UUID=mapping["UUID"])
            record.drop(entry["name"])
        elif record.get(entry["name"]).get("event_uuid") not in known:
            record.set(entry)


def _mappings(aws_lambda: Any, stage: Stage) -> Iterator[dict[str, Any]]:
    for page in aws_lambda.get_paginator("list_event_source_mappings").paginate():
        for mapping in page["EventSourceMappings"]:
            function = mapping["FunctionArn"].rpartition(":function:")[2]
            ours = function.startswith(stage.function("")) and ":" not in function
            known = mapping.get("EventSourceArn", "").split(":")[2:3] in (["sqs"], ["dynamodb"])
            if ours and known and mapping["State"] != "Deleting":
                yield mapping


def _entry(mapping: Mapping[str, Any], stage: Stage) -> Resource:
    """A mapping as Chalice records it."""
    source, function = mapping["EventSourceArn"], mapping["FunctionArn"]
    name = function.rpartition(":function:")[2].removeprefix(stage.function(""))
    common = {"event_uuid": mapping["UUID"], "lambda_arn": function}
    if source.split(":")[2] == "sqs":
        queue = {"queue_arn": source, "queue": source.rpartition(":")[2]}
        return {"name": f"{name}-sqs-event-source", "resource_type": "sqs_event", **queue, **common}
    stream = {"resource_type": "dynamodb_event", "stream_arn": source}
    return {"name": f"{name}-dynamodb-event-source", **stream, **common}


def _is_earlier(stream: str, current: str) -> bool:
    """Whether it is a stream of the same table, but not the one that it has now."""
    return stream != current and stream.partition("/stream/")[0] == current.partition("/stream/")[0]


def _api_id(apigateway: Any, stage: Stage) -> str | None:
    """The API whose routes call the stage's function. Its name is the same for every stage."""
    called = f":function:{stage.function('api_handler')}/invocations"
    for page in apigateway.get_paginator("get_rest_apis").paginate():
        for api in page["items"]:
            if api["name"] == stage.config["app_name"]:
                routes = apigateway.get_resources(restApiId=api["id"], embed=["methods"], limit=500)["items"]
                if called in json.dumps(routes, default=str):
                    return str(api["id"])
    return None


def _add_domain(record: Record, apigateway: Any, domain: Mapping[str, str]) -> None:
    """The custom domain with its path, if it is there: what is recorded and not there Chalice would delete."""
    path = domain.get("url_prefix", "").strip("/") or "(none)"
    try:
        mappings = apigateway.get_base_path_mappings(domainName=domain["domain_name"]).get("items", [])
    except apigateway.exceptions.NotFoundException:
        return
    if path in [mapping["basePath"] for mapping in mappings]:
        key = "/" if path == "(none)" else f"/{path}"
        resource = {"name": "api_gateway_custom_domain", "resource_type": "domain_name"}
        record.set({**resource, "domain_name": domain["domain_name"], "api_mapping": [{"key": key}]})


def _suffix(session: Any) -> str:
    partition = session.get_partition_for_region(session.region_name)
    return "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
