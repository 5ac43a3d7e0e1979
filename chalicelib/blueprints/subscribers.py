"""Reactions to status changes: the place for your own. Each is a Lambda of its own, so none delays another.

Copy one of these: a function, and the changes that it wants (subscription.py). docs/signals.md is the guide. The predecessor's
example, a notification that follows its message's status, reads here:

    @subscriber(subscribers, status=["delivered", "undelivered", "expired"], once=True)
    def follow_message(change: StatusChange) -> None:
        Notification.get(change.reference).update(status=change.status.value, price=change.price)
"""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib import logs
from chalicelib.blueprints.subscription import subscriber
from chalicelib.changes import StatusChange
from chalicelib.phone import mask

subscribers = Blueprint(__name__)
log = logs.logger(__name__)

OUTCOMES = ["delivered", "undelivered", "rejected", "refused", "expired", "unknown"]


@subscriber(subscribers, status=OUTCOMES)
def log_outcome(change: StatusChange) -> None:
    """Write to the log how each text ended."""
    log.info(
        "text ended",
        extra={
            "message_id": change.message_id,
            "to": mask(change.to),
            "status": change.status.value,
            "event": change.id,
        },
    )
