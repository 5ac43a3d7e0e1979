"""Processes in the background: started detached, found again by a later command, ended with all that they started.

Each has a pid file that it keeps locked for as long as it lives. So a file that a crash or a reboot left behind is told from
one that counts, without trusting a number that may by now be somebody else's.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from localdev.signals import undisturbed
from localdev.waiting import wait_for

ROOT = Path(__file__).parent.parent
LEASH = Path(__file__).with_name("leash.py")

#: What this very process started, by pid file: its own children it has to wait for, too.
_children: dict[Path, "subprocess.Popen[bytes]"] = {}


@dataclass(frozen=True)
class Service:
    """One background process of a stack."""

    name: str
    directory: Path

    @property
    def log(self) -> Path:
        """What it says."""
        return self.directory / f"{self.name}.log"

    @property
    def output(self) -> Path:
        """What it writes to its standard output."""
        return self.directory / f"{self.name}.out"

    @property
    def _pid_file(self) -> Path:
        return self.directory / f"{self.name}.pid"

    def start(self, command: Sequence[str], env: Mapping[str, str], leashed: bool) -> "subprocess.Popen[bytes]":
        """Start it in a session of its own; `leashed` to this process, or free to outlive it."""
        leash = [sys.executable, str(LEASH), str(os.getpid())] if leashed else []
        # Between the start and the note of it a signal would leave a process that nobody knows.
        with (
            undisturbed(),
            self._pid_file.open("w") as pid_file,
            self.log.open("w") as log,
            self.output.open("w") as out,
        ):
            fcntl.flock(pid_file, fcntl.LOCK_EX)
            process = subprocess.Popen(
                [*leash, *command],
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
                pass_fds=[pid_file.fileno()],
            )
            pid_file.write(str(process.pid))
        _children[self._pid_file] = process
        return process

    def pid(self) -> int | None:
        """Its process id, None when it does not run."""
        with suppress(FileNotFoundError), self._pid_file.open() as pid_file:
            try:
                fcntl.flock(pid_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(pid_file.read() or 0) or None  # empty for the moment before it is written
        return None

    def stop(self) -> None:
        """End it and the processes that it started, none of which has anything to save; returns when it is gone."""
        if pid := self.pid():
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            wait_for(lambda: self.pid() is None, 10, f"the end of {self.name} (process {pid})")
        if child := _children.pop(self._pid_file, None):
            child.wait(10)
        self._pid_file.unlink(missing_ok=True)


class NotStarted(Exception):
    """A background process that ended at its start; the text has the end of its log."""

    def __init__(self, service: Service) -> None:
        last = service.log.read_text(errors="replace").splitlines()[-15:]
        super().__init__("\n".join([f"the {service.name} does not start; the end of {service.log}:", *last]))


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """One command at a time changes what runs in a directory; another waits here."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
