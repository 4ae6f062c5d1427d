"""A process that is killed before any call on files leaves the old or the new, whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from openviper.storage import FileSystemStorage
from tests.crash.child import Child
from tests.crash.operations import BEFORE, CHANGES, OPERATIONS, look, prepare
from tests.crash.tracing import counted, injected


@pytest.mark.parametrize("operation", CHANGES)
async def test_killed_before_any_call(operation: str, tmp_path: Path) -> None:
    before, root = tmp_path / "before", tmp_path / "root"
    await prepare(before)
    calls = calls_of(operation, shutil.copytree(before, root), tmp_path / "log")
    for call, count in calls.items():
        for when in range(1, count + 1):
            shutil.rmtree(root)
            shutil.copytree(before, root)
            with Child(root) as child, injected(child.thread, call, "signal=KILL", when=when):
                assert child.do(operation) is None, f"it outlived its {call} {when} of {count}"
            await check_what_is_left(operation, root, f"killed before its {call} {when} of {count}")


def calls_of(operation: str, root: Path, log: Path) -> dict[str, int]:
    with Child(root) as child, counted(child.thread, log) as calls:
        child.do(operation)
    assert sum(calls.values()) > 15, f"strace saw next to nothing: {calls}"
    return dict(calls)


async def check_what_is_left(operation: str, root: Path, what: str) -> None:
    wanted = OPERATIONS[operation]
    found = await look(root)
    assert found in (BEFORE, wanted.after, *wanted.between), f"{what}: {found}"
    storage = FileSystemStorage(root, durable=False)
    if found == BEFORE:
        await wanted.run(storage)
        assert await look(root) == wanted.after, f"{what}, then done again"
    await storage.save("a/b/next", b"next", if_exists="error")
    assert await storage.read("a/b/next") == b"next"
