"""Run what must not be left half done to its end, whatever cancels the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

__all__ = ["Enduring", "Overlap", "side_by_side", "to_the_end"]

T = TypeVar("T")
U = TypeVar("U")


class Enduring(asyncio.Future[T]):
    """Be what no cancellation ends: a task that awaits it is cancelled once it is done.

    To wait for it `to_the_end` costs no other future, and no turn of the loop to wake that.
    """

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - as a future has it
        """Refuse, by which the task that is cancelled remembers it."""
        return False


async def to_the_end(
    work: Awaitable[T],
    *,
    undo: Callable[[T], Awaitable[object]] | None = None,
    patience: float | None = None,
    break_off: Callable[[], bool] | None = None,
) -> T:
    """Await `work` to its end; where the caller was cancelled meanwhile, undo it and say so.

    However often the caller is cancelled, `work` and `undo` run to their ends first, so both
    need time limits of their own, or `work` is cut off `patience` seconds after it was
    cancelled, or at once where `break_off` says that it still can be. An error of `work` yields
    to the cancellation.
    """
    task = asyncio.ensure_future(work)
    if isinstance(task, Enduring):
        cancellation = await _endured(task)
    else:
        cancellation = await _outlast(task, patience, break_off)
    if cancellation is None:
        return task.result()
    if undo is not None and not task.cancelled() and task.exception() is None:
        reversal = asyncio.ensure_future(undo(task.result()))
        await _outlast(reversal)
        _retrieve(reversal)
    _retrieve(task)
    raise cancellation


async def side_by_side(
    first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, U]
) -> tuple[T, U]:
    """Await two calls at once; where one fails, or the caller is cancelled, end both first."""
    tasks = (asyncio.ensure_future(first), asyncio.ensure_future(second))
    try:
        one, other = await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await to_the_end(asyncio.wait(tasks))
        raise
    return one, other


class Overlap:
    """Let work run while its giver goes on, one piece at a time.

    The work's error is raised by the next `start`, or at the end of the block. The block ends
    only when the work has ended, also where it fails or is cancelled, and then with that.
    """

    def __init__(self) -> None:
        self._running: asyncio.Future[object] | None = None

    async def start(self, work: Callable[[], Awaitable[object]]) -> None:
        """Wait for the work before, and start this."""
        await self._ended()
        self._running = asyncio.ensure_future(work())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            await self._ended()
            return
        with suppress(Exception):
            await self._ended()

    async def _ended(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            await to_the_end(running)


async def _endured(task: Enduring[Any]) -> asyncio.CancelledError | None:
    try:
        await task
    except asyncio.CancelledError as error:
        return error
    except Exception:  # noqa: BLE001 - the caller asks for it
        return None
    return None


async def _outlast(
    task: asyncio.Future[Any],
    patience: float | None = None,
    break_off: Callable[[], bool] | None = None,
) -> asyncio.CancelledError | None:
    cancellation: asyncio.CancelledError | None = None
    cutting: asyncio.TimerHandle | None = None
    while not task.done():
        try:
            await _end_of(task)
        except asyncio.CancelledError as error:
            if cancellation is not None:
                continue
            cancellation = error
            if break_off is not None and break_off():
                task.cancel()
            if patience is not None:
                cutting = asyncio.get_running_loop().call_later(patience, task.cancel)
    if cutting is not None:
        cutting.cancel()
    return cancellation


async def _end_of(task: asyncio.Future[Any]) -> None:
    """Wait for a task that goes on where the waiting is cancelled."""
    waiter = task.get_loop().create_future()

    def wake(_: asyncio.Future[Any]) -> None:
        if not waiter.done():
            waiter.set_result(None)

    task.add_done_callback(wake)
    try:
        await waiter
    finally:
        task.remove_done_callback(wake)


def _retrieve(task: asyncio.Future[Any]) -> None:
    """Mark a task's error as seen: the cancellation is what the caller learns of."""
    if not task.cancelled():
        task.exception()
