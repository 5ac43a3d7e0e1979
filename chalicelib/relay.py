"""From stream records to the bus and to the webhooks' queue.

One record that cannot be handled goes to a queue as a pointer; the rest goes on.

Raises only when the bus or a queue is down: then the stream gives the batch again, in order, and subscribers discard what
they saw by its id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from chalicelib import aws, logs
from chalicelib.changes import StatusChange
from chalicelib.delivering import enqueue, letters
from chalicelib.messages import TextMessage
from chalicelib.signals import publish, status_change
from chalicelib.store import from_image

log = logs.logger(__name__)


def relay(records: Iterable[Any]) -> None:
    """Publish the changes in a batch of stream records (chalice's DynamoDBRecord)."""
    changed = [found for record in records if (found := _change(record))]
    for change, code in publish([change for _, change in changed]):
        _set_aside(change.message_id, change.sequence, f"the bus refused it: {code}")
    enqueue(letter for message, change in changed for letter in letters(message, change))


def _change(record: Any) -> tuple[TextMessage, StatusChange] | None:
    if record.event_name == "REMOVE":
        return None
    try:
        before = from_image(record.old_image) if record.old_image else None
        after = from_image(record.new_image)
        change = status_change(before, after)
    except Exception as error:  # whatever is wrong with it, the records behind it must not wait for a day
        log.exception("stream record not understood")
        image = record.new_image or {}
        sequence = image.get("sequence", {}).get("N")
        _set_aside(record.keys["message_id"]["S"], int(sequence or 0), f"not understood: {type(error).__name__}")
        return None
    return (after, change) if change else None


def _set_aside(message_id: str, sequence: int, reason: str) -> None:
    pointer = {"message_id": message_id, "sequence": sequence, "reason": reason}
    log.error("change set aside", extra=pointer)
    aws.send_to_queue("unsignalled", [(json.dumps(pointer), 0)])
