"""Copying and moving: what is kept, taken names, oneself, races (catalogue 1.8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Literal, cast

from openviper.storage.base import Storage
from openviper.storage.errors import AlreadyExistsError, NotFoundError, SameFileError
from openviper.storage.testing import look
from openviper.storage.testing.checks.metadata import ATTRIBUTES
from openviper.storage.testing.contents import bytes_of, chunks_of
from openviper.storage.testing.expect import fails, same
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.types import FileInfo

ODD = (
    "a b.txt",
    "a+b.txt",
    "a%2Fb.txt",
    "a&<b>.txt",
    "a#b?c.txt",
    "ü/日本 🎉.txt",
    "'\"`.txt",
    "=;,~",
)
FIELDS = (
    "size",
    "content_type",
    "cache_control",
    "content_disposition",
    "content_encoding",
    "metadata",
)
RACERS = 8
TURNS = 10


@check("copy.keeps-all-there-is", "K01", "M08", requires=("copy", "metadata"))
async def copy_keeps_all_there_is(target: Target) -> None:
    """A copy has the content and all attributes of its source, which stays as it is."""
    for name, content in _contents(target).items():
        await target.storage.save(name, chunks_of(content), **ATTRIBUTES)
        before = await target.storage.stat(name)
        copied = await target.storage.copy(name, f"new/folder/{name}")
        same(copied, f"new/folder/{name}", "the name returned")
        await look.content(await target.another(), copied, content)
        await look.content(target.storage, name, content)
        _assert_alike(await target.storage.stat(copied), before, f"the copy of {name}")
        same(await target.storage.stat(name), before, f"stat of {name} afterwards")


@check("copy.has-nothing-of-what-it-replaces", "K01", "M11", requires=("copy", "metadata"))
async def has_nothing_of_what_it_replaces(target: Target) -> None:
    """A copy over a file with attributes has those of its source alone."""
    await target.storage.save("plain.txt", b"plain")
    await target.storage.save("rich.txt", b"rich, and longer", **ATTRIBUTES)
    await target.storage.copy("plain.txt", "rich.txt", if_exists="overwrite")
    await look.content(target.storage, "rich.txt", b"plain")
    source, copied = await asyncio.gather(*map(target.storage.stat, ("plain.txt", "rich.txt")))
    _assert_alike(copied, source, "the copy")


@check("copy.is-independent", "K01", "M12", requires=("copy", "metadata"))
async def is_independent(target: Target) -> None:
    """What happens to the source later changes nothing of its copy."""
    await target.storage.save("a.txt", b"first", metadata={"key": "first"})
    await target.storage.copy("a.txt", "b.txt")
    await target.storage.save("a.txt", b"2", if_exists="overwrite", metadata={"key": "second"})
    await target.storage.delete("a.txt")
    await look.content(target.storage, "b.txt", b"first")
    found = (await target.storage.stat("b.txt")).metadata
    same(dict(found or {}), {"key": "first"}, "the copy's metadata")


@check("move.keeps-all-there-is", "K01", "K05", "M08", requires=("copy", "metadata"))
async def move_keeps_all_there_is(target: Target) -> None:
    """A moved file has its content and all attributes, and nothing is left of its old name."""
    for name, content in _contents(target).items():
        await target.storage.save(name, chunks_of(content), **ATTRIBUTES)
        before = await target.storage.stat(name)
        moved = await target.storage.move(name, f"new/folder/{name}")
        same(moved, f"new/folder/{name}", "the name returned")
        await look.content(await target.another(), moved, content)
        same(await target.storage.exists(name), False, f"exists({name!r})")
        _assert_alike(await target.storage.stat(moved), before, f"the moved {name}")
    await look.nothing_but(target, [f"new/folder/{name}" for name in _contents(target)])


@check("move.never-loses-a-newer-version", "K05", requires=("copy", "read", "replace_if_match"))
async def never_loses_a_newer_version(target: Target) -> None:
    """What replaces a file while it is moved is there afterwards, under one name or the other."""
    for turn in range(TURNS):
        src, dst = f"{turn}/from.txt", f"{turn}/to.txt"
        await target.storage.save(src, b"old")
        await asyncio.gather(
            target.storage.move(src, dst),
            target.storage.save(src, b"new", if_exists="overwrite"),
            return_exceptions=True,
        )
        found = [
            await target.storage.read(name)
            for name in (src, dst)
            if await target.storage.exists(name)
        ]
        assert b"new" in found, f"turn {turn}: expected the newer content, found only {found}"


@check("copy.taken-name-is-refused", "K02", "K05", requires=("copy",))
async def taken_name_is_refused(target: Target) -> None:
    """A taken name is AlreadyExistsError by default, for copy and move, and nothing changes."""
    await _both(target)
    for what, call in _ways(target.storage).items():
        error = await fails(AlreadyExistsError, call("a.txt", "b.txt"), doing=what)
        same(error.name, "b.txt", f"the name of the error of {what}")
        await look.content(target.storage, "a.txt", b"source")
        await look.content(target.storage, "b.txt", b"target")
    await look.nothing_but(target, ["a.txt", "b.txt"])


@check("copy.large-taken-name-is-refused", "K02", "K09", requires=("copy",))
async def large_taken_name_is_refused(target: Target) -> None:
    """A taken name is AlreadyExistsError for a large source too."""
    content = bytes_of(target.large)
    await target.storage.save("a.bin", chunks_of(content))
    await target.storage.save("b.bin", b"target")
    for what, call in _ways(target.storage).items():
        await fails(AlreadyExistsError, call("a.bin", "b.bin"), doing=what)
    await look.content(target.storage, "a.bin", content)
    await look.content(target.storage, "b.bin", b"target")
    await look.nothing_but(target, ["a.bin", "b.bin"])


@check("copy.rename-takes-another-name", "K02", requires=("copy",))
async def rename_takes_another_name(target: Target) -> None:
    """With if_exists="rename" a taken name gives another one, for copy and move."""
    await _both(target)
    copied = await target.storage.copy("a.txt", "b.txt", if_exists="rename")
    moved = await target.storage.move("a.txt", "b.txt", if_exists="rename")
    same(len({copied, moved, "b.txt"}), 3, f"different names of {copied}, {moved} and b.txt")
    for name in (copied, moved):
        assert name.startswith("b_"), f"expected a name like b_….txt, got {name!r}"
        assert name.endswith(".txt"), f"expected a name like b_….txt, got {name!r}"
        await look.content(target.storage, name, b"source")
    await look.content(target.storage, "b.txt", b"target")
    await look.nothing_but(target, ["b.txt", copied, moved])


@check("copy.overwrite-replaces", "K02", requires=("copy",))
async def overwrite_replaces(target: Target) -> None:
    """With if_exists="overwrite" a taken name is replaced, and a free one is fine."""
    for way in ("copy", "move"):
        for there in (True, False):
            await target.storage.save("a.txt", b"source", if_exists="overwrite")
            await target.storage.delete("b.txt")
            if there:
                await target.storage.save("b.txt", b"target")
            call = _ways(target.storage, if_exists="overwrite")[way]
            same(await call("a.txt", "b.txt"), "b.txt", f"the name from {way}")
            await look.content(target.storage, "b.txt", b"source")
            same(await target.storage.exists("a.txt"), way == "copy", f"the source after {way}")


@check("copy.unknown-mode-is-refused", "K02", requires=("copy",))
async def unknown_mode_is_refused(target: Target) -> None:
    """An if_exists that is no mode is a ValueError, and nothing changes."""
    await target.storage.save("a.txt", b"source")
    mode = cast('Literal["error"]', "replace")
    for what, call in _ways(target.storage, if_exists=mode).items():
        await fails(ValueError, call("a.txt", "b.txt"), doing=f"{what} with if_exists='replace'")
    await look.nothing_but(target, ["a.txt"])


@check("copy.missing-source-is-not-found", "K03", requires=("copy",))
async def missing_source_is_not_found(target: Target) -> None:
    """A missing source is NotFoundError with its name, and the target stays as it is."""
    await target.storage.save("b.txt", b"target")
    await target.storage.save("dir/a.txt", b"x")
    for mode in ("error", "rename", "overwrite"):
        ways = _ways(target.storage, if_exists=cast('Literal["error"]', mode))
        for what, call in ways.items():
            for source in ("missing.txt", "dir"):
                error = await fails(NotFoundError, call(source, "b.txt"), doing=f"{what}, {mode}")
                same(error.name, source, f"the name of the error of {what}")
    await look.content(target.storage, "b.txt", b"target")
    await look.nothing_but(target, ["b.txt", "dir/a.txt"])


@check("copy.onto-itself-is-refused", "K04", requires=("copy", "metadata"))
async def onto_itself_is_refused(target: Target) -> None:
    """Copy and move onto itself, in any spelling, are SameFileErrors that change nothing."""
    await target.storage.save("a/b.txt", b"content", **ATTRIBUTES)
    before = await target.storage.stat("a/b.txt")
    for spelling in ("a/b.txt", "/a/b.txt", "a//b.txt", "./a/b.txt", "a\\b.txt", "a/b.txt/"):
        for mode in ("error", "overwrite", "rename"):
            ways = _ways(target.storage, if_exists=cast('Literal["error"]', mode))
            for what, call in ways.items():
                doing = f"{what} to {spelling!r}, {mode}"
                await fails(SameFileError, call("a/b.txt", spelling), doing=doing)
    same(await target.storage.stat("a/b.txt"), before, "stat afterwards")
    await look.content(target.storage, "a/b.txt", b"content")


@check("copy.to-another-storage", "K10", requires=("read", "metadata"))
async def copy_to_another_storage(target: Target) -> None:
    """What one storage streams another saves, with its type and metadata."""
    content = bytes_of(target.large)
    source, other = target.storage, await target.beside("-other")
    await source.save("from.bin", chunks_of(content), **ATTRIBUTES)
    before = await source.stat("from.bin")
    chunks = cast(AsyncGenerator[bytes, None], source.stream("from.bin"))
    async with aclosing(chunks):
        copied = await other.save("to.bin", chunks, **ATTRIBUTES)
    await look.content(other, copied, content)
    _assert_alike(await other.stat(copied), before, "the copy in another storage")


@check("copy.odd-names", "K06", "W01", requires=("copy", "put", "read", "list"))
async def odd_names(target: Target) -> None:
    """Names that URLs and headers write in another way are copied from, to and moved."""
    await asyncio.gather(*(target.storage.put(name, name.encode()) for name in ODD))
    copied = await asyncio.gather(*(target.storage.copy(name, f"copy/{name}") for name in ODD))
    same(copied, [f"copy/{name}" for name in ODD], "the names of the copies")
    moved = await asyncio.gather(*(target.storage.move(name, f"moved/{name}") for name in ODD))
    same(moved, [f"moved/{name}" for name in ODD], "the names moved to")
    found = await asyncio.gather(*map(target.storage.read, (*copied, *moved)))
    same(found, [name.encode() for name in ODD] * 2, "the contents")
    same(await look.names(target.storage), sorted((*copied, *moved), key=str.encode), "the files")


@check("copy.one-of-many-wins", "K09", "S09", requires=("copy", "create_only"))
async def one_of_many_wins(target: Target) -> None:
    """Of copies to one free name at once one succeeds, the others change nothing."""
    await _assert_one_wins(target, "copy")


@check("move.one-of-many-wins", "K09", "K05", requires=("copy", "create_only"))
async def one_of_many_moves_wins(target: Target) -> None:
    """Of moves to one free name at once one succeeds, and the others keep their sources."""
    await _assert_one_wins(target, "move")


async def _assert_one_wins(target: Target, way: str) -> None:
    sources = [f"{number}.txt" for number in range(RACERS)]
    await asyncio.gather(*(target.storage.save(name, name.encode()) for name in sources))
    storages = [target.storage, await target.another()] * (RACERS // 2)
    outcomes = await asyncio.gather(
        *(_ways(storage)[way](name, "to") for storage, name in zip(storages, sources, strict=True)),
        return_exceptions=True,
    )
    winners = [name for name, out in zip(sources, outcomes, strict=True) if out == "to"]
    losers = [out for out in outcomes if isinstance(out, AlreadyExistsError)]
    same((len(winners), len(losers)), (1, RACERS - 1), f"winners and losers of {outcomes!r:.400}")
    await look.content(target.storage, "to", winners[0].encode())
    left = [name for name in sources if way == "copy" or name not in winners]
    await look.nothing_but(target, [*left, "to"])


def _contents(target: Target) -> dict[str, bytes]:
    return {"empty.bin": b"", "small.bin": b"small", "large.bin": bytes_of(target.large)}


async def _both(target: Target) -> None:
    await target.storage.save("a.txt", b"source")
    await target.storage.save("b.txt", b"target")


def _ways(
    storage: Storage, if_exists: Literal["rename", "overwrite", "error"] | None = None
) -> dict[str, Callable[[str, str], Awaitable[str]]]:
    """Return copy and move, with their own default where no mode is given."""
    if if_exists is None:
        return {"copy": storage.copy, "move": storage.move}
    return {
        "copy": lambda src, dst: storage.copy(src, dst, if_exists=if_exists),
        "move": lambda src, dst: storage.move(src, dst, if_exists=if_exists),
    }


def _assert_alike(found: FileInfo, expected: FileInfo, whose: str) -> None:
    for field in FIELDS:
        same(getattr(found, field), getattr(expected, field), f"{field} of {whose}")
