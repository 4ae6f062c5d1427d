"""What is the folder storage's own: where it is, how it is served, and its threads."""

from __future__ import annotations

import asyncio
import errno
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from openviper.conf import settings
from openviper.storage import threads
from openviper.storage.backends.filesystem import FileSystemStorage, _Staged
from openviper.storage.disk.files import Files, Temporary
from openviper.storage.disk.tree import Tree
from openviper.storage.errors import ContainerNotFoundError, NotFoundError, StorageError
from tests.storage.faults import chunks_of


def test_making_one_touches_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "missing"
    FileSystemStorage(folder).url("a.txt")
    assert not folder.exists()


async def test_missing_root_is_never_a_missing_file(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path / "missing")
    with pytest.raises(ContainerNotFoundError):
        await storage.exists("a.txt")
    with pytest.raises(ContainerNotFoundError):
        await storage.delete("a.txt")
    with pytest.raises(ContainerNotFoundError):
        await storage.list_page()


@pytest.mark.parametrize("broken", ["a file", "below a file", "a link to nothing"])
async def test_root_that_cannot_be_one_is_no_container(broken: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    if broken == "a link to nothing":
        root.symlink_to(tmp_path / "gone")
    else:
        root.write_bytes(b"")
    folder = root / "below" if broken == "below a file" else root
    with pytest.raises(ContainerNotFoundError):
        await FileSystemStorage(folder).save("a.txt", b"x")


async def test_missing_root_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = tmp_path / "one" / "two"
    await FileSystemStorage(folder, dir_mode=0o750).save("a.txt", b"x")
    assert (folder / "a.txt").read_bytes() == b"x"
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o750] * 2


async def test_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    await FileSystemStorage(tmp_path / "link").save("a.txt", b"x")
    assert (tmp_path / "real" / "a.txt").read_bytes() == b"x"


async def test_relative_location_is_fixed_at_first_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FileSystemStorage("media")  # made before the working directory is what it will be
    (tmp_path / "there").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    await storage.save("a.txt", b"x")
    monkeypatch.chdir(tmp_path / "elsewhere")
    await storage.save("b.txt", b"x")
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.txt"))
    assert found == ["there/media/a.txt", "there/media/b.txt"]


@pytest.mark.parametrize("as_text", [True, False])
async def test_location_is_a_path_or_text(as_text: bool, tmp_path: Path) -> None:
    storage = FileSystemStorage(str(tmp_path) if as_text else tmp_path)
    await storage.save("a.txt", b"x")
    assert (tmp_path / "a.txt").exists()
    assert storage == FileSystemStorage(tmp_path) != FileSystemStorage(tmp_path / "b")
    assert hash(storage) == hash(FileSystemStorage(tmp_path))
    assert str(tmp_path) in repr(storage)
    assert pickle.loads(pickle.dumps(storage)) == storage


async def test_settings_say_where_and_under_which_address(tmp_path: Path) -> None:
    with settings.override(MEDIA_ROOT=str(tmp_path / "one"), MEDIA_URL="https://one.example/m/"):
        storage = FileSystemStorage()
        await storage.save("a b.txt", b"x")
        assert storage.url("a b.txt") == "https://one.example/m/a%20b.txt"
    with settings.override(MEDIA_ROOT=str(tmp_path / "two"), MEDIA_URL="/two/"):
        await storage.save("c.txt", b"x")  # its folder is fixed; its address is the settings'
        assert storage.url("c.txt") == "/two/c.txt"
        await FileSystemStorage().save("d.txt", b"x")
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.txt"))
    assert found == ["one/a b.txt", "one/c.txt", "two/d.txt"]


def test_own_address_wins_over_the_settings(tmp_path: Path) -> None:
    assert FileSystemStorage(tmp_path, "https://cdn.example/x?v=1").url("a/ü#.txt") == (
        "https://cdn.example/x/a/%C3%BC%23.txt?v=1"
    )


async def test_large_file_is_read_block_by_block(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path)
    content = os.urandom(3 << 20)
    name = await storage.save("a.bin", chunks_of(content[:100], content[100:]))
    assert await storage.read(name) == content
    assert await storage.read(name, start=5, end=(2 << 20) + 7) == content[5 : (2 << 20) + 7]


async def test_one_block_is_written_while_the_next_comes_and_a_slow_disk_holds_up_the_source(
    tmp_path: Path,
) -> None:
    block = 1 << 20
    given = [bytes([number]) * (block // 4) for number in range(80)]
    went_on = threading.Event()
    received = bytearray()
    out, slow_disk = os.pipe()  # takes next to nothing until it is read

    def drain() -> None:
        went_on.wait(20)
        with os.fdopen(out, "rb", buffering=0) as disk:
            while data := disk.read(block):
                received.extend(data)

    async def content() -> AsyncIterator[memoryview]:
        for number, chunk in enumerate(given):
            assert number * len(chunk) <= len(received) + 3 * block
            yield memoryview(chunk)
            if number == 5:  # the first block is being written
                went_on.set()

    drained = threading.Thread(target=drain)
    drained.start()
    tree = Tree(tmp_path, durable=False, dir_mode=0o755)
    files = Files(tree, durable=False, file_mode=0o644)
    try:
        await _Staged(files, Temporary(-1, -1, slow_disk, "pipe")).write(content())
    finally:
        overlapped = went_on.is_set()
        os.close(slow_disk)
        drained.join()
    assert overlapped
    assert received == b"".join(given)


@pytest.mark.parametrize("durable", [True, False])
async def test_long_stream_is_on_its_way_to_the_disk_before_its_end(
    durable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[int, int]] = []
    real = os.posix_fadvise

    def advise(fd: int, offset: int, length: int, advice: int) -> None:
        begun.append((offset, length))
        real(fd, offset, length, advice)

    monkeypatch.setattr(os, "posix_fadvise", advise)
    storage = FileSystemStorage(tmp_path, durable=durable)
    content = [bytes([number]) * (1 << 20) for number in range(35)]
    await storage.save("a.bin", chunks_of(*content))
    assert await storage.read("a.bin") == b"".join(content)
    assert begun == ([(0, 16 << 20), (16 << 20, 16 << 20)] if durable else [])


async def test_file_cut_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path)
    await storage.save("a.bin", bytes(3 << 20))
    stream = storage.stream("a.bin")
    await anext(stream)
    os.truncate(tmp_path / "a.bin", 1 << 20)
    with pytest.raises(ConnectionError, match="early"):
        [chunk async for chunk in stream]


async def test_file_stays_open_until_nothing_is_read_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FileSystemStorage(tmp_path)
    await storage.save("a", bytes(5 << 20))
    before, pread = open_files(), os.pread
    reading, go_on, given = threading.Event(), threading.Event(), []

    def slow_pread(fd: int, size: int, position: int) -> bytes:
        if position >= 1 << 20:
            reading.set()
            go_on.wait(10)
        given.append(pread(fd, size, position))
        return given[-1]

    monkeypatch.setattr(os, "pread", slow_pread)
    stream = cast(AsyncGenerator[bytes, None], storage.stream("a"))
    await anext(stream)
    assert reading.wait(10)
    closing = asyncio.ensure_future(stream.aclose())
    await asyncio.sleep(0.01)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:  # as when a loop ends
        task.cancel()
    await asyncio.sleep(0.01)
    assert not closing.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert sum(map(len, given)) in (2 << 20, 3 << 20), "a read failed"
    assert open_files() == before


async def test_what_comes_before_a_bad_block_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FileSystemStorage(tmp_path)
    content = os.urandom(5 << 20)
    await storage.save("a", content)
    before, pread = open_files(), os.pread

    def bad_pread(fd: int, size: int, position: int) -> bytes:
        if position >= 2 << 20:
            raise OSError(errno.EIO, "bad block")
        return pread(fd, size, position)

    monkeypatch.setattr(os, "pread", bad_pread)
    given = bytearray()

    async def read() -> None:
        async for chunk in storage.stream("a", chunk_size=50_000):
            given.extend(chunk)

    with pytest.raises(StorageError, match="the disk failed"):
        await read()
    assert given == content[: 2 << 20]
    assert open_files() == before


def open_files() -> set[Path]:
    """Return the descriptors of this process on files below a temporary folder."""
    links = [fd for fd in Path("/proc/self/fd").iterdir() if fd.exists()]
    return {fd for fd in links if "pytest-of" in str(fd.readlink())}


async def test_buffer_is_free_again_when_a_save_returns(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path, durable=False)
    for _ in range(50):
        data = bytearray(b"content")
        await storage.put("a", data)
        data.clear()  # BufferError where somebody still holds on to it


async def test_missing_file_has_words(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"filesystem: could not look for 'a\.txt'"):
        await FileSystemStorage(tmp_path).stat("a.txt")


def test_one_storage_works_in_two_runs_and_in_many_threads(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path)
    names: list[str] = []

    def run() -> None:
        names.append(asyncio.run(storage.save("a.txt", b"x"), debug=True))

    run()
    workers = [threading.Thread(target=run) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(names)) == 7
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("openviper-")]
    assert 0 < len(ours) <= threads._SIZE


def test_forked_child_has_threads_of_its_own(tmp_path: Path) -> None:
    script = """
import asyncio, os, sys
from openviper.storage import FileSystemStorage
storage = FileSystemStorage(sys.argv[1])
asyncio.run(storage.save("parent.txt", b"x"))
child = os.fork()
if child == 0:
    asyncio.run(asyncio.wait_for(storage.save("child.txt", b"x"), 10))
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)
    assert sorted(path.name for path in tmp_path.glob("*.txt")) == ["child.txt", "parent.txt"]
