"""Reactions to status changes: the place for your own. Each is a Lambda of its own, so none delays another.

Copy `log_outcome`: a function, and the pattern of the events that it wants
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html). It may be called twice for one change
(`StatusChange.id` tells) and out of order (`StatusChange.sequence` tells).
"""

from __future__ import annotations

from chalice.app import Blueprint, CloudWatchEvent

from chalicelib import logs
from chalicelib.changes import StatusChange
from chalicelib.config import settings
from chalicelib.phone import mask

subscribers = Blueprint(__name__)
log = logs.logger(__name__)

OUTCOMES = ["delivered", "undelivered", "rejected", "refused", "expired", "unknown"]


@subscribers.on_cw_event({"source": [settings().event_source], "detail": {"status": OUTCOMES}})
def log_outcome(event: CloudWatchEvent) -> None:
    """Write to the log how each text ended."""
    change = StatusChange.from_event(event.detail_type, event.detail)
    log.info(
        "text ended",
        extra={
            "message_id": change.message_id,
            "to": mask(change.to),
            "status": change.status.value,
            "event": change.id,
        },
    )
