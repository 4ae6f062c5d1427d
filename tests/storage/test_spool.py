"""What is kept of content that can be read only once, and what is not."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openviper.storage import spool as spools
from openviper.storage.attributes import Attributes
from openviper.storage.backends.filesystem import FileSystemStorage
from openviper.storage.backends.memory import MemoryStorage
from openviper.storage.content import Source
from openviper.storage.driver import Write
from openviper.storage.errors import AlreadyExistsError, NotFoundError, StorageFullError
from openviper.storage.spool import Spool
from openviper.storage.types import FileInfo
from tests.storage.faults import PlainDriver, cancelled_at, chunks_of, nothing_left, storage_on


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Record what is kept, and keep it as before."""
    found: list[bytes] = []
    append = Spool.append

    async def recorded(self: Spool, chunk: bytes) -> None:
        found.append(bytes(chunk))
        await append(self, chunk)

    monkeypatch.setattr(Spool, "append", recorded)
    return found


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "MEMORY_BYTES", 8)


def _write() -> Write:
    return Write(attributes=Attributes(), content_type="text/plain", write_id="a rival's")


class BlindDriver(PlainDriver):
    """See nothing by a look before: the decision is the write's."""

    async def head(self, key: str) -> FileInfo:
        raise NotFoundError


async def test_what_is_kept_is_given_again_in_order(small_memory: None) -> None:
    spool = Spool()
    for chunk in (b"in memory", b"and ", b"in a file"):
        await spool.append(chunk)
    for _ in range(2):
        assert b"".join([chunk async for chunk in spool.replay()]) == b"in memoryand in a file"
    await spool.append(b", more")
    assert b"".join([chunk async for chunk in spool.replay()]).endswith(b"file, more")
    await spool.aclose()
    assert [chunk async for chunk in spool.replay()] == []


async def test_file_is_closed_wherever_keeping_is_cancelled(small_memory: None) -> None:
    with nothing_left():
        for step in range(4):
            spool = Spool()
            await cancelled_at(spool.append(b"over eight bytes"), step)
            await spool.aclose()
            del spool


async def test_spool_folder_that_is_gone_is_an_error_of_the_storage(
    small_memory: None, tmp_path: Path
) -> None:
    storage = storage_on(PlainDriver(), spool_dir=tmp_path / "missing")
    with pytest.raises(StorageFullError, match="spool") as raised:
        await storage.save("a.txt", chunks_of(b"over eight bytes"))
    assert (raised.value.name, raised.value.backend) == ("a.txt", "plain")
    assert isinstance(raised.value.__cause__, FileNotFoundError)


async def test_seekable_file_is_read_again_and_not_kept(kept: list[bytes]) -> None:
    storage = storage_on(PlainDriver())
    await storage.save("a.txt", b"first")
    file = io.BytesIO(b"skipped second")
    file.seek(8)
    source = Source(file, spool=Spool(), rewindable=True)
    for _ in range(2):
        assert bytes(await source.part(100)) == b"second"
        assert await source.rewind()
    await source.aclose()
    assert await storage.save("b.txt", io.BytesIO(b"x")) == "b.txt"
    assert kept == []


async def test_iterator_is_kept_and_sent_again_under_the_next_name(kept: list[bytes]) -> None:
    driver = BlindDriver()
    storage = storage_on(driver)
    await driver.memory.put("a.txt", memoryview(b"first"), _write())
    name = await storage.save("a.txt", chunks_of(b"sec", b"ond"))
    assert name != "a.txt"
    assert await storage.read(name) == b"second"
    assert kept == [b"sec", b"ond"]


async def test_without_a_spool_one_shot_content_is_not_sent_again() -> None:
    driver = BlindDriver()
    storage = storage_on(driver, spool=False)
    await driver.memory.put("a.txt", memoryview(b"first"), _write())
    with pytest.raises(AlreadyExistsError):
        await storage.save("a.txt", chunks_of(b"second"))
    assert await storage.read("a.txt") == b"first"


@pytest.mark.parametrize("mode", ["rename", "overwrite", "error"])
@pytest.mark.parametrize("backend", ["memory", "filesystem"])
async def test_nothing_is_kept_where_content_is_complete_before_its_name(
    backend: str, mode: str, kept: list[bytes], tmp_path: Path
) -> None:
    storage = MemoryStorage() if backend == "memory" else FileSystemStorage(tmp_path)
    await storage.save("a.txt", chunks_of(b"one", b"two"), if_exists=mode)  # type: ignore[arg-type]  # one of three
    await storage.copy("a.txt", "b.txt")
    assert kept == []


async def test_buffer_that_is_filled_again_does_not_change_earlier_chunks(tmp_path: Path) -> None:
    async def reused() -> AsyncIterator[memoryview]:
        buffer = bytearray(3)
        for word in (b"one", b"two", b"six"):
            buffer[:] = word
            yield memoryview(buffer)

    for storage in (FileSystemStorage(tmp_path), MemoryStorage(), storage_on(PlainDriver())):
        name = await storage.save("a.txt", reused())  # type: ignore[arg-type]  # wider than promised
        assert await storage.read(name) == b"onetwosix"
