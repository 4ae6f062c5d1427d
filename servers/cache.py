"""The folder outside the tree that keeps what was built, and the runs' files."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cache_root", "cached", "run_directory", "say"]


def cache_root() -> Path:
    """Return `$OPENVIPER_CACHE`, or `openviper` in the user's cache folder."""
    if chosen := os.environ.get("OPENVIPER_CACHE"):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "openviper"


def run_directory(name: str, parent: Path | None = None) -> Path:
    """Make a directory for one run of a server: its log and its data.

    Where no other parent is given it is here and not in /tmp because that is often held in
    memory, and had no extended attributes there before Linux 6.6, which versitygw needs.
    """
    parent = parent or cache_root() / "run"
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))


def cached(name: str, version: str, build: Callable[[Path], None]) -> Path:
    """Return the cached directory of a version, calling `build` on an empty one if missing.

    One process builds while others wait, and what is half built is never seen.
    """
    target = cache_root() / name / version
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.parent / "lock", name):
        if not target.is_dir():
            _build(target, build)
    return target


def say(message: str) -> None:
    """Print one line of progress to standard error."""
    print(f"servers: {message}", file=sys.stderr, flush=True)


def _build(target: Path, build: Callable[[Path], None]) -> None:
    staging = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        build(staging)
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


@contextmanager
def _locked(path: Path, name: str) -> Iterator[None]:
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that installs {name}…")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
