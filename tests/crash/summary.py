"""Tell in one table what of crashes and power cuts was shown on this machine, and what not."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from openviper.storage.testing import Cell, render_matrix
from openviper.storage.testing.runner import Word

__all__ = ["write_summary"]

_WORDS: dict[str, Word] = {"passed": "ok", "skipped": "not run", "failed": "FAIL"}
_WORST: tuple[Word, ...] = ("ok", "not run", "FAIL")
_TEST = re.compile(r"tests/crash/test_(\w+)\.py::test_(\w+)")


def write_summary(terminal: pytest.TerminalReporter, reports: Iterable[pytest.TestReport]) -> None:
    """Write the table, and a loud line where something was not run."""
    cells: dict[str, Cell] = {}
    for cell in filter(None, map(_cell, reports)):
        known = cells.setdefault(cell.check, cell)
        if _WORST.index(cell.word) > _WORST.index(known.word):
            cells[cell.check] = cell
    if not cells:
        return
    terminal.section("crash and power")
    terminal.write_line(render_matrix(cells.values()))
    if missing := [cell.check for cell in cells.values() if cell.word == "not run"]:
        text = f"WARNING: {len(missing)} promises of the filesystem were NOT SHOWN on this machine"
        terminal.write_line(text, red=True, bold=True)


def _cell(report: pytest.TestReport) -> Cell | None:
    test = _TEST.match(report.nodeid)
    if test is None or (report.when != "call" and report.passed):
        return None
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    return Cell(
        check=f"{test[1]}.{test[2]}".replace("_", "-"),
        subject="filesystem",
        word=_WORDS[report.outcome],
        reason=reason.removeprefix("Skipped: "),
    )
