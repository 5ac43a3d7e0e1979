"""How each provider fares, for all Lambdas to know: one item a provider, written when it fails and read now and then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from chalicelib.models import ProviderReferenceRecord as Record
from chalicelib.store_table import Refused, translated, update

#: So many failures within the window, as evidence from any container, and the provider is left out.
FAILURES, WINDOW = 3, timedelta(seconds=60)
#: For how long: doubled each time that it fails again while it comes back.
FIRST_REST, LONGEST_REST = timedelta(seconds=30), timedelta(minutes=15)
KEPT = timedelta(days=2)


@dataclass(frozen=True)
class Circuit:
    """One provider's state. `open_until`: it is left out until then; after it, for as long as `rest`, it gets a growing share."""

    open_until: datetime | None = None
    trips: int = 0  #: how often in a row it was left out

    @property
    def rest(self) -> timedelta:
        """How long it was left out, and comes back for."""
        doublings = min(max(self.trips - 1, 0), 10)
        return min(FIRST_REST * (1 << doublings), LONGEST_REST)

    def share(self, now: datetime) -> float:
        """The part of its texts that it gets: 0 while it is left out, 1 when all is well, in between while it comes back."""
        if self.open_until is None:
            return 1.0
        return min(max((now - self.open_until) / self.rest, 0.0), 1.0)


def read(providers: Iterable[str]) -> dict[str, Circuit]:
    """The circuits of these providers; who never failed has none. One request. Raises StoreUnavailable."""
    keys = {_key(name): name for name in providers}
    with translated():
        return {keys[record.reference]: _circuit(record) for record in Record.batch_get(list(keys))}


def fail(provider: str, now: datetime) -> Circuit:
    """Count a failure; returns the circuit, which this may have opened. Raises StoreUnavailable."""
    record, at = Record(_key(provider)), _milliseconds(now)
    start = _milliseconds(now - WINDOW)
    kept = Record.expires_on.set(now + KEPT)
    try:
        actions = [Record.failures.set(Record.failures + 1), Record.failed_at.set(at), kept]
        answer = update(record, actions, Record.failed_at > start, ReturnValues="ALL_NEW")
    except Refused:
        actions = [Record.failures.set(1), Record.failed_at.set(at), kept]
        answer = update(
            record,
            actions,
            Record.reference.does_not_exist() | (Record.failed_at <= start) | Record.failed_at.does_not_exist(),
            ReturnValues="ALL_NEW",
        )
    stored = Record()
    stored.deserialize(answer["Attributes"])
    circuit = _circuit(stored)
    coming_back = circuit.open_until is not None and 0 < circuit.share(now) < 1
    if circuit.share(now) == 0 or not (coming_back or stored.failures >= FAILURES):
        return circuit
    opened = Circuit(trips=circuit.trips + 1 if circuit.share(now) < 1 else 1)
    return _open(record, opened, now) or circuit


def _open(record: Record, circuit: Circuit, now: datetime) -> Circuit | None:
    """Leave the provider out; None when somebody else just did."""
    until = now + circuit.rest
    closed = Record.open_until.does_not_exist() | (Record.open_until <= _milliseconds(now))
    actions = [
        Record.open_until.set(_milliseconds(until)),
        Record.trips.set(circuit.trips),
        Record.failures.set(0),
    ]
    try:
        update(record, actions, closed)
    except Refused:
        return None
    return Circuit(until, circuit.trips)


def _circuit(record: Record) -> Circuit:
    at = record.open_until
    return Circuit(datetime.fromtimestamp(at / 1000, timezone.utc) if at else None, int(record.trips or 0))


def _key(provider: str) -> str:
    return f"circuit#{provider}"


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
