"""Tell in one table what of crashes and power cuts was shown on this machine, and what not."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

__all__ = ["write_summary"]

_WORDS = {"passed": "ok", "skipped": "not run", "failed": "FAIL"}
_WORST = ("ok", "not run", "FAIL")
_TEST = re.compile(r"tests/crash/test_(\w+)\.py::test_(\w+)")


def write_summary(terminal: pytest.TerminalReporter, reports: Iterable[pytest.TestReport]) -> None:
    """Write the table, and a loud line where something was not run."""
    shown: dict[str, tuple[str, str]] = {}
    for name, word, reason in filter(None, map(_shown, reports)):
        if name not in shown or _WORST.index(word) > _WORST.index(shown[name][0]):
            shown[name] = word, reason
    if not shown:
        return
    terminal.section("crash and power")
    for name, (word, reason) in sorted(shown.items()):
        terminal.write_line(f"{word:<7}  {name}  {reason}".rstrip())
    if missing := [name for name, (word, _) in shown.items() if word == "not run"]:
        text = f"WARNING: {len(missing)} promises of the filesystem were NOT SHOWN on this machine"
        terminal.write_line(text, red=True, bold=True)


def _shown(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Return what a report is about, the word for its outcome, and why it was not run."""
    test = _TEST.match(report.nodeid)
    if test is None or (report.when != "call" and report.passed):
        return None
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    name = f"{test[1]}.{test[2]}".replace("_", "-")
    return name, _WORDS[report.outcome], reason.removeprefix("Skipped: ")
