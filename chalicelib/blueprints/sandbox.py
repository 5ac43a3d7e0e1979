"""The other end of the sandbox provider: it reports, as a provider would, through the callback route."""

from __future__ import annotations

from chalice.app import Blueprint, SQSEvent

from chalicelib.config import settings
from chalicelib.stage import now, provider

sandbox = Blueprint(__name__)


@sandbox.on_sqs_message(queue=settings().resource("sandbox"), batch_size=1)
def sandbox_report(event: SQSEvent) -> None:
    """Post one queued receipt; a failure puts it back on the queue."""
    for record in event:
        provider("sandbox").deliver(record.body, now())  # type: ignore[attr-defined]
