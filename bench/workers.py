"""Processes with smsignal's code in them, each as long-lived as a warm Lambda: they do what they are told, and tell how it went.

What they can do are functions of modules in this folder (loads.py, probes.py), which nobody else imports: they see a stage's
environment, and this process does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from infra.paths import ROOT
from localdev import environment
from localdev.processes import LEASH


class Failed(Exception):
    """A worker could not do what it was told; the text is its traceback."""


class Worker:
    """One such process; it ends with the block that it is used in, and with this process, however that ends."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        leash = [sys.executable, str(LEASH), str(os.getpid())]
        self._process = subprocess.Popen(
            [*leash, sys.executable, "-m", "bench.duties"],
            cwd=ROOT,
            env=environment.isolated() | dict(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, duty: str, **given: Any) -> None:
        """Have it do something, `module:function`, and do not wait for it."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([duty, given]) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """Wait for what came of it. Raises Failed."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise Failed("the process has ended")
        good, result = json.loads(line)
        if not good:
            raise Failed(result)
        return result

    def do(self, duty: str, **given: Any) -> Any:
        """Have it do something, and wait for what came of it. Raises Failed."""
        self.tell(duty, **given)
        return self.hear()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def workers(count: int, variables: Mapping[str, str]) -> Iterator[list[Worker]]:
    """So many of them."""
    with ExitStack() as stack:
        yield [stack.enter_context(Worker(variables)) for _ in range(count)]


def all_do(every: list[Worker], duty: str, **given: Any) -> list[Any]:
    """Have all of them do the same at the same time, and wait for all."""
    for one in every:
        one.tell(duty, **given)
    return [one.hear() for one in every]
