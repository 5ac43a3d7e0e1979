"""The ledger: what clients were told, what the carrier took and reported, what the store says and what was signalled, held
against each other, one text at a time. Pure functions of that evidence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chalicelib.changes import StatusChange
from chalicelib.status import FAILED, FINAL, RANK, Status
from localdev.chaos.case import Case, Json, acknowledged, arrived, genuine, in_doubt

#: What can be wrong with a text. Each must be 0.
VERDICTS = {
    "lost": "promised, taken or reported, and the store does not know it",
    "sent twice": "taken by the carrier more than once",
    "backwards": "a status that fell",
    "forged": "something believed that the carrier never said",
    "unsignalled": "a change without a signal",
    "contradicted": "two signals under one id that say different things, or signals that do not fit together",
}
#: What may become of a text by each word of the carrier. A word that nobody has heard of counts as `unknown`.
WORDS: Mapping[str, frozenset[Status]] = {
    "accepted": frozenset({Status.SENT}),
    "buffered": frozenset({Status.SENT}),
    "delivered": frozenset({Status.DELIVERED}),
    "failed": frozenset({Status.UNDELIVERED, Status.REJECTED}),
    "rejected": frozenset({Status.REJECTED}),
    "expired": frozenset({Status.EXPIRED}),
}
TAKEN = {
    Status.SENDING,
    Status.SENT,
    Status.DELIVERED,
    Status.UNDELIVERED,
    Status.REJECTED,
}  # only a provider can say so
DISOWNED = {Status.REFUSED, Status.CANCELED}  # say that no provider has it


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a text."""

    verdict: str
    message_id: str
    why: str


def judge(case: Case) -> list[Finding]:
    """All that is wrong with a text; empty when nothing is."""
    found = [("lost", why) for why in _lost(case)]
    if len(case.taken) > 1:
        found.append(("sent twice", f"the carrier took it {len(case.taken)} times"))
    found += [("backwards", why) for why in _backwards(case)]
    found += [("forged", why) for why in _forged(case)]
    found += [("unsignalled", why) for why in _unsignalled(case)]
    found += [("contradicted", why) for why in _contradicted(case)]
    return [Finding(verdict, case.message_id, why) for verdict, why in found]


def _lost(case: Case) -> Iterator[str]:
    status, row = case.status, case.row
    if case.stored is None or status is None or row is None:
        if case.told in (201, 202) or case.taken:
            yield f"the client was told {case.told}, the carrier took it {len(case.taken)} times, and the store has nothing"
        return
    if status in TAKEN and not case.taken:
        yield f"{status.value}, and the carrier never took it"
    if status in DISOWNED and case.taken:
        yield f"{status.value}, and the carrier took it"
    if status not in FINAL | {Status.UNKNOWN} and row.due_at is None and case.stored["status_report"]:
        yield f"{status.value}, and nobody will ever look at it again"
    yield from _receipts_lost(case, status)


def _receipts_lost(case: Case, status: Status) -> Iterator[str]:
    """Receipts that were acknowledged, so that the carrier will not send them again, and are not in the status."""
    told = [receipt for receipt in genuine(case) if acknowledged(receipt)]
    if arrived(case) and status is not Status.DELIVERED and not in_doubt(case):
        yield f"delivered on the handset and acknowledged, and the store says {status.value}"
    failed = [receipt["status"] for receipt in told if FAILED & WORDS.get(receipt["status"], frozenset())]
    counted = case.row is not None and (case.row.submitted or not case.row.holders)
    if failed and counted and status not in FINAL:
        yield f"{failed[0]}, acknowledged, and the store says {status.value}"
    if told and RANK[status] < RANK[Status.SENT]:
        yield f"{told[0]['status']}, acknowledged, and the store says {status.value}"


def _backwards(case: Case) -> Iterator[str]:
    ranks: dict[str, int] = {}
    for entry in case.stored["history"] if case.stored else ():
        if entry["outcome"] != "applied":
            continue
        line, rank = _segment(entry) or "the text", RANK[Status(entry["status"])]
        if rank < ranks.get(line, 0):
            yield f"the history has {line} falling to {entry['status']}"
        ranks[line] = rank
    before = 0
    for change in sorted(case.changes, key=lambda change: change.sequence):
        if RANK[change.status] < before:
            yield f"signal {change.sequence} falls to {change.status.value}"
        before = RANK[change.status]


def _forged(case: Case) -> Iterator[str]:
    """Each receipt that moved something must be one that the carrier meant."""
    meant = {(receipt["provider_message_id"], receipt["status"]) for receipt in genuine(case) if receipt["attempts"]}
    for entry in case.stored["history"] if case.stored else ():
        if entry["source"] != "receipt" or entry["outcome"] != "applied":
            continue
        word = str(entry["provider_status"]).split()[0]
        if (_segment(entry), word) not in meant:
            yield f"{word} was believed"
        elif Status(entry["status"]) not in WORDS.get(word, {Status.UNKNOWN}):
            yield f"{word} was taken for {entry['status']}"
    if case.status is Status.DELIVERED and not any(word == "delivered" for _, word in meant):
        yield "delivered, and the carrier never said so"


def _unsignalled(case: Case) -> Iterator[str]:
    seen = {change.sequence for change in case.changes}
    for number in range(1, (case.row.sequence if case.row else 0) + 1):
        if number not in seen:
            yield f"no signal {number}"


def _contradicted(case: Case) -> Iterator[str]:
    by_number: dict[int, StatusChange] = {}
    for change in case.changes:
        if by_number.setdefault(change.sequence, change) != change:
            yield f"signal {change.sequence} says two things"
    for number, change in by_number.items():
        before = by_number.get(number - 1)
        if before and change.previous_status is not before.status:
            yield f"signal {number} does not follow from signal {number - 1}"
    if case.row and by_number and max(by_number) > case.row.sequence:
        yield f"signal {max(by_number)}, and the store has {case.row.sequence} changes"
    last = by_number.get(case.row.sequence) if case.row else None
    if last and last.status is not case.status:
        yield f"the last signal says {last.status.value}, and the store {case.status and case.status.value}"


def _segment(entry: Json) -> str | None:
    """The segment that a line of the history is about; None: the text itself."""
    first, _, rest = str(entry["detail"] or "").partition(" ")
    return rest.partition(";")[0] if first == "segment" else None
