"""On a disk that fails, an operation is an error that says why, or done; then all works again."""

from __future__ import annotations

import errno
import itertools
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from openviper.storage.errors import (
    PermissionDeniedError,
    StorageError,
    StorageFullError,
    UnavailableError,
    UnsupportedOperationError,
)
from tests.crash.child import Child, Outcome
from tests.crash.disks import in_memory, looped, mounted, new_folder, new_image, run
from tests.crash.operations import BEFORE, CHANGES, OPERATIONS, leftovers, look, prepare

NOBODY = 65534
WRITES = {"save", "save-stream", "put", "put-stream", "copy", "copy-over"}
CREATES = {"save", "save-stream", "copy", "move"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Describe what is wrong with a disk, and what can't be done then."""

    broken: Callable[[Path, Child], AbstractContextManager[None]]
    """Break the folder of a storage, or what its process may do, for the length of a block."""
    fails: set[str]
    error: type[StorageError]
    code: int
    says: str
    disk: Callable[[Path], AbstractContextManager[Path]] = nullcontext
    """Mount it, given a place for it; else it is that of the place."""
    user: int = 0


@contextmanager
def filled(root: Path, child: Child) -> Iterator[None]:
    """Take all the space that is left."""
    filler = root.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            with suppress(OSError):  # so much does not fit any more
                while file.write(bytes(size)):
                    pass
    yield
    filler.unlink()


@contextmanager
def crowded(root: Path, child: Child) -> Iterator[None]:
    """Take all the inodes that are left, and that of the lock."""
    (root / ".openviper" / "lock").unlink()
    crowd = new_folder(root.parent)
    with suppress(OSError):
        for number in itertools.count():
            (crowd / str(number)).touch()
    yield
    run("rm", "-r", str(crowd))


@contextmanager
def read_only(root: Path, child: Child) -> Iterator[None]:
    run("mount", "-o", "remount,ro", str(root.parent))
    yield
    run("mount", "-o", "remount,rw", str(root.parent))


@contextmanager
def limited(kind: int, limit: Callable[[Child], int], root: Path, child: Child) -> Iterator[None]:
    soft, hard = resource.prlimit(child.pid, kind)
    resource.prlimit(child.pid, kind, (limit(child), hard))
    yield
    resource.prlimit(child.pid, kind, (soft, hard))


@contextmanager
def owned_by_root(mode: int, root: Path, child: Child) -> Iterator[None]:
    """Give all to root, and the folders these modes."""
    folders = [path for path in (root, *root.rglob("*")) if path.is_dir()]
    run("chown", "-R", "0:0", str(root))
    for folder in folders:
        folder.chmod(mode)
    yield
    run("chown", "-R", f"{NOBODY}:{NOBODY}", str(root))
    for folder in folders:
        folder.chmod(0o755)


@contextmanager
def sticky(root: Path, child: Child) -> Iterator[None]:
    """Let everybody make files and nobody remove or replace those of others, as in /tmp."""
    with owned_by_root(0o1777, root, child):
        os.chown(root / ".openviper" / "lock", NOBODY, NOBODY)
        yield


@contextmanager
def other_disk(below: str, root: Path, child: Child) -> Iterator[None]:
    """Mount another disk at a folder of the storage."""
    (root / below).mkdir(exist_ok=True)
    with mounted(root / below, "-t", "tmpfs", "tmpfs"):
        yield


@contextmanager
def immutable(below: str, root: Path, child: Child) -> Iterator[None]:
    run("chattr", "+i", str(root / below))
    yield
    run("chattr", "-i", str(root / below))


def on_ext4(place: Path, *options: str) -> AbstractContextManager[Path]:
    return looped(new_image(place, *options))


FAULTS = {
    "file size limit": Fault(
        broken=partial(limited, resource.RLIMIT_FSIZE, lambda child: 1000),
        fails=WRITES,
        error=StorageFullError,
        code=errno.EFBIG,
        says="limit",
    ),
    "no descriptors": Fault(
        broken=partial(limited, resource.RLIMIT_NOFILE, lambda child: 0),
        fails={*OPERATIONS},
        error=UnavailableError,
        code=errno.EMFILE,
        says="ulimit -n",
    ),
    "foreign owner": Fault(
        broken=partial(owned_by_root, 0o755),
        fails={*CHANGES},
        error=PermissionDeniedError,
        code=errno.EACCES,
        says="this user may not",
        user=NOBODY,
    ),
    "locked out": Fault(
        broken=partial(owned_by_root, 0o700),
        fails={*OPERATIONS},
        error=PermissionDeniedError,
        code=errno.EACCES,
        says="this user may not",
        user=NOBODY,
    ),
    "foreign files": Fault(
        broken=sticky,
        fails={*CHANGES} - {"save", "save-stream", "copy"},
        error=PermissionDeniedError,
        code=errno.EPERM,
        says="this user may not",
        user=NOBODY,
    ),
    "temporary files on another disk": Fault(
        broken=partial(other_disk, ".openviper/tmp"),
        fails=WRITES,
        error=UnsupportedOperationError,
        code=errno.EXDEV,
        says="another file system",
    ),
    "folder on another disk": Fault(
        broken=partial(other_disk, "a"),
        fails=CREATES,
        error=UnsupportedOperationError,
        code=errno.EXDEV,
        says="another file system",
    ),
}
IN_MEMORY = {
    "full": Fault(
        disk=partial(in_memory, options="size=8m"),
        broken=filled,
        fails=WRITES,
        error=StorageFullError,
        code=errno.ENOSPC,
        says="free some",
    ),
    "no inodes": Fault(
        disk=partial(in_memory, options="size=8m,nr_inodes=64"),
        broken=crowded,
        fails={*CHANGES} - {"delete"},  # that needs no lock
        error=StorageFullError,
        code=errno.ENOSPC,
        says="free some",
    ),
    "read-only": Fault(
        disk=partial(in_memory, options="size=8m"),
        broken=read_only,
        fails={*CHANGES},
        error=PermissionDeniedError,
        code=errno.EROFS,
        says="read-only",
    ),
}
ON_EXT4 = {
    "full": Fault(
        disk=on_ext4,
        broken=filled,
        fails={*WRITES, "move"},  # folders need space there
        error=StorageFullError,
        code=errno.ENOSPC,
        says="free some",
    ),
    "no inodes": Fault(
        disk=lambda place: on_ext4(place, "-N", "128"),
        broken=crowded,
        fails={*CHANGES} - {"delete"},  # that needs no lock
        error=StorageFullError,
        code=errno.ENOSPC,
        says="free some",
    ),
    "immutable file": Fault(
        disk=on_ext4,
        broken=partial(immutable, "old"),
        fails={"put", "put-stream", "copy-over", "move", "move-over"},
        error=PermissionDeniedError,
        code=errno.EPERM,
        says="this user may not",
    ),
    "immutable folder": Fault(
        disk=on_ext4,
        broken=partial(immutable, "."),
        fails={*CHANGES} - {"delete"},
        error=PermissionDeniedError,
        code=errno.EPERM,
        says="this user may not",
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(fault: str, operation: str, place: Path, root_user: None) -> None:
    await show(FAULTS[fault], operation, place)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", IN_MEMORY)
async def test_fault_in_memory(fault: str, operation: str, place: Path, memory_disks: None) -> None:
    await show(IN_MEMORY[fault], operation, place)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", ON_EXT4)
async def test_fault_on_ext4(fault: str, operation: str, place: Path, loop_devices: None) -> None:
    await show(ON_EXT4[fault], operation, place)


async def show(fault: Fault, operation: str, place: Path) -> None:
    """Break a disk and do an operation, then mend it and do it again."""
    with fault.disk(place) as disk:
        root = disk / "files"
        await prepare(root)
        run("chown", "-R", f"{fault.user}:{fault.user}", str(root))
        with Child(root, user=fault.user) as child:
            opened = child.open_files()
            with fault.broken(root, child):
                outcome = child.do(operation)
                assert child.open_files() == opened, "descriptors were left open"
                assert leftovers(root) == [], "a temporary file stays"
            if operation in fault.fails:
                check_error(fault, outcome)
                assert await look(root) == BEFORE, "an error, and yet something was changed"
                outcome = child.do(operation)
            assert outcome.error is None, f"it could be done, and was not: {outcome.error!r}"
            assert await look(root) == OPERATIONS[operation].after, "it was done otherwise"
            assert child.open_files() == opened, "descriptors were left open in the end"


def check_error(fault: Fault, outcome: Outcome) -> None:
    error = outcome.error
    assert isinstance(error, StorageError), f"it can't be done, and no error said so: {error!r}"
    assert isinstance(error, fault.error), f"the wrong kind: {error!r}"
    assert error.backend == "filesystem"
    assert outcome.code == fault.code, f"the cause of {error!r}"
    assert str(error).startswith("filesystem: ")
    assert fault.says in str(error), f"it does not say what to do: {error}"
