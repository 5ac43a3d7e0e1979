"""How a run is told: a table for people, JSON for everything else."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from localdev.chaos.case import Case, acknowledged, genuine, in_doubt, standing
from localdev.chaos.ledger import VERDICTS, Finding, judge
from localdev.chaos.storm import Run

SHOWN = 20  # texts in the terminal; the JSON has all


def findings(run: Run) -> list[Finding]:
    """All that is wrong."""
    return [finding for case in run.cases for finding in judge(case)]


def verdicts(found: Sequence[Finding]) -> dict[str, int]:
    """How many texts each verdict is about."""
    about = {(finding.verdict, finding.message_id) for finding in found}
    counts = Counter(verdict for verdict, _ in about)
    return {verdict: counts[verdict] for verdict in VERDICTS}


def as_json(run: Run) -> dict[str, Any]:
    """Everything: what was done, what came of it, and the whole evidence of each text that something is wrong with."""
    found = findings(run)
    wrong = {finding.message_id for finding in found}
    return {
        "seed": run.seed,
        "texts": run.asked,
        "posted": len(run.told),
        "seconds": round(run.seconds, 1),
        "verdicts": verdicts(found),
        "quiet": run.quiet,
        "set_aside": run.aside,
        "store_requests": run.faults["requests"],
        **_counts(run),
        "findings": [vars(finding) for finding in found],
        "evidence": [evidence(case) for case in run.cases if case.message_id in wrong or in_doubt(case)],
    }


def _counts(run: Run) -> dict[str, Mapping[str, int]]:
    answers = Counter(answer for one in run.told for answer in one.answers)
    attempts = Counter(
        str(attempt["code"] or attempt["error"])
        for case in run.cases
        for message in case.taken
        for receipt in message["receipts"]
        for attempt in receipt["attempts"]
    )
    signals = [change.id for case in run.cases for change in case.changes]
    return {
        "store_faults": {name: count for name, count in run.faults.items() if name != "requests"},
        "kills": dict(run.kills),
        "answers": dict(answers),
        "callbacks": dict(attempts),
        "standing": dict(Counter(standing(case) for case in run.cases)),
        "clients": {"unanswered": sum(one.status is None for one in run.told)},
        "arrived, yet in doubt": {"sent": sum(map(in_doubt, run.cases))},
        "taken": {"by the carrier": sum(len(case.taken) for case in run.cases)},
        "receipts given up": {"by the carrier": sum(map(_given_up, run.cases))},
        "signals": {"different": len(set(signals)), "repeated": len(signals) - len(set(signals))},
    }


def _given_up(case: Case) -> int:
    """How many true receipts the carrier got no good answer to: the store cannot be asked about those."""
    return sum(not acknowledged(receipt) for receipt in genuine(case))


def evidence(case: Case) -> dict[str, Any]:
    """One text, as each side knows it."""
    return {
        "message_id": case.message_id,
        "scenario": case.scenario,
        "told": case.told,
        "in_doubt": in_doubt(case),
        "stored": case.stored,
        "row": case.row and vars(case.row),
        "carrier": list(case.taken),
        "signals": [change.as_json() for change in case.changes],
    }


def show(run: Run, console: Console) -> None:
    """The table, and under it the texts that something is wrong with."""
    found = findings(run)
    table = Table(
        title=f"{len(run.told)} of {run.asked} texts, seed {run.seed}, {run.seconds:.0f} s", show_header=False
    )
    for verdict, count in verdicts(found).items():
        table.add_row(verdict, f"[{'red' if count else 'green'}]{count}[/]", VERDICTS[verdict])
    table.add_section()
    for name, counts in _counts(run).items():
        listed = ", ".join(f"{key} {count}" for key, count in sorted(counts.items(), key=lambda pair: -pair[1]))
        table.add_row(name.replace("_", " "), str(sum(counts.values())), listed)
    table.add_row("set aside", str(run.aside), "changes that the stream's reader could not publish, kept as pointers")
    table.add_row("at rest", "yes" if run.quiet else "no", "whether nothing was under way any more")
    console.print(table)
    _show_findings(run, found, console)


def _show_findings(run: Run, found: Sequence[Finding], console: Console) -> None:
    by_id = {case.message_id: case for case in run.cases}
    for message_id in list(dict.fromkeys(finding.message_id for finding in found))[:SHOWN]:
        case = by_id[message_id]
        console.print(f"\n[bold]{message_id}[/] ({case.scenario}, told {case.told}, taken {len(case.taken)} times)")
        for finding in found:
            if finding.message_id == message_id:
                console.print(f"  [red]{finding.verdict}[/]: {finding.why}")
        for entry in case.stored["history"] if case.stored else ():
            console.print("  " + " ".join(str(entry[name]) for name in entry if entry[name] is not None))
