"""The deployment package: how many bytes Lambda has to hold, and to fetch."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Figure
from infra.package import package, unpacked_size
from infra.paths import ROOT
from localdev.processes import alone

STAGE = "dev"
BUDGET = 30.0  # MB
MB = 1e6
LARGEST = 3


def measure(quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """Its sizes."""
    with TemporaryDirectory(prefix="smsignal-bench-") as folder, alone(ROOT / "out"):
        archive = package(STAGE, Path(folder)).archive
        unpacked, packed = unpacked_size(archive) / MB, archive.stat().st_size / MB
        say(f"{unpacked:.1f} MB unpacked")
        return [
            Figure("package", "unpacked", unpacked, "MB", budget=BUDGET, note=f"of which {largest(archive)}"),
            Figure("package", "as it is uploaded", packed, "MB"),
        ]


def largest(archive: Path) -> str:
    """Which parts of it are the largest."""
    sizes: Counter[str] = Counter()
    with zipfile.ZipFile(archive) as made:
        for entry in made.infolist():
            sizes[entry.filename.partition("/")[0]] += entry.file_size
    return ", ".join(f"{name} {size / MB:.1f} MB" for name, size in sizes.most_common(LARGEST))
