"""What an attached function fails at. The bus hands an event to Lambda and has done its part: what comes then is between Lambda,
which calls the function three times, and the function; without a destination the event is gone.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from infra.errors import Stopped
from infra.passing import settled
from infra.signals.place import Place

QUEUE = "attached-dead"
#: How Lambda retries when nothing is set.
USUAL = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21_600}


def keep(place: Place, arn: str, name: str) -> None:
    """Have what a function fails at put into `attached-dead`, unless it has a place for it already. Raises Stopped.

    `name` is that of its rule, and of the permission in its role, which several functions may share.
    """
    aws_lambda, present = place.client("lambda"), _present(place, arn)
    own = aws_lambda.get_function_configuration(FunctionName=arn).get("DeadLetterConfig", {}).get("TargetArn")
    if own or _destination(present):
        return
    allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": place.queue_arn(QUEUE)}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    place.client("iam").put_role_policy(RoleName=place.role_of(arn), PolicyName=name, PolicyDocument=document)
    _put(place, arn, present, {"OnFailure": {"Destination": place.queue_arn(QUEUE)}})


def keep_no_more(place: Place, arn: str, name: str) -> None:
    """Leave a function as it was before `keep`."""
    aws_lambda, iam, present = place.client("lambda"), place.client("iam"), _present(place, arn)
    if _destination(present) == place.queue_arn(QUEUE):
        usual = all(present.get(name) in (None, value) for name, value in USUAL.items())
        if usual and not _others(present):
            aws_lambda.delete_function_event_invoke_config(FunctionName=arn)
        else:
            _put(place, arn, present, {})
    with suppress(iam.exceptions.NoSuchEntityException, Stopped):  # it had its own place, or it is gone
        iam.delete_role_policy(RoleName=place.role_of(arn), PolicyName=name)


def _present(place: Place, arn: str) -> dict[str, Any]:
    aws_lambda = place.client("lambda")
    try:
        return dict(aws_lambda.get_function_event_invoke_config(FunctionName=arn))
    except aws_lambda.exceptions.ResourceNotFoundException:
        return {}


def _destination(present: dict[str, Any]) -> str | None:
    found = present.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    return str(found) if found else None


def _put(place: Place, arn: str, present: dict[str, Any], on_failure: dict[str, Any]) -> None:
    """Set where its failures go, and leave its retries as they are."""
    wanted = {name: present[name] for name in USUAL if name in present}
    wanted["DestinationConfig"] = {**_others(present), **on_failure}
    settled(place.client("lambda").put_function_event_invoke_config, FunctionName=arn, **wanted)


def _others(present: dict[str, Any]) -> dict[str, Any]:
    found = present.get("DestinationConfig", {}).items()
    return {name: value for name, value in found if name != "OnFailure" and value.get("Destination")}
