"""Write, copy, move and delete files, each whole or not at all.

New content is a complete temporary file in `.openviper/tmp`, which no listing shows. It
becomes visible in one step: a hard link creates, a rename replaces. What a killed process
leaves there is removed by a later one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from openviper.storage.attributes import Attributes
from openviper.storage.disk.attributes import (
    has_attributes,
    info_of,
    keep,
    keep_content_type,
    written,
)
from openviper.storage.disk.leftovers import make_temporary, sweep
from openviper.storage.disk.tree import Tree, split
from openviper.storage.driver import Write
from openviper.storage.errors import (
    AlreadyExistsError,
    NameConflictError,
    NotFoundError,
    PreconditionFailedError,
    StorageError,
    UnsupportedOperationError,
)
from openviper.storage.types import Buffer, FileInfo

__all__ = ["RESERVED", "Files", "Temporary", "open_file", "write_all"]

RESERVED = ".openviper"
_TEMPORARY = (RESERVED, "tmp")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_RACES = 100
"""Times that a directory may vanish between its making and its use, before we give up."""


@dataclass(slots=True)
class Temporary:
    """Hold a file that is being written, under a name that nobody knows, and its folders."""

    root: int
    folder: int
    fd: int
    leaf: str
    named: bool = True


class Files:
    """Do the blocking part of every operation on files below one root."""

    def __init__(self, tree: Tree, *, durable: bool, file_mode: int) -> None:
        self._tree = tree
        self._durable = durable
        self._file_mode = file_mode
        self._swept = False

    def begin(self) -> Temporary:
        """Make an empty temporary file; the first time, sweep what killed processes left."""
        root = self._tree.open_root(create=True)
        with _ClosedOnError(root):
            folder = self._tree.descend(root, _TEMPORARY, create=True)
            with _ClosedOnError(folder):
                if not self._swept:
                    self._swept = True
                    sweep(folder)
                return Temporary(root, folder, *make_temporary(folder))

    def hasten(self, temporary: Temporary, start: int, end: int) -> None:
        """Have what was written go to the disk from now on, so that `finish` waits less for it."""
        if self._durable and hasattr(os, "posix_fadvise"):
            # Linux starts to write such pages, and lets go of those only that are written already.
            os.posix_fadvise(temporary.fd, start, end - start, os.POSIX_FADV_DONTNEED)

    def finish(self, temporary: Temporary, key: str, write: Write) -> FileInfo:
        """Give a written temporary file its attributes and a name; another may be tried after."""
        os.fchmod(temporary.fd, self._file_mode)
        version = keep(temporary.fd, write)
        if self._durable:
            os.fsync(temporary.fd)
        info = written(key, os.fstat(temporary.fd), write, version)
        self._publish(temporary.root, (temporary.folder, temporary.leaf), key, write)
        temporary.named = write.create  # a link leaves the first name, a rename takes it along
        return info

    def discard(self, temporary: Temporary) -> None:
        """Remove what is left of a temporary file."""
        os.close(temporary.fd)
        if temporary.named:
            with suppress(OSError):
                os.unlink(temporary.leaf, dir_fd=temporary.folder)
        os.close(temporary.folder)
        os.close(temporary.root)

    def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
        """Write a small file from beginning to end."""
        temporary = self.begin()
        try:
            write_all(temporary.fd, data)
            return self.finish(temporary, key, write)
        finally:
            self.discard(temporary)

    def open(self, key: str) -> tuple[int, FileInfo]:
        """Open a file to read; the caller closes the descriptor."""
        above, leaf = split(key)
        with self._tree.folder(above) as folder:
            fd, status = open_file(folder, leaf)
        with _ClosedOnError(fd):
            return fd, info_of(key, fd, status)

    def head(self, key: str) -> FileInfo:
        """Return what is known of a file."""
        fd, info = self.open(key)
        os.close(fd)
        return info

    def copy(self, source: FileInfo, key: str, write: Write) -> FileInfo:
        """Copy the version `source`."""
        fd, info = self.open(source.name)
        try:
            _check_version(info, source.etag)
            if not has_attributes(fd):  # all that is known was guessed, and will be again
                write = replace(write, attributes=Attributes())
            temporary = self.begin()
            try:
                with (
                    os.fdopen(fd, "rb", closefd=False) as origin,
                    os.fdopen(temporary.fd, "wb", closefd=False) as file,
                ):
                    shutil.copyfileobj(origin, file, 1 << 20)
                return self.finish(temporary, key, write)
            finally:
                self.discard(temporary)
        finally:
            os.close(fd)

    def move(self, source: FileInfo, key: str, write: Write) -> FileInfo:
        """Rename the version `source`."""
        above, leaf = split(source.name)
        with (
            self._tree.folder(()) as root,
            self._locked(root, exclusive=True),
            self._tree.folder(above, root=root) as folder,
        ):
            fd, status = open_file(folder, leaf)
            try:
                _check_version(info_of(source.name, fd, status), source.etag)
                keep_content_type(fd, source.content_type)
                moved = info_of(key, fd, status)
                self._publish(root, (folder, leaf), key, write, locked=True)
                # A rename onto another link of the same file does nothing.
                if write.create or _is_at(folder, leaf, fd):
                    self._remove_moved(folder, leaf, key, undo=write.create)
                if self._durable:
                    os.fsync(folder)
            finally:
                os.close(fd)
        self._tree.prune(above)
        return moved

    def delete(self, key: str, if_match: str | None) -> None:
        """Delete a file, of one version if given, and directories that are empty then."""
        above, leaf = split(key)
        with (
            self._tree.folder(()) as root,
            self._tree.folder(above, root=root) as folder,
            self._locked(root, exclusive=if_match is not None),
        ):
            if not stat.S_ISREG(os.lstat(leaf, dir_fd=folder).st_mode):
                raise NotFoundError
            if if_match is not None:
                _check_current(folder, leaf, if_match)
            os.unlink(leaf, dir_fd=folder)
        self._tree.prune(above)

    def _remove_moved(self, folder: int, leaf: str, key: str, *, undo: bool) -> None:
        """Remove the old name of a moved file; take back the new one where that fails."""
        try:
            os.unlink(leaf, dir_fd=folder)
        except OSError:
            if undo:
                above, final = split(key)
                with self._tree.folder(above) as target:
                    os.unlink(final, dir_fd=target)
            raise

    def _publish(
        self, root: int, here: tuple[int, str], key: str, write: Write, *, locked: bool = False
    ) -> None:
        """Give the file `here`, in a folder by its descriptor, the name `key`, in one step."""
        above, final = split(key)
        folder, leaf = here
        for _ in range(_RACES):
            try:
                with self._tree.folder(above, create=True, root=root) as target:
                    self._place(root, here, (target, final), write, locked=locked)
                    if self._durable:
                        _sync_entry(target, final, undo=write.create)
                    return
            except StorageError:  # some are FileExistsError or FileNotFoundError too
                raise
            except FileNotFoundError:  # a clean-up removed the directory before our step
                os.stat(leaf, dir_fd=folder, follow_symlinks=False)
            except OSError as error:
                # ENOTEMPTY: a directory that the file itself is in.
                if error.errno not in (errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY):
                    raise
                if not self._tree.is_directory([*above, final]):
                    raise AlreadyExistsError from error
                if not self._tree.remove_empty([*above, final]):
                    raise NameConflictError from error
        raise OSError(errno.EAGAIN, "directories vanish as fast as they are made")

    def _place(
        self,
        root: int,
        here: tuple[int, str],
        there: tuple[int, str],
        write: Write,
        *,
        locked: bool,
    ) -> None:
        (folder, leaf), (target, final) = here, there
        try:
            if write.create:
                os.link(leaf, final, src_dir_fd=folder, dst_dir_fd=target, follow_symlinks=False)
                return
            with self._locked(root, exclusive=write.if_match is not None, needed=not locked):
                if write.if_match is not None:
                    _check_current(target, final, write.if_match)
                os.rename(leaf, final, src_dir_fd=folder, dst_dir_fd=target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            raise UnsupportedOperationError(
                f"filesystem: another file system is mounted at the folder of {final!r}, or at "
                f"{RESERVED!r}: make it the location of a storage of its own, or unmount it",
                backend="filesystem",
            ) from error

    @contextmanager
    def _locked(self, root: int, *, exclusive: bool, needed: bool = True) -> Iterator[None]:
        """Keep others of openviper from replacing while a version is compared and replaced."""
        if not needed:
            yield
            return
        try:
            with self._tree.folder((RESERVED,), create=True, root=root) as folder:
                fd = os.open("lock", _LOCK, 0o600, dir_fd=folder)
        except OSError as error:
            if exclusive or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            yield  # nobody holds a lock that can't be made, and deleting makes room
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
            yield
        finally:
            os.close(fd)


def write_all(fd: int, data: Buffer) -> None:
    """Write all of `data`, in as many calls as the system wants."""
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def open_file(folder: int, leaf: str) -> tuple[int, os.stat_result]:
    """Open a regular file in a directory, and look at it; anything else there is no file."""
    try:
        fd = os.open(leaf, _READ, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
            raise NotFoundError from error
        raise
    with _ClosedOnError(fd):
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise NotFoundError
        return fd, status


class _ClosedOnError:
    """Close a descriptor where a block fails."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __enter__(self) -> None:
        """Begin: nothing to do."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            os.close(self._fd)


def _is_at(folder: int, leaf: str, fd: int) -> bool:
    try:
        found = os.lstat(leaf, dir_fd=folder)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(fd))


def _sync_entry(folder: int, leaf: str, *, undo: bool) -> None:
    """Bring a directory to disk; take back the entry that was made where that fails."""
    try:
        os.fsync(folder)
    except OSError:
        if undo:
            os.unlink(leaf, dir_fd=folder)
        raise


def _check_current(folder: int, leaf: str, etag: str) -> None:
    try:
        fd, status = open_file(folder, leaf)
    except NotFoundError:
        raise PreconditionFailedError from None
    try:
        _check_version(info_of(leaf, fd, status), etag)
    finally:
        os.close(fd)


def _check_version(info: FileInfo, etag: str | None) -> None:
    if info.etag != etag:
        raise PreconditionFailedError
