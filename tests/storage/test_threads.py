"""Calls in threads: their errors, and what they hold on to."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from openviper.storage import threads
from openviper.storage.backends.memory import MemoryStorage
from openviper.storage.threads import file_thread, in_file_thread, in_thread


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


async def test_results_that_come_together_all_arrive() -> None:
    numbers = range(2000)
    found = await asyncio.gather(*(in_file_thread(partial(int, n)) for n in numbers))
    assert found == list(numbers)


def test_loops_at_work_at_once_get_each_their_own_results() -> None:
    async def ask(start: int) -> list[int]:
        return [await in_file_thread(partial(int, n)) for n in range(start, start + 500)]

    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(asyncio.run, ask(n)) for n in (0, 1000, 2000, 3000)]
        assert [a.result()[0] for a in asked] == [0, 1000, 2000, 3000]


def test_loop_that_is_closed_meanwhile_stops_no_thread() -> None:
    go_on = Event()
    loop = asyncio.new_event_loop()
    waiting = [loop.create_task(in_file_thread(go_on.wait)) for _ in range(20)]
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))
    for task in waiting:
        task.cancel()
    loop.stop()
    loop.close()
    go_on.set()
    assert asyncio.run(in_file_thread(lambda: "here")) == "here"


def test_loop_is_forgotten_once_it_is_closed() -> None:
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(in_file_thread(lambda: "here")) == "here"
    loop.close()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("is_long", [True, False])
async def test_calls_that_wait_are_done_side_by_side(is_long: bool) -> None:
    together = Barrier(8, timeout=10)  # breaks unless eight threads are there at once
    places = await asyncio.gather(
        *(in_file_thread(together.wait, is_long=is_long) for _ in range(16))
    )
    assert sorted(places) == sorted([*range(8)] * 2)


async def test_result_does_not_wait_for_a_long_call_after_it() -> None:
    go_on = Event()
    quick = asyncio.ensure_future(in_file_thread(lambda: "here"))
    long = asyncio.ensure_future(in_file_thread(partial(go_on.wait, 10), is_long=True))
    assert await quick == "here"
    assert not long.done()
    go_on.set()
    assert await long


async def test_thread_that_got_stuck_delays_nobody() -> None:
    go_on = Event()
    stuck = asyncio.ensure_future(in_file_thread(partial(go_on.wait, 10)))
    assert [await in_file_thread(partial(int, n)) for n in range(100)] == list(range(100))
    assert not stuck.done()
    go_on.set()
    assert await stuck


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have threads that nobody else has anything to do with, and a loop wait long for them."""
    own = threads._Threads(3)
    monkeypatch.setattr(threads, "_threads", own)
    monkeypatch.setattr(threads, "_PATIENCE", 10)
    yield
    own.stop()


@pytest.mark.usefixtures("patient")
async def test_quick_call_is_done_by_the_next_turn_of_its_loop() -> None:
    await in_file_thread(lambda: None)
    quick = file_thread(lambda: "here")
    await asyncio.sleep(0)
    assert quick.done()


@pytest.mark.usefixtures("patient")
async def test_loop_stands_still_for_few_calls_that_need_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 100 calls in a row that take too long it waits in vain for 6."""
    monkeypatch.setattr(threads, "_PATIENCE", 0.05)
    loop, begun = asyncio.get_running_loop(), time.monotonic()
    for _ in range(100):
        go_on = Event()
        loop.call_later(0, go_on.set)
        assert await in_file_thread(partial(go_on.wait, 10))
    assert time.monotonic() - begun < 100 * 0.05 / 2


@pytest.mark.usefixtures("patient")
async def test_caller_that_goes_on_finds_its_call_begun() -> None:
    begun, go_on = Event(), Event()

    def work() -> bool:
        begun.set()
        return go_on.wait(10)

    ahead = file_thread(work, is_long=True, goes_on=True)
    assert begun.wait(1)  # and the loop had no turn
    assert not ahead.done()
    go_on.set()
    assert await ahead


def test_call_of_a_loop_that_saw_to_nothing_is_done_with_the_next() -> None:
    done = Event()

    async def leave() -> None:
        file_thread(done.set)
        asyncio.get_running_loop().stop()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    loop.close()
    assert asyncio.run(in_file_thread(lambda: "here")) == "here"
    assert done.wait(10)


@pytest.mark.usefixtures("patient")
async def test_thread_that_cannot_be_begun_is_an_error_or_is_done_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            await in_file_thread(lambda: pytest.fail("it was refused"))
    assert await in_file_thread(lambda: "here") == "here"
    monkeypatch.setattr(Thread, "start", refuse)
    numbers = range(20)
    found = await asyncio.gather(
        *(in_file_thread(partial(int, n), is_long=n % 2 == 0) for n in numbers)
    )
    assert found == list(numbers)


@pytest.mark.usefixtures("patient")
async def test_signal_while_the_loop_stands_still_loses_no_result() -> None:
    class Interrupted:
        def get(self, timeout: float) -> None:
            raise ZeroDivisionError  # as a handler of signals may

    loop, raised, go_on = asyncio.get_running_loop(), [], Event()
    loop.set_exception_handler(lambda _, context: raised.append(context["exception"]))
    await in_file_thread(lambda: None)
    vars(threads._threads._arrivals[loop])["_bell"] = Interrupted()
    waiting = asyncio.ensure_future(in_file_thread(partial(go_on.wait, 10)))
    async with asyncio.timeout(10):
        while not raised:
            await asyncio.sleep(0)
    go_on.set()
    assert await waiting
    assert [type(error) for error in raised] == [ZeroDivisionError]
