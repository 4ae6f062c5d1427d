"""Keep files in a local folder: durable, atomic, and never outside of it."""

from __future__ import annotations

import os
from asyncio import CancelledError, Future
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from openviper.conf import settings
from openviper.storage.disk.failures import advice_for, meaning_of
from openviper.storage.disk.files import Files, Temporary, write_all
from openviper.storage.disk.listing import list_page
from openviper.storage.disk.tree import Tree
from openviper.storage.driver import Download, Write
from openviper.storage.errors import PreconditionFailedError, StorageError
from openviper.storage.portable import PortableStorage
from openviper.storage.shield import Overlap, to_the_end
from openviper.storage.threads import file_thread, in_file_thread
from openviper.storage.types import Capabilities, FileInfo, Page
from openviper.storage.urls import join_url

__all__ = ["FileSystemDriver", "FileSystemStorage"]

_BLOCK = 1 << 20
_PIECE = 64 << 10
_HASTE = 16 << 20
"""Bytes that are written before the disk is asked to begin with them."""
_CAPABILITIES = Capabilities(
    read="native",
    list="native",
    put="native",
    create_only="native",
    replace_if_match="emulated",
    copy="native",
    metadata="native",
)


class FileSystemStorage(PortableStorage):
    """Store files in a folder of this machine.

    When `save` returns, the file and its directories are on disk, unless `durable=False`; so
    after `put`, `copy` and `move`. What was deleted may be back, whole, after a power cut.
    A process that is killed leaves nothing that is seen.
    POSIX only; names are as exact as the file system is (case-sensitive ones: exactly).
    """

    def __init__(
        self,
        location: str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        *,
        durable: bool = True,
        file_mode: int = 0o644,
        dir_mode: int = 0o755,
    ) -> None:
        """Store below the folder `location`, whose files are served below `base_url`.

        None is `settings.MEDIA_ROOT` and `settings.MEDIA_URL`. A relative location is below
        the working directory at first use, and stays there.
        `file_mode` and `dir_mode` are set whatever the umask.
        """
        folder = None if location is None else os.fspath(location)
        super().__init__(
            FileSystemDriver(folder, durable=durable, file_mode=file_mode, dir_mode=dir_mode),
            arguments={
                "location": folder,
                "base_url": base_url,
                "durable": durable,
                "file_mode": file_mode,
                "dir_mode": dir_mode,
            },
            base_url=base_url,
        )


class FileSystemDriver:
    """Run each small operation in one hop to a thread, and streams in blocks."""

    backend = "filesystem"
    capabilities = _CAPABILITIES
    may_lose_replies = False

    def __init__(self, folder: str | None, *, durable: bool, file_mode: int, dir_mode: int) -> None:
        self._folder = folder
        self._durable = durable
        self._file_mode = file_mode
        self._dir_mode = dir_mode
        self._opened: tuple[Tree, Files] | None = None

    def url(self, key: str) -> str:
        """Return the address below `settings.MEDIA_URL`."""
        return join_url(settings.MEDIA_URL, key)

    def put(self, key: str, data: memoryview, write: Write) -> Future[FileInfo]:
        """Write a small file."""
        is_long = self._durable or len(data) > _BLOCK
        return file_thread(partial(self._files.put, key, data, write), is_long=is_long)

    async def stage(self, chunks: AsyncIterator[memoryview]) -> _Staged:
        """Write the chunks to a temporary file."""
        staged = _Staged(
            self._files, await in_file_thread(self._files.begin, undo=self._files.discard)
        )
        try:
            await staged.write(chunks)
        except BaseException:
            await to_the_end(staged.discard())
            raise
        return staged

    @asynccontextmanager
    async def get(
        self,
        key: str,
        *,
        start: int,
        end: int | None,
        if_match: str | None,
        chunk_size: int,
    ) -> AsyncGenerator[Download, None]:
        """Open a read; a range of up to 1 MiB is read and closed in the same hop."""
        fd, info, head = await in_file_thread(
            partial(self._read_head, key, start, end), undo=_close_opened
        )
        stop = info.size if end is None else min(end, info.size)
        ahead = _Ahead(fd, start + len(head), stop, chunk_size)
        try:
            if if_match is not None and info.etag != if_match:
                raise PreconditionFailedError
            yield Download(info=info, chunks=ahead.chunks(head))
        finally:
            await ahead.aclose()

    async def head(self, key: str) -> FileInfo:
        """Return what is known of a file."""
        return await in_file_thread(partial(self._files.head, key))

    def delete(self, key: str, *, if_match: str | None = None) -> Future[None]:
        """Delete a file and the directories that are empty then."""
        return file_thread(partial(self._files.delete, key, if_match))

    async def list_page(
        self,
        prefix: str,
        *,
        delimiter: Literal["/"] | None,
        limit: int,
        token: str | None,
        start_after: str | None,
    ) -> Page:
        """List; the token is the last key of the page before."""
        return await in_file_thread(
            partial(
                list_page,
                self._tree,
                prefix,
                recursive=delimiter is None,
                limit=limit,
                after=token or start_after or "",
            ),
            is_long=True,
        )

    def copy(self, source: FileInfo, key: str, write: Write) -> Future[FileInfo]:
        """Copy a file."""
        return file_thread(partial(self._files.copy, source, key, write), is_long=True)

    def move(self, source: FileInfo, key: str, write: Write) -> Future[FileInfo]:
        """Rename a file."""
        return file_thread(partial(self._files.move, source, key, write), is_long=self._durable)

    async def aclose(self) -> None:
        """Close nothing: no descriptor is kept."""

    def classify(self, error: Exception) -> type[StorageError] | None:
        """Judge by errno."""
        return meaning_of(error) if isinstance(error, OSError) else None

    def advise(self, error: Exception) -> str | None:
        """Speak of disks and limits, not of services."""
        return advice_for(error) if isinstance(error, OSError) else None

    @property
    def _tree(self) -> Tree:
        return self._open()[0]

    @property
    def _files(self) -> Files:
        return self._open()[1]

    def _open(self) -> tuple[Tree, Files]:
        """Fix the root at first use."""
        if self._opened is None:
            folder = settings.MEDIA_ROOT if self._folder is None else self._folder
            tree = Tree(
                Path(os.path.abspath(folder)),  # noqa: PTH100 - Path.absolute keeps ".."
                durable=self._durable,
                dir_mode=self._dir_mode,
            )
            files = Files(tree, durable=self._durable, file_mode=self._file_mode)
            self._opened = (tree, files)
        return self._opened

    def _read_head(
        self, key: str, start: int, end: int | None
    ) -> tuple[int | None, FileInfo, bytes]:
        """Open a file and read its first block; close it where that is all."""
        fd, info = self._files.open(key)
        try:
            stop = info.size if end is None else min(end, info.size)
            head = os.pread(fd, min(_BLOCK, max(0, stop - start)), start)
            if start + len(head) < stop:
                kept, fd = fd, -1
                return kept, info, head
            return None, info, head
        finally:
            if fd != -1:
                os.close(fd)


class _Staged:
    """Hold a temporary file until it has a name."""

    def __init__(self, files: Files, temporary: Temporary) -> None:
        self._files = files
        self._temporary = temporary
        self._size = self._hastened = 0

    async def write(self, chunks: AsyncIterator[memoryview]) -> None:
        """Write chunks as they come, joined to about 1 MiB, while the next ones come."""
        async with Overlap() as overlap:
            batch: list[memoryview] = []
            size = 0
            async for chunk in chunks:
                batch.append(chunk)
                size += len(chunk)
                if size >= _BLOCK:
                    await overlap.start(partial(self._written, _taken(batch)))
                    size = 0
            if batch:
                await overlap.start(partial(self._written, _taken(batch)))

    def _written(self, block: bytes) -> Future[None]:
        return file_thread(partial(self._write, block), is_long=True, goes_on=True)

    def _write(self, block: bytes) -> None:
        """Write a block, all of it; the disk is asked now and then to begin with what it has."""
        write_all(self._temporary.fd, block)
        self._size += len(block)
        if self._size - self._hastened >= _HASTE:
            self._files.hasten(self._temporary, self._hastened, self._size)
            self._hastened = self._size

    def commit(self, key: str, write: Write) -> Future[FileInfo]:
        """Give the file its name."""
        return file_thread(partial(self._files.finish, self._temporary, key, write), is_long=True)

    def discard(self) -> Future[None]:
        """Remove what has no name."""
        return file_thread(partial(self._files.discard, self._temporary))


def _taken(batch: list[memoryview]) -> bytes:
    """Join what is in `batch`, and let go of it: its memory is there for the next chunks then."""
    block = b"".join(batch)
    batch.clear()
    return block


class _Ahead:
    """Read an open file in blocks of about 1 MiB, the next one while one is given out.

    A block is read in pieces of one chunk, or of some if these are small: to cut it would be
    one more copy, in memory that is not used again.
    """

    def __init__(self, fd: int | None, position: int, stop: int, chunk_size: int) -> None:
        self._fd = fd
        self._position = position
        self._stop = stop
        self._piece = min(_BLOCK, chunk_size * max(1, _PIECE // chunk_size))
        self._coming: deque[tuple[int, Future[list[bytes]]]] = deque()

    async def chunks(self, head: bytes) -> AsyncGenerator[bytes, None]:
        """Give what was read of the file already, and then the rest, until it comes short."""
        self._start()
        yield head
        while self._coming:
            self._start()
            size, coming = self._coming.popleft()
            pieces = await to_the_end(coming)
            for piece in pieces:
                yield piece
            if sum(map(len, pieces)) < size:
                return

    async def aclose(self) -> None:
        """Close the file, once nothing is read of it any more."""
        if self._fd is None:
            return
        cancellation: CancelledError | None = None
        for _, coming in self._coming:
            try:
                await to_the_end(coming)
            except CancelledError as error:
                cancellation = error
            except Exception:  # noqa: BLE001, S110 - nobody wants what it would have given
                pass
        await in_file_thread(partial(os.close, self._fd))
        if cancellation is not None:
            raise cancellation

    def _start(self) -> None:
        size = min(_BLOCK, self._stop - self._position)
        if self._fd is None or size <= 0:
            return
        read = partial(_pieces, self._fd, self._position, self._position + size, self._piece)
        self._coming.append((size, file_thread(read, is_long=True)))
        self._position += size


def _pieces(fd: int, position: int, end: int, size: int) -> list[bytes]:
    pieces: list[bytes] = []
    while position < end and (piece := os.pread(fd, min(size, end - position), position)):
        pieces.append(piece)
        position += len(piece)
    return pieces


def _close_opened(opened: tuple[int | None, FileInfo, bytes]) -> None:
    if opened[0] is not None:
        os.close(opened[0])
