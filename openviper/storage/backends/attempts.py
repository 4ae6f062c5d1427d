"""Try requests again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from openviper.storage.backends.http_errors import NotConnectedError

__all__ = ["doubling", "retried"]

T = TypeVar("T")


async def retried(
    attempt: Callable[[], Awaitable[T]],
    *,
    attempts: int,
    pause: Callable[[int, Exception], float],
    passing: Callable[[Exception], bool],
    unsent: Callable[[Exception], bool] = lambda error: isinstance(error, NotConnectedError),
) -> T:
    """Try until it works, fails for good, or has failed often enough.

    `pause` says how many seconds to wait after an attempt, by its number and its error. An
    attempt that may have been carried out is not forgotten for a later one that was certainly
    `unsent`: its error is raised.
    """
    doubt: Exception | None = None
    number = 1
    try:
        while True:
            try:
                return await attempt()
            except Exception as error:
                if not unsent(error):
                    doubt = error
                if not passing(error) or number == attempts:
                    if doubt is None or doubt is error:
                        raise
                    raise doubt  # noqa: B904 - it came before
                seconds = pause(number, error)
            await asyncio.sleep(seconds)
            number += 1
    finally:
        doubt = None  # its traceback has this frame, and so the caller's content


def doubling(longest: float) -> Callable[[int, Exception], float]:
    """Return a pause of 0.5 to 1 s after the first attempt, and twice that each time, up to one."""

    def pause(number: int, _: Exception) -> float:
        return min(2.0 ** (number - 1), longest) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    return pause
