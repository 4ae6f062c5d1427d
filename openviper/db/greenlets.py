"""Wait for coroutines inside the events of SQLAlchemy, which are none."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

__all__ = ["refuse_blocking", "run"]

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Wait for `work` inside an event of SQLAlchemy's, which is no coroutine."""
    if in_greenlet():
        return await_only(work)
    try:
        refuse_blocking()
    except RuntimeError:
        work.close()
        raise
    return asyncio.run(work)


def refuse_blocking() -> None:
    """Raise where a plain `Session` is used inside an event loop: nothing can be awaited there."""
    if in_greenlet():
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("a Session can't handle files inside an event loop: use AsyncSession")
