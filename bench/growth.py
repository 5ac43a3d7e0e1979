"""Growth: what a send, a receipt, a list page and a sweep take must not hang on how much is stored.

The same things are done in a store of a thousand, of a hundred thousand and of a million texts, and counted: requests, bytes, and
DynamoDB's capacity units. The counts are exact, so they are judged even in a quick run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.figures import Figure
from bench.filling import Filling, fill
from bench.outside import outside
from bench.stage import STAGE, table, tables_at
from bench.workers import Worker
from infra.stage import read_stage
from localdev import dynamodb_local
from localdev.tables import create_tables

SIZES, QUICK_SIZES = (1_000, 100_000, 1_000_000), (1_000, 5_000)
BYTES = 4_000  # of disk that a stored text takes, indexes included
SLACK = 1.05  # ids, times and counters do not always have the same number of digits
RECIPIENT = "+33699999999"
TABLE = table("messages")

COUNTS = {"requests": "requests", "bytes": "bytes", "units written": "units", "units read": "units"}
Taken = Mapping[str, Mapping[str, Any]]  #: by what was done


def measure(quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """What each thing takes at the largest size, and at most; its budget is what it takes at the smallest."""
    wanted = QUICK_SIZES if quick else SIZES
    with TemporaryDirectory(prefix="smsignal-bench-") as folder, outside() as url:
        sizes = fitting(wanted, shutil.disk_usage(folder).free)
        taken = _at_all_sizes(Path(folder), url, sizes, say)
    return figures(sizes, taken, _note(sizes, wanted))


def fitting(sizes: Sequence[int], free: int) -> list[int]:
    """Those of the sizes for which the disk has room."""
    return [size for size in sizes if size * BYTES < free]


def figures(sizes: Sequence[int], taken: Sequence[Taken], note: str) -> list[Figure]:
    """A line for each thing and each of its counts that is not always nothing."""
    made = []
    for name in taken[0]:
        for what, unit in COUNTS.items():
            counts = [one[name][what] for one in taken]
            if any(counts):
                budget = counts[0] * (1 if what == "requests" else SLACK)
                spread = min(counts), max(counts)
                made.append(Figure("growth", f"{name}: {what}", counts[-1], unit, *spread, budget=budget))
    return [replace(made[0], note=note), *made[1:]]


def _note(sizes: Sequence[int], wanted: Sequence[int]) -> str:
    all_of_them = ", ".join(f"{size:,}" for size in sizes)
    note = (
        f"and the rest of this table with {sizes[-1]:,} texts stored, all on one day; least and most of {all_of_them}"
    )
    note += f"; the budget is what it takes with {sizes[0]:,}, and 5 % for numbers that grow a digit"
    lacking = [size for size in wanted if size not in sizes]
    return note + (f"; not with {lacking[0]:,}, for which the disk is too small" if lacking else "")


def _at_all_sizes(folder: Path, outside_url: str, sizes: Sequence[int], say: Callable[[str], None]) -> list[Taken]:
    now = datetime.now(timezone.utc)
    day = f"{now - timedelta(days=1):%Y-%m-%d}"
    variables = read_stage(STAGE).environment | {"AWS_ENDPOINT_URL_SSM": outside_url}
    with dynamodb_local.running(folder) as url:
        create_tables(tables_at(url), STAGE)
        templates = _probe(url, variables, "templates")
    due_at = f"{now + timedelta(days=2):%Y-%m-%d}T00:00:00.000Z"
    filling = Filling(TABLE, day, RECIPIENT, due_at, templates)
    taken, stored = [], 0
    for size in sizes:
        fill(folder, filling, stored, size - stored)
        stored = size
        with dynamodb_local.running(folder) as url:
            counted = tables_at(url).describe_table(TableName=TABLE)["Table"]["ItemCount"]
            say(f"{counted:,} texts are stored")
            if counted < size:
                raise RuntimeError(f"DynamoDB Local sees {counted:,} texts of {size:,}")
            taken.append(_probe(url, variables, "measure", until=f"{day}T23:59:59.999Z", recipient=RECIPIENT))
    return taken


def _probe(url: str, variables: Mapping[str, str], duty: str, **given: str) -> Any:
    with Worker({**variables, "AWS_ENDPOINT_URL_DYNAMODB": url}) as worker:
        return worker.do(f"probes:{duty}", **given)
