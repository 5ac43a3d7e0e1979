"""The bytecode that ships with the code. Without it every new container compiles whatever it imports, which is more than half of
its cold start: /var/task is read-only, so nothing is kept, and Lambda itself compiles nothing when a function is made.

Python takes such a file on trust (PEP 552, unchecked): a zip keeps no exact times to compare. One of another Python is ignored.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import chalice

from infra.errors import Stopped

#: Where Lambda has the package. Else the files would name the folder in which they were made.
TASK_ROOT = "/var/task"
#: What Chalice puts into every package by itself.
OF_CHALICE = ("__init__.py", "app.py")


def add_bytecode(folder: Path, place: str = "") -> None:
    """Compile what is in a folder, which is to be at `place` in the package. Raises Stopped when something cannot be compiled."""
    command = [sys.executable, "-S", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder), "-p", f"{TASK_ROOT}/{place}".rstrip("/"), str(folder)]
    # In one process and without random hashes, so that the same code gives the same bytes.
    done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True)
    if done.returncode:
        raise Stopped(f"what is to ship cannot be compiled: {(done.stdout + done.stderr).strip()}")
    for path in folder.rglob("*.pyc"):
        path.chmod(0o644)


def add_bytecode_of_chalice(vendor: Path) -> None:
    """Put it where it comes to lie beside the two files that Chalice adds."""
    folder = vendor / "chalice"
    folder.mkdir()
    for name in OF_CHALICE:
        shutil.copyfile(Path(chalice.__file__).with_name(name), folder / name)
    add_bytecode(folder, "chalice")
    for name in OF_CHALICE:
        (folder / name).unlink()
