"""Look at what a storage holds, and fail where that is not what it should."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Literal

from openviper.storage.base import Storage
from openviper.storage.testing import expect
from openviper.storage.testing.target import Target
from openviper.storage.types import Page

__all__ = ["can", "content", "entries", "loop_settles", "names", "nothing_but", "pages"]


def can(storage: Storage, capability: str) -> bool:
    """Tell whether a storage declares a capability; what the contract's core is needs none."""
    return getattr(storage.capabilities, capability) not in ("none", False)


async def content(storage: Storage, name: str, expected: bytes) -> None:
    """Fail unless a file holds exactly these bytes, and its size is their number.

    Where a storage declares no reading, only its size can be seen.
    """
    if can(storage, "read"):
        expect.same_bytes(await storage.read(name), expected, f"content of {name!r}")
    expect.same(await storage.size(name), len(expected), f"size of {name!r}")


async def names(storage: Storage, prefix: str = "") -> list[str]:
    """Return the names that a listing shows, in its order."""
    return [info.name async for info in storage.files(prefix)]


async def pages(
    storage: Storage,
    prefix: str = "",
    *,
    delimiter: Literal["/"] | None = None,
    limit: int,
    most: int = 100,
) -> list[Page]:
    """Return all pages of a listing; fail where there are more than `most`, or no end of them."""
    found: list[Page] = []
    token: str | None = None
    while len(found) < most:
        found.append(await storage.list_page(prefix, delimiter=delimiter, limit=limit, token=token))
        token = found[-1].token
        if token is None:
            return found
    shown = list(map(entries, found))
    raise AssertionError(f"expected an end of the pages of {limit}, got {most}: {shown!r:.300}")


def entries(page: Page) -> list[str]:
    """Return the files and directories of a page in one order, directories with a slash."""
    found = [*(info.name for info in page.files), *(f"{name}/" for name in page.prefixes)]
    return sorted(found, key=str.encode)


async def nothing_but(target: Target, kept: Iterable[str] = ()) -> None:
    """Fail where there are other files than these, or anything hidden or begun.

    Where a storage declares no listing, only what shall be there can be looked for.
    """
    expected = sorted(kept, key=str.encode)
    if can(target.storage, "list"):
        expect.same(await names(target.storage), expected, "files listed")
    for name in expected[:20]:
        expect.same(await target.storage.exists(name), True, f"exists({name!r})")
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
