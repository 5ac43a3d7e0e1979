"""Which providers are left out for a while, because they fail. What one Lambda finds out, all know within seconds.

Nothing is asked for a send: each container reads the providers' state at most every ten seconds, and writes only when a provider
fails (docs/adr/0006). One failure among many successes is no evidence: a container counts one only after three in a row,
or when it had no success for half a minute.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib import logs, store_circuits
from chalicelib.errors import StoreUnavailable
from chalicelib.messages import rfc3339
from chalicelib.store_circuits import Circuit

log = logs.logger(__name__)

REFRESH = 10.0  # seconds
IN_A_ROW, SILENT = 3, 30.0  # failures; seconds without a success


@dataclass
class _Memory:
    """What this container knows."""

    read_at: float = float("-inf")
    circuits: dict[str, Circuit] | None = None


_memory = _Memory()
_in_a_row: dict[str, int] = {}
_succeeded_at: dict[str, float] = {}


def why_left_out(provider: str, providers: Sequence[str], message_id: str, now: datetime) -> str | None:
    """Why a text should not go to a provider, or None. `providers` are all whose state is read along with it.

    While a provider comes back, it gets a growing share of the texts: those whose ids are lowest.
    """
    circuit = _known(providers).get(provider, Circuit())
    share = circuit.share(now)
    if share == 0 and circuit.open_until:
        return f"it failed, and is left out until {rfc3339(circuit.open_until)}"
    if int(message_id[:8], 16) / 2**32 >= share:
        return f"it failed, and comes back slowly: it gets {share:.0%} of its texts"
    return None


def succeeded(provider: str) -> None:
    """It took a text, or said what is wrong with it."""
    _in_a_row[provider] = 0
    _succeeded_at[provider] = time.monotonic()


def failed(provider: str, now: datetime) -> None:
    """It did not take a text, and that is not the text's fault."""
    _in_a_row[provider] = _in_a_row.get(provider, 0) + 1
    silent = time.monotonic() - _succeeded_at.get(provider, float("-inf")) > SILENT
    if _in_a_row[provider] < IN_A_ROW and not silent:
        return
    known = (_memory.circuits or {}).get(provider, Circuit())
    if known.share(now) == 0:  # left out already: where there is no other, every text would write to its one item
        return
    try:
        circuit = store_circuits.fail(provider, now)
    except StoreUnavailable:
        log.warning("provider's failure not counted", extra={"provider": provider})
        return
    if circuit.open_until and circuit.open_until > now:
        log.warning("provider left out", extra={"provider": provider, "until": rfc3339(circuit.open_until)})
    _memory.circuits = {**(_memory.circuits or {}), provider: circuit}


def forget() -> None:
    """What a new container knows."""
    _memory.read_at, _memory.circuits = float("-inf"), None
    _in_a_row.clear()
    _succeeded_at.clear()


def _known(providers: Sequence[str]) -> dict[str, Circuit]:
    if time.monotonic() - _memory.read_at > REFRESH:
        _memory.read_at = time.monotonic()
        try:
            _memory.circuits = store_circuits.read(providers)
        except StoreUnavailable:
            log.warning("providers' state not read")  # then what was known before holds
    return _memory.circuits or {}
