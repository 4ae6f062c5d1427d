"""Describe each backend when a test first needs it, and keep the cells of the matrix."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from openviper.storage.testing import Cell, Subject
from servers import Server
from tests.integration import subjects


@pytest.fixture(scope="session")
def subject_of(server: Callable[[str], Server]) -> Callable[[str], Subject]:
    """Give a backend of the conformance suite by its name, made once a session."""
    made: dict[str, Subject] = {}

    def get(name: str) -> Subject:
        if name not in made:
            made[name] = subjects.subject(name, server)
        return made[name]

    return get


@pytest.fixture
def record_cell(record_property: Callable[[str, object], None]) -> Callable[[Cell, Subject], None]:
    """Keep a cell of the matrix in the test's report, which crosses xdist's processes."""

    def record(cell: Cell, subject: Subject) -> None:
        values = dataclasses.asdict(dataclasses.replace(cell, error=None))
        record_property("cell", {**values, "server": subject.server})

    return record
