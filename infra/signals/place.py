"""The stage that a command works on: its AWS clients and the names and ARNs of its things."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import ClientError

from infra.errors import Stopped


@dataclass(frozen=True)
class Place:
    """A deployed stage. Clients are made by the environment: AWS, or the local cloud (`AWS_ENDPOINT_URL`)."""

    stage: str

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return boto3.client(service)

    def resource(self, thing: str) -> str:
        """The name of one of the stage's tables, queues and rules."""
        return f"smsignal-{self.stage}-{thing}"

    @property
    def event_source(self) -> str:
        """The `source` of the stage's events."""
        return f"smsignal.{self.stage}"

    @cached_property
    def prefix(self) -> str:
        """`arn:<partition>:%s:<region>:<account>:`, for a service."""
        identity = self.client("sts").get_caller_identity()
        partition = identity["Arn"].split(":")[1]
        return f"arn:{partition}:%s:{self.client('sts').meta.region_name}:{identity['Account']}:"

    def arn(self, service: str, thing: str) -> str:
        """The ARN of a thing of this account and region."""
        return self.prefix % service + thing

    def queue_arn(self, thing: str) -> str:
        """The ARN of one of the stage's queues."""
        return self.arn("sqs", self.resource(thing))

    def queue_url(self, thing: str) -> str:
        """The URL of one of the stage's queues. Raises Stopped when there is none."""
        sqs = self.client("sqs")
        try:
            return str(sqs.get_queue_url(QueueName=self.resource(thing))["QueueUrl"])
        except sqs.exceptions.QueueDoesNotExist:
            raise Stopped(f"stage '{self.stage}' has no queue '{thing}'") from None

    @cached_property
    def stream_arn(self) -> str:
        """The stream of the stage's messages. Raises Stopped when the stage is not deployed."""
        dynamodb, table = self.client("dynamodb"), self.resource("messages")
        try:
            return str(dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"])
        except ClientError as error:
            raise Stopped(f"stage '{self.stage}' is not deployed here: {error.response['Error']['Code']}") from None

    def role_of(self, function: str) -> str:
        """The name of a function's role. Raises Stopped when there is no such function."""
        aws_lambda = self.client("lambda")
        try:
            role = aws_lambda.get_function_configuration(FunctionName=function)["Role"]
        except aws_lambda.exceptions.ResourceNotFoundException:
            raise Stopped(f"there is no function {function}") from None
        return str(role).rpartition("/")[2]


def this_stage() -> Place:
    """The stage that the environment names."""
    return Place(os.environ.get("SMSIGNAL_STAGE", "dev"))
