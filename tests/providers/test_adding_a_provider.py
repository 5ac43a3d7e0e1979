"""The example in docs/adding-a-provider.md works as written: two files, nothing else, and every adapter's tests pass for it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the product and of these tests, with the two files of the page added."""
    for folder in ("chalicelib", "tests/providers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    page = (ROOT / "docs" / "adding-a-provider.md").read_text()
    files = re.findall(r"^`(\S+\.py)`:\n\n```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert [path for path, _ in files] == ["chalicelib/providers/acme.py", "tests/providers/test_acme.py"]
    for path, code in files:
        (tmp_path / path).write_text(code)
    return tmp_path


def test_the_example_passes_its_own_tests_and_those_of_every_adapter(checkout: Path) -> None:
    tests = ["tests/providers/test_acme.py", "tests/providers/test_conformance.py"]
    options = [
        "-q",
        "-k",
        "acme",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        "--rootdir",
        str(checkout),
    ]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed
    assert int(passed.group(1)) > 40
