"""Cancel an operation at one of its awaits, counted and not timed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["Ended", "run_cancelling"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Generic[T]):
    """Say how an operation ended."""

    task: asyncio.Task[T]
    """The operation's own, done."""
    steps: int
    """How often it and the tasks that it made were suspended."""
    interrupted: bool
    """Whether it was cancelled; False where it had ended before."""


async def run_cancelling(
    work: Coroutine[Any, Any, T], *, at: int | None = None, times: int = 1
) -> Ended[T]:
    """Run `work` in a task, and cancel that at suspension number `at`, counted from 0.

    The suspensions of all tasks made meanwhile count, so that the operation is also cancelled
    while it only waits for them. With `times` over 1 it is cancelled again at the suspensions
    of its own that follow. None cancels nothing.
    """
    loop = asyncio.get_running_loop()
    run = _Run[T](at, times)
    usual = loop.get_task_factory()
    loop.set_task_factory(run.make_task)
    try:
        run.task = loop.create_task(work)
        await asyncio.wait({run.task})
    finally:
        loop.set_task_factory(usual)
    return Ended(task=run.task, steps=run.steps, interrupted=run.left < times)


class _Run(Generic[T]):
    """Count the suspensions of an operation and of all tasks that it makes."""

    task: asyncio.Task[T]

    def __init__(self, at: int | None, times: int) -> None:
        self.steps = 0
        self.left = times
        self._times = times
        self._at = at

    def make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        **options: Any,  # Any: they grow with Python's versions
    ) -> asyncio.Task[Any]:
        """Be the loop's task factory."""
        return asyncio.Task(_Counted(work, self._suspended), loop=loop, **options)

    def _suspended(self) -> None:
        is_first = self.left == self._times and self.steps == self._at
        is_again = 0 < self.left < self._times and asyncio.current_task() is self.task
        self.steps += 1
        if is_first or is_again:
            self.left -= 1
            self.task.cancel()


class _Counted(Generator[Any, Any, T], Coroutine[Any, Any, T]):
    """Be a coroutine that tells of each of its suspensions."""

    def __init__(
        self,
        work: Coroutine[Any, Any, T] | Generator[Any, None, T],
        suspended: Callable[[], None],
    ) -> None:
        self.__qualname__ = getattr(work, "__qualname__", "?")  # as its task is shown
        self._work = work
        self._suspended = suspended

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def send(self, value: Any, /) -> Any:  # Any: what futures give a task
        awaited = self._work.send(value)
        self._suspended()
        return awaited

    def throw(self, *error: Any) -> Any:  # Any: as generators take it
        awaited = self._work.throw(*error)
        self._suspended()
        return awaited
