"""The build directory: a Chalice project that holds one stage and nothing that should not ship (docs/adr/0001).

`out/<stage>/project/` has app.py, chalicelib/, the requirements as vendor/, and .chalice/ with the stage's configuration and
policies. Everything in it comes from the repository, so it may be deleted at any time.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from infra.bytecode import add_bytecode, add_bytecode_of_chalice
from infra.paths import OUT, ROOT
from infra.policies import Place, rendered_policies
from infra.stage import Stage
from infra.vendor import vendored

#: What never ships: what editors leave behind, and the bytecode of the last run, which names this machine (infra/bytecode.py).
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*~")


def build(stage: Stage, place: Place | None = None, environment: Mapping[str, str] | None = None) -> Path:
    """Make the stage's build directory anew and return it.

    `environment` is added to the functions' variables. Raises Stopped when the requirements cannot be installed.
    """
    project = OUT / stage.name / "project"
    shutil.rmtree(project, ignore_errors=True)
    _copy_code(project)
    _add_requirements(project)
    _configure(project, stage, place or Place(), environment or {})
    return project


def _copy_code(project: Path) -> None:
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=IGNORED)
    shutil.copyfile(ROOT / "app.py", project / "app.py")
    for path in project.rglob("*"):
        if path.is_file():
            path.chmod(0o644)  # Lambda reads them as another user, whatever the umask here
    add_bytecode(project / "chalicelib", "chalicelib")


def _add_requirements(project: Path) -> None:
    vendor = project / "vendor"
    if (ROOT / "vendor").is_dir():  # Chalice's place for what pip cannot install for Lambda; it comes first
        shutil.copytree(ROOT / "vendor", vendor, ignore=IGNORED)
    vendor.mkdir(exist_ok=True)
    for path in vendored().iterdir():
        if not (vendor / path.name).exists():
            (vendor / path.name).symlink_to(path)  # Chalice follows it; copying takes longer than all the rest
    add_bytecode_of_chalice(vendor)
    (project / "requirements.txt").write_text("# Installed already, in vendor/.\n")


def _configure(project: Path, stage: Stage, place: Place, environment: Mapping[str, str]) -> None:
    folder = project / ".chalice"
    folder.mkdir()
    config = json.dumps(stage.rendered(environment), indent=2)
    (folder / "config.json").write_text(config + "\n")
    for name, policy in rendered_policies(stage.name, place):
        (folder / name).write_text(policy)
