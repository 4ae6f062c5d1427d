"""Writes that fail or are cancelled leave nothing of themselves (catalogue 1.11)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TypeVar

from openviper.storage.testing import expect, look
from openviper.storage.testing.contents import (
    FailingError,
    bytes_of,
    chunks_of,
    failing_after,
    pausing,
)
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.types import Content

T = TypeVar("T")

TURNS = 20
"""Failures in a row: a pool may keep a few connections, but none for each of these."""


@check("fail.source-failure-leaves-nothing", "X01", "C11")
async def source_failure_leaves_nothing(target: Target) -> None:
    """A source that fails at its first, a middle or its last chunk leaves nothing."""
    storage, large = target.storage, bytes_of(target.large)
    calls: expect.Calls = {
        "first chunk, save": lambda: storage.save("a/b", failing_after(b"")),
        "second chunk, save": lambda: storage.save("a/b", failing_after(b"x")),
        "middle, save": lambda: storage.save("a/b", failing_after(large[: len(large) * 2 // 3])),
        "end, save": lambda: storage.save("a/b", failing_after(large)),
    }
    puts: expect.Calls = {
        "first chunk, put": lambda: storage.put("a/b", failing_after(b"")),
        "middle, put": lambda: storage.put("a/b", failing_after(large[: len(large) * 2 // 3])),
        "end, put": lambda: storage.put("a/b", failing_after(large)),
    }
    if look.can(storage, "put"):
        calls = {**calls, **puts}
    await expect.each_fails(FailingError, calls, "of a source that fails")
    expect.same(await storage.exists("a/b"), False, "exists('a/b')")
    if look.can(storage, "list"):
        expect.same(await storage.listdir(), ([], []), "listdir()")
    await look.nothing_but(target)


@check("fail.source-failure-keeps-the-old-file", "X01", requires=("put", "metadata"))
async def source_failure_keeps_the_old_file(target: Target) -> None:
    """A source that fails while it replaces a file leaves the old one, with its attributes."""
    storage, large = target.storage, bytes_of(target.large)
    old = await storage.put("a", b"old", metadata={"old": "yes"})
    calls: expect.Calls = {
        "small put": lambda: storage.put("a", failing_after(b"x")),
        "large put": lambda: storage.put("a", failing_after(large)),
        "large save": lambda: storage.save("a", failing_after(large), if_exists="overwrite"),
    }
    await expect.each_fails(FailingError, calls, "of a source that fails")
    await look.content(storage, "a", b"old")
    there = await storage.stat("a")
    expect.same((there.etag, dict(there.metadata or {})), (old.etag, {"old": "yes"}), "the file")
    await look.nothing_but(target, ["a"])


@check("fail.source-failure-comes-as-itself", "C11")
async def source_failure_comes_as_itself(target: Target) -> None:
    """What a source raises reaches the caller as the same object, and the source is closed."""
    for size in (0, 100, target.large):
        failure, closed = FailingError(f"after {size} bytes"), asyncio.Event()
        content = _raising(bytes_of(size), failure, closed)
        error = await expect.fails(
            FailingError, target.storage.save("a", content), doing="saving what fails"
        )
        assert error is failure, f"another object came out: {error!r}"
        assert closed.is_set(), f"the generator that failed after {size} bytes was not closed"


@check("fail.os-errors-of-a-source-stay-themselves", "C11", "E02")
async def os_errors_of_a_source_stay_themselves(target: Target) -> None:
    """An `OSError` of the source is not taken for one of the storage."""
    for failure in (FileNotFoundError("source"), TimeoutError("source"), ConnectionError("source")):
        for size in (0, target.large):
            content = _raising(bytes_of(size), failure, asyncio.Event())
            error = await expect.fails(
                Exception, target.storage.save("a", content), doing="saving what fails"
            )
            assert error is failure, f"{failure!r} of the source came out as {error!r}"
    await look.nothing_but(target)


@check("fail.storage-works-after-failures", "X08")
async def storage_works_after_failures(target: Target) -> None:
    """After failed writes of each size the same storage writes and reads on."""
    large = bytes_of(target.large)
    for content in (failing_after(b"x"), failing_after(large)):
        await expect.fails(FailingError, target.storage.save("a", content), doing="saving")
    name = await target.storage.save("a", chunks_of(large))
    expect.same(name, "a", "name after failed saves")
    await look.content(target.storage, "a", large)


@check("fail.nothing-stays-open", "X08", "Y04")
async def nothing_stays_open(target: Target) -> None:
    """Failed calls leave no file descriptor and no connection open."""
    storage = target.storage
    calls: expect.Calls = {
        "save of a source that fails": lambda: storage.save("a", failing_after(b"x")),
        "save of a large one": lambda: storage.save("a", failing_after(bytes_of(1 << 20))),
        "stat of a missing file": lambda: storage.stat("missing"),
    }
    await expect.each_fails(Exception, calls, "before anything is counted")
    before = _descriptors()
    for turn in range(TURNS):
        await expect.each_fails(Exception, calls, f"in turn {turn}")
    more = _descriptors() - before
    assert more < TURNS // 2, f"{3 * TURNS} failed calls left {more} more descriptors open"


@check("cancel.before-it-begins", "X02", "X03")
async def before_it_begins(target: Target) -> None:
    """A save that is cancelled before it begins stores nothing and leaves its source alone."""
    task = asyncio.ensure_future(target.storage.save("a", b"content"))
    task.cancel()
    await _expect_cancelled(task)
    await look.nothing_but(target)


@check("cancel.while-the-source-waits", "X02", "X03")
async def while_the_source_waits(target: Target) -> None:
    """A write that is cancelled while its source waits leaves nothing; its source is closed."""
    for size in (1, 100, target.large):
        for name, write in _writes(target).items():
            waiting, closed = asyncio.Event(), asyncio.Event()
            task = asyncio.ensure_future(write("a/b", _waiting(bytes_of(size), waiting, closed)))
            await _reached(waiting, task)
            task.cancel()
            await _expect_cancelled(task)
            assert closed.is_set(), f"{name} of {size} bytes: the source was not closed"
    await look.nothing_but(target)


@check("cancel.by-timeout", "X03")
async def by_timeout(target: Target) -> None:
    """`asyncio.timeout` around a write raises `TimeoutError`, and nothing is left."""

    async def write() -> None:
        waiting, closed = asyncio.Event(), asyncio.Event()
        async with asyncio.timeout(0.05):
            await target.storage.save("a", _waiting(b"content", waiting, closed))

    error = await expect.fails(TimeoutError, write(), doing="saving within a timeout")
    expect.same(type(error), TimeoutError, "type of the error")
    await look.nothing_but(target)


def _descriptors() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 - numbers, not paths


async def _reached(place: asyncio.Event, task: asyncio.Future[T]) -> None:
    task.add_done_callback(lambda _: place.set())  # where it failed, nothing else would
    await place.wait()


async def _expect_cancelled(task: asyncio.Future[T]) -> None:
    await asyncio.wait({task})
    assert task.cancelled(), f"expected CancelledError, got {task.exception() or task.result()!r}"


def _writes(
    target: Target,
) -> dict[str, Callable[[str, Content], Coroutine[object, object, object]]]:
    if not look.can(target.storage, "put"):
        return {"save": target.storage.save}
    return {"save": target.storage.save, "put": target.storage.put}


async def _waiting(
    data: bytes, waiting: asyncio.Event, closed: asyncio.Event
) -> AsyncIterator[bytes]:
    async def pause() -> None:
        waiting.set()
        await asyncio.Event().wait()

    try:
        async for chunk in pausing(data, pause):
            yield chunk
    finally:
        closed.set()


async def _raising(data: bytes, error: Exception, closed: asyncio.Event) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks_of(data):
            yield chunk
        raise error
    finally:
        closed.set()
