"""Make temporary files, and know those of killed processes from those being written."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress

__all__ = ["make_temporary", "sweep"]

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_QUIET = 3600.0
"""Seconds without a write after which a file that nobody holds is a leftover."""


def make_temporary(folder: int) -> tuple[int, str]:
    """Return a new file's descriptor and name; no sweep takes it while it is open."""
    leaf = os.urandom(16).hex()
    fd = os.open(leaf, _NEW, 0o600, dir_fd=folder)
    with suppress(OSError):  # no locks here, so nothing is swept either
        fcntl.flock(fd, fcntl.LOCK_SH)
    return fd, leaf


def sweep(folder: int) -> None:
    """Remove the files of a directory that no process holds and none wrote for an hour.

    A lock ends with its process. The hour is for file systems that several machines mount and
    where each sees only its own locks. What can't be removed stays.
    """
    with suppress(OSError):
        for leaf in os.listdir(folder):
            with suppress(OSError):
                _remove_leftover(folder, leaf)


def _remove_leftover(folder: int, leaf: str) -> None:
    if time.time() - os.lstat(leaf, dir_fd=folder).st_mtime < _QUIET:
        return
    fd = os.open(leaf, _OLD, dir_fd=folder)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(leaf, dir_fd=folder)
    finally:
        os.close(fd)
