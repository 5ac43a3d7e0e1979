"""The figures as a table for the terminal, as JSON, and as a page of the documentation."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from rich.table import Table

from bench.figures import Figure

ROOT = Path(__file__).parent.parent
RESULTS, PAGE = ROOT / "bench" / "results.json", ROOT / "docs" / "performance.md"
TITLES = {
    "package": "The package",
    "floor": "Against the floor: a bare Chalice application that makes the same requests",
    "peers": "Against what a user would pick instead",
    "pipeline": "The pipeline",
    "requests": "Requests",
    "growth": "Growth: what a request costs must not hang on what is stored",
    "keys": "Hot keys, at 10,000 messages a second",
    "cost": "Cost",
}
INTRODUCTION = """\
# Performance

What `make bench` measured, on {date}, on {processors} processors with Python {python}, in {seconds} seconds. Run it yourself: it
needs Python and `make`; what else it needs, on Debian and Ubuntu, it installs: a Java, and valgrind.

- A ratio is one of medians of runs that were made in turn (A B A B …), since absolute times on a shared machine mean little; in
  brackets the least and the most of the runs.
- A ratio of times whose spread reaches across 1 may be turned round by another run on a busy machine. The closest is Powertools,
  warm: the last seven runs gave 1.04 to 1.08. Instructions are the same in every run.
- **Bold** figures have a budget; a figure that breaks its budget fails the command, and is marked here.
- What is compared with what, and how, is in the sources: each part of `bench/` is one file.
"""


def broken(figures: Iterable[Figure], *, judge_times: bool) -> list[Figure]:
    """The figures whose budget is broken; those of time only where times are judged."""
    return [figure for figure in figures if not figure.kept and (figure.judged or judge_times)]


def table(figures: Sequence[Figure]) -> Table:
    """All figures, for the terminal."""
    made = Table("what", "measured", "least – most", "budget", "", box=None, pad_edge=False)
    for section in _sections(figures):
        made.add_row(f"[bold]{TITLES.get(section, section)}[/bold]", "", "", "", "")
        for figure in (one for one in figures if one.section == section):
            mark = "" if figure.budget is None else "✓" if figure.kept else "✗"
            made.add_row(f"  {figure.name}", _value(figure), _spread(figure), _budget(figure), mark)
    return made


def write(figures: Sequence[Figure], seconds: int) -> None:
    """Write the results and the page."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    about = {"at": now, "seconds": seconds, "processors": os.cpu_count(), "python": platform.python_version()}
    RESULTS.write_text(json.dumps({**about, "figures": [asdict(figure) for figure in figures]}, indent=1) + "\n")
    head = INTRODUCTION.format(date=now[:10], processors=about["processors"], python=about["python"], seconds=seconds)
    PAGE.write_text("\n".join([head, *(_section(section, figures) for section in _sections(figures))]))


def _section(section: str, figures: Sequence[Figure]) -> str:
    rows = ["| | measured | least – most | budget |", "|---|---|---|---|"]
    notes = []
    for figure in (one for one in figures if one.section == section):
        value = _value(figure) if figure.budget is None else f"**{_value(figure)}**{'' if figure.kept else ' (broken)'}"
        rows.append(f"| {figure.name} | {value} | {_spread(figure)} | {_budget(figure)} |")
        if figure.note:
            notes.append(f"- {figure.name}: {figure.note}")
    return "\n".join(
        [f"## {TITLES.get(section, section)}", "", *rows, "", *dict.fromkeys(notes), *([""] if notes else [])]
    )


def _sections(figures: Iterable[Figure]) -> list[str]:
    return list(dict.fromkeys(figure.section for figure in figures))


def _value(figure: Figure) -> str:
    return f"{_number(figure.value)} {figure.unit}".strip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def _spread(figure: Figure) -> str:
    return "" if figure.least is None or figure.most is None else f"{_number(figure.least)} – {_number(figure.most)}"


def _budget(figure: Figure) -> str:
    if figure.budget is None:
        return ""
    return f"{'at least' if figure.at_least else 'at most'} {_number(figure.budget)} {figure.unit}"
