"""Walk a folder from a descriptor of its root, never following a link below it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from openviper.storage.errors import (
    ContainerNotFoundError,
    NameConflictError,
    NotFoundError,
    PermissionDeniedError,
    StorageError,
)

__all__ = ["Tree", "split"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def split(key: str) -> tuple[list[str], str]:
    """Return the directories of a key and its last segment."""
    *above, leaf = key.split("/")
    return above, leaf


class Tree:
    """Open, make and remove the directories below one root."""

    def __init__(self, root: Path, *, durable: bool, dir_mode: int) -> None:
        self._root = root
        self._path = str(root)
        self._durable = durable
        self._dir_mode = dir_mode

    def folder(
        self, segments: Sequence[str], *, create: bool = False, root: int | None = None
    ) -> _Folder:
        """Give a descriptor of a directory below the root, made if it is missing, in a block.

        `root` is the root's, where that is open already.
        """
        return _Folder(self, segments, create, root)

    def descend(self, root: int, segments: Sequence[str], *, create: bool = False) -> int:
        """Return a descriptor of a directory, `root` itself where there are no segments."""
        fd = root
        for segment in segments:
            try:
                below = self._step(fd, segment, create=create)
            finally:
                if fd != root:
                    os.close(fd)
            fd = below
        return fd

    def is_directory(self, segments: Sequence[str]) -> bool:
        """Tell whether there is a real directory, not a link to one."""
        try:
            with self.folder(segments):
                return True
        except NotFoundError:
            return False

    def prune(self, segments: Sequence[str]) -> None:
        """Remove directories that became empty, the deepest first; one in use stays."""
        for depth in range(len(segments), 0, -1):
            try:
                with self.folder(segments[: depth - 1]) as folder:
                    os.rmdir(segments[depth - 1], dir_fd=folder)
            except (OSError, StorageError):
                return

    def remove_empty(self, segments: Sequence[str]) -> bool:
        """Remove a directory that holds no file at any depth; tell whether it is gone."""
        try:
            with self.folder(segments) as folder:
                names = os.listdir(folder)  # noqa: PTH208 - a descriptor has no Path
            if not all(self.remove_empty([*segments, name]) for name in names):
                return False
            with self.folder(segments[:-1]) as folder:
                os.rmdir(segments[-1], dir_fd=folder)
        # Gone, or a file, perhaps only since the look: then the directory above isn't empty.
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False
        return True

    def open_root(self, *, create: bool = False) -> int:
        """Return a descriptor of the root, made if it is missing."""
        # The root itself may be a link: it is the user's own word.
        try:
            try:
                return os.open(self._path, _DIRECTORY)
            except FileNotFoundError:
                if not create:
                    raise
            self._make_root()
            return os.open(self._path, _DIRECTORY)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ContainerNotFoundError from error

    def _make_root(self) -> None:
        missing = [path for path in (self._root, *self._root.parents) if not path.exists()]
        for path in reversed(missing):
            with suppress(FileExistsError):
                path.mkdir()
                path.chmod(self._dir_mode)
            if self._durable:
                above = os.open(path.parent, _DIRECTORY)
                try:
                    os.fsync(above)
                finally:
                    os.close(above)

    def _step(self, fd: int, segment: str, *, create: bool) -> int:
        flags = _DIRECTORY | os.O_NOFOLLOW
        try:
            return os.open(segment, flags, dir_fd=fd)
        except FileNotFoundError:
            if not create:
                raise NotFoundError from None
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            raise _refusal(fd, segment, create=create) from error
        with suppress(FileExistsError):
            os.mkdir(segment, self._dir_mode, dir_fd=fd)
            made = os.open(segment, flags, dir_fd=fd)
            try:
                os.fchmod(made, self._dir_mode)  # whatever the umask took
            finally:
                os.close(made)
        if self._durable:  # also where another made it just now, and may not have got here yet
            os.fsync(fd)
        return os.open(segment, flags, dir_fd=fd)


class _Folder:
    """Keep a directory open for a block; a generator would cost as much as the call itself."""

    __slots__ = ("_create", "_fd", "_root", "_segments", "_top", "_tree")

    def __init__(self, tree: Tree, segments: Sequence[str], create: bool, root: int | None) -> None:
        self._tree = tree
        self._segments = segments
        self._create = create
        self._root = root

    def __enter__(self) -> int:
        root = self._root
        self._top = self._tree.open_root(create=self._create) if root is None else root
        try:
            self._fd = self._tree.descend(self._top, self._segments, create=self._create)
        except BaseException:
            if root is None:
                os.close(self._top)
            raise
        return self._fd

    def __exit__(self, *_: object) -> None:
        if self._fd != self._top:
            os.close(self._fd)
        if self._root is None:
            os.close(self._top)


def _refusal(fd: int, segment: str, *, create: bool) -> StorageError:
    """Return what is wrong with a segment that is there and is no directory."""
    if not create:
        return NotFoundError()
    if stat.S_ISLNK(os.lstat(segment, dir_fd=fd).st_mode):
        return PermissionDeniedError(
            f"filesystem: {segment!r} is a symbolic link, and no link below the root is followed: "
            "mount the folder there, or make it the location of a storage of its own",
            backend="filesystem",
        )
    return NameConflictError()
