"""Kills Lambda processes at random, as a failing host would: SIGKILL, in the middle of whatever they do.

Only processes that have worked already are killed. AWS replaces one that dies while it starts, and nobody notices; the local
cloud then ends every other process of the function, too, and those that take their place die in the same way. And while
several are starting nobody is killed: a start takes a core a second or more, and work must go on that can be interrupted.
"""

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

PAUSE = (0.5, 1.5)  # seconds between two kills
YOUTH = (
    1.0  # seconds that a process is spared at least: before it runs its own program, it has its parent's connections
)
STARTING = 1  # processes that may be starting when another is killed
SURELY = 30.0  # seconds until a process has worked, where the system does not say
PROC = Path("/proc")


class Killer:
    """Kills until the block or the time is over (time.monotonic); `counts` says how often it killed which function's process."""

    def __init__(self, cloud_pid: int, seed: int, until: float) -> None:
        self._cloud, self._until = cloud_pid, until
        self._seen: dict[int, float] = {}
        self._chance = random.Random(seed)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(self._chance.uniform(*PAUSE)) and time.monotonic() < self._until:
            if grown := self._grown():
                victim = self._chance.choice(grown)
                name = _function(victim)
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    self.counts[name] += 1

    def _grown(self) -> list[int]:
        now = time.monotonic()
        self._seen = {pid: self._seen.get(pid, now) for pid in children(self._cloud)}
        grown = sorted(pid for pid, seen in self._seen.items() if _has_worked(pid, now - seen))
        return grown if len(self._seen) - len(grown) <= STARTING else []


def children(pid: int) -> Iterator[int]:
    """The living processes that a process has started: of the local cloud, these are its Lambdas."""
    if not PROC.joinpath("self", "stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
        for line in listed.stdout.splitlines():
            child, parent, state = line.split()[:3]
            if int(parent) == pid and state[0] != "Z":
                yield int(child)
        return
    for file in PROC.glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            state, parent = file.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                yield int(file.parent.name)


def _has_worked(pid: int, age: float) -> bool:
    """Whether it has a connection to anybody: no function makes one while it starts, each does when it works."""
    if not PROC.joinpath("self", "fd").exists():
        return age > SURELY
    try:
        open_files = [str(file.readlink()) for file in PROC.joinpath(str(pid), "fd").iterdir()]
        return age > YOUTH and any(name.startswith("socket:") for name in open_files)
    except OSError:
        return False


def _function(pid: int) -> str:
    """The function that a process runs, where the system says so."""
    with suppress(OSError):
        for variable in PROC.joinpath(str(pid), "environ").read_bytes().split(b"\0"):
            name, _, value = variable.decode(errors="replace").partition("=")
            if name == "AWS_LAMBDA_FUNCTION_NAME":
                return value
    return "a Lambda"
