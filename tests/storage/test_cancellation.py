"""What the suite's own `cancel` checks leave out: each kind of content, a driver without powers.

Afterwards there is the old file or the whole new one, and nothing else: no temporary file,
no task, no descriptor, and no thread that still runs what the user gave.
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from openviper.storage import spool
from openviper.storage.backends.filesystem import FileSystemStorage
from openviper.storage.backends.memory import MemoryStorage
from openviper.storage.base import Storage
from openviper.storage.driver import Write
from openviper.storage.testing import CHECKS, Subject, run_check
from openviper.storage.types import FileInfo, IfExists
from tests.storage.faults import PlainDriver, cancelled_at, chunks_of, nothing_left, storage_on

OLD, NEW = b"old content", bytes(range(256)) * 4_500  # over one block of a file
MOST_STEPS = 400

T = TypeVar("T")

Work = Callable[[], Coroutine[Any, Any, object]]


class Place:
    """Hold a storage with its files, and tell what is in it after a cancellation."""

    def __init__(self, storage: Storage, root: Path | None) -> None:
        self.storage, self.root = storage, root

    async def reset(self, **files: bytes) -> None:
        await self.storage.delete_prefix("", everything=True)
        for name, content in files.items():
            await self.storage.put(name, content)

    async def content(self) -> dict[str, bytes]:
        found = {info.name: info.size async for info in self.storage.files()}
        return {name: await self.storage.read(name) for name in found}

    def check_leftovers(self) -> None:
        if self.root is not None:
            assert list((self.root / ".openviper" / "tmp").iterdir()) == []


@pytest.fixture(params=["memory", "filesystem", "plain"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "filesystem":
        place = Place(FileSystemStorage(tmp_path, durable=False), tmp_path)  # no await is less
        await place.storage.save("warm", b"up")
        return place
    storage = MemoryStorage() if request.param == "memory" else storage_on(PlainDriver())
    return Place(storage, None)


@pytest.fixture(params=[1, 2])
def times(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


async def cancelled_everywhere(
    place: Place,
    work: Work,
    *,
    times: int,
    before: dict[str, bytes],
    allowed: Callable[[dict[str, bytes]], bool],
) -> None:
    """Cancel `work` at its first suspension, at its second, and so on until it ends."""
    for step in range(MOST_STEPS):
        await place.reset(**before)
        with nothing_left():
            done = await cancelled_at(work(), step, times=times)
        place.check_leftovers()
        found = await place.content()
        assert done is not None or allowed(found), (step, {k: v[:20] for k, v in found.items()})
        if done is not None:
            return
    raise AssertionError(f"it does not end within {MOST_STEPS} steps")


class Tracked(io.RawIOBase):
    """Be a blocking file that knows whether a thread is inside it now."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO(NEW)
        self._inside = threading.Lock()

    def read(self, size: int = -1) -> bytes:
        with self._inside:
            return self._bytes.read(size)

    def is_running(self) -> bool:
        return self._inside.locked()


def contents(path: Path) -> dict[str, Callable[[], Any]]:
    async def generated() -> AsyncIterator[bytes]:
        for at in range(0, len(NEW), 400_000):
            await asyncio.sleep(0)
            yield NEW[at : at + 400_000]

    return {
        "bytes": lambda: NEW,
        "path": lambda: path,
        "file": lambda: io.BytesIO(NEW),
        "blocking file": Tracked,
        "iterator": generated,
    }


@pytest.mark.parametrize("kind", ["bytes", "path", "file", "blocking file", "iterator"])
@pytest.mark.parametrize("mode", ["rename", "overwrite", "error"])
async def test_save(
    place: Place, mode: IfExists, kind: str, times: int, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(spool, "MEMORY_BYTES", 1 << 20)  # so that its file has its turn
    path = tmp_path_factory.mktemp("given") / "content"
    path.write_bytes(NEW)
    make = contents(path)[kind]
    before = {} if mode == "error" else {"a": OLD}
    last: list[Any] = []

    def work() -> Coroutine[Any, Any, str]:
        last[:] = [make()]
        return place.storage.save("a", last[0], if_exists=mode)

    def allowed(found: dict[str, bytes]) -> bool:
        assert not isinstance(last[0], Tracked) or not last[0].is_running()
        if mode == "overwrite":
            return found in ({"a": OLD}, {"a": NEW})
        new = [content for name, content in found.items() if name not in before]
        return before.items() <= found.items() and new in ([], [NEW])

    await cancelled_everywhere(place, work, times=times, before=before, allowed=allowed)


async def test_put_of_a_version(place: Place, times: int) -> None:
    async def work() -> object:
        etag = (await place.storage.stat("a")).etag
        return await place.storage.put("a", chunks_of(NEW), if_match=etag)

    await cancelled_everywhere(
        place, work, times=times, before={"a": OLD},
        allowed=lambda found: found in ({"a": OLD}, {"a": NEW}),
    )  # fmt: skip


async def test_deleting_below_a_prefix(place: Place, times: int) -> None:
    before = {f"d{number}": OLD for number in range(3)}
    await cancelled_everywhere(
        place, lambda: place.storage.delete_prefix("", everything=True), times=times,
        before=before, allowed=lambda found: found.items() <= before.items(),
    )  # fmt: skip


async def test_timeout_round_a_save_is_a_timeout(place: Place) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(-1):
            await place.storage.save("a", chunks_of(NEW))
    assert not await place.storage.exists("a")


class RemoteDriver(PlainDriver):
    """Carry out what was sent, a little later, whether or not its sender still listens."""

    def __init__(self) -> None:
        super().__init__()
        self.delete = self._delete

    async def _delete(self, key: str, *, if_match: str | None = None) -> None:
        await self._sent(self.memory.delete(key, if_match=if_match))

    async def put_stream(
        self, key: str, chunks: AsyncIterator[memoryview], write: Write
    ) -> FileInfo:
        data = b"".join([bytes(chunk) async for chunk in chunks])
        return await self._sent(self.memory.put(key, memoryview(data), write))

    async def delete_batch(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        for key in keys:
            await self._sent(self.memory.delete(key))
        return {}

    async def _sent(self, work: Coroutine[Any, Any, T]) -> T:
        async def carry_out() -> T:
            await asyncio.sleep(0.002)
            return await work

        return await asyncio.shield(asyncio.create_task(carry_out()))


class BatchDriver(RemoteDriver):
    """Delete by requests of two."""

    max_batch = 2


@pytest.mark.parametrize("driver", [PlainDriver, RemoteDriver, BatchDriver])
@pytest.mark.parametrize("check", [name for name in CHECKS if name.startswith("cancel.")])
def test_driver_passes_the_suite(check: str, driver: type[PlainDriver]) -> None:
    subject = Subject(
        name=driver.__name__,
        make=lambda location: storage_on(driver(), location=location),
        shares_instances=False,
    )
    assert run_check(CHECKS[check], subject).reason == ""
