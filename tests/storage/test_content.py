"""Sources: every kind of content as chunks and as parts, from where it stands, and again."""

from __future__ import annotations

import array
import asyncio
import codecs
import io
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import IO, cast

import aiofiles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openviper.storage.checksum import Checksum
from openviper.storage.content import BLOCK, Source, as_bytes, as_bytes_view
from openviper.storage.errors import IntegrityError
from openviper.storage.spool import Spool
from openviper.storage.testing.contents import (
    AsyncFile,
    AwaitableFile,
    FailingError,
    OnlyRead,
    chunks_of,
    failing_after,
    kinds_of,
)
from openviper.storage.types import Content

DATA = bytes(range(256)) * 20


class Upload:
    """Be shaped as Starlette's UploadFile: async `read`, `seek` and `close`, a sync `file`."""

    def __init__(self, file: IO[bytes], filename: str) -> None:
        self.file = file
        self.filename = filename
        self.size: int | None = None

    async def read(self, size: int = -1) -> bytes:
        return self.file.read(size)

    async def seek(self, offset: int) -> None:
        self.file.seek(offset)

    async def close(self) -> None:
        self.file.close()


async def all_of(source: Source) -> bytes:
    async with aclosing(source):
        return b"".join([bytes(chunk) async for chunk in source.chunks()])


@pytest.mark.parametrize("kind", kinds_of(b""))
async def test_kind_gives_its_bytes(kind: str) -> None:
    assert await all_of(Source(kinds_of(DATA)[kind])) == DATA


@pytest.mark.parametrize("kind", kinds_of(b""))
async def test_kind_of_no_bytes_gives_no_chunks(kind: str) -> None:
    source = Source(kinds_of(b"")[kind])
    async with aclosing(source):
        assert [chunk async for chunk in source.chunks()] == []


@pytest.mark.parametrize("kind", kinds_of(b""))
@pytest.mark.parametrize("size", [1, 999, len(DATA) - 1, len(DATA), len(DATA) + 1, 1 << 40])
async def test_kind_gives_parts_that_are_short_at_the_end_only(kind: str, size: int) -> None:
    data = DATA[:20] if size == 1 else DATA
    source = Source(kinds_of(data)[kind])
    parts: list[bytes] = []
    async with aclosing(source):
        while part := bytes(await source.part(size)):
            parts.append(part)
        assert not await source.part(size)
    assert b"".join(parts) == data
    assert all(len(part) == size for part in parts[:-1])


@given(st.lists(st.binary(max_size=7), max_size=12), st.integers(1, 9))
def test_parts_are_the_bytes_whatever_the_chunks(chunks: list[bytes], size: int) -> None:
    async def given_chunks() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def parts() -> list[bytes]:
        async with aclosing(Source(given_chunks())) as source:
            found: list[bytes] = []
            while part := bytes(await source.part(size)):
                found.append(part)
            return found

    found = asyncio.run(parts())
    assert b"".join(found) == b"".join(chunks)
    assert all(len(part) == size for part in found[:-1])


async def test_chunks_go_on_where_parts_ended() -> None:
    async with aclosing(Source(chunks_of(DATA, 1000))) as source:
        head = bytes(await source.part(1500))
        rest = b"".join([bytes(chunk) async for chunk in source.chunks()])
    assert head + rest == DATA


async def test_bytes_in_memory_are_not_copied_into_parts() -> None:
    data = bytearray(DATA)
    async with aclosing(Source(data)) as source:
        part = await source.part(100)
        data[0] = 255
        assert part[0] == 255
        del part


async def test_upload_of_a_web_framework_is_read_from_its_position() -> None:
    with tempfile.SpooledTemporaryFile(max_size=10) as file:
        file.write(DATA)
        upload = Upload(cast("IO[bytes]", file), "photo.jpg")
        await upload.seek(100)
        assert await all_of(Source(upload)) == DATA[100:]
        assert not file.closed


async def test_file_of_aiofiles_is_read_and_left_open(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    async with aiofiles.open(path, "rb") as file:
        await file.seek(5)
        assert await all_of(Source(file)) == DATA[5:]
        assert not file.closed


async def test_path_is_opened_when_it_is_read_and_closed_after(tmp_path: Path) -> None:
    path = tmp_path / "file"
    source = Source(path)
    path.write_bytes(DATA)
    assert await all_of(source) == DATA


async def test_sync_file_is_read_in_a_thread() -> None:
    threads: set[threading.Thread] = set()

    class Watched(OnlyRead):
        def read(self, size: int, /) -> bytes:
            threads.add(threading.current_thread())
            return super().read(size)

    assert await all_of(Source(Watched(DATA))) == DATA
    assert threading.main_thread() not in threads


async def test_file_is_asked_for_nothing_but_blocks_where_it_is_not_read_again() -> None:
    asked: list[str] = []

    class Watched:
        def __getattr__(self, name: str) -> object:
            asked.append(name)
            return getattr(io.BytesIO(b""), name)

    await all_of(Source(cast("Content", Watched())))
    assert set(asked) == {"read"}


@pytest.mark.parametrize(
    "content",
    [
        "text", None, 1, 1.5, True, [b"x"], (b"x",), {b"x"}, {}, iter([b"x"]), range(3),
        io.StringIO("text"), object(), Exception("x"),
    ],
)  # fmt: skip
def test_what_is_no_content_is_a_type_error_at_once(content: Content) -> None:
    with pytest.raises(TypeError):
        Source(content)


async def _arrays() -> AsyncIterator[object]:
    yield array.array("B", b"no bytes, though a buffer")


async def _text() -> AsyncIterator[object]:
    yield b"bytes first"
    yield "then text"


@pytest.mark.parametrize(
    "make",
    [_text, lambda: codecs.getreader("utf-8")(io.BytesIO(b"text")), _arrays],
)
async def test_chunks_that_are_no_bytes_are_a_type_error(make: Callable[[], Content]) -> None:
    with pytest.raises(TypeError, match="must be bytes"):
        await all_of(Source(make()))


async def test_text_file_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    with path.open() as file, pytest.raises(TypeError, match="binary"):
        Source(cast("Content", file))


@pytest.mark.parametrize(
    "view",
    [
        memoryview(array.array("i", range(10))),
        memoryview(array.array("d", [1.5, 2.5])),
        memoryview(bytes(range(20)))[::2],
        memoryview(bytes(range(20)))[::-1],
        memoryview(bytes(range(24))).cast("B", (4, 6)),
    ],
)
def test_any_memoryview_is_its_bytes(view: memoryview) -> None:
    flat = as_bytes_view(view)
    assert (flat.format, flat.ndim) == ("B", 1)
    assert bytes(flat) == view.tobytes()


async def test_chunk_whose_buffer_is_used_again_keeps_its_bytes() -> None:
    async def reused() -> AsyncIterator[bytearray]:
        buffer = bytearray(3)
        for number in range(4):
            buffer[:] = bytes([number]) * 3
            yield buffer

    async with aclosing(Source(cast("Content", reused()))) as source:
        part = await source.part(100)
    assert bytes(part) == b"\0\0\0\1\1\1\2\2\2\3\3\3"


@pytest.mark.parametrize(
    "make",
    [
        lambda: DATA,
        lambda: io.BytesIO(DATA),
        lambda: chunks_of(DATA, 700),
        lambda: OnlyRead(DATA),
        lambda: AsyncFile(DATA),
        lambda: AwaitableFile(DATA),
    ],
)
@pytest.mark.parametrize("read_before", [0, 1, 1000, len(DATA) + 1])
async def test_content_is_read_again_from_its_beginning(
    make: Callable[[], Content], read_before: int
) -> None:
    source = Source(make(), spool=Spool(), rewindable=True)
    async with aclosing(source):
        await source.part(read_before)
        assert await source.rewind()
        assert b"".join([bytes(chunk) async for chunk in source.chunks()]) == DATA
        assert await source.rewind()
        assert bytes(await source.part(1 << 40)) == DATA


async def test_file_is_read_again_from_where_it_stood() -> None:
    file = io.BytesIO(DATA)
    file.seek(300)
    source = Source(file, spool=Spool(), rewindable=True)
    async with aclosing(source):
        for _ in range(3):
            assert bytes(await source.part(1 << 40)) == DATA[300:]
            assert await source.rewind()


async def test_one_shot_content_without_a_spool_is_not_read_again() -> None:
    async with aclosing(Source(chunks_of(DATA), rewindable=True)) as source:
        await source.part(10)
        assert not await source.rewind()


async def test_content_over_the_memory_of_a_spool_is_read_again(tmp_path: Path) -> None:
    data = bytes(BLOCK) * 17 + b"end"
    source = Source(chunks_of(data, BLOCK), spool=Spool(tmp_path), rewindable=True)
    async with aclosing(source):
        assert len(await source.part(1 << 40)) == len(data)
        assert list(tmp_path.iterdir()) == []  # its file has no name
        assert await source.rewind()
        assert bytes(await source.part(1 << 40)) == data


async def test_failure_is_kept_and_comes_as_itself() -> None:
    source = Source(failing_after(b"x"))
    with pytest.raises(FailingError) as caught:
        await all_of(source)
    assert source.failure is caught.value


async def test_generator_is_closed_with_its_source() -> None:
    closed = False

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            yield b"first"
            yield b"second"
        finally:
            closed = True

    source = Source(chunks())
    await source.part(1)
    await source.aclose()
    assert closed


async def test_progress_never_goes_back() -> None:
    seen: list[int] = []
    source = Source(chunks_of(DATA, 1000), progress=seen.append, spool=Spool(), rewindable=True)
    async with aclosing(source):
        await source.part(2500)
        assert await source.rewind()
        await source.part(1 << 40)
    assert seen == sorted(set(seen))
    assert seen[-1] == len(DATA)


async def test_checksum_is_of_the_last_reading_only() -> None:
    check = Checksum("crc32c:e3069283")
    source = Source(b"123456789", checksum=check, spool=Spool(), rewindable=True)
    async with aclosing(source):
        await source.part(100)
        assert await source.rewind()
        assert bytes(await source.part(100)) == b"123456789"


async def test_wrong_checksum_is_noticed_before_the_end_is_told() -> None:
    source = Source(chunks_of(DATA), checksum=Checksum(f"sha256:{'0' * 64}"))
    async with aclosing(source):
        with pytest.raises(IntegrityError):
            await source.part(1 << 40)
    assert isinstance(source.failure, IntegrityError)


@pytest.mark.parametrize(
    "text", ["", "sha256", "sha256:", "sha1:" + "0" * 40, "md5:xyz", "sha256:" + "0" * 63]
)
def test_what_is_no_checksum_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="checksum is"):
        Checksum(text)


async def test_awaitable_of_read_is_awaited_on_the_loop() -> None:
    loop = asyncio.get_running_loop()
    seen: list[object] = []

    class Watched(AwaitableFile):
        def read(self, size: int, /) -> Awaitable[bytes]:
            inner = super().read(size)

            async def reading() -> bytes:
                seen.append(asyncio.get_running_loop())
                return await inner

            return reading()

    assert await all_of(Source(Watched(DATA))) == DATA
    assert set(seen) == {loop}


def test_view_of_all_of_some_bytes_gives_them_without_a_copy() -> None:
    content = bytes(range(100))
    assert as_bytes(memoryview(content)) is content
    assert as_bytes(memoryview(content)[1:]) == content[1:]
    assert as_bytes(memoryview(bytearray(content))) == content
