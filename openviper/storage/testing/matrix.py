"""Put every check and every backend into one table, with a verdict for each backend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from openviper.storage.testing.registry import CHECKS, Level
from openviper.storage.testing.runner import MEANINGS, Cell, Word

__all__ = ["Column", "Matrix", "Remark", "Row", "matrix_of"]

UNDECLARED: tuple[Word, ...] = ("cap-", "n/a")
"""Words for what a storage does not have to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Say what a check shows."""

    check: str
    level: Level
    fact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Hold what one backend showed of each check of the table."""

    subject: str
    server: str
    rows: tuple[Row, ...]
    cells: Mapping[str, Cell]

    def word(self, check: str) -> Word:
        """Return the word for a check: `not run` where it has no cell."""
        return self.cells[check].word if check in self.cells else "not run"

    @property
    def passed(self) -> int:
        """Count the MUST checks that passed."""
        return self._musts["ok"]

    @property
    def run(self) -> int:
        """Count the MUST checks that passed or failed."""
        return self._musts["ok"] + self._musts["FAIL"] + self._musts["XPASS"]

    @property
    def declared(self) -> int:
        """Count the MUST checks but those of capabilities and things that there are not."""
        return sum(count for word, count in self._musts.items() if word not in UNDECLARED)

    @property
    def conforming(self) -> bool:
        """Tell whether every MUST check that was declared ran and passed."""
        return self.passed == self.declared > 0

    @property
    def verdict(self) -> str:
        """Return `CONFORMING`, or `NOT` with the number of each word that stands against it."""
        if self.conforming:
            return "CONFORMING"
        against = [
            f"{count} {word}"
            for word in MEANINGS
            if word not in ("ok", *UNDECLARED) and (count := self._musts[word])
        ]
        return f"NOT ({', '.join(against)})"

    @property
    def _musts(self) -> Counter[Word]:
        return Counter(self.word(row.check) for row in self.rows if row.level == "MUST")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Say why checks ended with another word than `ok`, on some backends."""

    word: Word
    reason: str
    checks: tuple[str, ...]
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Hold the table: all checks that are registered or were run, by backend."""

    rows: tuple[Row, ...]
    columns: tuple[Column, ...]

    @property
    def remarks(self) -> list[Remark]:
        """Return the reasons in the table, the worst first, each one once."""
        checks: dict[tuple[Word, str, str], list[str]] = {}
        for column in self.columns:
            for name, cell in sorted(column.cells.items()):
                if cell.word != "ok":
                    key = (cell.word, cell.reason, column.subject)
                    checks.setdefault(key, []).append(name)
        subjects: dict[tuple[Word, str, tuple[str, ...]], list[str]] = {}
        for (word, reason, subject), names in checks.items():
            subjects.setdefault((word, reason, tuple(names)), []).append(subject)
        remarks = [
            Remark(word=word, reason=reason, checks=names, subjects=tuple(own))
            for (word, reason, names), own in subjects.items()
        ]
        return sorted(remarks, key=lambda remark: list(MEANINGS).index(remark.word))


def matrix_of(cells: Iterable[Cell]) -> Matrix:
    """Return the table of these cells; the last of a check and a backend counts."""
    rows = {
        check.id: Row(check=check.id, level=check.level, fact=check.summary)
        for check in CHECKS.values()
    }
    subjects: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        subjects.setdefault(cell.subject, {})[cell.check] = cell
        # One that was registered in another process is not in CHECKS here.
        rows.setdefault(cell.check, Row(check=cell.check, level=cell.level, fact=cell.fact))
    ordered = tuple(row for _, row in sorted(rows.items()))
    columns = (
        Column(subject=subject, server=next(iter(own.values())).server, rows=ordered, cells=own)
        for subject, own in sorted(subjects.items())
    )
    return Matrix(rows=ordered, columns=tuple(columns))
