"""How content goes up in parts: sizes, order, bounds, and every way that it can fail."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import weakref
from collections.abc import AsyncIterator

import pytest

from openviper.storage.errors import UnavailableError
from openviper.storage.transfer import part_sizes
from tests.storage.faults import (
    PartsDriver,
    VendorError,
    cancelled_at,
    chunks_of,
    nothing_left,
    storage_on,
)

CONTENT = bytes(range(50))


async def fail() -> None:
    raise VendorError(UnavailableError)


def test_part_sizes_stay_the_same_for_half_of_the_parts_and_then_double() -> None:
    sizes = list(itertools.islice(part_sizes(8, 100), 100))
    assert sizes[:50] == [8] * 50
    assert sizes[50:60] == [16] * 5 + [32] * 5
    assert sizes[90:] == [8 << 9] * 10


def test_part_sizes_of_s3_reach_its_largest_object() -> None:
    sizes = list(itertools.islice(part_sizes(8 << 20, 10_000), 10_000))
    assert sum(sizes) > 5 << 40
    assert max(sizes) <= 5 << 30  # bytes that S3 takes as one part


def test_part_sizes_of_few_parts_are_defined() -> None:
    assert list(itertools.islice(part_sizes(1, 1), 3)) == [1, 2, 4]


@pytest.mark.parametrize("size", [0, 1, 3, 4])
async def test_content_up_to_one_part_goes_in_one_request(size: int) -> None:
    driver = PartsDriver(part_size=4)
    await storage_on(driver).put("a", chunks_of(*(bytes([n]) for n in range(size))))
    assert (driver.puts, driver.uploads) == (1, [])


@pytest.mark.parametrize("size", [5, 8, 9, 50])
@pytest.mark.parametrize("chunk", [1, 3, 4, 7, 50])
async def test_parts_are_whole_and_in_order(size: int, chunk: int) -> None:
    driver = PartsDriver(part_size=4)
    pieces = [CONTENT[at : min(at + chunk, size)] for at in range(0, size, chunk)]
    await storage_on(driver).put("a", chunks_of(*pieces))
    (upload,) = driver.uploads
    assert [len(part) for part in upload.parts.values()][:-1] == [4] * (len(upload.parts) - 1)
    assert await storage_on(driver).read("a") == CONTENT[:size]
    assert upload.committed
    assert not upload.aborts


async def test_parts_that_end_out_of_order_are_put_in_order() -> None:
    driver = PartsDriver(part_size=4, concurrency=3)
    third = asyncio.Event()

    async def end() -> None:
        third.set()

    async def wait() -> None:
        await third.wait()

    driver.calls |= {"part 1": wait, "part 2": wait, "part 3": end}
    await asyncio.wait_for(storage_on(driver).put("a", chunks_of(CONTENT)), 10)
    assert next(iter(driver.uploads[0].parts)) == 3
    assert await storage_on(driver).read("a") == CONTENT


async def test_parts_in_flight_are_bounded() -> None:
    driver = PartsDriver(part_size=4, concurrency=3)
    await storage_on(driver).put("a", chunks_of(CONTENT))
    assert driver.uploads[0].most == 3


async def test_larger_parts_keep_to_the_same_memory() -> None:
    driver = PartsDriver(part_size=1, max_parts=20, concurrency=4)
    await storage_on(driver).put("a", chunks_of(CONTENT))
    sizes = [len(part) for _, part in sorted(driver.uploads[0].parts.items())]
    assert sizes == [1] * 10 + [2, 4, 8, 16, 10]
    assert await storage_on(driver).read("a") == CONTENT


async def test_sent_parts_are_not_held_until_the_end() -> None:
    held: list[weakref.ref[memoryview]] = []

    class Watching(PartsDriver):
        async def hook(self, call: str) -> None:
            if call == "commit":
                gc.collect()
                assert [ref() for ref in held] == [None] * len(held)

    driver = Watching(part_size=4, concurrency=1)
    begin = driver.begin

    async def watched(key: str, write: object) -> object:
        upload = await begin(key, write)  # type: ignore[arg-type]  # handed on
        part = upload.part

        async def kept(number: int, data: memoryview) -> None:
            held.append(weakref.ref(data))
            await part(number, data)

        upload.part = kept  # type: ignore[method-assign]  # it records and calls through
        return upload

    driver.begin = watched  # type: ignore[method-assign,assignment]  # it records and calls through
    await storage_on(driver).put("a", chunks_of(*(CONTENT[at : at + 4] for at in range(0, 40, 4))))
    assert len(held) == 10


async def test_failing_part_cancels_the_others_and_aborts_once() -> None:
    driver = PartsDriver(concurrency=3)
    never = asyncio.Event()

    async def wait() -> None:
        await never.wait()

    driver.calls = {"part 1": wait, "part 2": wait, "part 3": fail}
    with nothing_left(), pytest.raises(UnavailableError, match="could not store 'a'"):
        await storage_on(driver).put("a", chunks_of(CONTENT))
    (upload,) = driver.uploads
    assert (upload.cancelled, upload.aborts, upload.sending) == (2, 1, 0)
    assert not await storage_on(driver).exists("a")


async def test_failing_source_aborts_once_and_is_raised_as_itself() -> None:
    driver = PartsDriver()
    closed: list[bool] = []

    async def content() -> AsyncIterator[bytes]:
        try:
            yield CONTENT[:20]
            raise ZeroDivisionError
        finally:
            closed.append(True)

    with nothing_left(), pytest.raises(ZeroDivisionError):
        await storage_on(driver).put("a", content())
    assert [upload.aborts for upload in driver.uploads] == [1]
    assert closed == [True]


@pytest.mark.parametrize("call", ["begin", "commit"])
async def test_failing_call_leaves_nothing(call: str) -> None:
    driver = PartsDriver()
    driver.calls = {call: fail}
    with nothing_left(), pytest.raises(UnavailableError):
        await storage_on(driver).put("a", chunks_of(CONTENT))
    assert [upload.aborts for upload in driver.uploads] == ([1] if call == "commit" else [])


async def test_failing_abort_is_logged_and_the_first_error_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    driver = PartsDriver()

    async def fail_twice() -> None:
        raise VendorError(RuntimeError)  # type: ignore[arg-type]  # never classified

    driver.calls = {"part": fail, "abort": fail_twice}
    with caplog.at_level(logging.WARNING, "openviper.storage"), pytest.raises(UnavailableError):
        await storage_on(driver).put("a", chunks_of(CONTENT))
    assert "could not abort the upload of 'a': VendorError" in caplog.text


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("create", [True, False])
async def test_cancelled_anywhere_leaves_the_old_or_the_new_whole(create: bool, times: int) -> None:
    async def slow() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    step = 0
    for step in itertools.count():
        driver = PartsDriver(part_size=4, concurrency=2)
        driver.calls = dict.fromkeys(("begin", "part", "commit", "abort"), slow)
        storage = storage_on(driver)
        with nothing_left():
            info = await cancelled_at(
                storage.put("a", chunks_of(CONTENT[:22]), if_none_match=create), step, times=times
            )
        for upload in driver.uploads:
            assert upload.sending == 0
            assert upload.aborts == (0 if upload.committed else 1)
        if info is not None:
            break
        if create:  # whoever was cancelled never learns of it, so it is taken back
            assert not await storage.exists("a")
        elif await storage.exists("a"):
            assert await storage.read("a") == CONTENT[:22]
    assert step > 3


async def test_eager_tasks_change_nothing() -> None:
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("eager tasks came with Python 3.12")
    asyncio.get_running_loop().set_task_factory(factory)
    driver = PartsDriver()
    await storage_on(driver).put("a", chunks_of(CONTENT))
    assert await storage_on(driver).read("a") == CONTENT
