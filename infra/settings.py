"""What `chalice deploy` does not set: repeating it changes nothing.

Each setting is read first and written only when it is another, with one exception: Chalice uploads its Swagger in the mode
`overwrite`, which drops the API's own answers (https://github.com/aws/serverless-application-model/issues/623), so those are put
back after each deployment of Chalice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra import events, gateway
from infra.passing import settled
from infra.policies import Place
from infra.record import Record
from infra.stack import Show
from infra.stage import PUBLIC_URL, Stage


def make_log_group(logs: Any, stage: Stage) -> None:
    """The log group of the routes' function, which Chalice makes under another name; the function may not make its own."""
    name = f"/aws/lambda/{stage.function('api_handler')}"
    found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    group = next((group for group in found if group["logGroupName"] == name), None)
    if group is None:
        logs.create_log_group(logGroupName=name)
    if group is None or group.get("retentionInDays") != stage.log_retention_in_days:
        logs.put_retention_policy(logGroupName=name, retentionInDays=stage.log_retention_in_days)


def apply_settings(session: Any, stage: Stage, place: Place, record: Record, show: Show) -> None:
    """Set all that Chalice leaves out, for what the record lists."""
    aws_lambda = session.client("lambda")
    queue = f"arn:{place.partition}:sqs:{place.region}:{place.account}:{stage.resource('')}"
    for function in record.kind("lambda_function"):
        if _set_url(aws_lambda, function["lambda_arn"], stage.environment.get(PUBLIC_URL) or record.url):
            show(f"Telling {function['name']} its public URL")
    for mapping in [*record.kind("dynamodb_event"), *record.kind("sqs_event")]:
        if _set_mapping(aws_lambda, mapping["event_uuid"], queue + events.GIVEN_UP_CHANGES):
            show(f"Setting up {mapping['name']}")
    _set_up_called(session, stage, record, queue, show)
    api_id, apigateway = record.get("rest_api")["rest_api_id"], session.client("apigateway")
    if gateway.apply(apigateway, api_id):
        show("Setting the API's own answers")
        settled(apigateway.create_deployment, restApiId=api_id, stageName=stage.api_stage)


def _set_up_called(session: Any, stage: Stage, record: Record, queue: str, show: Show) -> None:
    """The retries and the dead-letter queue of each function that is called by an event."""
    aws_lambda, sqs = session.client("lambda"), session.client("sqs")
    for name, function_arn, wanted in _called(session.client("events"), record, queue):
        if "DestinationConfig" in wanted and _make_dead_queue(sqs, stage.resource(events.dead_queue(name))):
            show(f"Creating the queue {stage.resource(events.dead_queue(name))}")
        if _set_retries(aws_lambda, function_arn, wanted):
            show(f"Setting the retries of {function_arn.rpartition(':')[2]}")


def _set_url(aws_lambda: Any, function: str, url: str | None) -> bool:
    variables = aws_lambda.get_function_configuration(FunctionName=function).get("Environment", {}).get("Variables", {})
    if url is None or variables.get(PUBLIC_URL) == url:
        return False
    environment = {"Variables": {**variables, PUBLIC_URL: url}}
    settled(aws_lambda.update_function_configuration, FunctionName=function, Environment=environment)
    aws_lambda.get_waiter("function_updated_v2").wait(FunctionName=function)
    return True


def _set_mapping(aws_lambda: Any, uuid: str, given_up: str) -> bool:
    mapping = aws_lambda.get_event_source_mapping(UUID=uuid)
    if ":dynamodb:" in mapping["EventSourceArn"]:
        wanted = {**events.STREAM, "DestinationConfig": {"OnFailure": {"Destination": given_up}}}
    elif mapping["BatchSize"] > 1:
        wanted = events.QUEUE
    else:
        return False
    if _has(mapping, wanted):
        return False
    settled(aws_lambda.update_event_source_mapping, UUID=uuid, **wanted)
    return True


def _called(bus: Any, record: Record, queue: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each function that the bus, a topic or the clock calls: its name, its ARN, and how its failures are to be handled."""
    functions = {function["name"]: function["lambda_arn"] for function in record.kind("lambda_function")}
    rules = {rule["name"].removesuffix("-event"): rule for rule in record.kind("cloudwatch_event")}
    topics = {topic["name"].removesuffix("-sns-subscription") for topic in record.kind("sns_event")}
    for name in [*rules, *topics]:
        subscribes = name in topics or "EventPattern" in bus.describe_rule(Name=rules[name]["rule_name"])
        destination = {"DestinationConfig": {"OnFailure": {"Destination": queue + events.dead_queue(name)}}}
        yield name, functions[name], {**events.SUBSCRIBER, **destination} if subscribes else events.CLOCK


def _make_dead_queue(sqs: Any, name: str) -> bool:
    """Make a function's queue unless it is there."""
    try:
        sqs.get_queue_url(QueueName=name)
    except sqs.exceptions.QueueDoesNotExist:
        sqs.create_queue(
            QueueName=name, Attributes={key: str(value).lower() for key, value in events.DEAD_QUEUE.items()}
        )
        return True
    return False


def _set_retries(aws_lambda: Any, function: str, wanted: Mapping[str, Any]) -> bool:
    try:
        present = aws_lambda.get_function_event_invoke_config(FunctionName=function)
    except aws_lambda.exceptions.ResourceNotFoundException:
        present = {}
    if _has(present, wanted):
        return False
    settled(aws_lambda.put_function_event_invoke_config, FunctionName=function, **wanted)
    return True


def _has(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether all that is wanted is there; AWS adds fields of its own."""
    return all(
        _has(present.get(name) or {}, value) if isinstance(value, Mapping) else present.get(name) == value
        for name, value in wanted.items()
    )
