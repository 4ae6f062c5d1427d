"""Open files: what `open(name)` gives to read (catalogue R13, R08, R10)."""

from __future__ import annotations

import asyncio

from openviper.storage.errors import NotFoundError, StorageError
from openviper.storage.testing.contents import bytes_of, chunks_of
from openviper.storage.testing.expect import fails, same, same_bytes
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target


@check("reader.reads-in-pieces", "R13", requires=("read",))
async def reads_in_pieces(target: Target) -> None:
    """A reader gives the next n bytes at each call, the rest at last, and then nothing."""
    content = bytes_of(10_000)
    await target.storage.save("a.bin", content)
    async with target.storage.open("a.bin") as reader:
        same(await reader.read(0), b"", "read(0)")
        same_bytes(await reader.read(10), content[:10], "read(10)")
        same_bytes(await reader.read(5000), content[10:5010], "read(5000)")
        same_bytes(await reader.read(), content[5010:], "read()")
        same([await reader.read(), await reader.read(5)], [b"", b""], "reads at the end")


@check("reader.reads-large-files-whole", "R13", requires=("read",))
async def reads_large_files_whole(target: Target) -> None:
    """A reader gives exactly n bytes of a large file, also across the borders of chunks."""
    content = bytes_of(target.large)
    await target.storage.save("a.bin", chunks_of(content))
    async with target.storage.open("a.bin") as reader:
        first = await reader.read(target.large - 100)
        same_bytes(first, content[:-100], "all but 100 bytes")
        same_bytes(await reader.read(1000), content[-100:], "the last 100 bytes")


@check("reader.fills-buffers", "R13", requires=("read",))
async def fills_buffers(target: Target) -> None:
    """A reader fills a buffer with the next bytes and says how many there were."""
    await target.storage.save("a.bin", b"0123456789")
    buffer = bytearray(7)
    async with target.storage.open("a.bin") as reader:
        same(await reader.readinto(buffer), 7, "the first readinto")
        same(bytes(buffer), b"0123456", "the buffer")
        same(await reader.readinto(memoryview(buffer)), 3, "the second readinto")
        same(bytes(buffer[:3]), b"789", "the buffer's beginning")
        same(await reader.readinto(buffer), 0, "readinto at the end")


@check("reader.seeks-and-tells", "R13", "R08", requires=("read",))
async def seeks_and_tells(target: Target) -> None:
    """A reader moves from the start, from here and from the end, and says where it is."""
    await target.storage.save("a.bin", b"0123456789")
    async with target.storage.open("a.bin") as reader:
        same(reader.tell(), 0, "tell at first")
        same(await reader.seek(4), 4, "seek(4)")
        same(await reader.read(2), b"45", "read(2) at 4")
        same(reader.tell(), 6, "tell after it")
        same(await reader.seek(-3, 1), 3, "seek(-3, 1)")
        same(await reader.read(1), b"3", "read(1) at 3")
        same(await reader.seek(-2, 2), 8, "seek(-2, 2)")
        same(await reader.read(), b"89", "read() at 8")
        same(await reader.seek(0), 0, "seek(0)")
        same(await reader.read(), b"0123456789", "read() at 0")


@check("reader.reads-nothing-past-the-end", "R13", "R05", requires=("read",))
async def reads_nothing_past_the_end(target: Target) -> None:
    """A position after the end is allowed, and there is nothing to read there."""
    await target.storage.save("a.bin", b"0123456789")
    async with target.storage.open("a.bin") as reader:
        same(await reader.seek(100), 100, "seek(100)")
        same(await reader.read(), b"", "read() at 100")
        same(reader.tell(), 100, "tell after it")
        same(await reader.seek(9), 9, "seek(9)")
        same(await reader.read(), b"9", "read() at 9")


@check("reader.refuses-bad-positions", "R13", requires=("read",))
async def refuses_bad_positions(target: Target) -> None:
    """A position before the start and an unknown whence are ValueErrors that move nothing."""
    await target.storage.save("a.bin", b"0123456789")
    async with target.storage.open("a.bin") as reader:
        await reader.seek(5)
        for position, whence in ((-1, 0), (-6, 1), (-11, 2), (0, 3)):
            call = reader.seek(position, whence)
            await fails(ValueError, call, doing=f"seek({position}, {whence}) at 5 of 10")
        same(await reader.read(), b"56789", "read() after them")


@check("reader.gives-chunks", "R13", requires=("read",))
async def gives_chunks(target: Target) -> None:
    """A reader is iterated in non-empty chunks, from where it stands."""
    content = bytes_of(200_000)
    await target.storage.save("a.bin", content)
    async with target.storage.open("a.bin") as reader:
        await reader.seek(1000)
        chunks = [chunk async for chunk in reader]
    assert all(chunks), "expected no empty chunk"
    same_bytes(b"".join(chunks), content[1000:], "the chunks from 1000 on")


@check("reader.opens-empty-files", "R13", "R06", requires=("read",))
async def opens_empty_files(target: Target) -> None:
    """An empty file opens, and there is nothing in it."""
    await target.storage.save("empty.bin", b"")
    async with target.storage.open("empty.bin") as reader:
        same([await reader.read(), await reader.read(1)], [b"", b""], "reads")
        same([chunk async for chunk in reader], [], "its chunks")
        same(await reader.seek(0, 2), 0, "its end")


@check("reader.missing-file-is-not-found-on-enter", "R07", "R13", requires=("read",))
async def missing_file_is_not_found_on_enter(target: Target) -> None:
    """Opening a missing file raises NotFoundError when the block is entered."""

    async def enter() -> str:
        async with target.storage.open("no/such.bin"):
            return "entered"

    error = await fails(NotFoundError, enter(), doing="open a missing file")
    same(error.name, "no/such.bin", "the error's name")


@check("reader.takes-no-attributes", "R13", requires=("read",))
async def takes_no_attributes(target: Target) -> None:
    """Attributes and unknown modes are refused where a file is opened to read."""
    try:
        target.storage.open("a.bin", "rb", content_type="text/plain")  # type: ignore[call-overload]  # what is refused
    except TypeError:
        pass
    else:
        raise AssertionError("expected TypeError for content_type with mode 'rb'")
    try:
        target.storage.open("a.bin", "ab")  # type: ignore[call-overload]  # what is refused
    except ValueError:
        return
    raise AssertionError("expected ValueError for mode 'ab'")


@check("reader.reads-one-version", "R10", requires=("read", "put"))
async def reads_one_version(target: Target) -> None:
    """A file replaced while it is open gives its old bytes, or an error, and never a mixture."""
    old, new = bytes_of(target.large, seed=1), bytes_of(target.large, seed=2)
    await target.storage.put("a.bin", chunks_of(old))
    async with target.storage.open("a.bin") as reader:
        same_bytes(await reader.read(100), old[:100], "before it was replaced")
        await (await target.another()).put("a.bin", chunks_of(new))
        for position in (100, target.large - 50):
            try:
                await reader.seek(position)
                found = await reader.read(50)
            except StorageError:
                continue
            same_bytes(found, old[position : position + 50], f"50 bytes at {position}")


@check("reader.two-readers-do-not-meet", "R13", requires=("read",))
async def two_readers_do_not_meet(target: Target) -> None:
    """Two readers of one file have positions of their own."""
    content = bytes_of(50_000)
    await target.storage.save("a.bin", content)
    async with target.storage.open("a.bin") as first, target.storage.open("a.bin") as second:
        await second.seek(25_000)
        halves = await asyncio.gather(first.read(25_000), second.read(25_000))
    same_bytes(b"".join(halves), content, "the halves, read side by side")
