"""From a change in the table to an event on the bus: the one shape that every subscriber sees (contract.md, Events).

The stream gives each write to a text as two images. A change that is signalled has raised `sequence`; all other writes (a
duplicate written into the history, a lease) are silent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib import aws
from chalicelib.changes import StatusChange
from chalicelib.config import settings
from chalicelib.messages import Direction, TextMessage

#: EventBridge takes ten entries a request, and each may fail by itself.
#: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
BATCH, TRIES = 10, 3
PAUSE = 0.1  # seconds before the second try, doubled for the third


def status_change(before: TextMessage | None, after: TextMessage) -> StatusChange | None:
    """The change between two images of a text; None when nothing that is signalled changed."""
    if after.sequence == (before.sequence if before else 0):
        return None  # among them the first parts of a long incoming text, which is not told of until it is whole
    moved = before is None or after.status is not before.status
    if after.direction is Direction.INCOMING:
        kind = "Message Received"
    else:
        kind = "Message Status Changed" if moved else "Message Price Changed"
    return StatusChange(
        kind=kind,
        sequence=after.sequence,
        message_id=after.id,
        direction=after.direction,
        status=after.status,
        previous_status=before.status if before and before.sequence else None,
        occurred_at=after.updated_on,
        frm=after.frm,
        to=after.to,
        provider=after.provider,
        reference=after.reference,
        metadata=after.metadata,
        segments=after.segments,
        price=after.price,
        currency=after.currency,
        error=after.error,
        text=after.text if after.direction is Direction.INCOMING else None,
    )


def publish(changes: Sequence[StatusChange]) -> list[tuple[StatusChange, str]]:
    """Put changes on the bus; returns those that it took from none of several tries, each with its error code.

    Raises botocore's exception when the bus does not answer at all.
    """
    failed: list[tuple[StatusChange, str]] = []
    for start in range(0, len(changes), BATCH):
        failed += _publish_batch(list(changes[start : start + BATCH]))
    return failed


def _publish_batch(changes: list[StatusChange]) -> list[tuple[StatusChange, str]]:
    left = [(change, "") for change in changes]
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))  # a throttled entry needs a moment
        answer = aws.client("events").put_events(Entries=[_entry(change) for change, _ in left])
        if not answer.get("FailedEntryCount"):
            return []
        left = [
            (change, result["ErrorCode"])
            for (change, _), result in zip(left, answer["Entries"], strict=True)
            if result.get("ErrorCode")
        ]
    return left


def _entry(change: StatusChange) -> Mapping[str, Any]:
    return {
        "Source": settings().event_source,
        "DetailType": change.kind,
        "Detail": json.dumps(change.as_json()),
        "Time": change.occurred_at,
    }
