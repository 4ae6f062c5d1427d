"""Drivers that work and can be slowed, made to fail, or to lose their replies."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from openviper.storage.attributes import Attributes
from openviper.storage.backends.memory import MemoryDriver
from openviper.storage.driver import Write
from openviper.storage.errors import StorageError
from openviper.storage.portable import PortableStorage
from openviper.storage.testing.cancelling import run_cancelling
from openviper.storage.types import FileInfo

T = TypeVar("T")


class VendorError(Exception):
    """Be what a vendor's SDK raises, with the meaning that its code has."""

    def __init__(self, meaning: type[StorageError]) -> None:
        super().__init__(f"vendor: {meaning.__name__}")
        self.meaning = meaning


class PlainDriver:
    """Be a `MemoryDriver` without `stage`, so that content goes by `put` or in parts."""

    backend = "plain"
    capabilities = MemoryDriver.capabilities
    may_lose_replies = False

    def __init__(self) -> None:
        self.memory = MemoryDriver()
        self.puts = 0
        self.url = self.memory.url
        self.get = self.memory.get
        self.delete = self.memory.delete
        self.list_page = self.memory.list_page
        self.aclose = self.memory.aclose

    async def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
        self.puts += 1
        return await self.memory.put(key, data, write)

    async def head(self, key: str) -> FileInfo:
        return await self.memory.head(key)

    def classify(self, error: Exception) -> type[StorageError] | None:
        return error.meaning if isinstance(error, VendorError) else None


class LossyDriver(PlainDriver):
    """Do each write and then fail, as where the reply is lost, with the errors given."""

    may_lose_replies = True

    def __init__(self, *errors: Exception, commits: bool = True) -> None:
        super().__init__()
        self.errors = list(errors)
        self.commits = commits

    async def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
        self.puts += 1
        if not self.errors:
            return await self.memory.put(key, data, self._kept(write))
        if self.commits:
            await self.memory.put(key, data, self._kept(write))
        raise self.errors.pop(0)

    def _kept(self, write: Write) -> Write:
        attributes = Attributes(metadata=write.stored_metadata())
        return Write(
            attributes=attributes,
            content_type=write.content_type,
            write_id=write.write_id,
            create=write.create,
            if_match=write.if_match,
        )


class PartsDriver(PlainDriver):
    """Take parts side by side, and keep count of all that was begun, sent and aborted."""

    def __init__(self, *, part_size: int = 4, max_parts: int = 100, concurrency: int = 3) -> None:
        super().__init__()
        self.part_size = part_size
        self.max_parts = max_parts
        self.max_concurrency = concurrency
        self.uploads: list[Parts] = []
        self.calls: dict[str, Callable[[], Awaitable[None]]] = {}
        """What is awaited first in "begin", "part", "part 2", "commit" or "abort"."""

    async def begin(self, key: str, write: Write) -> Parts:
        await self.hook("begin")
        upload = Parts(self, key, write)
        self.uploads.append(upload)
        return upload

    async def hook(self, call: str) -> None:
        if call in self.calls:
            await self.calls[call]()


class Parts:
    """Be one upload of a `PartsDriver`."""

    def __init__(self, driver: PartsDriver, key: str, write: Write) -> None:
        self.driver, self.key, self.write = driver, key, write
        self.parts: dict[int, bytes] = {}
        self.sending = self.most = self.aborts = self.cancelled = 0
        self.committed = False

    async def part(self, number: int, data: memoryview) -> None:
        self.sending += 1
        self.most = max(self.most, self.sending)
        try:
            await asyncio.sleep(0)  # where the parts overlap
            await self.driver.hook("part")
            await self.driver.hook(f"part {number}")
            self.parts[number] = bytes(data)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.sending -= 1

    async def commit(self) -> FileInfo:
        await self.driver.hook("commit")
        data = b"".join(self.parts[number] for number in sorted(self.parts))
        info = await self.driver.memory.put(self.key, memoryview(data), self.write)
        self.committed = True
        return info

    async def abort(self) -> None:
        self.aborts += 1
        await self.driver.hook("abort")
        self.parts.clear()


def storage_on(driver: Any, **options: Any) -> PortableStorage:  # Any: any of the drivers here
    """Make a storage over a driver."""
    return PortableStorage(driver, arguments={}, base_url="/media/", **options)


async def chunks_of(*chunks: bytes) -> AsyncIterator[bytes]:
    """Be content that can be read only once."""
    for chunk in chunks:
        yield chunk


async def cancelled_at(work: Coroutine[Any, Any, T], steps: int, *, times: int = 1) -> T | None:
    """Run `work` and cancel it at its n-th suspension, its tasks' included, `times` in a row.

    Return what it returns where it ends before; None where the cancellation came through.
    """
    ended = await run_cancelling(work, at=steps, times=times)
    return None if ended.task.cancelled() else ended.task.result()


def open_files() -> set[str]:
    """Return the descriptors that are open now, without the loop's own."""
    found = set()
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            found.add(f"{fd.name} {fd.readlink()}")
    return found


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check that a block leaves no descriptor and no task, and that nothing warns."""
    files = open_files()
    tasks = asyncio.all_tasks()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    assert asyncio.all_tasks() <= tasks
    assert open_files() <= files
