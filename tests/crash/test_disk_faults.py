"""On a disk that fails, an operation is an error that says why, or done; then all works again."""

from __future__ import annotations

import errno
import itertools
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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

    disk: Callable[[Path], AbstractContextManager[Path]]
    """Mount it, given a place for it."""
    broken: Callable[[Path, Child], AbstractContextManager[None]]
    """Break the folder of a storage, or what its process may do, for the length of a block."""
    fails: set[str]
    error: type[StorageError]
    code: int
    says: str
    user: int = 0


@contextmanager
def filled(root: Path, child: Child) -> Iterator[None]:
    """Take all the space that is left."""
    filler = root.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            with pytest.raises(OSError, match="No space"):
                while file.write(bytes(size)):
                    pass
    yield
    filler.unlink()


@contextmanager
def crowded(root: Path, child: Child) -> Iterator[None]:
    """Take all the inodes that are left."""
    crowd = new_folder(root.parent)
    with pytest.raises(OSError, match="No space"):
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
    for path in [root, *root.rglob("*")]:
        os.chown(path, 0, 0)
    for path in [root, *filter(Path.is_dir, root.rglob("*"))]:
        path.chmod(mode)
    yield
    run("chown", "-R", f"{NOBODY}:{NOBODY}", str(root))
    for path in [root, *filter(Path.is_dir, root.rglob("*"))]:
        path.chmod(0o755)


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
    "full, in memory": Fault(
        disk=partial(in_memory, options="size=8m"),
        broken=filled,
        fails=WRITES,
        error=StorageFullError,
        code=errno.ENOSPC,
        says="free some",
    ),
    "full, ext4": Fault(
        disk=on_ext4,
        broken=filled,
        fails={*WRITES, "move"},  # folders need space there
        error=StorageFullError,
        code=errno.ENOSPC,
        says="free some",
    ),
    "no inodes, in memory": Fault(
        disk=partial(in_memory, options="size=8m,nr_inodes=64"),
        broken=crowded,
        fails={*WRITES, "move"},
        error=StorageFullError,
        code=errno.ENOSPC,
        says="free some",
    ),
    "no inodes, ext4": Fault(
        disk=lambda place: on_ext4(place, "-N", "128"),
        broken=crowded,
        fails={*WRITES, "move"},
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
    "file size limit": Fault(
        disk=nullcontext,
        broken=partial(limited, resource.RLIMIT_FSIZE, lambda child: 1000),
        fails=WRITES,
        error=StorageFullError,
        code=errno.EFBIG,
        says="limit",
    ),
    "no descriptors": Fault(
        disk=nullcontext,
        broken=partial(limited, resource.RLIMIT_NOFILE, lambda child: 0),
        fails={*OPERATIONS},
        error=UnavailableError,
        code=errno.EMFILE,
        says="ulimit -n",
    ),
    "foreign owner": Fault(
        disk=nullcontext,
        broken=partial(owned_by_root, 0o755),
        fails={*CHANGES},
        error=PermissionDeniedError,
        code=errno.EACCES,
        says="this user may not",
        user=NOBODY,
    ),
    "locked out": Fault(
        disk=nullcontext,
        broken=partial(owned_by_root, 0o700),
        fails={*OPERATIONS},
        error=PermissionDeniedError,
        code=errno.EACCES,
        says="this user may not",
        user=NOBODY,
    ),
    "temporary files on another disk": Fault(
        disk=nullcontext,
        broken=partial(other_disk, ".openviper/tmp"),
        fails=WRITES,
        error=UnsupportedOperationError,
        code=errno.EXDEV,
        says="another file system",
    ),
    "folder on another disk": Fault(
        disk=nullcontext,
        broken=partial(other_disk, "a"),
        fails=CREATES,
        error=UnsupportedOperationError,
        code=errno.EXDEV,
        says="another file system",
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
@pytest.mark.parametrize("name", FAULTS)
async def test_fault(name: str, operation: str, place: Path, loop_devices: None) -> None:
    fault = FAULTS[name]
    with fault.disk(place) as disk:
        root = disk / "files"
        await prepare(root)
        run("chown", "-R", f"{fault.user}:{fault.user}", str(root))
        with Child(root, user=fault.user) as child:
            opened = child.open_files()
            with fault.broken(root, child):
                outcome = child.do(operation)
                assert child.open_files() == opened
                assert leftovers(root) == []
            assert outcome is not None
            if operation in fault.fails:
                check_error(fault, outcome)
                assert await look(root) == BEFORE
                outcome = child.do(operation)
            assert outcome is not None
            assert outcome.error is None
            assert await look(root) == OPERATIONS[operation].after
            assert child.open_files() == opened


def check_error(fault: Fault, outcome: Outcome) -> None:
    error = outcome.error
    assert isinstance(error, fault.error)
    assert isinstance(error, StorageError)
    assert error.backend == "filesystem"
    assert outcome.code == fault.code
    assert str(error).startswith("filesystem: ")
    assert fault.says in str(error), error
