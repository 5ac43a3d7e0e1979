"""`make bench`: measure everything, print one table, write bench/results.json and docs/performance.md.

It fails when a budget is broken.

`--quick` does all of it on a small scale in at most 90 seconds, judges no times, and writes nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib import import_module

from rich.console import Console

from bench.figures import Figure
from bench.report import broken, table, write
from localdev.dynamodb_local import Unavailable
from localdev.signals import exit_cleanly

#: What is measured, in this order; each has `measure(quick, say)`.
PARTS = ("package", "lambdas", "encrypted", "pipeline", "growth", "keys", "cost")


def main() -> int:
    """The command line."""
    exit_cleanly()
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="on a small scale; judges no times, writes nothing")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; writes nothing")
    arguments = parser.parse_args()
    console, started = Console(highlight=False, soft_wrap=True), time.monotonic()
    figures: list[Figure] = []
    try:
        for part in arguments.only or PARTS:
            console.print(f"{part} ...", style="bold")
            measure = import_module(f"bench.{part}").measure
            figures += measure(arguments.quick, lambda line: console.print(f"  {line}", style="dim"))
    except Unavailable as reason:
        console.print(f"Stopped: {reason}", style="red")
        return 1
    console.print(table(figures))
    seconds = round(time.monotonic() - started)
    console.print(
        f"{len(figures)} figures in {seconds} s, on {os.cpu_count()} processors, Python {platform.python_version()}"
    )
    failed = broken(figures, judge_times=not arguments.quick)
    for figure in failed:
        console.print(f"Broken: {figure.name}: {figure.value:g} {figure.unit}, budget {figure.budget:g}", style="red")
    if not arguments.quick and not arguments.only:
        write(figures, seconds)
        console.print("Written: bench/results.json, docs/performance.md")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
