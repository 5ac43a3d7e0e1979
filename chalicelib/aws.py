"""Clients of the AWS services beside DynamoDB: made when first used, then kept by the container."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from chalicelib.config import settings


@lru_cache(maxsize=8)
def client(service: str) -> Any:
    """The boto3 client of a service."""
    import boto3  # here: most Lambdas get by without it

    return boto3.client(service)


@lru_cache(maxsize=8)
def queue_url(name: str) -> str:
    """The URL of one of the stage's queues."""
    return str(client("sqs").get_queue_url(QueueName=settings().resource(name))["QueueUrl"])


def send_to_queue(name: str, body: str, delay: int = 0) -> None:
    """Put a message on one of the stage's queues; `delay` in seconds, at most 900."""
    client("sqs").send_message(QueueUrl=queue_url(name), MessageBody=body, DelaySeconds=delay)
