"""Where things are."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Everything that is built. It may be deleted at any time.
OUT = ROOT / "out"
