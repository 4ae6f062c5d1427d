"""The backends of docs/backends.md, step by step: the whole suite on each."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType

import pytest

from openviper.storage.testing import Cell, StorageConformance
from tests.docs.test_examples import blocks

STEPS = ("TestBox", "TestReadableBox", "TestListedBox", "TestPutBox", "TestVault")


@pytest.mark.parametrize("step", STEPS)
def test_step(step: str, storage_check: str, settle_storage_cell: Callable[[Cell], None]) -> None:
    settle_storage_cell(suite_of(step).run(storage_check))


def test_driver_needs_no_excuse() -> None:
    suite = suite_of("TestVault")
    assert not hasattr(suite, "expected_failures")
    assert not hasattr(suite, "excuses")


@cache
def suite_of(step: str) -> StorageConformance:
    """Return the suite of one step; all steps are of one module."""
    suite: StorageConformance = vars(_page())[step]()
    return suite


@cache
def _page() -> ModuleType:
    """Run the page, but for what it awaits."""
    module = ModuleType("backends_page")
    sys.modules[module.__name__] = module  # for what is pickled
    names = vars(module)
    for code in blocks("docs/backends.md"):
        if not code.co_flags & inspect.CO_COROUTINE:
            exec(code, names)
    return module
