"""Run blocking calls in threads, and never leave one running behind a cancelled task."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from openviper.storage.shield import to_the_end

__all__ = ["file_thread", "in_file_thread", "in_thread"]

T = TypeVar("T")

# Few threads switch less than many; each is busy for microseconds, or waits for one fsync.
_SIZE = 8


class _Arrivals:
    """Bring results to one loop, which is woken once for all that come before it looks."""

    def __init__(self) -> None:
        # Any: of whatever the work returned.
        self._come: deque[tuple[asyncio.Future[Any], object, BaseException | None]] = deque()
        self._is_woken = False

    def add(self, future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
        """Give a future its result, from any thread."""
        self._come.append((future, result, error))
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # its loop is closed
                future.get_loop().call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        self._is_woken = False  # first: what comes from now on wakes the loop again
        while self._come:
            _settle(*self._come.popleft())


# Any: of whatever the work returns.
_Call: TypeAlias = tuple[Callable[[], Any], asyncio.Future[Any], _Arrivals]


class _Threads:
    """Run calls of any loop in a few threads, which start with the first call.

    A call costs a third of what `run_in_executor` costs, which makes a second future of
    another kind for each, with a lock and a condition.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._starting = Lock()
        self._threads: list[Thread] = []
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._arrivals: WeakKeyDictionary[asyncio.AbstractEventLoop, _Arrivals] = (
            WeakKeyDictionary()
        )

    def call(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run `work` in one of the threads, where it goes on whoever cancels its future."""
        if not self._threads:
            self._start()
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        arrivals = self._arrivals.get(loop)
        if arrivals is None:
            arrivals = self._arrivals[loop] = _Arrivals()
        self._calls.put((work, result, arrivals))
        return result

    def stop(self) -> None:
        """End the threads once what they were given is done."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        with self._starting:
            if not self._threads:
                names = [f"openviper-files_{number}" for number in range(self._size)]
                threads = [Thread(target=self._run, name=name, daemon=True) for name in names]
                for thread in threads:
                    thread.start()
                self._threads = threads

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            work, future, arrivals = call
            del call
            error: BaseException | None = None
            result: object = None
            try:
                result = work()
            except BaseException as raised:  # noqa: BLE001 - whoever waits gets it
                error = raised
            del work  # a caller may want its buffer back as soon as the result is known
            arrivals.add(future, result, error)
            del future, arrivals, result, error


def _settle(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):
        future.set_exception(_stopped(error))
    else:
        future.set_exception(error)


def _stopped(error: StopIteration) -> RuntimeError:
    """Return what a future takes: with this error itself its caller would wait for ever."""
    stopped = RuntimeError("a call in a thread raised StopIteration")
    stopped.__cause__ = error
    return stopped


_threads = _Threads(_SIZE)


def file_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Run `work`, on local files and never in a user's code, in a file thread.

    The future is to be awaited by `to_the_end`: cancelling it stops nothing.
    """
    return _threads.call(work)


async def in_file_thread(work: Callable[[], T], *, undo: Callable[[T], object] | None = None) -> T:
    """Run `work` in a file thread, to its end; undo it there where the caller was cancelled."""
    if undo is None:
        return await to_the_end(file_thread(work))
    return await to_the_end(file_thread(work), undo=lambda done: file_thread(lambda: undo(done)))


async def in_thread(work: Callable[[], T]) -> T:
    """Run `work`, which may block for long, in one of the loop's own threads, to its end."""
    return await to_the_end(asyncio.get_running_loop().run_in_executor(None, _once(work)))


def _once(work: Callable[[], T]) -> Callable[[], T]:
    """Let go of `work` before its result is known: a caller may want its buffer back then."""
    held = [work]

    def call() -> T:
        try:
            return held.pop()()
        except StopIteration as error:
            raise _stopped(error) from error

    return call


def _renew() -> None:
    global _threads  # noqa: PLW0603 - a forked child has none of its parent's threads
    _threads = _Threads(_SIZE)


@atexit.register
def _stop() -> None:
    _threads.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
