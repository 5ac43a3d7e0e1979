"""Chalice's command line, run in a build directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.errors import Stopped

MAIN = "import sys; from chalice.cli import main; sys.exit(main())"


def chalice(project: Path, *arguments: str, environment: Mapping[str, str], show: Callable[[str], None]) -> None:
    """Run `chalice <arguments>`; `show` gets each line that it prints. Raises Stopped when it fails."""
    # Chalice imports the application before it packs it, and would pack the bytecode that the import left behind.
    variables = {**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": "1"}
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=project,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            said.append(line.rstrip())
            show(said[-1])
    if process.returncode:
        reason = next((line for line in reversed(said) if line), "it said nothing")
        raise Stopped(f"chalice {arguments[0]} failed: {reason}")
