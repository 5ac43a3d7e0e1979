"""A figure that was measured, and the budget that it must keep, if it has one."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured, its median (or the exact number), and how far the runs were apart."""

    section: str  #: `floor`, `peers`, `requests`, `pipeline`, `growth`, `keys`, `cost`, `package`
    name: str  #: what was measured, in words
    value: float
    unit: str  #: `×` for a ratio, `ms`, `requests`, `bytes`, `units`, `/s`, `%`, `$`, ...
    least: float | None = None
    most: float | None = None
    budget: float | None = None
    at_least: bool = False  #: the budget is a lower bound
    judged: bool = True  #: an exact figure is always judged; one of time only where times are (not in a quick run)
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether the budget is kept; True where there is none."""
        if self.budget is None:
            return True
        return self.value >= self.budget if self.at_least else self.value <= self.budget


def of_runs(section: str, name: str, unit: str, runs: Sequence[float], **more: object) -> Figure:
    """The figure of several runs: their median, the least and the most."""
    return Figure(section, name, statistics.median(runs), unit, min(runs), max(runs), **more)  # type: ignore[arg-type]
