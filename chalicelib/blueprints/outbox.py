"""The outbox: texts that were not submitted at once, and the clock that finds what is due."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, CloudWatchEvent, Rate, SQSEvent

from chalicelib.config import settings

outbox = Blueprint(__name__)


@outbox.on_sqs_message(queue=settings().resource("outbox"), batch_size=10)
def submit_message(event: SQSEvent) -> dict[str, Any]:
    """Submit queued texts; those that failed go back to the queue, the others do not (ReportBatchItemFailures)."""
    from chalicelib import (
        dispatching,  # here: the API's Lambda imports this module too, only to know the handler's name
    )

    records = event.to_dict()["Records"]
    failed = dispatching.submit_queued((record["messageId"], record["body"]) for record in records)
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


@outbox.schedule(Rate(1, unit=Rate.MINUTES))
def dispatch_due(event: CloudWatchEvent) -> None:
    """Find what is due until the next minute and put it on the outbox."""
    from chalicelib import dispatching

    dispatching.dispatch()
