"""Start each server when a test first needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from servers import Server, start


@pytest.fixture(scope="session")
def server() -> Iterator[Callable[[str], Server]]:
    """Give a server by its kind, started once a session."""
    running: dict[str, Server] = {}
    with ExitStack() as stack:

        def get(kind: str) -> Server:
            if kind not in running:
                started = start(kind)
                stack.callback(started.stop)
                running[kind] = started.server
            return running[kind]

        yield get


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from tests.crash.summary import write_summary

    reports = [r for kind in terminalreporter.stats.values() for r in kind]
    write_summary(terminalreporter, [r for r in reports if isinstance(r, pytest.TestReport)])
    found_mutants: dict[str, bool] = {}
    for report in reports:
        for key, value in getattr(report, "user_properties", ()):
            if key == "mutant":
                name, was_found = value
                found_mutants[name] = was_found
    if found_mutants:
        from tests.mutants.table import score

        terminalreporter.section("mutants")
        terminalreporter.write_line(score(found_mutants))
