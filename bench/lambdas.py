"""Lambda as Lambda runs it: smsignal's package against the floor below it, and against what a user would pick instead.

Cold is a fresh process each time, from its start to its first answer: import, clients, the first request with all that it reads
once (the provider's secret; for a send the API key). Warm is what one more invocation takes. All have bytecode, as smsignal's
package has, unless a line says otherwise; all ask the same of DynamoDB Local, of the parameter store and of the provider.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench import instructions
from bench.events import Event
from bench.figures import Figure, of_runs
from bench.instructions import Counted
from bench.runtime import Function, Package
from bench.stage import Stage, stage
from bench.subjects import Given, Subject, checked, pairs, subjects

COLD, WARM = 1.15, 1.25  #: the budgets of the design: smsignal, of the floor
FLOOR = "the same requests by boto3 and nothing else: no check of who asks, of what is asked, of what comes back"
WARMING = 10
MS = 1000.0


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    cold: int  #: starts of each
    runs: int  #: of warm invocations
    turns: (
        int  #: of each in a run: the shorter they are, the less a machine that slows down for a second tells them apart
    )
    turn: int  #: invocations
    peers: bool  #: and starts without bytecode, and instructions of cold starts


FULL, QUICK = Scale(15, 20, 10, 5, True), Scale(2, 2, 5, 5, False)


@dataclass
class Runs:
    """What one subject took, run by run: in milliseconds, and in bytes."""

    cold_cpu: list[float] = field(default_factory=list)
    cold_wall: list[float] = field(default_factory=list)
    as_made: list[float] = field(default_factory=list)  #: cold CPU without bytecode
    memory: list[float] = field(default_factory=list)
    warm_cpu: list[float] = field(default_factory=list)
    warm_wall: list[float] = field(default_factory=list)
    counted: Counted | None = None


Measured = dict[Subject, Runs]


def measure(quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """All figures of this part. Raises Unequal, Failed, and what bench.stage raises."""
    return figures(measured(QUICK if quick else FULL, say))


def measured(scale: Scale, say: Callable[[str], None]) -> Measured:
    """What each subject took."""
    compared = subjects(peers=scale.peers or scale is QUICK)
    runs: Measured = {subject: Runs() for subject in compared}
    with stage() as here:
        given = checked(here, compared)
        say("all of them do the same: " + ", ".join(f"{one.name} ({one.flow})" for one in compared))
        for turn in range(scale.cold):
            for subject in compared:
                _start(subject, runs[subject], given, here, without_bytecode=scale.peers)
            say(f"{turn + 1} of {scale.cold} rounds of cold starts")
        _keep_warm(runs, given, here, scale)
        say(f"{scale.runs} × {scale.turns * scale.turn} warm invocations of each")
        _count(runs, given, here, scale, say)
    return runs


def _start(subject: Subject, runs: Runs, given: Given, here: Stage, *, without_bytecode: bool) -> None:
    def cold(package: Package) -> tuple[float, float, int]:
        (event,) = given.of(subject.flow, 1)
        with Function(package, here.variables) as function:
            answer = function.invoke(event)
            return answer.cpu * MS, (answer.at - function.started_at) * MS, function.most_memory()

    cpu, wall, memory = cold(subject.package)
    runs.cold_cpu.append(cpu)
    runs.cold_wall.append(wall)
    runs.memory.append(memory)
    if subject.as_made and without_bytecode:
        runs.as_made.append(cold(subject.as_made)[0])


def _keep_warm(runs: Measured, given: Given, here: Stage, scale: Scale) -> None:
    with ExitStack() as stack:
        functions = {one: stack.enter_context(Function(one.package, here.variables)) for one in runs}
        used = {one: _kept_busy(function, given.of(one.flow, WARMING))[0] for one, function in functions.items()}
        for _ in range(scale.runs):
            began, waited = dict(used), dict.fromkeys(functions, 0.0)
            for subject, function in list(functions.items()) * scale.turns:
                used[subject], took = _kept_busy(function, given.of(subject.flow, scale.turn))
                waited[subject] += took
            for subject in functions:
                count = scale.turns * scale.turn
                runs[subject].warm_cpu.append((used[subject] - began[subject]) * MS / count)
                runs[subject].warm_wall.append(waited[subject] * MS / count)


def _kept_busy(function: Function, events: Sequence[Event]) -> tuple[float, float]:
    """Invoke it; returns the CPU that it has used in all its life, and the time that passed now, in seconds."""
    began = time.perf_counter()
    answers = [function.invoke(event) for event in events]
    return answers[-1].cpu, answers[-1].at - began


def _count(runs: Measured, given: Given, here: Stage, scale: Scale, say: Callable[[str], None]) -> None:
    if not instructions.available():
        say("instructions are not counted: that needs valgrind")
        return
    counting = [one for one in runs if scale.peers or one.name in ("smsignal", "floor")]
    say(f"counting the instructions of {len(counting)} functions")
    jobs = [(one.package, given.of(one.flow, instructions.WARM + instructions.COUNTED)) for one in counting]
    for subject, counted in zip(counting, instructions.count(jobs, here.variables, cold=scale.peers), strict=True):
        runs[subject].counted = counted


def figures(runs: Measured) -> list[Figure]:
    """The ratios, and what they are ratios of."""
    made: list[Figure] = []
    for other, ours in pairs(list(runs)):
        if other.name == "floor":
            made += _against_floor(other.flow, runs[ours], runs[other])
        else:
            made += _against_peer(other.name, runs[ours], runs[other])
    return made


def _against_floor(flow: str, ours: Runs, floor: Runs) -> list[Figure]:
    lines: dict[str, list[tuple[str, Sequence[float], Sequence[float], float | None]]] = defaultdict(list)
    cold, warm = f"{flow}: cold start to the first answer", f"{flow}: warm"
    lines[cold] += [("CPU", ours.cold_cpu, floor.cold_cpu, COLD), ("time", ours.cold_wall, floor.cold_wall, COLD)]
    lines[cold] += [("CPU, the floor as Chalice packages it", ours.cold_cpu, floor.as_made, COLD)]
    lines[warm] += [("CPU", ours.warm_cpu, floor.warm_cpu, WARM), ("time", ours.warm_wall, floor.warm_wall, None)]
    made = []
    for when, counts, budget in ((cold, _cold_counts(ours, floor), COLD), (warm, _warm_counts(ours, floor), WARM)):
        if counts:
            made.append(Figure("floor", f"{when}, instructions", counts[0] / counts[1], "×", budget=budget, note=FLOOR))
        made += [ratio("floor", f"{when}, {what}", a, b, budget) for what, a, b, budget in lines[when] if b]
    made.append(of_runs("floor", f"{flow}: smsignal's cold start", "ms CPU", ours.cold_cpu))
    made.append(of_runs("floor", f"{flow}: smsignal, warm", "ms CPU", ours.warm_cpu))
    made.append(
        of_runs("floor", f"{flow}: the most memory that smsignal takes", "MB", [one / 1e6 for one in ours.memory])
    )
    return made


def _against_peer(name: str, ours: Runs, peer: Runs) -> list[Figure]:
    made = []
    for when, counts in (("cold", _cold_counts(peer, ours)), ("warm", _warm_counts(peer, ours))):
        if counts:
            figure = Figure(
                "peers", f"{name}: {when}, instructions", counts[0] / counts[1], "×", budget=1, at_least=True
            )
            made.append(figure)
    pairs_of_runs = [
        ("cold, CPU", peer.cold_cpu, ours.cold_cpu),
        ("cold, time", peer.cold_wall, ours.cold_wall),
        ("cold, CPU, as its own tools package it", peer.as_made, ours.cold_cpu),
        ("warm, CPU", peer.warm_cpu, ours.warm_cpu),
    ]
    return made + [ratio("peers", f"{name}: {what}", a, b, 1, at_least=True) for what, a, b in pairs_of_runs if a]


def _cold_counts(one: Runs, other: Runs) -> tuple[float, float] | None:
    if one.counted and other.counted and one.counted.cold and other.counted.cold:
        return one.counted.cold, other.counted.cold
    return None


def _warm_counts(one: Runs, other: Runs) -> tuple[float, float] | None:
    return (one.counted.warm, other.counted.warm) if one.counted and other.counted else None


def ratio(
    section: str,
    name: str,
    runs: Sequence[float],
    others: Sequence[float],
    budget: float | None,
    *,
    at_least: bool = False,
) -> Figure:
    """The ratio of two medians; its spread is that of the ratios turn by turn."""
    each = [one / other for one, other in zip(runs, others, strict=True)]
    value = statistics.median(runs) / statistics.median(others)
    return Figure(section, name, value, "×", min(each), max(each), budget, at_least, judged=False)
