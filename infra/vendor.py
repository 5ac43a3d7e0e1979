"""What runs in Lambda beside our own code: requirements.txt, installed for any machine, trimmed to what functions need, compiled.

That takes seconds and gives the same files each time, so it is done once for each Python, requirements.txt and list of services.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infra import bytecode, descriptions
from infra.errors import Stopped
from infra.paths import OUT, ROOT

REQUIREMENTS = ROOT / "requirements.txt"
SERVICES = ROOT / "infra" / "aws-services.txt"
#: Pure Python only: one package for every machine that builds and every processor that Lambda has.
PURE = ("--platform", "any", "--implementation", "py", "--abi", "none", "--only-binary", ":all:")
#: Scripts name the interpreter that installed them; the others say how and when it was done.
UNNEEDED = ("bin", "boto3/examples", "*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED")


def vendored() -> Path:
    """The folder with the installed requirements, made when it is not there yet. Raises Stopped."""
    ways = [Path(module).read_bytes() for module in (__file__, bytecode.__file__, descriptions.__file__)]
    inputs = b"".join([REQUIREMENTS.read_bytes(), SERVICES.read_bytes(), *ways, sys.version.encode()])
    folder = OUT / f"vendor-{hashlib.sha256(inputs).hexdigest()[:12]}"
    if not folder.is_dir():
        OUT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=OUT, prefix="installing-") as temporary:
            new = Path(temporary) / "vendor"
            _install(new)
            _trim(new)
            _make_readable(new)
            bytecode.add_bytecode(new)
            if not folder.is_dir():  # another build may have been faster
                new.rename(folder)
    return folder


def services() -> Iterator[str]:
    """The AWS services whose description is kept."""
    for line in SERVICES.read_text().splitlines():
        if name := line.partition("#")[0].strip():
            yield name


def _install(target: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    command = [*pip, "--no-compile", "--target", str(target), *PURE, "-r", str(REQUIREMENTS)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        raise Stopped(
            f"pip cannot install requirements.txt for Lambda: {' '.join(said) or done.stderr.strip()}\n"
            "A package that has no pure-Python wheel goes, built for Lambda, into the folder vendor/ instead."
        )


def _trim(folder: Path) -> None:
    for pattern in UNNEEDED:
        for path in folder.glob(pattern):
            _remove(path)
    kept = set(services())
    for data in (folder / "botocore" / "data", folder / "boto3" / "data"):
        for service in data.iterdir():
            if service.is_dir() and service.name not in kept:
                shutil.rmtree(service)
    descriptions.shorten(folder / "botocore" / "data", kept)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _make_readable(folder: Path) -> None:
    """Lambda reads the files as another user, whatever the umask of the one who built them."""
    for parent, _, names in os.walk(folder):
        for name in names:
            (Path(parent) / name).chmod(0o644)
