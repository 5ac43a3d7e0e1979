"""One text of a chaos run as every side knows it, and what that means."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.changes import StatusChange
from chalicelib.status import Status

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """What only the table says of a text."""

    sequence: int
    due_at: str | None
    holders: int
    submitted: bool


@dataclass(frozen=True)
class Case:
    """All that is known of one text."""

    message_id: str
    told: int | None  #: the HTTP status of the last answer to the client; None: no answer ever came
    scenario: str
    taken: Sequence[Json]  #: the carrier's own entries, one for each submission that it took
    stored: Json | None  #: GET /messages/{id}
    row: Row | None
    changes: Sequence[StatusChange]  #: as they came from the bus

    @property
    def status(self) -> Status | None:
        """What the store says."""
        return Status(self.stored["status"]) if self.stored else None


def standing(case: Case) -> str:
    """Where a text stands: its status, or for one that is not out why it is not."""
    if case.stored is None or case.row is None or case.status is not Status.CREATED:
        return case.status.value if case.status else "nothing"
    if case.row.holders:
        return "leased"  # somebody submits it, or died doing so: the clock decides when the lease has lapsed
    error = case.stored["error"] or {}
    return "held" if error.get("class") == "unknown" else "waiting"


def in_doubt(case: Case) -> bool:
    """Whether a text arrived, every segment of it, while the answer to its submission may still come.

    Only the provider's answer says for sure how many segments there are, so until the lease of whoever submits it has lapsed,
    none speaks for the whole (docs/statuses.md): it is `sent`, with the segments' receipts beside it.
    """
    leased = case.row is not None and bool(case.row.holders) and not case.row.submitted
    return leased and case.status is Status.SENT and arrived(case)


def arrived(case: Case) -> bool:
    """Whether every segment was reported `delivered`, genuinely, and the report was acknowledged."""
    segments = {
        receipt["provider_message_id"]
        for receipt in genuine(case)
        if receipt["status"] == "delivered" and acknowledged(receipt)
    }
    return case.stored is not None and bool(case.taken) and len(segments) >= case.stored["segments"]


def genuine(case: Case) -> Iterator[Json]:
    """The receipts that the carrier meant, whether they came through or not."""
    for message in case.taken:
        yield from (receipt for receipt in message["receipts"] if receipt["genuine"])


def acknowledged(receipt: Json) -> bool:
    """Whether it was answered with success, so that the carrier will not send it again."""
    return any(attempt["code"] is not None and 200 <= attempt["code"] < 300 for attempt in receipt["attempts"])
