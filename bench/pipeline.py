"""The pipeline: how many texts and callbacks a second go through, as a share of what their bare requests to the store allow.

Two processes, each like a Lambda that is always busy, run the use cases behind the routes against DynamoDB Local; in turn, the same
two do nothing but the requests that these make (loads.py). What is left of the limit is what smsignal's own code costs.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from bench.figures import Figure, of_runs
from bench.latency import callback_to_subscriber
from bench.stage import stage
from bench.workers import Worker, all_do, workers

PROCESSES = 2
BUDGET = 75.0  # per cent
ROUNDS, BURST = 24, 60  # of so many by each process
QUICK_ROUNDS, QUICK_BURST = 4, 20
WARM = 40  # to warm up DynamoDB Local's Java and our own code

#: What is done, by what, and with nothing but its requests.
LOADS = {"texts": "raw texts", "callbacks": "raw callbacks"}
NOTES = {
    "texts": "`sending.send` with the provider `dummy` against its PutItem and UpdateItem",
    "callbacks": "`receipts.apply_callback` for a signed callback of Vonage against its UpdateItem",
}


def measure(quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """Rates, shares, and, unless it has to be quick, how long a callback takes to a subscriber."""
    rounds, burst = (QUICK_ROUNDS, QUICK_BURST) if quick else (ROUNDS, BURST)
    with stage() as here, workers(PROCESSES, here.variables) as every:
        rates = _rates(every, rounds, burst, say)
    figures = [figure for kind in LOADS for figure in shares(kind, rates)]
    return figures if quick else [*figures, *callback_to_subscriber(say)]


def shares(kind: str, rates: Mapping[str, Sequence[float]]) -> list[Figure]:
    """The rate, its limit, and the share of the one in the other: the ratio of the medians, and that of each round."""
    ours, limits = rates[kind], rates[LOADS[kind]]
    each = [100 * rate / limit for rate, limit in zip(ours, limits, strict=True)]
    share = 100 * statistics.median(ours) / statistics.median(limits)
    note = f"{NOTES[kind]}; {PROCESSES} processes"
    return [
        of_runs("pipeline", f"{kind} a second", "/s", ours),
        of_runs("pipeline", f"{kind} a second, nothing but their requests", "/s", limits),
        Figure(
            "pipeline",
            f"{kind}: share of that limit",
            share,
            "%",
            min(each),
            max(each),
            budget=BUDGET,
            at_least=True,
            judged=False,
            note=note,
        ),
    ]


def _rates(every: list[Worker], rounds: int, burst: int, say: Callable[[str], None]) -> dict[str, list[float]]:
    kinds = [kind for pair in LOADS.items() for kind in pair]
    for kind in kinds:
        _rate(every, kind, WARM)
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind in kinds if number % 2 else reversed(kinds):
            rates[kind].append(_rate(every, kind, burst))
        if number % 6 == 5 or number + 1 == rounds:
            told = ", ".join(f"{kind} {statistics.median(rates[kind]):.0f}/s" for kind in kinds)
            say(f"round {number + 1} of {rounds}: {told}")
    return rates


def _rate(every: list[Worker], kind: str, burst: int) -> float:
    """How many a second all of them did together, from the first one's beginning to the last one's end."""
    all_do(every, "loads:get_ready", kind=kind, count=burst)
    times: list[tuple[float, float]] = all_do(every, "loads:go")
    return len(every) * burst / (max(end for _, end in times) - min(begun for begun, _ in times))
