"""The statuses of a text message and the one order in which they may follow each other.

A status moves only to a higher rank, so late, repeated and out-of-order receipts cannot undo anything: a failure cannot
replace another failure, and the handset's proof (`delivered`) wins over all. See docs/statuses.md.
"""

from __future__ import annotations

from enum import Enum


class Status(str, Enum):
    """What is known about a text. The value is the word in JSON, in the tables and in the docs."""

    CREATED = "created"  #: stored, not yet accepted by the provider
    SENDING = "sending"  #: accepted by the provider
    SENT = "sent"  #: accepted by the carrier
    UNKNOWN = "unknown"  #: no proof either way by the deadline
    REFUSED = "refused"  #: by the provider, or by us
    REJECTED = "rejected"  #: by the destination's carrier
    UNDELIVERED = "undelivered"  #: the carrier gave up
    EXPIRED = "expired"  #: its validity ran out
    CANCELED = "canceled"  #: by the client, before it was submitted
    DELIVERED = "delivered"  #: on the handset
    RECEIVED = "received"  #: an incoming text; it never changes


RANK: dict[Status, int] = {
    Status.CREATED: 0,
    Status.SENDING: 1,
    Status.SENT: 2,
    Status.UNKNOWN: 3,
    Status.REFUSED: 4,
    Status.REJECTED: 4,
    Status.UNDELIVERED: 4,
    Status.EXPIRED: 4,
    Status.CANCELED: 4,
    Status.DELIVERED: 5,
    Status.RECEIVED: 6,
}

#: Nothing more needs to be done for a text in one of these (a later receipt may still raise it).
FAILED = frozenset({Status.REFUSED, Status.REJECTED, Status.UNDELIVERED, Status.EXPIRED, Status.CANCELED})
FINAL = FAILED | {Status.DELIVERED, Status.RECEIVED}


def advances(current: Status, new: Status) -> bool:
    """Whether a text that is `current` may become `new`."""
    if new is Status.CANCELED and current is not Status.CREATED:
        return False
    return RANK[new] > RANK[current]
