"""The outbox queue: a ticket for each text that is to be submitted later. A ticket that is lost is made again by the clock."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil

from chalicelib import aws
from chalicelib.messages import TextMessage, rfc3339

LONGEST_DELAY = 900  # seconds; what SQS can hold a message back


def enqueue(messages: Iterable[TextMessage], now: datetime) -> None:
    """Put texts on the outbox for the second that each is due; those that are due later are left to the clock."""
    soon = now + timedelta(seconds=LONGEST_DELAY)
    put(((message.id, message.due_at) for message in messages if message.due_at and message.due_at <= soon), now)


def put(due: Iterable[tuple[str, datetime]], now: datetime) -> int:
    """Put tickets on the queue, each delayed until its time; returns how many. Raises botocore's exceptions."""
    return aws.send_to_queue("outbox", (_ticket(message_id, due_at, now) for message_id, due_at in due))


def _ticket(message_id: str, due_at: datetime, now: datetime) -> tuple[str, int]:
    delay = min(max(0, ceil((due_at - now).total_seconds())), LONGEST_DELAY)
    return json.dumps({"message_id": message_id, "due_at": rfc3339(due_at)}), delay
