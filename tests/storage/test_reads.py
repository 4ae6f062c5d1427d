"""Reading ranges from a driver that answers wrongly, shortly, or in pieces of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from openviper.storage.driver import Download, RangeNotSatisfiableError
from openviper.storage.errors import NotFoundError, TooLargeError, UnavailableError
from openviper.storage.types import FileInfo
from tests.storage.faults import (
    PlainDriver,
    VendorError,
    cancelled_at,
    chunks_of,
    nothing_left,
    storage_on,
)


class AnsweringDriver(PlainDriver):
    """Answer every read with the same chunks, of a file of the size given."""

    def __init__(self, *chunks: bytes, size: int, error: Exception | None = None) -> None:
        super().__init__()
        self.chunks, self.size, self.error = chunks, size, error
        self.closed = 0
        self.get = self._get

    @asynccontextmanager
    async def _get(self, key: str, **options: object) -> AsyncIterator[Download]:
        if self.error is not None and not self.chunks:
            raise self.error
        try:
            yield Download(info=FileInfo(name=key, size=self.size), chunks=self._answer())
        finally:
            self.closed += 1

    async def _answer(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk
        if self.error is not None:
            raise self.error

    async def head(self, key: str) -> FileInfo:
        if self.size < 0:
            raise NotFoundError
        return FileInfo(name=key, size=self.size)


async def test_chunks_are_cut_to_the_size_asked_for_and_never_joined() -> None:
    driver = AnsweringDriver(b"abcde", b"f", b"ghi", size=9)
    found = [chunk async for chunk in storage_on(driver).stream("a", chunk_size=2)]
    assert found == [b"ab", b"cd", b"e", b"f", b"gh", b"i"]
    assert driver.closed == 1


async def test_short_body_is_an_error_that_says_how_much_is_missing() -> None:
    driver = AnsweringDriver(b"abc", size=5)
    with pytest.raises(UnavailableError, match="ended 2 bytes early") as raised:
        await storage_on(driver).read("a")
    assert (raised.value.name, raised.value.backend, driver.closed) == ("a", "plain", 1)


async def test_block_of_nothing_is_the_end() -> None:
    with pytest.raises(UnavailableError, match="ended 2 bytes early"):
        await storage_on(AnsweringDriver(b"abc", b"", b"de", size=5)).read("a")


async def test_body_of_a_range_is_counted_by_the_range() -> None:
    storage = storage_on(AnsweringDriver(b"bc", size=5))
    assert await storage.read("a", start=1, end=3) == b"bc"
    with pytest.raises(UnavailableError):
        await storage.read("a", start=1, end=4)
    assert await storage_on(AnsweringDriver(b"de", size=5)).read("a", start=3, end=99) == b"de"


async def test_range_after_the_end_is_nothing() -> None:
    driver = AnsweringDriver(size=5, error=VendorError(RangeNotSatisfiableError))
    assert await storage_on(driver).read("a", start=5) == b""
    assert await storage_on(AnsweringDriver(size=5)).read("a", start=7, end=9) == b""


async def test_range_that_cannot_be_gone_on_with_is_no_end() -> None:
    driver = AnsweringDriver(b"abc", size=5, error=VendorError(RangeNotSatisfiableError))
    with pytest.raises(UnavailableError, match="ended 2 bytes early"):
        await storage_on(driver).read("a")


async def test_empty_range_only_asks_whether_the_file_is_there() -> None:
    assert await storage_on(AnsweringDriver(b"never read", size=5)).read("a", start=2, end=2) == b""
    with pytest.raises(NotFoundError):
        await storage_on(AnsweringDriver(size=-1)).read("a", start=2, end=2)


@pytest.mark.parametrize(
    "wrong",
    [{"start": -1}, {"start": 2, "end": 1}, {"end": -1}, {"chunk_size": 0}, {"chunk_size": -1}],
)
async def test_wrong_range_is_refused_before_anything_is_asked(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"range|chunk_size"):
        storage_on(AnsweringDriver(size=5)).stream("missing", **wrong)


async def test_range_that_is_no_number_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        storage_on(AnsweringDriver(size=5)).stream("a", start="1")  # type: ignore[arg-type]


async def test_error_in_the_middle_becomes_ours_and_closes_the_read() -> None:
    driver = AnsweringDriver(b"abc", size=5, error=VendorError(UnavailableError))
    found: list[bytes] = []

    async def read() -> None:
        found.extend([chunk async for chunk in storage_on(driver).stream("a")])

    with pytest.raises(UnavailableError, match="could not read 'a'"):
        await read()
    assert driver.closed == 1


async def test_stream_left_early_closes_the_read() -> None:
    driver = AnsweringDriver(b"abc", b"de", size=5)
    stream = storage_on(driver).stream("a")
    with nothing_left():
        assert await anext(stream) == b"abc"
        await stream.aclose()  # type: ignore[attr-defined]  # a generator, as each has
    assert driver.closed == 1


async def test_max_size_stops_a_read() -> None:
    driver = AnsweringDriver(b"abc", b"de", size=5)
    with pytest.raises(TooLargeError) as raised:
        await storage_on(driver).read("a", max_size=4)
    assert (raised.value.name, raised.value.backend, driver.closed) == ("a", "plain", 1)
    assert await storage_on(driver).read("a", max_size=5) == b"abcde"


async def test_source_of_a_copy_that_comes_short_copies_nothing() -> None:
    driver = AnsweringDriver(b"abc", size=5)
    with pytest.raises(UnavailableError, match="early"):
        await storage_on(driver).copy("a", "b", if_exists="overwrite")
    assert driver.puts == 0


async def test_cancelled_read_closes_the_read() -> None:
    for step in range(4):
        driver = PlainDriver()
        storage = storage_on(driver)
        await storage.put("a", chunks_of(b"abc"))
        with nothing_left():
            await cancelled_at(storage.read("a"), step)
        assert await storage.read("a") == b"abc"
