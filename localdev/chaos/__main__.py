"""The chaos run as a command: `python -m localdev.chaos --help`."""

import argparse
import json
import random
import sys
from pathlib import Path

from localdev import environment, signals, terminal


def main() -> int:
    """Run once; 1 when anything is wrong with a text."""
    options = _parser().parse_args()
    signals.exit_cleanly()
    environment.isolate()
    from localdev.chaos import report, storm  # only now: what it imports reads the environment

    console = terminal.console()
    console.print(f"chaos: {options.texts} texts, seed {options.seed}, at most {options.minutes:g} minutes")
    try:
        run = storm.run(options.texts, options.seed, options.minutes, console)
    except KeyboardInterrupt:
        return 130
    report.show(run, console)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report.as_json(run), indent=1, default=str) + "\n")
    console.print(f"\nall of it: {options.out}")
    return 1 if report.findings(run) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localdev.chaos", description=__doc__)
    parser.add_argument("--texts", type=int, default=1000, help="how many are sent, default 1000")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="what happens; default: any")
    parser.add_argument("--minutes", type=float, default=8.0, help="the most that it takes, default 8")
    parser.add_argument("--out", type=Path, default=Path(".local/chaos.json"), help="default .local/chaos.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
