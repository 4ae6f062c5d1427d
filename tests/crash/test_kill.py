"""A process that is killed before any call on files leaves the old or the new, whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openviper.storage import FileSystemStorage
from tests.crash.child import Child
from tests.crash.operations import BEFORE, CHANGES, OPERATIONS, leftovers, look, prepare
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
            with (
                Child(root) as child,
                injected(child.thread, call, "signal=KILL", when=when),
                pytest.raises(EOFError),
            ):
                child.do(operation)
            await check_what_is_left(operation, root, f"killed before its {call} {when} of {count}")


def calls_of(operation: str, root: Path, log: Path) -> dict[str, int]:
    with Child(root) as child, counted(child.thread, log) as calls:
        child.do(operation)
    assert sum(calls.values()) > 10, f"strace saw next to nothing: {calls}"
    return dict(calls)


async def check_what_is_left(operation: str, root: Path, what: str) -> None:
    wanted = OPERATIONS[operation]
    found = await look(root)
    assert found in (BEFORE, wanted.after, *wanted.between), f"{what}: {found}"
    assert len(make_old(root)) <= 1, what
    storage = FileSystemStorage(root, durable=False)
    if found == BEFORE:
        await wanted.run(storage)
        assert await look(root) == wanted.after, f"{what}, then done again"
    await storage.save("a/b/next", b"next", if_exists="error")
    assert await storage.read("a/b/next") == b"next"
    assert leftovers(root) == [], f"{what}: the next save swept nothing"


async def test_what_is_written_is_not_swept(tmp_path: Path) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield bytes(2 << 20)
        assert len(make_old(tmp_path)) == 1
        await FileSystemStorage(tmp_path).save("other", b"other")
        yield b"end"

    await FileSystemStorage(tmp_path).save("slow", content())
    assert await FileSystemStorage(tmp_path).size("slow") == (2 << 20) + 3


async def test_what_was_written_just_now_is_not_swept(tmp_path: Path) -> None:
    """Its writer may be on another machine, whose locks are not seen here."""
    storage = FileSystemStorage(tmp_path)
    folder = tmp_path / ".openviper" / "tmp"
    folder.mkdir(parents=True)
    (folder / "young").write_bytes(b"")
    await storage.save("a", b"a")
    assert leftovers(tmp_path) == [folder / "young"]


async def test_what_cannot_be_swept_stops_no_save(tmp_path: Path) -> None:
    folder = tmp_path / ".openviper" / "tmp"
    for name in ("a folder", "a file", "another folder"):
        (folder / name).mkdir(parents=True)
    (folder / "a file").rmdir()
    (folder / "a file").write_bytes(b"")
    make_old(tmp_path)
    await FileSystemStorage(tmp_path).save("a", b"a")
    assert {path.name for path in leftovers(tmp_path)} == {"a folder", "another folder"}


def make_old(root: Path) -> list[Path]:
    """Make the temporary files of a storage two hours old, and return them."""
    found = leftovers(root)
    for path in found:
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 7200))
    return found
