"""Cancelling by count is exact, and the suite's sweeps find what a storage gets wrong."""

from __future__ import annotations

import asyncio
import os
import socket
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from openviper.storage.backends.memory import MemoryStorage
from openviper.storage.testing import CHECKS, Cell, Subject, run_check
from openviper.storage.testing.cancelling import run_cancelling
from openviper.storage.types import Content, FileInfo

OPENED: list[Callable[[], object]] = []
"""What closes what the storages here leave open."""


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop()()


class Work:
    """Be an operation that waits itself and in a task of its own, and keeps a log."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def run(self) -> str:
        child = asyncio.create_task(self.child())
        try:
            self.log.append("first")
            await asyncio.sleep(0)
            await child
        except asyncio.CancelledError:
            self.log.append("cancelled")
            child.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
                self.log.append("cleaned up")
            raise
        return "done"

    async def child(self) -> None:
        for number in range(3):
            await asyncio.sleep(0)
            self.log.append(f"child {number}")


async def test_suspensions_of_its_tasks_count() -> None:
    ended = await run_cancelling(Work().run())
    assert (ended.task.result(), ended.interrupted) == ("done", False)
    assert ended.steps == 2 + 3


async def test_it_is_cancelled_at_each_suspension_once() -> None:
    logs: list[tuple[str, ...]] = []
    for at in range(5):
        work = Work()
        ended = await run_cancelling(work.run(), at=at)
        assert (ended.task.cancelled(), ended.interrupted) == (True, True)
        assert work.log[-1] == "cleaned up"
        logs.append(tuple(work.log))
    assert len(set(logs)) > 2  # while the child was at different places


async def test_second_cancellation_hits_the_clean_up() -> None:
    work = Work()
    ended = await run_cancelling(work.run(), at=0, times=2)
    assert ended.task.cancelled()
    assert work.log == ["first", "cancelled"]


async def test_what_ends_before_is_not_cancelled() -> None:
    work = Work()
    ended = await run_cancelling(work.run(), at=5)
    assert (ended.task.result(), ended.interrupted) == ("done", False)


async def test_task_factory_of_the_loop_comes_back() -> None:
    loop = asyncio.get_running_loop()
    made: list[str] = []

    def factory(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **options)

    loop.set_task_factory(factory)
    await run_cancelling(Work().run(), at=1)
    assert loop.get_task_factory() is factory
    assert made == []


class Broken(MemoryStorage):
    """Do something wrong where `put` is cancelled."""

    async def put(
        self,
        name: str,
        content: Content,
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
        **attributes: Any,
    ) -> FileInfo:
        try:
            await asyncio.sleep(0)
            return await super().put(
                name, content, if_none_match=if_none_match, if_match=if_match, **attributes
            )
        except asyncio.CancelledError:
            return await self.cancelled(name)

    @abstractmethod
    async def cancelled(self, name: str) -> FileInfo: ...


class Swallowing(Broken):
    async def cancelled(self, name: str) -> FileInfo:
        return FileInfo(name=name, size=0)


class Losing(Broken):
    async def cancelled(self, name: str) -> FileInfo:
        await self.delete(name)
        raise asyncio.CancelledError


class Partial(Broken):
    async def cancelled(self, name: str) -> FileInfo:
        await super(Broken, self).put(name, b"part")
        raise asyncio.CancelledError


class Late(Broken):
    def __init__(self, *, location: str) -> None:
        super().__init__(location=location)
        self.later: set[asyncio.Task[object]] = set()

    async def cancelled(self, name: str) -> FileInfo:
        async def write() -> None:
            await asyncio.sleep(0.005)
            await super(Broken, self).put("late", b"late")

        self.later.add(asyncio.create_task(write()))
        raise asyncio.CancelledError


class TaskLeaving(Broken):
    async def cancelled(self, name: str) -> FileInfo:
        OPENED.append(asyncio.create_task(asyncio.sleep(60)).done)
        raise asyncio.CancelledError


class DescriptorLeaving(Broken):
    async def cancelled(self, name: str) -> FileInfo:
        descriptor = os.open("/dev/null", os.O_RDONLY)
        OPENED.append(lambda: os.close(descriptor))
        raise asyncio.CancelledError


class ConnectionLeaving(Broken):
    async def cancelled(self, name: str) -> FileInfo:
        OPENED.extend(end.close for _ in range(4) for end in socket.socketpair())
        raise asyncio.CancelledError


class Retrying(Broken):
    async def cancelled(self, name: str) -> FileInfo:
        raise TimeoutError("no answer")


def cell_of(make: Callable[..., Broken]) -> Cell:
    subject = Subject(
        name="broken", make=lambda location: make(location=location), shares_instances=False
    )
    return run_check(CHECKS["cancel.every-await-of-put"], subject)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (Swallowing, "expected CancelledError, got FileInfo"),
        (Retrying, "expected CancelledError, got TimeoutError"),
        (Losing, "expected the files {'a': 1000} or {'a': 2000}, got {}"),
        (Partial, "got {'a': 4}"),
        (Late, "a moment later"),
        (TaskLeaving, "expected no task to be left"),
        (DescriptorLeaving, "expected every descriptor to be closed"),
        (ConnectionLeaving, "expected the connections to go back to the pool"),
    ],
)
def test_sweep_finds(make: Callable[..., Broken], told: str) -> None:
    cell = cell_of(make)
    assert cell.word == "FAIL"
    assert told in cell.reason
