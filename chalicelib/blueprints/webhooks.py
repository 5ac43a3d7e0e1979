"""The worker that posts webhooks, one at a time, so that none waits for another's receiver."""

from __future__ import annotations

from chalice.app import Blueprint, SQSEvent

from chalicelib.config import settings

webhooks = Blueprint(__name__)


@webhooks.on_sqs_message(queue=settings().resource("webhooks"), batch_size=1)
def deliver_webhook(event: SQSEvent) -> None:
    """Post one; a failure of our own puts it back on the queue."""
    from chalicelib.delivering import deliver

    for record in event:
        deliver(record.body)
