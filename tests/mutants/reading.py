"""Mutants that read wrongly (catalogue 1.4)."""

from __future__ import annotations

import gzip
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from openviper.storage import FileInfo, MemoryStorage
from openviper.storage.errors import NotFoundError, TooLargeError, UnavailableError
from openviper.storage.files import StorageReader
from tests.mutants.registry import Disk, but, mutant


@mutant("read.last-byte-is-lost", "R01", found_by="read.bytes-are-exact")
class LastByteIsLost(MemoryStorage):
    """Lose a byte where the content ends with a chunk."""

    async def read(self, name: str, **options: Any) -> bytes:
        content = await super().read(name, **options)
        return content[:-1] if len(content) == 65536 else content


@mutant("read.chunks-are-larger", "R02", found_by="read.stream-gives-small-chunks")
class ChunksAreLarger(MemoryStorage):
    """Give the chunks that the backend has, whatever size was asked for."""

    def stream(self, name: str, **options: Any) -> AsyncIterator[bytes]:
        return super().stream(name, **but(options, chunk_size=1 << 20))


@mutant("read.chunks-may-be-empty", "R02", found_by="read.stream-gives-small-chunks")
class ChunksMayBeEmpty(MemoryStorage):
    """Give an empty chunk at the end, which some take for the end and some for content."""

    async def stream(self, name: str, **options: Any) -> AsyncGenerator[bytes, None]:
        async for chunk in super().stream(name, **options):
            yield chunk
        yield b""


@mutant(
    "read.end-is-inclusive",
    "R03",
    found_by=("read.ranges-are-slices", "read.ranges-of-large-files-are-slices"),
)
class EndIsInclusive(MemoryStorage):
    """Read the byte at `end` too, as the Range header of HTTP does."""

    async def read(self, name: str, **options: Any) -> bytes:
        end = options.pop("end", None)
        return await super().read(name, **options, end=None if end is None else end + 1)


@mutant("read.negative-counts-from-the-end", "R04", found_by="read.bad-ranges-are-value-errors")
class NegativeCountsFromTheEnd(MemoryStorage):
    """Slice as a list does."""

    async def read(self, name: str, **options: Any) -> bytes:
        start = options.pop("start", 0)
        if start < 0:
            start = max(0, await self.size(name) + start)
        return await super().read(name, start=start, **options)


@mutant("read.past-the-end-is-an-error", "R05", found_by="read.past-the-end-is-nothing")
class PastTheEndIsAnError(MemoryStorage):
    """Let the service's 416 out where a range begins after the end."""

    async def read(self, name: str, **options: Any) -> bytes:
        if options.get("start", 0) > await self.size(name):
            raise UnavailableError("416", name=name, backend="memory")
        return await super().read(name, **options)


@mutant("read.empty-file-has-no-range", "R06", found_by="read.empty-file-has-every-range")
class EmptyFileHasNoRange(MemoryStorage):
    """Let the service's 416 out where a range is asked of an empty file."""

    async def read(self, name: str, **options: Any) -> bytes:
        if "end" in options and not await self.size(name):
            raise UnavailableError("416", name=name, backend="memory")
        return await super().read(name, **options)


@mutant("read.empty-range-is-the-rest", "R06", found_by="read.empty-range-is-nothing")
class EmptyRangeIsTheRest(MemoryStorage):
    """Take a range that ends where it begins for one without an end."""

    async def read(self, name: str, **options: Any) -> bytes:
        if options.get("start") and options.get("start") == options.get("end"):
            options["end"] = None
        return await super().read(name, **options)


@mutant("read.missing-is-empty", "R07", found_by="read.missing-file-is-not-found")
class MissingIsEmpty(MemoryStorage):
    """Stream nothing of a file that is not there."""

    async def stream(self, name: str, **options: Any) -> AsyncGenerator[bytes, None]:
        if await self.exists(name):
            async for chunk in super().stream(name, **options):
                yield chunk


@mutant("read.size-is-that-of-the-range", "R08", found_by="read.ranges-of-large-files-are-slices")
class SizeIsThatOfTheRange(MemoryStorage):
    """Take the Content-Length of a ranged reply for the file's size."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._seen: dict[str, int] = {}

    async def read(self, name: str, **options: Any) -> bytes:
        content = await super().read(name, **options)
        self._seen[name] = len(content)
        return content

    async def size(self, name: str) -> int:
        return self._seen.get(name) or await super().size(name)


@mutant(
    "read.abandoned-streams-keep-a-connection",
    "R09",
    found_by="read.abandoned-streams-release-connections",
)
class AbandonedStreamsKeepAConnection(MemoryStorage):
    """Free a connection only at the end of its stream."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._free = 10

    async def stream(self, name: str, **options: Any) -> AsyncGenerator[bytes, None]:
        if not self._free:
            raise UnavailableError("no connection is left", name=name, backend="memory")
        self._free -= 1
        async for chunk in super().stream(name, **options):
            yield chunk
        self._free += 1


@mutant("read.versions-are-spliced", "R10", found_by="read.stream-is-of-one-version")
class VersionsAreSpliced(MemoryStorage):
    """Stream by one ranged request after the other, each of what is there then."""

    async def stream(self, name: str, **options: Any) -> AsyncGenerator[bytes, None]:
        start, end = options.get("start", 0), options.get("end")
        while True:
            stop = start + 65536 if end is None else min(start + 65536, end)
            chunk = await super().read(name, start=start, end=stop)
            if not chunk:
                return
            yield chunk
            start += len(chunk)


@mutant("read.reader-splices-versions", "R10", "R13", found_by="reader.reads-one-version")
class ReaderSplicesVersions(MemoryStorage):
    """Read what is there now after each `seek` of an open file."""

    @asynccontextmanager
    async def open_reader(self, name: str) -> AsyncGenerator[StorageReader, None]:
        size = await self.size(name)
        yield StorageReader(
            lambda start: _closing(self._chunks(name, start, None, 65536)), size=size
        )


@asynccontextmanager
async def _closing(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[AsyncIterator[bytes]]:
    try:
        yield chunks
    finally:
        await chunks.aclose()


@mutant("read.short-data-is-success", "R11", found_by="read.file-cut-short-meanwhile")
class ShortDataIsSuccess(Disk):
    """End a stream where the data ends, however much was promised."""

    async def stream(self, name: str, **options: Any) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in super().stream(name, **options):
                yield chunk
        except UnavailableError:
            return


@mutant(
    "read.gzip-is-undone",
    "R12",
    found_by="read.encoded-content-stays-encoded",
)
class GzipIsUndone(MemoryStorage):
    """Decompress what was stored compressed, as HTTP clients like to do."""

    async def read(self, name: str, **options: Any) -> bytes:
        content = await super().read(name, **options)
        encoding = (await self.stat(name)).content_encoding
        return gzip.decompress(content) if encoding == "gzip" and not options else content


@mutant("read.reader-stops-at-chunks", "R13", found_by="reader.reads-large-files-whole")
class ReaderStopsAtChunks(MemoryStorage):
    """Return fewer bytes than were asked for in the middle of a file."""

    @asynccontextmanager
    async def open_reader(self, name: str) -> AsyncGenerator[StorageReader, None]:
        async with super().open_reader(name) as reader:
            reader.__class__ = _Short
            yield reader


class _Short(StorageReader):
    async def read(self, n: int = -1) -> bytes:
        return await super().read(65536 if n < 0 else min(n, 65536))


@mutant("read.seek-from-the-end-is-turned", "R13", found_by="reader.seeks-and-tells")
class SeekFromTheEndIsTurned(MemoryStorage):
    """Count a position from the end in the wrong direction."""

    @asynccontextmanager
    async def open_reader(self, name: str) -> AsyncGenerator[StorageReader, None]:
        async with super().open_reader(name) as reader:
            reader.__class__ = _Turned
            yield reader


class _Turned(StorageReader):
    async def seek(self, pos: int, whence: int = 0) -> int:
        return await super().seek(-pos if whence == 2 else pos, whence)


@mutant(
    "read.open-finds-out-later", "R07", "R13", found_by="reader.missing-file-is-not-found-on-enter"
)
class OpenFindsOutLater(MemoryStorage):
    """Open a missing file, and notice it at the first read."""

    @asynccontextmanager
    async def open_reader(self, name: str) -> AsyncGenerator[StorageReader, None]:
        try:
            async with super().open_reader(name) as reader:
                yield reader
        except NotFoundError:
            yield StorageReader(lambda start: _closing(self._chunks(name, start, None, 1)), size=1)


@mutant("read.max-size-is-ignored", "R14", found_by="read.max-size-is-held")
class MaxSizeIsIgnored(MemoryStorage):
    """Read any number of bytes."""

    async def read(self, name: str, **options: Any) -> bytes:
        return await super().read(name, **but(options, max_size=None))


@mutant("read.max-size-is-noticed-at-the-end", "R14", found_by="read.keeps-a-few-chunks")
class MaxSizeIsNoticedAtTheEnd(Disk):
    """Refuse a large file when all of it was read."""

    async def read(self, name: str, **options: Any) -> bytes:
        most = options.pop("max_size", None)
        content = await super().read(name, **options)
        if most is not None and len(content) > most:
            raise TooLargeError("too large", name=name, backend="filesystem")
        return content


@mutant("read.sizes-have-32-bits", "B07", found_by="read.beyond-four-gibibytes")
class SizesHave32Bits(Disk):
    """Keep the size of a file in 32 bits."""

    async def stat(self, name: str) -> FileInfo:
        info = await super().stat(name)
        return replace(info, size=info.size & 0xFFFFFFFF)
