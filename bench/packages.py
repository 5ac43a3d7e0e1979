"""The unpacked Lambda packages of everything that is measured, made below out/bench.

smsignal's is what `make package` makes. The others' are their file and what it needs of the packages that are installed here, as
`pip install --target` would lay it down. Their own tools ship no bytecode; smsignal does, so each is made in both forms.
"""

from __future__ import annotations

import compileall
import os
import shutil
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from bench.runtime import Package
from bench.stage import STAGE
from infra.bytecode import add_bytecode
from infra.package import package
from infra.paths import OUT, ROOT
from localdev.processes import alone

FOLDER = OUT / "bench"
BENCH = ROOT / "bench"
RECEIPT = BENCH / "peers" / "receipt.py"


#: What each peer needs, besides boto3.
PEERS = {
    "powertools": ("aws-lambda-powertools",),
    "fastapi": ("fastapi", "mangum"),
    "django": ("django", "apig-wsgi"),
}


def runtime() -> Path:
    """AWS's runtime client, which Lambda has outside of the package, compiled as Lambda's is."""
    folder = FOLDER / "runtime"
    _lay_down(folder, "awslambdaric")
    compileall.compile_dir(folder, quiet=2)
    return folder


@lru_cache(maxsize=1)
def archive() -> Path:
    """What `make package` makes, made once."""
    with alone(OUT):  # where every build of a stage is made
        return package(STAGE, FOLDER / "package").archive


def smsignal() -> Package:
    """The same, unpacked."""
    folder = _emptied("smsignal")
    with zipfile.ZipFile(archive()) as made:
        made.extractall(folder)
    return Package(folder, "app.app", runtime())


def floor(name: str) -> Package:
    """A bare Chalice app: `send` or `callback`. Its files of Chalice are those that Chalice puts into smsignal's package."""
    folder = _emptied(f"floor-{name}")
    _lay_down(folder, "boto3", *(("requests",) if name == "send" else ()))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(FOLDER / "smsignal" / "chalice", folder / "chalice", ignore=ignored)
    sources = [BENCH / "floor" / f"{name}_app.py", *((RECEIPT,) if name == "callback" else ())]
    return _with(folder, sources, f"{name}_app.app")


def peer(name: str) -> Package:
    """What a user would pick instead."""
    folder = _emptied(name)
    _lay_down(folder, "boto3", *PEERS[name])
    return _with(folder, [BENCH / "peers" / name / f"{name}_app.py", RECEIPT], f"{name}_app.handler")


def compiled(made: Package) -> Package:
    """The same with bytecode, made as smsignal's is."""
    folder = _emptied(f"{made.folder.name}-compiled")
    shutil.copytree(made.folder, folder, copy_function=_copy, dirs_exist_ok=True)
    add_bytecode(folder)
    return Package(folder, made.handler, made.runtime)


def closure(*names: str) -> list[str]:
    """Installed packages and all that they need, by their canonical names, in order."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = _canonical(left.pop())
        if name not in found:
            found.add(name)
            left += _needs(name)
    return sorted(found)


def _needs(name: str) -> Iterator[str]:
    for line in metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _emptied(name: str) -> Path:
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _lay_down(folder: Path, *names: str) -> None:
    """The files of installed packages and of what they need."""
    for name in closure(*names):
        distribution = metadata.distribution(name)
        for file in distribution.files or ():
            if ".." in file.parts or file.suffix == ".pyc":  # scripts, and bytecode
                continue
            target = folder / file
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                _copy(Path(str(distribution.locate_file(file))), target)


def _copy(source: Path | str, target: Path | str) -> None:
    """A second name for the same file, which is faster than a copy, where the file system lets it be so."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _with(folder: Path, sources: list[Path], handler: str) -> Package:
    for source in sources:
        shutil.copyfile(source, folder / source.name)
    return Package(folder, handler, FOLDER / "runtime")
