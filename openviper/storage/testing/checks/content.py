"""Content: every kind of it, read as its owner would expect (catalogue 1.3)."""

from __future__ import annotations

import asyncio
import io
import tempfile
import threading
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

from openviper.storage.testing import expect, look
from openviper.storage.testing.contents import (
    AsyncFile,
    OnlyRead,
    bytes_of,
    chunks_of,
    file_of,
    kinds_of,
)
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.types import Content

LONG_CHUNKS = 64
TINY_CHUNKS = 20_000
"""More than any service takes parts."""
MAX_PEAK = 40 << 20
"""Bytes for what is in flight: parts of 5 MiB, four and those being read and joined."""
BLOCKED_SECONDS = 10.0
"""Seconds after which a file that blocks takes the loop to stand still."""


@check("content.kinds-give-identical-files", "C01", "C02", "C04")
async def kinds_give_identical_files(target: Target) -> None:
    """The same bytes as any kind of content give the same file, by `save` and by `put`."""
    data = bytes(range(256)) * 10
    for label, content in kinds_of(data).items():
        name = await target.storage.save(f"{label}.bin", content)
        await look.content(target.storage, name, data)
    if look.can(target.storage, "put"):
        for label, content in kinds_of(data).items():
            await target.storage.put(f"put from {label}", content)
            await look.content(target.storage, f"put from {label}", data)


@check("content.large-kinds-give-identical-files", "C01", "C02", "S10", requires=("put", "read"))
async def large_kinds_give_identical_files(target: Target) -> None:
    """Large content from memory, a file and a generator gives the same file."""
    data = bytes_of(target.large)
    kinds: dict[str, Content] = {
        "bytearray": bytearray(data),
        "sync file": file_of(data),
        "generator": chunks_of(data, 300_001),
    }
    for label, content in kinds.items():
        info = await target.storage.put("a.bin", content)
        expect.same(info.size, len(data), f"size from {label}")
        expect.same_bytes(await target.storage.read("a.bin"), data, f"put from {label}")


@check("content.path-is-its-file", "C02", requires=("put",))
async def path_is_its_file(target: Target) -> None:
    """A `Path` is the content of its file, small and large; a missing one is the OS's error."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file.bin")
        for size in (0, 1000, target.large):
            data = bytes_of(size)
            await asyncio.to_thread(path.write_bytes, data)
            await target.storage.save("a.bin", path, if_exists="overwrite")
            await look.content(target.storage, "a.bin", data)
        missing = target.storage.put("b", Path(folder, "missing"))
        error = await expect.fails(FileNotFoundError, missing, doing="saving a missing path")
        expect.same(type(error), FileNotFoundError, "type of the error, which is the source's own")


@check("content.empty-of-every-kind", "C03", "B02", requires=("put", "list"))
async def empty_of_every_kind(target: Target) -> None:
    """No bytes, of any kind of content, are a file of no bytes."""
    for label, content in kinds_of(b"").items():
        await target.storage.put(f"{label}.bin", content)
    listed = {info.name: info.size async for info in target.storage.files()}
    expect.same(listed, dict.fromkeys((f"{kind}.bin" for kind in kinds_of(b"")), 0), "sizes")
    for name in listed:
        await look.content(target.storage, name, b"")


@check("content.empty-chunks-are-no-end", "C04")
async def empty_chunks_are_no_end(target: Target) -> None:
    """Empty chunks in the middle of large content do not end it."""
    data = bytes_of(target.large)

    async def chunks() -> object:
        yield b""
        async for chunk in chunks_of(data):
            yield chunk
            yield b""

    await target.storage.save("a.bin", chunks())  # type: ignore[arg-type] # typed by its yields
    await look.content(target.storage, "a.bin", data)


@check("content.chunks-of-any-size", "B03")
async def chunks_of_any_size(target: Target) -> None:
    """Very many tiny chunks and one huge chunk are stored whole, in order."""
    tiny = bytes_of(TINY_CHUNKS * 7)
    await target.storage.save("tiny.bin", chunks_of(tiny, 7))
    await look.content(target.storage, "tiny.bin", tiny)
    huge = bytes_of(target.large)
    await target.storage.save("huge.bin", chunks_of(huge, len(huge)))
    await look.content(target.storage, "huge.bin", huge)


@check("content.text-and-others-are-refused", "C05")
async def text_and_others_are_refused(target: Target) -> None:
    """Text, numbers, lists and sync iterables are `TypeError`, and nothing is stored."""
    wrong: tuple[object, ...] = (
        "text", io.StringIO("text"), None, 1, 1.5, [b"list"], (b"tuple",), {b"set"},
        iter([b"iterator"]), (chunk for chunk in [b"generator"]), object(), True, range(3),
    )  # fmt: skip
    for content in wrong:
        given: Content = content  # type: ignore[assignment] # wrong on purpose
        save = target.storage.save("a", given)
        await expect.fails(TypeError, save, doing=f"save of {content!r}")
        if look.can(target.storage, "put"):
            put = target.storage.put("a", given)
            await expect.fails(TypeError, put, doing=f"put of {content!r}")
    await look.nothing_but(target)


@check("content.text-chunks-are-refused", "C05")
async def text_chunks_are_refused(target: Target) -> None:
    """Chunks that turn out to be text are `TypeError`, first or late, and nothing is stored."""

    async def chunks(head: bytes) -> object:
        if head:
            yield head
        yield "text"

    for head in (b"", b"x", bytes_of(target.large)):
        call = target.storage.save("a", chunks(head))  # type: ignore[arg-type] # wrong on purpose
        await expect.fails(TypeError, call, doing=f"text after {len(head)} bytes")
    await look.nothing_but(target)


@check("content.file-stays-open", "C06")
async def file_stays_open(target: Target) -> None:
    """A file that was saved stays open, at the end of what was read, also after a failure."""
    for size in (100, target.large):
        file = file_of(bytes_of(size))
        await target.storage.save("a", file)
        expect.same((file.closed, file.tell()), (False, size), "closed and position afterwards")
        failing = file_of(bytes_of(size))
        wrong = f"md5:{'0' * 32}"
        await expect.fails(
            Exception, target.storage.save("a", failing, checksum=wrong), doing="a wrong checksum"
        )
        expect.same(failing.closed, False, "closed after a failure")


@check("content.begins-at-the-position", "C08")
async def begins_at_the_position(target: Target) -> None:
    """A file is read from where it stands, and again from there where its name is taken."""
    data = bytes_of(target.large)
    await target.storage.save("a", b"taken")
    for offset, content in ((7, data[:100]), (7, data), (100, data[:100])):
        file = file_of(content)
        file.seek(offset)
        name = await target.storage.save("a", file)
        await look.content(target.storage, name, content[offset:])


@check("content.needs-nothing-but-read", "C07")
async def needs_nothing_but_read(target: Target) -> None:
    """A source without position, length or name is stored whole, under a taken name too."""
    data = bytes_of(5000)
    await target.storage.save("a", b"taken")
    for content in (OnlyRead(data), AsyncFile(data), _Pipe(data)):
        name = await target.storage.save("a", content)
        await look.content(target.storage, name, data)


@check("content.memory-is-bounded", "C09", needs=("crosses_processes",))
async def memory_is_bounded(target: Target) -> None:
    """Content far larger than the parts in flight is stored with these in memory only."""
    size = LONG_CHUNKS << 20
    body = bytes_of((1 << 20) - 1)

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(LONG_CHUNKS):
            yield bytes([number]) + body  # each its own: whoever kept them all would be seen

    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        kinds: dict[str, Content] = {"chunks": chunks(), "a file": file}
        for label, content in kinds.items():
            tracemalloc.start()
            try:
                before, _ = tracemalloc.get_traced_memory()
                await target.storage.save("a", content, if_exists="overwrite")
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            expect.same(await target.storage.size("a"), size, f"bytes stored from {label}")
            more = peak - before
            assert more < MAX_PEAK, f"{label}: {more} of {size} bytes were in memory at the peak"


@check("content.reading-never-blocks-the-loop", "C10")
async def reading_never_blocks_the_loop(target: Target) -> None:
    """While a sync file blocks in `read()`, other tasks go on."""
    file = _Blocking(b"content")
    await target.storage.save("a", file)
    assert file.loop_went_on, "the file was read in the loop, where no other task could go on"


@check("content.later-changes-do-not-matter", "C12", requires=("put", "metadata"))
async def later_changes_do_not_matter(target: Target) -> None:
    """What the caller does to a bytearray or to metadata after `put` changes nothing stored."""
    data, metadata = bytearray(b"content"), {"key": "value"}
    await target.storage.put("a", data, metadata=metadata)
    data[:] = b"CHANGED"
    data.clear()  # BufferError where somebody still holds on to it
    metadata["key"] = "changed"
    await look.content(target.storage, "a", b"content")
    found = dict((await target.storage.stat("a")).metadata or {})
    expect.same(found, {"key": "value"}, "metadata")


@check("content.progress-counts-bytes", "C09", requires=("put",))
async def progress_counts_bytes(target: Target) -> None:
    """`progress` is called on the loop with growing sums, the last of them the size."""
    for size in (1000, target.large):
        seen: list[int] = []

        def progress(count: int, seen: list[int] = seen) -> None:
            asyncio.get_running_loop()
            seen.append(count)

        await target.storage.put("a", chunks_of(bytes_of(size)), progress=progress)
        expect.same(seen[-1:], [size], "last sum that progress was told")
        assert seen == sorted(set(seen)), f"sums that do not grow: {seen[:10]}"


class _Pipe(io.RawIOBase):
    """Be a file that can't seek, and says so."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)


class _Blocking:
    """Be a sync file that blocks until the loop has done something else, or gives up."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self._loop = asyncio.get_running_loop()
        self._released = threading.Event()
        self.loop_went_on = True

    def read(self, size: int, /) -> bytes:
        self._loop.call_soon_threadsafe(self._released.set)
        self.loop_went_on &= self._released.wait(BLOCKED_SECONDS)
        return self._file.read(size)
