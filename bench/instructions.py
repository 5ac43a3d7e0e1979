"""How many instructions a function's process executes: counted by valgrind, so that two runs give the same number on any machine.

https://valgrind.org/docs/manual/cl-manual.html - the system's own work, such as reading files, is not in it; CPU times have that.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.events import Event
from bench.runtime import Function, Package

WARM = 10  #: invocations before it counts: caches fill, connections are made
COUNTED = 40
AT_ONCE = 2  #: processes; the numbers do not depend on it


@dataclass(frozen=True)
class Counted:
    """Instructions until the first answer, and for an invocation of a warm function."""

    cold: int | None  #: None when it was not counted
    warm: float


def available() -> bool:
    """Whether this machine can count them."""
    return all(map(shutil.which, ("valgrind", "callgrind_control")))


def count(
    jobs: Sequence[tuple[Package, Sequence[Event]]], variables: Mapping[str, str], *, cold: bool = True
) -> list[Counted]:
    """Count for each package, given WARM + COUNTED events; cold starts take long, so they may be left out."""
    counted = []
    with TemporaryDirectory(prefix="smsignal-bench-") as folder:
        for start in range(0, len(jobs), AT_ONCE):
            some = [
                _Run(package, given, variables, Path(folder), cold) for package, given in jobs[start : start + AT_ONCE]
            ]
            try:
                counted += _counted(some)
            finally:
                for run in some:
                    run.function.stop()
    return counted


class _Run:
    """A function under callgrind."""

    def __init__(
        self, package: Package, given: Sequence[Event], variables: Mapping[str, str], folder: Path, cold: bool
    ) -> None:
        self.given, self.cold = given, cold
        self._file = folder / f"{id(self)}.out"
        tool = [shutil.which("valgrind") or "valgrind", "--tool=callgrind", f"--callgrind-out-file={self._file}"]
        self.function = Function(package, variables, [*tool, f"--instr-atstart={'yes' if cold else 'no'}"])
        self._dumps = 0

    def begin(self) -> None:
        """Count from now on, if it was not counted before."""
        if not self.cold:
            self._control("-i", "on")

    def count(self) -> int:
        """What was executed since the last count."""
        self._control("-d")
        self._dumps += 1
        text = self._file.with_name(f"{self._file.name}.{self._dumps}").read_text()
        found = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
        return int(found[1]) if found else 0

    def _control(self, *options: str) -> None:
        command = ["callgrind_control", *options, str(self.function.pid)]
        subprocess.run(command, capture_output=True, check=True, timeout=120)


def _counted(runs: Sequence[_Run]) -> list[Counted]:
    _all_answer(runs, 0, 1)
    cold = [run.count() if run.cold else None for run in runs]
    _all_answer(runs, 1, WARM)
    for run in runs:
        run.begin()
        run.count()
    _all_answer(runs, WARM, WARM + COUNTED)
    return [Counted(first, run.count() / COUNTED) for run, first in zip(runs, cold, strict=True)]


def _all_answer(runs: Sequence[_Run], start: int, end: int) -> None:
    """Each is given its events, all of them at the same time."""
    for place in range(start, end):
        for run in runs:
            run.function.ask(run.given[place])
        for run in runs:
            run.function.answer()
