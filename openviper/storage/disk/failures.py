"""Say what an error of the operating system means for a storage, and what to do about it."""

from __future__ import annotations

import errno

from openviper.storage.errors import (
    AlreadyExistsError,
    InvalidNameError,
    NotFoundError,
    PermissionDeniedError,
    StorageError,
    StorageFullError,
    UnavailableError,
)

__all__ = ["advice_for", "meaning_of"]

_MEANINGS: dict[int, type[StorageError]] = {
    errno.ENOENT: NotFoundError,
    errno.ENOTDIR: NotFoundError,
    errno.EISDIR: NotFoundError,
    errno.EEXIST: AlreadyExistsError,
    errno.EACCES: PermissionDeniedError,
    errno.EPERM: PermissionDeniedError,
    errno.EROFS: PermissionDeniedError,
    errno.ELOOP: PermissionDeniedError,
    errno.ENAMETOOLONG: InvalidNameError,
    errno.ENOSPC: StorageFullError,
    errno.EDQUOT: StorageFullError,
    errno.EFBIG: StorageFullError,
    errno.EMFILE: UnavailableError,
    errno.ENFILE: UnavailableError,
    errno.ENOMEM: UnavailableError,
    errno.EAGAIN: UnavailableError,
    errno.ESTALE: UnavailableError,
}
_ADVICE = {
    errno.EACCES: "this user may not; check the owner and the modes of the folder",
    errno.EPERM: "this user may not, or nobody; check the owner, and chattr's flags by lsattr",
    errno.EROFS: "the file system is read-only; mount it for writing",
    errno.EFBIG: "it is over the limit of a file's size, for this process (ulimit -f) or at all",
    errno.EMFILE: "too many files are open; close some, or raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine; raise its limit (fs.file-max)",
    errno.ENOMEM: "the machine is out of memory; free some and try again",
    errno.ESTALE: "the server of this file system took it away; mount it again",
    errno.EIO: "the disk failed; check it, and what the kernel says of it (dmesg)",
}


def meaning_of(error: OSError) -> type[StorageError]:
    """Judge by errno."""
    return _MEANINGS.get(error.errno or 0, StorageError)


def advice_for(error: OSError) -> str | None:
    """Return what to do, where a disk has better words than the error's kind."""
    return _ADVICE.get(error.errno or 0)
