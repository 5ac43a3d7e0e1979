"""The life of a worker (workers.py): a duty comes in as a line of JSON, and what came of it goes out as another."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from importlib import import_module


def main() -> None:
    """Do what is told until nobody tells any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it sees to its end
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the product writes to its log is no answer
    for line in sys.stdin:
        duty, given = json.loads(line)
        module, _, name = duty.partition(":")
        try:
            told = [True, getattr(import_module(f"bench.{module}"), name)(**given)]
        except Exception:
            told = [False, traceback.format_exc()]
        answers.write(json.dumps(told) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
