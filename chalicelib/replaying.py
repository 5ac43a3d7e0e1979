"""The changes of a text, told again from its own history, with the ids that they had: who saw them discards them.

What a change said of the text then is told as it was: status, price, time. The rest is told as it is now; of an erased text neither
numbers nor words are left to tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chalicelib.changes import StatusChange
from chalicelib.messages import TextMessage
from chalicelib.signals import status_change
from chalicelib.status import FAILED, Status


def changes_of(message: TextMessage) -> Iterator[StatusChange]:
    """Every change of a text that was signalled, in order. Each line of history that signalled one raised `sequence` by one."""
    before: TextMessage | None = None
    told = [entry for entry in message.history if entry.became is not None]
    for sequence, entry in enumerate(told, start=1):
        status = entry.became or entry.status
        known = before.price if before else None
        after = replace(
            message,
            status=status,
            sequence=sequence,
            price=known if known is not None or entry.price is None else entry.price,
            error=message.error if status is message.status and status in (*FAILED, Status.UNKNOWN) else None,
            updated_on=entry.at,
        )
        change = status_change(before, after)
        if change:
            yield change
        before = after
