"""Give pytest what the conformance suite of `openviper.storage.testing` needs.

pytest loads this by its entry point, whether or not the suite is used: so it imports nothing of
openviper before that is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from openviper.storage.testing import Cell, Profile

__all__ = [
    "pytest_addoption",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_terminal_summary",
    "settle_storage_cell",
    "storage_profile",
]

CELL = "storage-cell"
"""The property of a report that holds a cell of the matrix; reports cross xdist's processes."""

pytest.register_assert_rewrite("openviper.storage.testing")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("openviper-storage", "storage conformance")
    group.addoption(
        "--storage-matrix",
        action="append",
        default=[],
        metavar="FILE",
        help="write every check on every backend to FILE.json, .md, .html or .txt (repeatable)",
    )
    group.addoption(
        "--storage-profile",
        choices=("local", "remote", "long"),
        help="how much is tried, in place of what the classes say; long is everything",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a file for the matrix that has no known suffix, before anything runs."""
    if config.option.storage_matrix:
        from openviper.storage.testing import reports  # noqa: PLC0415 - see above

        try:
            for file in config.option.storage_matrix:
                reports.format_of(file)
        except ValueError as error:
            raise pytest.UsageError(f"--storage-matrix: {error}") from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make an item of each check for what takes one."""
    if "storage_check" in metafunc.fixturenames:
        from openviper.storage.testing import CHECKS  # noqa: PLC0415 - see above

        metafunc.parametrize("storage_check", list(CHECKS))


@pytest.fixture
def storage_profile(pytestconfig: pytest.Config) -> Profile | None:
    """Give the profile that was asked for."""
    profile: Profile | None = pytestconfig.option.storage_profile
    return profile


@pytest.fixture
def settle_storage_cell(
    record_property: Callable[[str, object], None],
) -> Callable[[Cell], None]:
    """Keep a cell for the matrix, and end the test as it says."""

    def settle(cell: Cell) -> None:
        __tracebackhide__ = True
        record_property(CELL, json.dumps(cell.as_record()))
        if cell.breaks:
            raise cell.error or pytest.fail.Exception(f"XPASS: {cell.reason}", pytrace=False)
        if cell.word in ("FAIL", "known"):
            pytest.xfail(f"{cell.word}: {cell.reason}")
        if cell.word != "ok":
            pytest.skip(f"{cell.word}: {cell.reason}")

    return settle


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix, if there is any, and write the files."""
    records = [
        str(value)
        for kind in terminalreporter.stats.values()
        for report in kind
        for name, value in getattr(report, "user_properties", ())
        if name == CELL
    ]
    files = terminalreporter.config.option.storage_matrix
    if not records and not files:
        return
    from openviper.storage.testing import Cell, matrix_of, reports  # noqa: PLC0415 - see above

    matrix = matrix_of(Cell(**json.loads(record)) for record in records)
    terminalreporter.section("storage conformance")
    terminalreporter.write_line(reports.render(matrix, "txt"))
    for file in files:
        reports.write(matrix, file)
        terminalreporter.write_line(f"written to {file}")
