"""Whichever call on files fails: an error of the tree, or done, and nothing half done is seen."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path

import pytest

from openviper.storage.errors import StorageError, UnavailableError
from tests.crash.child import Child, Outcome
from tests.crash.operations import BEFORE, OPERATIONS, leftovers, look, prepare
from tests.crash.tracing import counted, injected

CREATES = {"save", "save-stream", "copy"}
"""What leaves nothing where it is an error; the others may have replaced already."""


@pytest.fixture
async def fresh(tmp_path: Path) -> Callable[[], Path]:
    """Give one folder, each time with what there is before an operation and nothing else."""
    before, root = tmp_path / "before", tmp_path / "root"
    await prepare(before)

    def fresh() -> Path:
        shutil.rmtree(root, ignore_errors=True)
        return shutil.copytree(before, root)

    return fresh


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_any_call_may_fail(operation: str, fresh: Callable[[], Path], tmp_path: Path) -> None:
    with Child(fresh()) as child:
        with counted(child.thread, tmp_path / "log") as calls:
            child.do(operation)
        del calls["close"]  # strace would leave open what is to be closed
        opened = child.open_files()
        errors = 0
        for call, times in calls.items():
            for when in range(1, times + 1):
                root = fresh()
                with injected(child.thread, call, "error=EIO", when=when):
                    outcome = child.do(operation)
                what = f"{call} {when} of {times} failed in {operation}"
                errors += await check(operation, outcome, root, what)
                assert child.open_files() == opened, f"{what}: descriptors were left open"
    assert errors > 5


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_any_number_of_descriptors(operation: str, fresh: Callable[[], Path]) -> None:
    with Child(fresh()) as child:
        opened = child.open_files()
        free, failed = 0, True
        while failed:
            root = fresh()
            outcome = do_with_descriptors(child, free, operation)
            what = f"{free} descriptors were free for {operation}"
            assert child.open_files() == opened, f"{what}: some were left open"
            failed = await check(operation, outcome, root, what)
            assert not failed or isinstance(outcome.error, UnavailableError), what
            free += 1
    assert free > 2


async def check(operation: str, outcome: Outcome, root: Path, what: str) -> bool:
    """Tell whether an operation ended with an error; fail where it or what is there is wrong."""
    found, after = await look(root), OPERATIONS[operation].after
    if outcome.error is None:
        assert found == after, f"{what}, nothing was said, and it was not done: {found}"
        # Of a file that has its name by now, the other one may be left where removing it failed.
        assert len(leftovers(root)) <= (operation in CREATES), what
        return False
    assert isinstance(outcome.error, StorageError), f"{what}: {outcome.error!r}"
    assert outcome.code is not None, f"{what}: the cause is not said: {outcome.error!r}"
    allowed = [BEFORE] if operation in CREATES else [BEFORE, after]
    assert found in allowed, f"{what}, which was an error, and left: {found}"
    assert leftovers(root) == [], f"{what}: temporary files stay"
    return True


def do_with_descriptors(child: Child, free: int, operation: str) -> Outcome:
    """Do an operation in a process that may open so many more files at a time."""
    used = {fd for fd, _ in child.open_files()}
    first_refused = next(islice((fd for fd in count() if fd not in used), free, None))
    soft, hard = resource.prlimit(child.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (first_refused, hard))
    outcome = child.do(operation)
    resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (soft, hard))
    return outcome
