"""Mutants that read content wrongly (catalogue 1.3 and 1.12)."""

from __future__ import annotations

import asyncio
import inspect
import io
import itertools
from collections.abc import AsyncIterable, AsyncIterator, Callable
from pathlib import Path
from typing import Any

from openviper.storage import FileInfo, MemoryStorage
from openviper.storage.errors import StorageError
from openviper.storage.types import Content
from tests.mutants.registry import Disk, mutant
from tests.mutants.saving import whole

MIB = 1 << 20


class Passing(MemoryStorage):
    """Put content that was changed on its way."""

    def passed(self, content: Any) -> Any:  # Any: whatever content there is
        raise NotImplementedError

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        return await super().put(name, self.passed(content), **options)

    async def save(self, name: str, content: Content, **options: Any) -> str:
        return await super().save(name, self.passed(content), **options)


@mutant("content.text-is-encoded", "C05", found_by="content.text-and-others-are-refused")
class TextIsEncoded(Passing):
    """Take text for its UTF-8."""

    def passed(self, content: Any) -> Any:
        return content.encode() if isinstance(content, str) else content


@mutant("content.text-chunks-are-encoded", "C05", found_by="content.text-chunks-are-refused")
class TextChunksAreEncoded(Passing):
    """Take chunks of text for their UTF-8."""

    def passed(self, content: Any) -> Any:
        return _encoding(content) if inspect.isasyncgen(content) else content


async def _encoding(chunks: AsyncIterable[Any]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk.encode() if isinstance(chunk, str) else chunk


@mutant(
    "content.empty-chunk-is-the-end",
    "C04",
    found_by=("content.empty-chunks-are-no-end", "content.kinds-give-identical-files"),
)
class EmptyChunkIsTheEnd(Passing):
    """Stop at a chunk without bytes."""

    def passed(self, content: Any) -> Any:
        return _until_empty(content) if inspect.isasyncgen(content) else content


async def _until_empty(chunks: AsyncIterable[Any]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        if not chunk:
            return
        yield chunk


@mutant("content.short-read-is-the-end", "C04", "C07", found_by="content.needs-nothing-but-read")
class ShortReadIsTheEnd(Passing):
    """Take a read of fewer bytes than were asked for for the last one."""

    def passed(self, content: Any) -> Any:
        named = hasattr(content, "name") or isinstance(content, io.BytesIO)
        return content if named or not hasattr(content, "read") else _OneRead(content.read)


class _OneRead:
    def __init__(self, read: Callable[[int], Any]) -> None:
        self._read = read
        self._ended = False

    async def read(self, size: int) -> bytes:
        if self._ended:
            return b""
        block = self._read(size)
        data: bytes = await block if inspect.isawaitable(block) else block
        self._ended = len(data) < size
        return data


@mutant("content.file-is-closed", "C06", found_by="content.file-stays-open")
class FileIsClosed(Passing):
    """Close the caller's file after it was saved."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        try:
            return await super().save(name, content, **options)
        finally:
            if isinstance(content, io.BytesIO):
                content.close()

    def passed(self, content: Any) -> Any:
        return content


@mutant("content.file-is-rewound", "C08", found_by="content.begins-at-the-position")
class FileIsRewound(Passing):
    """Read a file from its beginning, wherever it stands."""

    def passed(self, content: Any) -> Any:
        if isinstance(content, io.BytesIO):
            content.seek(0)
        return content


@mutant("content.length-is-asked-for", "C07", found_by="content.needs-nothing-but-read")
class LengthIsAskedFor(Passing):
    """Ask every file for its length before reading it."""

    def passed(self, content: Any) -> Any:
        if hasattr(content, "read"):
            here = content.tell()
            content.seek(0, 2)
            content.seek(here)
        return content


@mutant("content.is-read-into-memory", "C09", found_by="content.memory-is-bounded")
class IsReadIntoMemory(Disk):
    """Read all of the content before the first byte is written."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        return await super().save(name, await whole(content), **options)


@mutant("content.progress-counts-chunks", "C09", found_by="content.progress-counts-bytes")
class ProgressCountsChunks(MemoryStorage):
    """Tell `progress` the number of calls, not of bytes."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        progress = options.pop("progress", None)
        if progress is not None:
            calls = itertools.count(1)
            options["progress"] = lambda _: progress(next(calls))
        return await super().put(name, content, **options)


@mutant("content.blocks-the-loop", "C10", found_by="content.reading-never-blocks-the-loop")
class BlocksTheLoop(Passing):
    """Read a sync file on the event loop."""

    def passed(self, content: Any) -> Any:
        reads = hasattr(content, "read") and not hasattr(content, "seek")
        block = content.read(MIB) if reads else content
        return block if isinstance(block, bytes) else content


@mutant("content.source-error-is-wrapped", "C11", found_by="fail.source-failure-comes-as-itself")
class SourceErrorIsWrapped(MemoryStorage):
    """Hide what the source raised behind an error of the storage."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        try:
            return await super().save(name, content, **options)
        except Exception as error:
            raise StorageError("could not save", name=name, backend="memory") from error


@mutant("content.buffer-is-kept", "C12", found_by="content.later-changes-do-not-matter")
class BufferIsKept(MemoryStorage):
    """Keep the caller's buffer instead of a copy of it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._kept: dict[str, bytearray] = {}

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        if isinstance(content, bytearray):
            self._kept[name] = content
        return await super().put(name, content, **options)

    async def read(self, name: str, **options: Any) -> bytes:
        kept = self._kept.get(name)
        return await super().read(name, **options) if kept is None else bytes(kept)


@mutant("content.view-is-its-whole-buffer", "C01", found_by="content.kinds-give-identical-files")
class ViewIsItsWholeBuffer(Passing):
    """Store the whole buffer that a view shows a part of."""

    def passed(self, content: Any) -> Any:
        return bytes(content.obj) if isinstance(content, memoryview) else content


@mutant(
    "content.awaitable-read-is-not-awaited", "C02", found_by="content.kinds-give-identical-files"
)
class AwaitableReadIsNotAwaited(Passing):
    """Know an async file only by its coroutine function."""

    def passed(self, content: Any) -> Any:
        read = getattr(content, "read", None)
        return content if read is None or inspect.iscoroutinefunction(read) else _SyncOnly(read)


class _SyncOnly:
    def __init__(self, read: Callable[[int], Any]) -> None:
        self._read = read

    async def read(self, size: int) -> bytes:
        block: object = await asyncio.to_thread(self._read, size)
        if inspect.iscoroutine(block):
            block.close()
            raise TypeError("read() gave no bytes")
        assert isinstance(block, bytes)
        return block


@mutant("content.path-is-its-text", "C02", found_by="content.path-is-its-file")
class PathIsItsText(Passing):
    """Store the text of a path."""

    def passed(self, content: Any) -> Any:
        return bytes(content) if isinstance(content, Path) else content


@mutant("content.empty-is-not-stored", "C03", "B02", found_by="content.empty-of-every-kind")
class EmptyIsNotStored(MemoryStorage):
    """Make no file of a stream that gives nothing, as an upload without parts."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        info = await super().put(name, content, **options)
        if info.size == 0 and not isinstance(content, bytes):
            await self.delete(name)
        return info


@mutant("content.full-last-part-is-lost", "B01", found_by="read.parts-are-exact")
class FullLastPartIsLost(Passing):
    """Lose the last part where the content fills it."""

    def passed(self, content: Any) -> Any:
        return _without_full_tail(content) if inspect.isasyncgen(content) else content


async def _without_full_tail(chunks: AsyncIterable[Any]) -> AsyncIterator[bytes]:
    data = b"".join([chunk async for chunk in chunks])
    yield data[:-MIB] if data and len(data) % MIB == 0 else data


@mutant("content.counts-its-chunks", "B03", found_by="content.chunks-of-any-size")
class CountsItsChunks(Passing):
    """Send each chunk as a part, of which there can be only so many."""

    def passed(self, content: Any) -> Any:
        return _few(content) if inspect.isasyncgen(content) else content


async def _few(chunks: AsyncIterable[Any]) -> AsyncIterator[bytes]:
    number = 0
    async for chunk in chunks:
        number += 1
        if number > 10_000:
            raise StorageError("too many parts", backend="memory")
        yield chunk


@mutant("content.is-drained-ahead", "C09", found_by="content.memory-is-bounded")
class IsDrainedAhead(Disk):
    """Take all chunks from the source before the first is written."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        given = await _drained(content) if inspect.isasyncgen(content) else content
        return await super().save(name, given, **options)


async def _drained(chunks: AsyncIterable[Any]) -> AsyncIterator[bytes]:
    kept = [chunk async for chunk in chunks]

    async def give() -> AsyncIterator[bytes]:
        for chunk in kept:
            yield chunk

    return give()


@mutant("content.file-is-read-at-once", "C09", found_by="content.memory-is-bounded")
class FileIsReadAtOnce(Disk):
    """Read a file whole, as `read()` without a size does."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        read = getattr(content, "read", None)
        given = content if read is None else await asyncio.to_thread(read)
        return await super().save(name, given, **options)
