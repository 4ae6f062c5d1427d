"""Run blocking calls in threads, and never leave one running behind a cancelled task."""

from __future__ import annotations

import asyncio
import atexit
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from openviper.storage.shield import Enduring, to_the_end

__all__ = ["file_thread", "in_file_thread", "in_thread"]

T = TypeVar("T")

_SIZE = 8
_LOOK = 0.001
"""Seconds between two looks at calls that wait."""
_STUCK = 0.005
"""Seconds without a call begun after which another thread helps, however busy the process is."""
_QUICK = 0.0005
_WITHHELD = 8
"""Results of quick calls that wait for each other, to wake their loop once."""
_PATIENCE = 0.0002
"""Seconds that a loop stands still for the one call that is under way."""
_DISAPPOINTED = 64
"""Calls at most that a loop goes on beside, after one that it stood still for in vain."""


class _Arrivals:
    """Bring results to one loop, which is woken once for all that come before it looks."""

    def __init__(self) -> None:
        self.is_watched = False
        self.looked = self.used = 0.0
        """At the last look: the time, and what of the processors' the process had used."""
        self.under_way = 0
        """Calls that were given, in the loop's own view."""
        # Any: of whatever the work returned.
        self._come: deque[tuple[asyncio.Future[Any], object, BaseException | None]] = deque()
        self._is_woken = self._is_awaited = False
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._passed = self._to_pass = 0

    def add(self, future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
        """Keep what a future gets once its loop is woken, from any thread."""
        self._come.append((future, result, error))

    def wake(self) -> None:
        """Have the loop look."""
        if self._is_awaited:
            self._bell.put(None)
            return
        if self._is_woken:
            return
        with suppress(IndexError, RuntimeError):  # it has looked already, or it is closed
            loop = self._come[0][0].get_loop()
            self._is_woken = True
            loop.call_soon_threadsafe(self.settle)

    def settle(self) -> None:
        """Give the futures what came for them, in their loop."""
        self._is_woken = False  # first: what comes from now on wakes the loop again
        while self._come:
            self.under_way -= 1
            _settle(*self._come.popleft())

    def await_one(self) -> None:
        """Stand still for the call that is under way, unless the last ones took too long."""
        if self._passed < self._to_pass:
            self._passed += 1
            return
        self._is_awaited = True
        try:
            with suppress(Empty):
                if not self._come:  # else it came before its thread was told who waits
                    self._bell.get(timeout=_PATIENCE)
        finally:  # whatever a handler of signals raises
            self._is_awaited = False
            self.settle()  # also what came since
        self._passed = 0
        self._to_pass = min(2 * self._to_pass + 1, _DISAPPOINTED) if self.under_way else 0


class _Call(NamedTuple):
    """Hold what is to be done, and for whom."""

    work: Callable[[], Any]  # Any: whatever it returns
    future: asyncio.Future[Any]
    arrivals: _Arrivals
    is_long: bool
    begun: SimpleQueue[None] | None


class _Worker:
    """Be a thread that rests until its bell rings; it begins with the first ring."""

    def __init__(self, run: Callable[[_Worker], None], name: str) -> None:
        self.bell: SimpleQueue[bool] = SimpleQueue()
        """True for work, False for the end."""
        self.thread = Thread(target=run, args=(self,), name=name, daemon=True)

    def ring(self) -> None:
        """Have it work."""
        self.bell.put(True)
        if self.thread.ident is None:
            self.thread.start()


class _Threads:
    """Run calls of any loop in threads, in as few at a time as get them done.

    To wake a loop is dear: its selector, its pipe, its turn, all after a sleep. So a loop with
    one quick call under way stands still for it, for a fifth of a millisecond at most.

    Calls that compute more than they wait are the faster for being done by one thread, one
    after the other: several would take turns in the interpreter, and so would their loop with
    each, for more than a call costs. So one thread that is awake takes all that comes, and
    wakes the loop for a few results together. Others are woken for calls that are long, and
    where calls wait while the process computes little: then a disk has to look for the data,
    or a network is between.
    """

    def __init__(self, size: int) -> None:
        names = [f"openviper-files_{number}" for number in range(size)]
        self._workers = tuple(_Worker(self._run, name) for name in names)
        self._resting = deque(self._workers)
        """Those whose threads have begun are on the right, where they are taken and put back."""
        self._has_begun = False
        self._calls: deque[_Call] = deque()
        self._begun_at = 0.0
        self._arrivals: WeakKeyDictionary[asyncio.AbstractEventLoop, _Arrivals] = (
            WeakKeyDictionary()
        )

    def call(self, work: Callable[[], T], *, is_long: bool, goes_on: bool) -> asyncio.Future[T]:
        """Run `work` in one of the threads, where it goes on whoever cancels its future.

        A caller that `goes_on` has the interpreter, without which no thread begins: it is held
        up until one did, for a fifth of a millisecond at most.
        """
        loop = asyncio.get_running_loop()
        result: Enduring[T] = Enduring(loop=loop)
        arrivals = self._arrivals.get(loop)
        if arrivals is None:
            arrivals = self._arrivals[loop] = _Arrivals()
        begun: SimpleQueue[None] | None = SimpleQueue() if goes_on else None
        call = _Call(work, result, arrivals, is_long, begun)
        self._calls.append(call)
        arrivals.under_way += 1
        none_is_awake = self._all_rest()
        if none_is_awake and arrivals.under_way == 1 and not is_long and self._has_begun:
            loop.call_soon(self._see, loop, arrivals)
            return result
        try:
            is_woken = (none_is_awake or is_long) and self._wake_one()
        except RuntimeError:
            self._calls.remove(call)
            arrivals.under_way -= 1
            raise
        if not (none_is_awake or arrivals.is_watched):
            self._watch_later(loop, arrivals)
        if begun is not None and is_woken:
            with suppress(Empty):
                begun.get(timeout=_PATIENCE)
        return result

    def _see(self, loop: asyncio.AbstractEventLoop, arrivals: _Arrivals) -> None:
        """Have a call done, after all that the loop had to do first, which may be more calls."""
        if self._all_rest():
            self._wake_one()
        elif not arrivals.is_watched:
            self._watch_later(loop, arrivals)
        if arrivals.under_way == 1:
            arrivals.await_one()

    def stop(self) -> None:
        """End the threads once what they were given is done."""
        if self._calls:  # of a loop that was closed before it saw to them
            self._wake_one()
        for worker in self._workers:
            worker.bell.put(False)
        for worker in self._workers:
            if worker.thread.ident is not None:
                worker.thread.join()

    def _all_rest(self) -> bool:
        return len(self._resting) == len(self._workers)

    def _wake_one(self) -> bool:
        """Wake a thread, if one rests; `RuntimeError` where the first can't be begun."""
        try:
            worker = self._resting.pop()
        except IndexError:  # all are awake
            return False
        try:
            worker.ring()
        except RuntimeError:  # no more threads are allowed: those that there are go on
            self._resting.appendleft(worker)
            if not self._has_begun:
                raise
            return False
        self._has_begun = True
        return True

    def _watch_later(self, loop: asyncio.AbstractEventLoop, arrivals: _Arrivals) -> None:
        arrivals.is_watched = True
        arrivals.looked, arrivals.used = time.monotonic(), time.process_time()
        loop.call_later(_LOOK, self._watch, loop, arrivals)

    def _watch(self, loop: asyncio.AbstractEventLoop, arrivals: _Arrivals) -> None:
        """Wake another thread where calls wait, and yet the process has little to compute."""
        arrivals.is_watched = False
        arrivals.settle()
        if self._calls:
            now = time.monotonic()
            idles = time.process_time() - arrivals.used < (now - arrivals.looked) / 2
            if idles or now - self._begun_at > _STUCK:
                self._wake_one()
            self._watch_later(loop, arrivals)

    def _run(self, worker: _Worker) -> None:
        while worker.bell.get():
            owed = self._work()
            self._resting.append(worker)
            # What came just before found a thread that seemed awake.
            if self._calls and self._all_rest():
                self._wake_one()
            _wake(owed)  # last: whom it wakes needs the interpreter, which resting gives away

    def _work(self) -> list[_Arrivals]:
        """Do what waits, until nothing does, or it is quick and another thread is at it too.

        Return the loop, if any, that is still to be woken.
        """
        owed: list[_Arrivals] = []  # one loop's, whose own look finds them should a call get stuck
        while self._calls:
            try:
                work, future, arrivals, is_long, begun = self._calls.popleft()
            except IndexError:  # another thread was faster
                break
            if owed and (is_long or arrivals is not owed[0]):
                _wake(owed)
            begun_at = self._begun_at = time.monotonic()
            if begun is not None:
                begun.put(None)
            error: BaseException | None = None
            result: object = None
            try:
                result = work()
            except BaseException as raised:  # noqa: BLE001 - whoever waits gets it
                error = raised
            del work  # a caller may want its buffer back as soon as the result is known
            arrivals.add(future, result, error)
            owed.append(arrivals)
            del future, arrivals, result, error
            was_quick = time.monotonic() - begun_at < _QUICK
            if len(owed) == _WITHHELD or not was_quick:
                _wake(owed)
            if was_quick and len(self._resting) < len(self._workers) - 1:
                break  # one is enough
        return owed


def _wake(owed: list[_Arrivals]) -> None:
    if owed:
        owed[0].wake()
        owed.clear()


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


def file_thread(
    work: Callable[[], T], *, is_long: bool = False, goes_on: bool = False
) -> asyncio.Future[T]:
    """Run `work`, on local files and never in a user's code, in a file thread.

    What `is_long`, since it waits for the disk or moves much, has others done beside it. Who
    `goes_on` does not await it at once, and computes meanwhile. The future is to be awaited by
    `to_the_end`: cancelling it stops nothing.
    """
    return _threads.call(work, is_long=is_long, goes_on=goes_on)


async def in_file_thread(
    work: Callable[[], T],
    *,
    is_long: bool = False,
    undo: Callable[[T], object] | None = None,
) -> T:
    """Run `work` in a file thread, to its end; undo it there where the caller was cancelled."""
    done = file_thread(work, is_long=is_long)
    if undo is None:
        return await to_the_end(done)
    return await to_the_end(done, undo=lambda result: file_thread(lambda: undo(result)))


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
