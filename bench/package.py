"""The deployment package: how many bytes Lambda has to hold, and to fetch."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench import packages
from bench.figures import Figure
from infra.package import unpacked_size

BUDGET = 30.0  # MB
MB = 1e6
LARGEST = 3


def measure(quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """Its sizes."""
    archive = packages.archive()
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
