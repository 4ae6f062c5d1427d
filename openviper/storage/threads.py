"""Run blocking calls in threads, and never leave one running behind a cancelled task."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from openviper.storage.shield import to_the_end

__all__ = ["file_threads", "in_file_thread", "in_thread"]

T = TypeVar("T")

# Few threads switch less than many; each is busy for microseconds, or waits for one fsync.
_SIZE = 8


def _new_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_SIZE, thread_name_prefix="openviper-files")


_pool = _new_pool()  # its threads start with the first call


def file_threads() -> ThreadPoolExecutor:
    """Return the pool for calls on local files, which never wait for a user's code."""
    return _pool


async def in_file_thread(work: Callable[[], T], *, undo: Callable[[T], object] | None = None) -> T:
    """Run `work` in a file thread, to its end; undo it there where the caller was cancelled."""
    loop = asyncio.get_running_loop()
    reverse = None
    if undo is not None:
        reverse = lambda done: loop.run_in_executor(file_threads(), undo, done)  # noqa: E731
    return await to_the_end(loop.run_in_executor(file_threads(), _once(work)), undo=reverse)


async def in_thread(work: Callable[[], T]) -> T:
    """Run `work`, which may block for long, in one of the loop's own threads, to its end."""
    return await to_the_end(asyncio.get_running_loop().run_in_executor(None, _once(work)))


def _once(work: Callable[[], T]) -> Callable[[], T]:
    """Let go of `work` before its result is known: a caller may want its buffer back then."""
    held = [work]

    def call() -> T:
        try:
            return held.pop()()
        except StopIteration as error:  # no future takes it: its caller would wait for ever
            raise RuntimeError("a call in a thread raised StopIteration") from error

    return call


def _renew_pool() -> None:
    global _pool  # noqa: PLW0603 - a forked child has none of its parent's threads
    _pool = _new_pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_pool)
