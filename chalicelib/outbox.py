"""The outbox queue: a ticket for each text that is to be submitted later. A ticket that is lost is made again by the clock."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from math import ceil

from chalicelib import aws
from chalicelib.messages import TextMessage, rfc3339

LONGEST_DELAY = 900  # seconds; what SQS can hold a message back


def enqueue(message: TextMessage, now: datetime) -> None:
    """Put a text on the outbox for the second that it is due; one that is due later is left to the clock."""
    if message.due_at and message.due_at - now <= timedelta(seconds=LONGEST_DELAY):
        put(message.id, message.due_at, now)


def put(message_id: str, due_at: datetime, now: datetime) -> None:
    """Put one ticket on the queue, delayed until `due_at`."""
    delay = min(max(0, ceil((due_at - now).total_seconds())), LONGEST_DELAY)
    aws.send_to_queue("outbox", json.dumps({"message_id": message_id, "due_at": rfc3339(due_at)}), delay)
