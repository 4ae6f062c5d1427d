"""Every check of the conformance suite on every backend of the project."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from openviper.storage.testing import CHECKS, Cell, Subject, run_check
from tests.integration.subjects import NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", CHECKS)
def test_conformance(
    check: str,
    name: str,
    subject_of: Callable[[str], Subject],
    record_cell: Callable[[Cell, Subject], None],
) -> None:
    subject = subject_of(name)
    cell = run_check(CHECKS[check], subject)
    record_cell(cell, subject)
    if cell.error is not None:
        raise cell.error
    if cell.word in ("excused", "cap-", "n/a"):
        pytest.skip(f"{cell.word}: {cell.reason}")
