"""Every check of the conformance suite on every backend of the project."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from openviper.storage.testing import CHECKS, Cell, Subject, run_check
from tests.integration.subjects import NAMES


@pytest.mark.parametrize("name", NAMES)
def test_conformance(
    storage_check: str,
    name: str,
    subject_of: Callable[[str], Subject],
    settle_storage_cell: Callable[[Cell], None],
) -> None:
    settle_storage_cell(run_check(CHECKS[storage_check], subject_of(name)))
