"""Read whatever a user may save: bytes, files, paths, async iterators, as one kind of source."""

from __future__ import annotations

import inspect
import io
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path, PurePath
from typing import Any

import aiofiles

from openviper.storage.checksum import Checksum
from openviper.storage.shield import to_the_end
from openviper.storage.spool import Spool
from openviper.storage.threads import in_thread
from openviper.storage.types import Buffer, Content

__all__ = ["BLOCK", "Source", "as_bytes", "as_bytes_view"]

BLOCK = 1 << 20
"""Bytes asked of a file at a time."""


class Source:
    """Content that is being read: pulled chunk by chunk, counted and hashed on the way.

    What the content itself raises is kept in `failure`, so that it can reach the caller as
    itself even where a vendor's SDK wraps it.
    """

    def __init__(
        self,
        content: Content,
        *,
        checksum: Checksum | None = None,
        progress: Callable[[int], None] | None = None,
        spool: Spool | None = None,
        rewindable: bool = False,
    ) -> None:
        self._reader = _reader_of(content, rewindable=rewindable)
        self._checksum = checksum
        self._progress = progress
        self._spool = spool if rewindable else None
        self._reported = 0
        self._given: AsyncGenerator[memoryview, None] | None = None
        self._rest: memoryview | None = None
        self.failure: Exception | None = None

    @property
    def buffer(self) -> memoryview | None:
        """Return the whole content where it is in memory already."""
        return self._reader.buffer

    def whole(self, limit: int) -> memoryview | None:
        """Return all of the content at once, where it is in memory and under `limit` bytes.

        It counts as read then, until `rewind`.
        """
        buffer = self._reader.buffer
        if buffer is None or len(buffer) >= limit or self._given is not None:
            return None
        try:
            if self._checksum is not None:
                self._checksum.update(buffer)
                self._checksum.verify()
            self._report(len(buffer))
        except Exception as error:
            self.failure = error
            raise
        return buffer

    @property
    def _chunks(self) -> AsyncGenerator[memoryview, None]:
        """Go on where reading stands; it begins with the first look."""
        if self._given is None:
            self._given = self._observed()
        return self._given

    def chunks(self) -> AsyncGenerator[memoryview, None]:
        """Give non-empty chunks of any size, from where reading stands; closing it ends that."""
        return self._chunks if self._rest is None else self._after_rest()

    async def part(self, size: int) -> memoryview:
        """Return the next `size` bytes; fewer only at the end, none after it."""
        chunk = await self._next()
        if chunk is None or len(chunk) == size:
            return chunk if chunk is not None else memoryview(b"")
        if len(chunk) > size:
            self._rest = chunk[size:]
            return chunk[:size]
        return await self._joined(chunk, size)

    async def _joined(self, first: memoryview, size: int) -> memoryview:
        second = await self._next()
        if second is None:
            return first
        part = bytearray(first)
        chunk: memoryview | None = second
        while chunk is not None:
            taken = chunk[: size - len(part)]
            part += taken
            if len(taken) < len(chunk):
                self._rest = chunk[len(taken) :]
            chunk = await self._next() if len(part) < size else None
        return memoryview(part)

    async def _next(self) -> memoryview | None:
        if self._rest is not None:
            rest, self._rest = self._rest, None
            return rest
        return await anext(self._chunks, None)

    async def rewind(self) -> bool:
        """Go back to where reading began; return False where that can't be done."""
        self._rest = None
        if self._given is not None:
            await self._given.aclose()
        if await self._reader.can_rewind():
            await self._reader.rewind()
        elif self._spool is None:
            return False
        if self._checksum is not None:
            self._checksum.restart()
        self._given = None
        return True

    async def aclose(self) -> None:
        """Close what was opened here, and the content's own generator; never its file."""
        if self.buffer is not None and self._given is None:
            return  # nothing was
        async with AsyncExitStack() as stack:
            if self._spool is not None:
                stack.push_async_callback(self._spool.aclose)
            stack.push_async_callback(self._reader.aclose)
            await self._chunks.aclose()

    async def _after_rest(self) -> AsyncGenerator[memoryview, None]:
        rest, self._rest = self._rest, None
        if rest is not None:
            yield rest
        async with aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _observed(self) -> AsyncGenerator[memoryview, None]:
        spool = None if await self._reader.can_rewind() else self._spool
        count = 0
        try:
            given = self._reader.chunks() if spool is None else self._spooled(spool)
            async with aclosing(given) as chunks:
                async for chunk in chunks:
                    if self._checksum is not None:
                        self._checksum.update(chunk)
                    yield chunk
                    count += len(chunk)
                    self._report(count)
            if self._checksum is not None:
                self._checksum.verify()
        except Exception as error:
            self.failure = error
            raise

    async def _spooled(self, spool: Spool) -> AsyncGenerator[memoryview, None]:
        async with aclosing(spool.replay()) as replayed:
            async for kept in replayed:
                yield memoryview(kept)
        async with aclosing(self._reader.chunks()) as chunks:
            async for chunk in chunks:
                await spool.append(chunk)
                yield chunk

    def _report(self, count: int) -> None:
        if self._progress is not None and count > self._reported:
            self._reported = count
            self._progress(count)


def as_bytes_view(chunk: object) -> memoryview:
    """Return a flat view of the bytes in a buffer; refuse anything else, `str` above all."""
    if not isinstance(chunk, bytes | bytearray | memoryview):
        raise TypeError(
            f"content must be bytes, not {type(chunk).__name__}: encode text first, and open "
            "files in binary mode"
        )
    view = memoryview(chunk)
    if view.c_contiguous:
        return view if view.format == "B" and view.ndim == 1 else view.cast("B")
    return memoryview(view.tobytes())


def as_bytes(view: memoryview) -> bytes:
    """Return what is in a view; the very object where it is a view of all of some bytes."""
    owner = view.obj
    return owner if isinstance(owner, bytes) and len(owner) == len(view) else bytes(view)


class _Reader(ABC):
    """Read one kind of content."""

    buffer: memoryview | None = None

    @abstractmethod
    def chunks(self) -> AsyncGenerator[memoryview, None]:
        """Give non-empty chunks from where reading stands, none of which changes later."""

    async def can_rewind(self) -> bool:
        """Tell, before anything is read, whether `rewind` will work."""
        return True

    async def rewind(self) -> None:  # noqa: B027 - most begin anew each time
        """Go back to where reading began."""

    async def aclose(self) -> None:  # noqa: B027 - most opened nothing
        """Close what this reader opened."""


class _BufferReader(_Reader):
    def __init__(self, content: Buffer) -> None:
        self.buffer = self._view = as_bytes_view(content)

    async def chunks(self) -> AsyncGenerator[memoryview, None]:
        if self._view:
            yield self._view


class _PathReader(_Reader):
    def __init__(self, path: Path) -> None:
        self._path = path

    async def chunks(self) -> AsyncGenerator[memoryview, None]:
        file = await to_the_end(aiofiles.open(self._path, "rb", buffering=0), undo=_close)
        try:
            while block := await to_the_end(file.read(BLOCK)):
                yield memoryview(block)
        finally:
            await to_the_end(file.close())


class _FileReader(_Reader):
    """Read a file of the caller's, sync in threads or async, and leave it open."""

    def __init__(self, file: Any, *, rewindable: bool) -> None:  # Any: duck-typed by `read`
        self._file = file
        self._on_loop = inspect.iscoroutinefunction(file.read)
        self._ask_position = rewindable
        self._position: int | None = None

    async def chunks(self) -> AsyncGenerator[memoryview, None]:
        while view := _settled(await self._call(self._file.read, BLOCK)):
            yield view

    async def can_rewind(self) -> bool:
        if self._ask_position:
            self._ask_position = False
            self._position = await self._start()
        return self._position is not None

    async def rewind(self) -> None:
        await self._call(self._file.seek, self._position)

    async def _start(self) -> int | None:
        if not all(hasattr(self._file, name) for name in ("seekable", "seek", "tell")):
            return None
        seekable = await self._call(self._file.seekable)
        position: int | None = await self._call(self._file.tell) if seekable else None
        return position

    async def _call(self, method: Callable[..., Any], *arguments: object) -> Any:
        if self._on_loop and inspect.iscoroutinefunction(method):
            return await method(*arguments)
        result = await in_thread(lambda: method(*arguments))
        return await result if inspect.isawaitable(result) else result


class _IteratorReader(_Reader):
    def __init__(self, chunks: AsyncIterable[object]) -> None:
        self._chunks = aiter(chunks)

    async def chunks(self) -> AsyncGenerator[memoryview, None]:
        async for chunk in self._chunks:
            if view := _settled(chunk):
                yield view

    async def can_rewind(self) -> bool:
        return False

    async def aclose(self) -> None:
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


def _reader_of(content: Content, *, rewindable: bool) -> _Reader:
    if isinstance(content, bytes | bytearray | memoryview):
        return _BufferReader(content)
    if isinstance(content, PurePath):
        return _PathReader(Path(content))
    if isinstance(content, io.TextIOBase):
        raise TypeError("content is a text file: open it in binary mode")
    if callable(getattr(content, "read", None)):
        return _FileReader(content, rewindable=rewindable)
    if isinstance(content, AsyncIterable):
        return _IteratorReader(content)
    raise TypeError(
        f"content can't be {type(content).__name__}: give bytes, a binary file, a Path or an "
        "async iterator of bytes"
    )


def _settled(chunk: object) -> memoryview:
    """Return a chunk that stays as it is: its giver may fill the same buffer again."""
    view = as_bytes_view(chunk)
    return view if isinstance(chunk, bytes) else memoryview(bytes(view))


async def _close(file: Any) -> None:  # Any: aiofiles has no public name for its files
    await file.close()
