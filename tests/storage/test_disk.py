"""Files on a real disk: links, modes, races, full and broken disks, processes that die."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from openviper.storage.backends.filesystem import FileSystemStorage
from openviper.storage.disk.tree import Tree
from openviper.storage.errors import (
    AlreadyExistsError,
    NameConflictError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    StorageFullError,
    UnavailableError,
    UnsupportedOperationError,
)
from tests.storage.faults import chunks_of, nothing_left, open_files


@pytest.fixture
def storage(tmp_path: Path) -> FileSystemStorage:
    return FileSystemStorage(tmp_path / "root")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def leftovers(root: Path) -> list[Path]:
    return [path for path in (root / ".openviper" / "tmp").glob("*") if path.is_file()]


@contextmanager
def failing(
    monkeypatch: pytest.MonkeyPatch, call: str, code: int, *, first: int = 1
) -> Iterator[list[int]]:
    """Make a call of `os` fail from the n-th time on, as a broken disk does."""
    real: Callable[..., Any] = getattr(os, call)
    calls: list[int] = []

    def broken(*arguments: Any, **keywords: Any) -> Any:
        calls.append(1)
        if len(calls) >= first:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, broken)
        yield calls


# Links and other things that are no files


async def test_link_at_the_end_of_a_name_is_no_file(
    storage: FileSystemStorage, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    assert not await storage.exists("link")
    with pytest.raises(NotFoundError):
        await storage.read("link")
    assert [info async for info in storage.files()] == []
    assert await storage.save("link", b"ours") != "link"
    await storage.delete("link")
    await storage.put("link", b"ours")  # replaces the link itself
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert (root / "link").read_bytes() == b"ours"


async def test_link_to_a_folder_is_never_followed(
    storage: FileSystemStorage, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "outside")
    assert not await storage.exists("link/secret")
    with pytest.raises(NotFoundError):
        await storage.read("link/secret")
    with pytest.raises(PermissionDeniedError, match="symbolic link") as raised:
        await storage.save("link/a.txt", b"x")
    assert raised.value.name == "link/a.txt"
    await storage.delete("link/secret")
    assert await storage.listdir() == ([], [])
    assert [info async for info in storage.files("link")] == []
    assert (tmp_path / "outside" / "secret").exists()
    assert leftovers(root) == []


async def test_folder_swapped_for_a_link_during_a_save_is_not_followed(
    storage: FileSystemStorage, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (root / "a").mkdir()

    async def content() -> AsyncIterator[bytes]:
        yield b"first"
        (root / "a").rmdir()
        (root / "a").symlink_to(tmp_path / "outside")
        yield b"second"

    with pytest.raises(PermissionDeniedError):
        await storage.save("a/b.txt", content())
    assert list((tmp_path / "outside").iterdir()) == []
    assert leftovers(root) == []


async def test_link_at_our_own_folder_is_refused(
    storage: FileSystemStorage, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (root / ".openviper").symlink_to(tmp_path / "outside")
    with pytest.raises(PermissionDeniedError):
        await storage.save("a.txt", b"x")
    assert list((tmp_path / "outside").iterdir()) == []


async def test_pipe_is_no_file_and_stops_nobody(storage: FileSystemStorage, root: Path) -> None:
    os.mkfifo(root / "pipe")
    async with asyncio.timeout(10):
        assert not await storage.exists("pipe")
        with pytest.raises(NotFoundError):
            await storage.read("pipe")
        await storage.delete("pipe")
        assert [info async for info in storage.files()] == []
    assert (root / "pipe").exists()


async def test_names_that_are_no_text_are_not_listed(
    storage: FileSystemStorage, root: Path
) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.txt")).write_bytes(b"x")
    await storage.save("a.txt", b"x")
    assert [info.name async for info in storage.files()] == ["a.txt"]


# Modes and folders


async def test_modes_are_as_said_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        storage = FileSystemStorage(tmp_path / "r", file_mode=0o640, dir_mode=0o751)
        await storage.save("a/b/c.txt", b"x")
        await storage.save("a/d.txt", chunks_of(b"x"))
        await storage.copy("a/d.txt", "e.txt")
    finally:
        os.umask(old)
    for name in ("a/b/c.txt", "a/d.txt", "e.txt"):
        assert (tmp_path / "r" / name).stat().st_mode & 0o777 == 0o640
    for name in ("", "a", "a/b"):
        assert (tmp_path / "r" / name).stat().st_mode & 0o777 == 0o751


async def test_own_folder_is_hidden_and_refused(storage: FileSystemStorage) -> None:
    await storage.put("a.txt", b"x")
    await storage.put("a.txt", b"y")
    assert await storage.listdir() == ([], ["a.txt"])
    assert [info.name async for info in storage.files()] == ["a.txt"]
    for name in (".openviper/tmp/x", ".OpenViper", "./.openviper/lock"):
        with pytest.raises(ValueError, match="reserved"):
            await storage.exists(name)


async def test_empty_folders_are_hidden_and_give_way_to_a_file(
    storage: FileSystemStorage, root: Path
) -> None:
    (root / "a" / "b" / "c").mkdir(parents=True)
    (root / "full" / "b").mkdir(parents=True)
    (root / "full" / "b" / "file").write_bytes(b"")
    assert await storage.listdir() == (["full"], [])
    await storage.save("a", b"x", if_exists="error")
    assert (root / "a").read_bytes() == b"x"
    for mode in ("error", "rename", "overwrite"):
        with pytest.raises(NameConflictError):
            await storage.save("full", b"x", if_exists=mode)
    with pytest.raises(NameConflictError):
        await storage.save("a/b", b"x")
    assert leftovers(root) == []


async def test_folders_that_became_empty_go_with_their_last_file(
    storage: FileSystemStorage, root: Path
) -> None:
    await storage.save("a/b/one", b"x")
    await storage.save("a/two", b"x")
    await storage.delete("a/b/one")
    assert not (root / "a" / "b").exists()
    await storage.move("a/two", "c/two")
    assert not (root / "a").exists()


async def test_saves_survive_the_clean_up_of_their_folders(storage: FileSystemStorage) -> None:
    async def save(number: int) -> None:
        for turn in range(15):
            await storage.save(f"a/b/{number}", b"x", if_exists="error")
            assert await storage.read(f"a/b/{number}") == b"x", turn
            await storage.delete(f"a/b/{number}")

    await asyncio.gather(*map(save, range(6)))
    assert await storage.listdir() == ([], [])


def test_folders_that_vanish_each_time_are_given_up(
    storage: FileSystemStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        failing(monkeypatch, "link", errno.ENOENT) as calls,
        pytest.raises(UnavailableError) as raised,
    ):
        asyncio.run(storage.save("a/b", b"x"))
    assert len(calls) == 100
    assert raised.value.name == "a/b"
    assert leftovers(root) == []


# Races


async def test_of_replacements_by_one_etag_one_wins(storage: FileSystemStorage) -> None:
    first = await storage.put("a", b"first")
    ended = await asyncio.gather(
        *(storage.put("a", b"%d" % n, if_match=first.etag) for n in range(8)),
        return_exceptions=True,
    )
    winners = [n for n, end in enumerate(ended) if not isinstance(end, BaseException)]
    assert len(winners) == 1
    assert [type(end) for end in ended].count(PreconditionFailedError) == 7
    assert await storage.read("a") == b"%d" % winners[0]


def test_of_threads_with_loops_of_their_own_one_wins(storage: FileSystemStorage) -> None:
    first = asyncio.run(storage.put("a", b"first"))
    together, won = threading.Barrier(6), list[int]()

    def replace(number: int) -> None:
        together.wait()
        try:
            asyncio.run(storage.put("a", b"new", if_match=first.etag))
            won.append(number)
        except PreconditionFailedError:
            pass

    workers = [threading.Thread(target=replace, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(won) == 1


def test_of_processes_one_replaces_and_one_creates(storage: FileSystemStorage, root: Path) -> None:
    etag = asyncio.run(storage.put("a", b"first")).etag
    script = (
        "async def main():\n"
        "    sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.readline()\n"
        "    for name, how in (('a', {'if_match': sys.argv[2]}), ('b', {'if_none_match': True})):\n"
        "        try:\n"
        "            await storage.put(name, sys.argv[3].encode(), **how); print('won', name)\n"
        "        except (PreconditionFailedError, AlreadyExistsError): print('lost', name)\n"
        "    print('saved', await storage.save('c.txt', sys.argv[3].encode()))\n"
        "asyncio.run(main())\n"
    )
    begin = (
        "import asyncio, sys\nfrom openviper.storage import FileSystemStorage\n"
        "from openviper.storage.errors import *\nstorage = FileSystemStorage(sys.argv[1])\n"
    )
    command = [sys.executable, "-c", begin + script, str(root), str(etag)]
    racers = [
        subprocess.Popen(
            [*command, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for n in range(3)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outputs = [racer.communicate(timeout=60)[0] for racer in racers]
    told = "".join(outputs)
    assert (told.count("won a"), told.count("won b")) == (1, 1)
    names = [line.split()[1] for line in told.splitlines() if line.startswith("saved")]
    assert len(set(names)) == 3
    assert "c.txt" in names
    assert leftovers(root) == []


async def test_replacement_waits_for_a_comparison_under_way(
    storage: FileSystemStorage, root: Path
) -> None:
    """Another process compares and replaces: no one replaces in between."""
    import fcntl

    await storage.put("a", b"first")
    with (root / ".openviper" / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = asyncio.create_task(storage.put("a", b"second"))
        await storage.save("b", b"creating needs no lock")
        assert not waiting.done()
        assert await storage.read("a") == b"first"
    await waiting
    assert await storage.read("a") == b"second"


async def test_version_that_was_replaced_is_not_moved_or_copied(
    storage: FileSystemStorage, root: Path
) -> None:
    driver = storage._place.driver
    old = await driver.head((await storage.put("a", b"old")).name)
    await storage.put("a", b"new")
    from openviper.storage.attributes import Attributes
    from openviper.storage.driver import Write

    write = Write(attributes=Attributes(), content_type="x/y", write_id="id", create=True)
    for step in ("move", "copy"):
        with pytest.raises(PreconditionFailedError):
            await getattr(driver, step)(old, "b", write)
    with pytest.raises(PreconditionFailedError):
        await driver.delete("a", if_match=old.etag)
    assert await storage.listdir() == ([], ["a"])
    assert leftovers(root) == []


async def test_move_onto_another_link_of_the_file_leaves_one(
    storage: FileSystemStorage, root: Path
) -> None:
    await storage.save("a", b"x")
    (root / "b").hardlink_to(root / "a")  # as after a move that was killed half way
    assert await storage.move("a", "b", if_exists="overwrite") == "b"
    assert await storage.listdir() == ([], ["b"])


# Durability


async def test_order_of_what_makes_a_save_durable(
    storage: FileSystemStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def recorded(name: str) -> None:
        real: Callable[..., Any] = getattr(os, name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            what = name
            if name == "fsync":
                target = Path(f"/proc/self/fd/{arguments[0]}").readlink()
                inside = target.relative_to(root) if target != root else Path()
                what = "fsync file" if target.is_file() else f"fsync {inside}"
            calls.append(what)
            return real(*arguments, **keywords)

        monkeypatch.setattr(os, name, call)

    for name in ("fsync", "link", "rename", "unlink"):
        recorded(name)
    await storage.save("a/b/c", b"x")
    await storage.save("a/b/c", b"y", if_exists="overwrite")
    await storage.move("a/b/c", "d")
    first = calls[: calls.index("unlink")]
    assert first[-5:] == ["fsync file", "fsync .", "fsync a", "link", "fsync a/b"]
    second = calls[calls.index("unlink") + 1 :]
    assert second == [
        *("fsync file", "rename", "fsync a/b"),
        *("link", "fsync .", "unlink", "fsync a/b"),
    ]


async def test_not_durable_syncs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with failing(monkeypatch, "fsync", errno.EIO) as calls:
        storage = FileSystemStorage(tmp_path / "new", durable=False)
        await storage.save("a/b", b"x")
        await storage.move("a/b", "c/d")
    assert calls == []


@pytest.mark.parametrize("first", range(1, 8))
@pytest.mark.parametrize("streamed", [True, False])
async def test_failed_fsync_leaves_nothing(
    first: int, streamed: bool, storage: FileSystemStorage, root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    content = chunks_of(b"x") if streamed else b"x"
    with failing(monkeypatch, "fsync", errno.EIO, first=first) as calls:
        try:
            await storage.save("a/b", content, if_exists="error")
        except StorageError as error:
            assert isinstance(error.__cause__, OSError)  # noqa: PT017 - it may not raise, too
            assert not await storage.exists("a/b")
        else:
            assert len(calls) < first
    assert leftovers(root) == []


# Broken, full and small disks


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.EIO, StorageError),
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EROFS, PermissionDeniedError),
        (errno.EPERM, PermissionDeniedError),
        (errno.EMFILE, UnavailableError),
        (errno.ENAMETOOLONG, ValueError),
        (errno.EXDEV, UnsupportedOperationError),
    ],
)
@pytest.mark.parametrize("mode", ["error", "overwrite"])
async def test_broken_disk_is_an_error_of_the_tree(
    code: int, kind: type[Exception], mode: str, storage: FileSystemStorage, root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    call = "link" if mode == "error" else "rename"
    with nothing_left(), failing(monkeypatch, call, code), pytest.raises(kind) as raised:
        await storage.save("a/b", b"x", if_exists=mode)  # type: ignore[arg-type]
    assert isinstance(raised.value, StorageError)
    assert (raised.value.name, raised.value.backend) == ("a/b", "filesystem")
    assert isinstance(raised.value.__cause__, OSError)
    assert not await storage.exists("a/b")
    assert leftovers(root) == []


async def test_bug_is_no_error_of_the_disk(
    storage: FileSystemStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", None)
    with pytest.raises(TypeError):
        await storage.save("a", b"x")


# File systems without extended attributes


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **keywords: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(os, "setxattr", refuse)
    monkeypatch.setattr(os, "getxattr", refuse)


async def test_without_attributes_a_plain_write_has_type_and_etag(
    plain: None, storage: FileSystemStorage
) -> None:
    first = await storage.put("a.txt", b"x")
    assert (first.content_type, first.metadata) == ("text/plain", {})
    assert (await storage.stat("a.txt")).etag == first.etag
    second = await storage.put("a.txt", b"y", if_match=first.etag)
    assert second.etag != first.etag
    with pytest.raises(PreconditionFailedError):
        await storage.put("a.txt", b"z", if_match=first.etag)


async def test_without_attributes_those_given_are_refused(
    plain: None, storage: FileSystemStorage, root: Path
) -> None:
    for work in (
        storage.save("a.txt", b"x", content_type="x/y"),
        storage.save("a.txt", b"x", metadata={"a": "b"}),
    ):
        with pytest.raises(UnsupportedOperationError, match="no extended attributes") as raised:
            await work
        assert raised.value.name == "a.txt"
    assert await storage.listdir() == ([], [])
    assert leftovers(root) == []


async def test_without_attributes_files_are_copied_and_moved(
    plain: None, storage: FileSystemStorage
) -> None:
    await storage.save("a.txt", b"x")
    await storage.copy("a.txt", "b.txt")
    await storage.move("b.txt", "c.bin")
    assert await storage.listdir() == ([], ["a.txt", "c.bin"])


async def test_without_the_calls_it_is_as_without_attributes(
    storage: FileSystemStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "setxattr")
    monkeypatch.delattr(os, "getxattr")
    await storage.save("a.txt", b"x")
    assert (await storage.stat("a.txt")).content_type == "text/plain"
    with pytest.raises(UnsupportedOperationError):
        await storage.save("b.txt", b"x", cache_control="no-store")


async def test_other_trouble_with_attributes_is_an_error(
    storage: FileSystemStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing(monkeypatch, "setxattr", errno.ENOSPC), pytest.raises(StorageFullError):
        await storage.save("a.txt", b"x")
    assert leftovers(root) == []


async def test_attribute_that_others_spoilt_counts_as_none(
    storage: FileSystemStorage, root: Path
) -> None:
    await storage.save("a.txt", b"x", content_type="x/y")
    for spoilt in (b"{not json", b"[1, 2]"):
        os.setxattr(root / "a.txt", "user.openviper", spoilt)
        assert (await storage.stat("a.txt")).content_type == "text/plain"


# Processes that die


async def test_thousand_operations_leave_no_descriptor(storage: FileSystemStorage) -> None:
    await storage.save("warm", b"up")
    before = open_files()
    for number in range(40):
        name = await storage.save("a/b.txt", b"x")
        await storage.read(name)
        await storage.copy(name, f"c/{number}")
        with pytest.raises(AlreadyExistsError):
            await storage.save(f"c/{number}", b"x", if_exists="error")
        await storage.delete(name)
    await storage.delete_prefix("", everything=True)
    assert open_files() == before


async def test_file_is_not_moved_over_its_own_folder(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path, durable=False)
    await storage.save("a/b.txt", b"x")
    with pytest.raises(NameConflictError):
        await storage.move("a/b.txt", "a", if_exists="overwrite")
    assert await storage.read("a/b.txt") == b"x"


def test_empty_folder_that_becomes_a_file_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real = tmp_path / "a", os.rmdir
    folder.mkdir()

    def rmdir(path: str, *, dir_fd: int) -> None:
        real(folder)
        folder.write_bytes(b"a rival's")
        real(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", rmdir)
    assert Tree(tmp_path, durable=False, dir_mode=0o755).remove_empty(["a"])
    assert folder.read_bytes() == b"a rival's"


async def test_folder_of_any_number_of_files_is_listed_in_little_memory(tmp_path: Path) -> None:
    storage, folder = FileSystemStorage(tmp_path), tmp_path / "a"
    names = [f"a/{number:05}" for number in range(12_000)]
    folder.mkdir()
    for name in names:
        (tmp_path / name).touch()
    await storage.list_page("a", limit=10)
    tracemalloc.start()
    try:
        page = await storage.list_page("a", limit=10)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20  # 2 MiB, were all held
    finally:
        tracemalloc.stop()
    assert page.token is not None
    assert [info.name async for info in storage.files()] == names


async def test_folders_without_files_end_no_listing(tmp_path: Path) -> None:
    for number in range(1200):
        (tmp_path / f"{number:04}").mkdir()
    storage = FileSystemStorage(tmp_path, durable=False)
    await storage.save("1199/a", b"x")
    page = await storage.list_page(delimiter="/", limit=1)
    assert page.prefixes == ("1199",)
    assert [info.name async for info in storage.files()] == ["1199/a"]
