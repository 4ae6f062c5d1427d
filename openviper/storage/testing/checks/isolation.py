"""Places: what is in one location never meets another, nor what is outside (catalogue 1.14)."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from openviper.storage.errors import StorageError
from openviper.storage.testing import expect, look
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target

SECRET = b"outside of the storage"


@check("place.neighbours-never-meet", "I01", requires=("read", "list"), needs=("shares_instances",))
async def neighbours_never_meet(target: Target) -> None:
    """Locations `media` and `media2` neither see nor delete nor collide with each other."""
    here, there = target.storage, await target.beside("2")
    for storage, content in ((here, b"here"), (there, b"there")):
        name = await storage.save("a/b.txt", content, if_exists="error")
        expect.same(name, "a/b.txt", "name, which is free in both places")
    await there.save("only-there", b"x")
    expect.same(await look.names(here), ["a/b.txt"], "names in one place")
    expect.same(await look.names(there), ["a/b.txt", "only-there"], "names in the other")
    expect.same(await here.exists("only-there"), False, "exists() of the other's file")
    await here.delete_prefix("", everything=True)
    expect.same(await look.names(here), [], "names after everything was deleted")
    await look.content(there, "a/b.txt", b"there")


@check(
    "place.below-another-is-its-directory",
    "I01",
    "I05",
    requires=("read", "list"),
    needs=("shares_instances",),
)
async def below_another_is_its_directory(target: Target) -> None:
    """A location below another one is a directory of it, in both directions."""
    below = await target.beside("/deep er/ünder")
    await below.save("a.txt", b"from below")
    await look.content(target.storage, "deep er/ünder/a.txt", b"from below")
    await target.storage.save("deep er/ünder/b.txt", b"from above")
    expect.same(await look.names(below), ["a.txt", "b.txt"], "names seen below")
    await target.storage.save("beside", b"x")
    await below.delete_prefix("", everything=True)
    # On disk the lower one may keep a lock in its own reserved folder.
    left = [n for n in await look.names(target.storage) if "/.openviper/" not in n]
    expect.same(left, ["beside"], "names left above")


@check(
    "place.location-may-end-in-slashes",
    "I02",
    requires=("read", "list"),
    needs=("shares_instances",),
)
async def location_may_end_in_slashes(target: Target) -> None:
    """A location with slashes at its end is the same place."""
    await target.storage.save("a/b", b"content")
    for ending in ("/", "//", "/."):
        same = await target.beside(ending)
        await look.content(same, "a/b", b"content")
        expect.same(await look.names(same), ["a/b"], f"names where the location ends in {ending!r}")


@check("place.location-never-shows", "I02", "E01", requires=("list",))
async def location_never_shows(target: Target) -> None:
    """Neither a name nor the text of an error holds the location."""
    storage, own = target.storage, target.location.rpartition("/")[2]
    shown = [
        await storage.save("a/b.txt", b"x"),
        (await storage.stat("a/b.txt")).name,
        *await look.names(storage),
        *(await storage.list_page(delimiter="/")).prefixes,
    ]
    expect.same(shown, ["a/b.txt", "a/b.txt", "a/b.txt", "a"], "names shown")
    calls: expect.Calls = {
        "read": lambda: storage.read("missing"),
        "put": lambda: storage.put("a/b.txt", b"x", if_none_match=True),
        "copy": lambda: storage.copy("missing", "x"),
    }
    for label, call in calls.items():
        error = await expect.fails(StorageError, call(), doing=label)
        assert own not in str(error), f"{label} shows the location: {error}"
        assert own not in str(error.name), f"the error of {label} names {error.name!r}"


@check("place.root-is-not-listed", "I04", requires=("list", "put"))
async def root_is_not_listed(target: Target) -> None:
    """Listing the root gives neither the root nor empty names, full or empty."""
    storage = target.storage
    for full in (False, True):
        if full:
            await storage.put("a/b", b"x")
        expect.same(await look.names(storage), ["a/b"] if full else [], "names")
        expect.same(await storage.listdir(), (["a"], []) if full else ([], []), "listdir()")
        page = await storage.list_page(delimiter="/")
        expect.same((page.files, page.prefixes), ((), ("a",) if full else ()), "page of the root")


@check("place.symlinks-are-not-read", "I03", needs=("folder",))
async def symlinks_are_not_read(target: Target) -> None:
    """What a symlink leads to is not read, not found and not listed."""
    storage = target.storage
    with _links(target):
        for name in ("file", "folder/secret", "inside"):
            calls: expect.Calls = {
                "read": partial(storage.read, name),
                "stat": partial(storage.stat, name),
                "size": partial(storage.size, name),
                "copy": partial(storage.copy, name, "copied"),
                "move": partial(storage.move, name, "moved"),
            }
            await expect.each_fails(StorageError, calls, f"through the symlink in {name!r}")
            assert not await _exists(target, name), f"exists({name!r}) is True"
        expect.same(await look.names(storage), ["real"], "names listed")
        expect.same(await storage.listdir(), ([], ["real"]), "listdir()")
        expect.same(await look.names(storage, "folder"), [], "names listed behind a symlink")


@check("place.symlinks-are-not-written-through", "I03", needs=("folder",))
async def symlinks_are_not_written_through(target: Target) -> None:
    """Nothing outside changes, whatever is written to names that are symlinks."""
    with _links(target) as outside:
        for name in ("file", "folder/secret", "folder/new", "dangling", "inside", "folder"):
            await _allowed(target.storage.put(name, b"new"))
            await _allowed(target.storage.save(name, b"new"))
            await _allowed(target.storage.copy("real", name, if_exists="overwrite"))
            await _allowed(_write(target, f"{name}/below"))
        _expect_untouched(outside)


@check("place.symlinks-are-not-deleted-through", "I03", needs=("folder",))
async def symlinks_are_not_deleted_through(target: Target) -> None:
    """Nothing outside goes, whatever is deleted by names that are symlinks."""
    with _links(target) as outside:
        for name in ("folder/secret", "file", "folder"):
            await _allowed(target.storage.delete(name))
            await _allowed(target.storage.delete_many([name]))
            await _allowed(target.storage.delete_prefix(name))
        await _allowed(target.storage.delete_prefix("", everything=True))
        _expect_untouched(outside)


@contextmanager
def _links(target: Target) -> Iterator[Path]:
    """Make a file `real` and symlinks beside it that lead to it and out of the storage."""
    assert target.subject.folder is not None
    here = target.subject.folder(target.location)
    with tempfile.TemporaryDirectory() as directory:
        outside = Path(directory)
        (outside / "secret").write_bytes(SECRET)
        here.mkdir(parents=True, exist_ok=True)
        (here / "real").write_bytes(b"real")
        (here / "inside").symlink_to(here / "real")
        (here / "file").symlink_to(outside / "secret")
        (here / "folder").symlink_to(outside, target_is_directory=True)
        (here / "dangling").symlink_to(outside / "not-there")
        yield outside


def _expect_untouched(outside: Path) -> None:
    expect.same(sorted(path.name for path in outside.iterdir()), ["secret"], "files outside")
    expect.same((outside / "secret").read_bytes(), SECRET, "content of the file outside")


async def _exists(target: Target, name: str) -> bool:
    try:
        return await target.storage.exists(name)
    except StorageError:
        return False


async def _allowed(call: Awaitable[object]) -> None:
    """Await what may succeed or be refused, but in the storage's own words."""
    try:
        await call
    except StorageError:
        return


async def _write(target: Target, name: str) -> None:
    async with target.storage.open(name, "wb") as writer:
        await writer.write(b"new")
