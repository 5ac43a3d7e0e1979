"""Clients of the AWS services beside DynamoDB: made when first used, then kept by the container."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Any

from chalicelib.config import settings
from chalicelib.errors import TextMessageError


class QueueRefused(TextMessageError):
    """A queue did not take all that it was given."""


@lru_cache(maxsize=8)
def client(service: str) -> Any:
    """The boto3 client of a service."""
    import boto3  # here: most Lambdas get by without it

    return boto3.client(service)


@lru_cache(maxsize=8)
def queue_url(name: str) -> str:
    """The URL of one of the stage's queues."""
    return str(client("sqs").get_queue_url(QueueName=settings().resource(name))["QueueUrl"])


def send_to_queue(name: str, messages: Iterable[tuple[str, int]]) -> int:
    """Put bodies, each with its delay in seconds, on one of the stage's queues, ten a request; returns how many.

    Raises QueueRefused when the queue took some of them only, botocore's exceptions when it does not answer.
    """
    count, left = 0, iter(messages)
    while batch := list(islice(left, 10)):
        entries = [
            {"Id": str(number), "MessageBody": body, "DelaySeconds": delay}
            for number, (body, delay) in enumerate(batch)
        ]
        answer = client("sqs").send_message_batch(QueueUrl=queue_url(name), Entries=entries)
        if answer.get("Failed"):
            raise QueueRefused(f"the queue {name} refused {len(answer['Failed'])} of {len(batch)} messages")
        count += len(batch)
    return count
