"""What was measured, and what follows from it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.roster import Ground, Role
from benchmarks.work import Figures

__all__ = ["Cells", "GroundResult", "Start"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Tell how a process began, in seconds: the import, and the first call with all it opens."""

    imported: float
    first: float


Cells = dict[str, list[Figures]]
"""The rounds of one row, by contender."""


@dataclass(slots=True)
class GroundResult:
    """Hold all rounds of one ground: rows by what was done, figures by contender."""

    ground: Ground
    versions: dict[str, str] = field(default_factory=dict)
    rows: dict[str, Cells] = field(default_factory=dict)
    starts: dict[str, list[Start]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def names(self, role: Role | None = None) -> list[str]:
        """Return the contenders of a role that took part, or all of them."""
        return [
            entry.name
            for entry in self.ground.entries
            if entry.name in self.versions and role in (None, entry.role)
        ]

    def ours(self, row: str) -> str | None:
        """Return the first of ours that did a row."""
        return next((name for name in self.names("ours") if name in self.rows[row]), None)

    def best(self, row: str, role: Role) -> str | None:
        """Return the contender of a role with the highest median rate in a row."""
        cells = self.rows[row]
        names = [name for name in self.names(role) if name in cells]
        return max(names, key=lambda name: median_rate(cells[name]), default=None)

    def ratio(self, row: str, name: str, other: str) -> float:
        """Return the median, over the rounds, of one contender's rate to another's."""
        pairs = zip(self.rows[row][name], self.rows[row][other], strict=True)
        return statistics.median(one.rate / two.rate for one, two in pairs)


def median_rate(rounds: Iterable[Figures]) -> float:
    """Return the median of the rates."""
    return statistics.median(figures.rate for figures in rounds)
