"""A Lambda function as Lambda runs it: AWS's own runtime client (`awslambdaric`) in a process of its own, given its events by a
small host on 127.0.0.1 that speaks the runtime API.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
The package is read-only to the function, as /var/task is: no bytecode is written beside it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.serving import Handler, Server
from localdev import environment

PATIENCE = 600.0  #: seconds for one answer; under valgrind a cold start takes a minute
#: The interpreter itself, not the one of .venv, whose packages a Lambda does not have.
PYTHON = str(Path(sys.executable).resolve())
JSON = {"Content-Type": "application/json"}


class Failed(Exception):
    """The function ended, or answered with an error; the text has the end of its log."""


@dataclass(frozen=True)
class Answer:
    """What a function answered to one event."""

    body: dict[str, Any]
    at: float  #: when it arrived, by time.perf_counter
    cpu: float  #: the seconds of CPU, user's and system's, that the process has used until then


@dataclass(frozen=True)
class Package:
    """An unpacked deployment package."""

    folder: Path
    handler: str
    #: Where the runtime client lies: Lambda has it outside of the package.
    runtime: Path


class Function:
    """A Lambda function's process; it lives until `stop`, and should this process die, until it asks for its next event.

    `tool` is a command that runs it, such as valgrind.
    """

    def __init__(self, package: Package, variables: Mapping[str, str], tool: Sequence[str] = ()) -> None:
        self._events: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[bool, bytes, float, float]] = queue.SimpleQueue()
        self._server = Server(_handler_of(self))
        self._server.start()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - `stop` closes it
        command = [*tool, PYTHON, "-S", "-m", "awslambdaric", package.handler]
        self.started_at = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=package.folder,
            env=self._environment(package) | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    @property
    def pid(self) -> int:
        """The process; a tool becomes it."""
        return self._process.pid

    def invoke(self, event: Mapping[str, Any]) -> Answer:
        """Give it an event and wait for what it answers. Raises Failed."""
        self.ask(event)
        return self.answer()

    def ask(self, event: Mapping[str, Any]) -> None:
        """Give it an event."""
        self._events.put(json.dumps(event).encode())

    def answer(self) -> Answer:
        """Wait for what it answers to the next event. Raises Failed."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                good, body, at, cpu = self._answers.get(timeout=1.0)
                break
            except queue.Empty:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise Failed(f"no answer:\n{self.log()}") from None
        if not good:
            raise Failed(f"{body.decode(errors='replace')}\n{self.log()}")
        return Answer(json.loads(body), at, cpu)

    def log(self) -> str:
        """The end of what it wrote."""
        self._log.seek(0)
        return self._log.read()[-3000:].decode(errors="replace")

    def most_memory(self) -> int:
        """The most memory that it ever held, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def stop(self) -> None:
        """End it and its host; it has nothing to save. Under valgrind SIGTERM lets it write what it counted."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._server.stop()
        self._log.close()

    def __enter__(self) -> Function:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _environment(self, package: Package) -> dict[str, str]:
        return environment.isolated() | {
            "AWS_LAMBDA_RUNTIME_API": self._server.address,
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
            "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
            "AWS_REGION": environment.REGION,
            "LAMBDA_TASK_ROOT": str(package.folder),
            "LAMBDA_RUNTIME_DIR": str(package.runtime),
            "_HANDLER": package.handler,
            "PYTHONPATH": os.pathsep.join((str(package.folder), str(package.runtime))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",  # else two runs do not take the same number of instructions
            "TZ": ":UTC",
        }


def cpu_of(pid: int) -> float:
    """The seconds of CPU that a process has used, exact to the nanosecond (clock_getcpuclockid(3) on Linux)."""
    return time.clock_gettime((~pid << 3) | 2)


def _handler_of(function: Function) -> type[Handler]:
    """The runtime API for one function: it asks for its next event, and it answers."""

    class Host(Handler):
        def do_GET(self) -> None:
            """The next event, when there is one."""
            event = function._events.get()
            self.reply(200, event, JSON | {
                "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 29) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:bench",
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            })  # fmt: skip

        def do_POST(self) -> None:
            """An answer, or the word that something went wrong."""
            at, cpu = time.perf_counter(), cpu_of(function.pid)
            body = self.body()
            self.reply(202, b'{"status":"OK"}', JSON)
            function._answers.put((self.path.endswith("/response"), body, at, cpu))

    return Host
