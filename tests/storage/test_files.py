"""Open files: readers over one version, writers that commit when their block ends."""

# ruff: noqa: PT012 - a writer's block is more than one statement

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from openviper.storage.backends.filesystem import FileSystemStorage
from openviper.storage.backends.memory import MemoryStorage
from openviper.storage.base import Storage
from openviper.storage.errors import (
    AlreadyExistsError,
    NotFoundError,
    PreconditionFailedError,
    UnavailableError,
)
from openviper.storage.types import FileInfo
from tests.storage.faults import PlainDriver, VendorError, cancelled_at, nothing_left, storage_on

CONTENT = bytes(range(256)) * 10_000  # more than the first block of a file on disk


@pytest.fixture(params=["memory", "filesystem", "plain"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "filesystem":
        return FileSystemStorage(tmp_path)
    return MemoryStorage() if request.param == "memory" else storage_on(PlainDriver())


class Five(Storage):
    """Have a `stream` beside the five methods, one that is no generator and may end early."""

    def __init__(self, content: bytes, *, size: int) -> None:
        self._content, self._size = content, size

    async def save(self, name: str, content: Any, **options: Any) -> str:
        raise NotImplementedError

    async def delete(self, name: str) -> None: ...

    async def exists(self, name: str) -> bool:
        return True

    def url(self, name: str) -> str:
        return name

    async def size(self, name: str) -> int:
        return self._size

    def stream(
        self, name: str, *, start: int = 0, end: int | None = None, chunk_size: int = 65536
    ) -> AsyncIterator[bytes]:
        return _Iterator([self._content[start:end]] if self._content[start:end] else [])


class _Iterator:
    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._chunks:
            raise StopAsyncIteration
        return self._chunks.pop()


async def test_reader_reads_seeks_and_tells(storage: Storage) -> None:
    await storage.put("a", CONTENT)
    with nothing_left():
        async with storage.open("a") as file:
            assert await file.read(3) == CONTENT[:3]
            assert file.tell() == 3
            assert await file.seek(-2, 2) == len(CONTENT) - 2
            assert await file.read() == CONTENT[-2:]
            assert await file.read() == b""
            assert await file.seek(-4, 1) == len(CONTENT) - 4
            buffer = bytearray(10)
            assert await file.readinto(buffer) == 4
            assert bytes(buffer) == CONTENT[-4:] + bytes(6)
            await file.seek(0)
            assert b"".join([chunk async for chunk in file]) == CONTENT
            await file.seek(len(CONTENT) + 5)
            assert await file.read() == b""


async def test_reader_refuses_what_is_no_position(storage: Storage) -> None:
    await storage.put("a", b"abc")
    async with storage.open("a") as file:
        with pytest.raises(ValueError, match="whence"):
            await file.seek(0, 3)
        with pytest.raises(ValueError, match="before the start"):
            await file.seek(-1)


async def test_missing_file_is_raised_on_enter(storage: Storage) -> None:
    with pytest.raises(NotFoundError):
        async with storage.open("a"):
            raise AssertionError("it must not open")


async def test_reader_keeps_to_one_version(storage: Storage) -> None:
    await storage.put("a", b"first version")
    async with storage.open("a") as file:
        await storage.put("a", b"second version")
        with pytest.raises(PreconditionFailedError):
            await file.read()


async def test_cancelled_read_loses_no_bytes(storage: Storage) -> None:
    await storage.put("a", CONTENT)
    with nothing_left():
        async with storage.open("a") as file:
            await file.read(5)
            for step in range(12):
                if (block := await cancelled_at(file.read(), step)) is not None:
                    await file.seek(5)
                    assert block == CONTENT[5:]
                assert file.tell() == 5
            assert await file.read() == CONTENT[5:]


async def test_file_that_ends_before_its_size_is_an_error() -> None:
    async with Five(b"abc", size=5).open("a") as file:
        for _ in range(2):
            with pytest.raises(UnavailableError):
                await file.read()
            assert file.tell() == 0
        assert await file.read(3) == b"abc"


async def test_stream_that_is_no_generator_can_be_read_and_copied() -> None:
    storage = Five(b"abc", size=3)
    assert await storage.read("a") == b"abc"
    async with storage.open("a") as file:
        await file.seek(1)
        assert await file.read() == b"bc"


async def test_writer_commits_on_a_clean_exit(storage: Storage) -> None:
    with nothing_left():
        async with storage.open("a", "wb", content_type="text/x") as file:
            assert await file.write(b"one") == 3
            assert await file.write(memoryview(bytearray(b"two"))) == 3
            assert not await storage.exists("a")
    assert file.info is not None
    assert (file.info.size, file.info.content_type) == (6, "text/x")
    assert await storage.read("a") == b"onetwo"


async def test_writer_of_nothing_makes_an_empty_file(storage: Storage) -> None:
    async with storage.open("a", "xb"):
        pass
    assert await storage.read("a") == b""


async def test_writer_keeps_the_old_file_where_its_block_raises(storage: Storage) -> None:
    await storage.put("a", b"old")
    with nothing_left(), pytest.raises(ZeroDivisionError):
        async with storage.open("a", "wb") as file:
            await file.write(b"new")
            raise ZeroDivisionError
    assert await storage.read("a") == b"old"


async def test_writer_reuses_no_buffer_of_the_caller(storage: Storage) -> None:
    buffer = bytearray(3)
    async with storage.open("a", "wb") as file:
        for word in (b"one", b"two"):
            buffer[:] = word
            await file.write(buffer)
    assert await storage.read("a") == b"onetwo"


async def test_exclusive_writer_of_a_taken_name_is_refused(storage: Storage) -> None:
    await storage.put("a", b"old")
    with nothing_left(), pytest.raises(AlreadyExistsError):
        async with storage.open("a", "xb") as file:
            for _ in range(50):
                await file.write(b"new")
    assert await storage.read("a") == b"old"


async def test_write_after_the_end_is_refused(storage: Storage) -> None:
    async with storage.open("a", "wb") as file:
        pass
    with pytest.raises(ValueError, match="closed"):
        await file.write(b"late")


async def test_text_is_refused_and_nothing_stored(storage: Storage) -> None:
    with pytest.raises(TypeError):
        async with storage.open("a", "wb") as file:
            await file.write("text")  # type: ignore[arg-type]  # that is the point
    assert not await storage.exists("a")


class FullDriver(PlainDriver):
    part_size, max_parts, max_concurrency = 4, 100, 1

    async def begin(self, key: str, write: object) -> object:
        raise VendorError(UnavailableError)


async def test_error_of_the_store_reaches_every_task_that_writes() -> None:
    storage = storage_on(FullDriver())
    with nothing_left(), pytest.raises(UnavailableError):
        async with storage.open("a", "wb") as file:
            async with asyncio.timeout(5):
                ended = await asyncio.gather(
                    *(file.write(b"four") for _ in range(6)), return_exceptions=True
                )
            assert UnavailableError in map(type, ended)
            await file.write(b"more")


async def test_error_of_the_store_is_raised_at_the_end_where_no_write_follows() -> None:
    with nothing_left(), pytest.raises(UnavailableError):
        async with storage_on(FullDriver()).open("a", "wb") as file:
            await file.write(b"more than four")


async def test_error_of_the_store_yields_to_that_of_the_block() -> None:
    with nothing_left(), pytest.raises(ZeroDivisionError):
        async with storage_on(FullDriver()).open("a", "wb") as file:
            await file.write(b"more than four")
            raise ZeroDivisionError


@pytest.mark.parametrize("times", [1, 2])
async def test_cancelled_writer_leaves_all_or_nothing(storage: Storage, times: int) -> None:
    async def write() -> FileInfo:
        async with storage.open("a", "xb") as file:
            await file.write(b"one")
            await file.write(b"two")
        assert file.info is not None
        return file.info

    done: FileInfo | None = None
    for step in range(200):
        with nothing_left():
            done = await cancelled_at(write(), step, times=times)
        if await storage.exists("a"):
            assert await storage.read("a") == b"onetwo"
            await storage.delete("a")
        if done is not None:
            break
    assert done is not None


async def test_modes_and_attributes_are_checked_before_anything(storage: Storage) -> None:
    with pytest.raises(ValueError, match="mode is"):
        storage.open("a", "r+b")  # type: ignore[call-overload]  # that is the point
    with pytest.raises(TypeError, match="takes no content_type"):
        storage.open("a", "rb", content_type="text/x")  # type: ignore[call-overload]
