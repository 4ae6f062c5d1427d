"""Look at what a storage holds, and fail where that is not what it should."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from openviper.storage.base import Storage
from openviper.storage.testing import expect
from openviper.storage.testing.target import Target

__all__ = ["content", "loop_settles", "names", "nothing_but"]


async def content(storage: Storage, name: str, expected: bytes) -> None:
    """Fail unless a file holds exactly these bytes, and its size is their number."""
    expect.same_bytes(await storage.read(name), expected, f"content of {name!r}")
    expect.same(await storage.size(name), len(expected), f"size of {name!r}")


async def names(storage: Storage, prefix: str = "") -> list[str]:
    """Return the names that a listing shows, in its order."""
    return [info.name async for info in storage.files(prefix)]


async def nothing_but(target: Target, kept: Iterable[str] = ()) -> None:
    """Fail where there are other files than these, or anything hidden or begun."""
    expected = sorted(kept, key=str.encode)
    expect.same(await names(target.storage), expected, "files listed")
    if target.raw is None:
        return
    expect.same(sorted(await target.raw.keys(), key=str.encode), expected, "keys behind it")
    expect.same(await target.raw.open_uploads(), [], "uploads left open")


async def loop_settles() -> None:
    """Wait for the loop to close the generators that were dropped."""
    await asyncio.sleep(0)  # it learns of them
    this = asyncio.current_task()
    while closing := [task for task in asyncio.all_tasks() if task is not this]:
        await asyncio.wait(closing)
