"""Calls in threads: their errors, and what they hold on to."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from openviper.storage.backends.memory import MemoryStorage
from openviper.storage.threads import in_file_thread, in_thread


class Chunks:
    """Be a file as those that are made of an iterator often are."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = iter(chunks)

    def read(self, size: int) -> bytes:
        return next(self._chunks)


async def test_file_that_ends_with_stop_iteration_stops_nobody() -> None:
    storage = MemoryStorage()
    with pytest.raises(RuntimeError, match="StopIteration") as raised:
        await storage.save("a", Chunks(b"x"))
    assert isinstance(raised.value.__cause__, StopIteration)
    assert not await storage.exists("a")


@pytest.mark.parametrize("run", [in_thread, in_file_thread])
async def test_work_is_forgotten_before_its_result_is_known(
    run: Callable[[Callable[[], Any]], Awaitable[Any]],
) -> None:
    class Work:
        def __call__(self) -> str:
            return "result"

    for _ in range(50):
        work = Work()
        gone = weakref.ref(work)
        task = asyncio.ensure_future(run(work))
        del work
        assert await task == "result"
        assert gone() is None


@pytest.mark.parametrize("run", [in_thread, in_file_thread])
async def test_error_in_a_thread_is_raised_as_itself(
    run: Callable[[Callable[[], Any]], Awaitable[Any]],
) -> None:
    with pytest.raises(ZeroDivisionError):
        await run(lambda: 1 / 0)
