"""Print the conformance matrix in the end, also of what ran in several processes."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # Not at the top: this file is read before anything is measured.
    from openviper.storage.testing import Cell, render_matrix

    cells: dict[tuple[str, str], Cell] = {}
    servers: dict[str, str] = {}
    for report in [r for kind in terminalreporter.stats.values() for r in kind]:
        for key, value in getattr(report, "user_properties", ()):
            if key == "cell":
                found = dict(value)
                servers[found["subject"]] = found.pop("server")
                cells[found["check"], found["subject"]] = Cell(**found)
    if cells:
        terminalreporter.section("conformance")
        terminalreporter.write_line(render_matrix(cells.values(), servers=servers))
