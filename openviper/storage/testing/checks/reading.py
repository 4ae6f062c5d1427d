"""Reading: whole files, ranges, streams, and what is one version (catalogue 1.4)."""

from __future__ import annotations

import asyncio
import gzip
import os
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import cast

from openviper.storage.base import Storage
from openviper.storage.errors import NotFoundError, StorageError, TooLargeError
from openviper.storage.testing import look
from openviper.storage.testing.contents import bytes_of, chunks_of
from openviper.storage.testing.expect import fails, same, same_bytes
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target

MIB = 1 << 20
RANGES = ((0, None), (0, 1), (0, 1000), (1, 999), (500, None), (999, 1000), (999, None), (7, 8))


@check("read.bytes-are-exact", "R01", requires=("read",))
async def bytes_are_exact(target: Target) -> None:
    """What was saved is read, byte by byte, around the borders of a chunk."""
    contents = {f"{n}.bin": bytes_of(n) for n in (0, 1, 65535, 65536, 65537)}
    contents["every-value.bin"] = bytes(range(256)) * 3
    await asyncio.gather(*(target.storage.save(*item) for item in contents.items()))
    found = await asyncio.gather(*map(target.storage.read, contents))
    for (name, expected), content in zip(contents.items(), found, strict=True):
        same_bytes(content, expected, name)


@check("read.parts-are-exact", "R01", "B01", requires=("read",))
async def parts_are_exact(target: Target) -> None:
    """What was saved is read, byte by byte, around the borders of a part and over several."""
    part = target.subject.part_size
    for size in (part - 1, part, part + 1, target.large):
        content = bytes_of(size)
        name = await target.storage.save(f"{size}.bin", chunks_of(content))
        same_bytes(await target.storage.read(name), content, f"{size} bytes from a generator")


@check("read.large-bytes-are-exact", "R01", requires=("read",))
async def large_bytes_are_exact(target: Target) -> None:
    """Content that is in memory already is exact too where it goes in parts."""
    content = bytes_of(target.large)
    await target.storage.save("large.bin", content)
    same_bytes(await target.storage.read("large.bin"), content, "large bytes")


@check("read.stream-gives-small-chunks", "R02", requires=("read",))
async def stream_gives_small_chunks(target: Target) -> None:
    """A stream gives non-empty bytes of at most the size asked for, and all of them."""
    content = bytes_of(70_000)
    await target.storage.save("a.bin", content)
    for size in (1000, 4096, 65536, MIB):
        chunks = [chunk async for chunk in target.storage.stream("a.bin", chunk_size=size)]
        same_bytes(b"".join(chunks), content, f"chunk_size={size}")
        same({type(chunk) for chunk in chunks}, {bytes}, f"types with chunk_size={size}")
        lengths = [len(chunk) for chunk in chunks]
        assert 0 < min(lengths) <= max(lengths) <= size, f"chunk_size={size} gave {lengths}"


@check("read.chunk-size-must-be-positive", "R04", requires=("read",))
async def chunk_size_must_be_positive(target: Target) -> None:
    """A chunk size below one is a ValueError before anything is looked for."""
    for size in (0, -1):
        call = _drained(target.storage, "missing.bin", chunk_size=size)
        await fails(ValueError, call, doing=f"stream(chunk_size={size})")


@check("read.ranges-are-slices", "R03", requires=("read",))
async def ranges_are_slices(target: Target) -> None:
    """A range gives the same bytes as the slice, many at once, in the order of the calls."""
    content = bytes_of(1000)
    await target.storage.save("a.bin", content)
    found = await asyncio.gather(
        *(target.storage.read("a.bin", start=start, end=end) for start, end in RANGES)
    )
    for (start, end), piece in zip(RANGES, found, strict=True):
        same_bytes(piece, content[start:end], f"[{start}:{end}]")


@check("read.streamed-ranges-are-slices", "R03", requires=("read",))
async def streamed_ranges_are_slices(target: Target) -> None:
    """A streamed range gives the same bytes as the slice."""
    content = bytes_of(1000)
    await target.storage.save("a.bin", content)
    for start, end in RANGES:
        found = await _drained(target.storage, "a.bin", start=start, end=end, chunk_size=300)
        same_bytes(found, content[start:end], f"[{start}:{end}]")


@check("read.ranges-of-large-files-are-slices", "R03", "R08", requires=("read",))
async def ranges_of_large_files_are_slices(target: Target) -> None:
    """Ranges across the borders of parts and to the end of a large file are exact."""
    content = bytes_of(target.large)
    await target.storage.save("a.bin", chunks_of(content))
    part = target.subject.part_size
    for start, end in ((part - 10, part + 10), (part, part + 1), (target.large - 5, None)):
        found = await target.storage.read("a.bin", start=start, end=end)
        same_bytes(found, content[start:end], f"[{start}:{end}]")
        same(await target.storage.size("a.bin"), target.large, "the size after a ranged read")


@check("read.bad-ranges-are-value-errors", "R04", requires=("read",))
async def bad_ranges_are_value_errors(target: Target) -> None:
    """A negative or inverted range is a ValueError, before the file is looked for."""
    for start, end in ((-1, None), (0, -1), (-5, -2), (2, 1)):
        range_ = f"[{start}:{end}]"
        read = target.storage.read("missing.bin", start=start, end=end)
        await fails(ValueError, read, doing=f"read {range_}")
        streamed = _drained(target.storage, "missing.bin", start=start, end=end)
        await fails(ValueError, streamed, doing=f"stream {range_}")


@check("read.range-bounds-are-whole-numbers", "R04", requires=("read",))
async def range_bounds_are_whole_numbers(target: Target) -> None:
    """A bound that is no whole number is a TypeError, before the file is looked for."""
    bounds = ({"start": "1"}, {"start": 1.0}, {"end": 2.5}, {"start": None})
    for keywords in bounds:
        read = target.storage.read("missing.bin", **cast("dict[str, int]", keywords))
        await fails(TypeError, read, doing=f"read with {keywords}")


@check("read.past-the-end-is-nothing", "R05", requires=("read",))
async def past_the_end_is_nothing(target: Target) -> None:
    """A range is cut at the end of the file, and there is nothing after it and no error."""
    content = bytes_of(100)
    await target.storage.save("a.bin", content)
    for start, end in ((90, 200), (99, 101), (100, None), (100, 200), (101, None), (5000, 6000)):
        found = await target.storage.read("a.bin", start=start, end=end)
        same_bytes(found, content[start:end], f"read [{start}:{end}] of 100 bytes")
        streamed = await _drained(target.storage, "a.bin", start=start, end=end)
        same_bytes(streamed, content[start:end], f"stream [{start}:{end}] of 100 bytes")


@check("read.empty-range-is-nothing", "R06", requires=("read",))
async def empty_range_is_nothing(target: Target) -> None:
    """A range of no bytes is empty, wherever it begins."""
    await target.storage.save("a.bin", b"0123456789")
    for at in (0, 5, 10, 11):
        same(await target.storage.read("a.bin", start=at, end=at), b"", f"[{at}:{at}]")


@check("read.empty-file-has-every-range", "R06", requires=("read",))
async def empty_file_has_every_range(target: Target) -> None:
    """Every range of an empty file is empty and no error."""
    await target.storage.save("empty.bin", b"")
    for start, end in ((0, None), (0, 0), (0, 1), (0, 100), (1, None), (5, 10)):
        found = await target.storage.read("empty.bin", start=start, end=end)
        same(found, b"", f"read [{start}:{end}]")
        streamed = await _drained(target.storage, "empty.bin", start=start, end=end)
        same(streamed, b"", f"stream [{start}:{end}]")


@check("read.missing-file-is-not-found", "R07", "M01", requires=("read",))
async def missing_file_is_not_found(target: Target) -> None:
    """Reading a missing file is NotFoundError with its name, for every range."""
    for start, end in ((0, None), (0, 1), (5, 10), (3, 3)):
        range_ = f"[{start}:{end}]"
        read = target.storage.read("no/such.bin", start=start, end=end)
        error = await fails(NotFoundError, read, doing=f"read {range_}")
        same(error.name, "no/such.bin", "the error's name")
        streamed = _drained(target.storage, "no/such.bin", start=start, end=end)
        await fails(NotFoundError, streamed, doing=f"stream {range_}")


@check("read.abandoned-streams-release-connections", "R09", requires=("read",))
async def abandoned_streams_release_connections(target: Target) -> None:
    """Streams left after their first chunk, closed, dropped or raised in, hold nothing back."""
    content = bytes_of(target.large)
    await target.storage.save("a.bin", chunks_of(content))
    ways = (_close_early, _drop, _raise_inside)
    async with asyncio.timeout(60):
        for turn in range(90):
            await ways[turn % 3](target.storage)
        await look.loop_settles()
        same_bytes(await target.storage.read("a.bin", end=10), content[:10], "a read after them")


@check("read.stream-is-of-one-version", "R10", requires=("read", "put"))
async def stream_is_of_one_version(target: Target) -> None:
    """A file replaced while it is streamed gives the old bytes to the end, or an error."""
    old, new = bytes_of(target.large, seed=1), bytes_of(target.large + 7, seed=2)
    await target.storage.put("a.bin", chunks_of(old))
    found = bytearray()
    try:
        async for chunk in target.storage.stream("a.bin"):
            if not found:
                await (await target.another()).put("a.bin", chunks_of(new))
            found += chunk
    except StorageError:
        same_bytes(bytes(found), old[: len(found)], "what came before the error")
    else:
        same_bytes(bytes(found), old, "the whole stream")


@check("read.file-cut-short-meanwhile", "R11", requires=("read",), needs=("folder",))
async def file_cut_short_meanwhile(target: Target) -> None:
    """A stream whose file others cut short raises: what is missing is never taken for the end."""
    assert target.subject.folder is not None
    await target.storage.save("a.bin", chunks_of(bytes_of(target.large)))
    chunks = cast(AsyncGenerator[bytes, None], target.storage.stream("a.bin"))
    async with aclosing(chunks):
        await anext(chunks)
        os.truncate(target.subject.folder(target.location) / "a.bin", target.large - 1)
        await fails(StorageError, _exhausted(chunks), doing="streaming a file that got shorter")


@check("read.beyond-four-gibibytes", "B07", requires=("read",), needs=("folder",))
async def beyond_four_gibibytes(target: Target) -> None:
    """A file of over 4 GiB has its true size, and ranges beyond that are exact."""
    assert target.subject.folder is not None
    size = (4 << 30) + 100
    await target.storage.save("a.bin", b"first")
    path = target.subject.folder(target.location) / "a.bin"
    with path.open("r+b") as file:  # mostly holes, which take no room
        file.truncate(size)
        file.seek(size - 4)
        file.write(b"last")
    storage = target.storage
    same(await storage.size("a.bin"), size, "size()")
    same((await storage.stat("a.bin")).size, size, "size in stat()")
    same(await storage.read("a.bin", start=size - 4), b"last", "the last 4 bytes")
    async with storage.open("a.bin") as reader:
        same(await reader.seek(-6, 2), size - 6, "seek(-6, 2)")
        same(await reader.read(), b"\0\0last", "the last 6 bytes")


@check("read.encoded-content-stays-encoded", "R12", requires=("read", "metadata"))
async def encoded_content_stays_encoded(target: Target) -> None:
    """A file saved with a Content-Encoding is read as stored; size and ranges agree."""
    content = gzip.compress(b"text " * 2000, mtime=0)
    await target.storage.save("a.txt", content, content_encoding="gzip")
    await _assert_as_stored(target.storage, "a.txt", content)


@check("read.foreign-encoded-content-stays-encoded", "R12", requires=("read",), needs=("raw",))
async def foreign_encoded_content_stays_encoded(target: Target) -> None:
    """What others stored with a Content-Encoding is read as stored too."""
    assert target.raw is not None
    content = gzip.compress(b"text " * 2000, mtime=0)
    await target.raw.put("a.txt", content, content_encoding="gzip")
    await _assert_as_stored(target.storage, "a.txt", content)


@check("read.max-size-is-held", "R14", requires=("read",))
async def max_size_is_held(target: Target) -> None:
    """Over max_size bytes are TooLargeError; as many, or a range of as many, are not."""
    content = bytes_of(1000)
    await target.storage.save("a.bin", content)
    same_bytes(await target.storage.read("a.bin", max_size=1000), content, "max_size=1000")
    for size in (999, 0):
        call = target.storage.read("a.bin", max_size=size)
        error = await fails(TooLargeError, call, doing=f"read(max_size={size}) of 1000 bytes")
        same(error.name, "a.bin", "the error's name")
    piece = await target.storage.read("a.bin", start=10, end=20, max_size=10)
    same_bytes(piece, content[10:20], "[10:20] with max_size=10")


@check("read.keeps-a-few-chunks", "R14", "C09", requires=("read",))
async def memory_is_bounded(target: Target) -> None:
    """A stream, a reader, and a read that is over its max_size keep a few chunks at most."""
    size = 24 * MIB
    await target.storage.save("a.bin", chunks_of(bytes_of(MIB) * 24, MIB))
    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "a stream": lambda: _counted(target.storage, size),
        "a reader": lambda: _read_in_blocks(target.storage),
        "a read over its max_size": lambda: _refused(target.storage),
    }
    for what, way in ways.items():
        peak = await _peak_of(way)
        assert peak < 8 * MIB, f"{what} of {size} bytes took {peak} bytes at its peak"


async def _drained(
    storage: Storage, name: str, *, start: int = 0, end: int | None = None, chunk_size: int = 65536
) -> bytes:
    chunks = storage.stream(name, start=start, end=end, chunk_size=chunk_size)
    return b"".join([chunk async for chunk in chunks])


async def _exhausted(chunks: AsyncGenerator[bytes, None]) -> int:
    return sum([len(chunk) async for chunk in chunks])


async def _close_early(storage: Storage) -> None:
    async with aclosing(storage.stream("a.bin")) as chunks:  # type: ignore[type-var]  # a generator
        await anext(chunks)


async def _drop(storage: Storage) -> None:
    async for _ in storage.stream("a.bin"):
        break


async def _raise_inside(storage: Storage) -> None:
    try:
        async for _ in storage.stream("a.bin"):
            raise LookupError  # noqa: TRY301 - of the one who reads
    except LookupError:
        return


async def _assert_as_stored(storage: Storage, name: str, content: bytes) -> None:
    same_bytes(await storage.read(name), content, "read")
    same(await storage.size(name), len(content), "size")
    same_bytes(await storage.read(name, start=3, end=20), content[3:20], "[3:20]")
    same_bytes(await _drained(storage, name), content, "stream")
    async with storage.open(name) as reader:
        same_bytes(await reader.read(), content, "open")


async def _counted(storage: Storage, size: int) -> None:
    count = 0
    async for chunk in storage.stream("a.bin"):
        count += len(chunk)
    same(count, size, "the bytes streamed")


async def _read_in_blocks(storage: Storage) -> None:
    async with storage.open("a.bin") as reader:
        while await reader.read(65536):
            pass


async def _refused(storage: Storage) -> None:
    await fails(TooLargeError, storage.read("a.bin", max_size=1000), doing="read(max_size=1000)")


async def _peak_of(way: Callable[[], Awaitable[object]]) -> int:
    """Return how many bytes Python allocated over what it had before, at the peak."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await way()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
