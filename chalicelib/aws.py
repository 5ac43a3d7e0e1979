"""Clients of the AWS services: made when first used, then kept by the container, one of each.

A client costs as much as dozens of requests, most of it for reading what botocore knows of all services and regions. So all clients
are made by one session, which reads that once, and the tables share one client. boto3 would add to botocore what nothing here uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Any

from chalicelib.config import settings
from chalicelib.errors import TextMessageError


class QueueRefused(TextMessageError):
    """A queue did not take all that it was given."""


@lru_cache(maxsize=1)
def _session() -> Any:
    from botocore import __version__
    from botocore.config import Config
    from botocore.session import get_session

    session = get_session()
    # What botocore would say of itself it puts together anew, twice for each request: a twelfth of what the request costs.
    session.set_default_client_config(Config(user_agent=f"smsignal Botocore/{__version__}"))
    return session


@lru_cache(maxsize=8)
def client(service: str) -> Any:
    """The client of a service, as `boto3.client` would make it."""
    return _session().create_client(service)


@lru_cache(maxsize=1)
def tables_client() -> Any:
    """The client of the tables. Its timeouts are for a store that answers in milliseconds: a Lambda must not wait longer for it
    than its caller does. Parameters are made by PynamoDB, so they are not checked again.
    """
    from botocore.config import Config

    patience: dict[str, Any] = {"connect_timeout": 2, "read_timeout": 5}
    retries = {"mode": "standard", "total_max_attempts": 3}
    return _session().create_client("dynamodb", config=Config(**patience, retries=retries, parameter_validation=False))


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
