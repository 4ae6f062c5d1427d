"""Saving: free and taken names, modes, what is visible when (catalogue 1.2)."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Literal

from openviper.storage.errors import (
    AlreadyExistsError,
    IntegrityError,
    NameConflictError,
)
from openviper.storage.testing import expect, look
from openviper.storage.testing.contents import bytes_of, chunks_of, pausing
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.types import Content

MODES: tuple[Literal["rename", "overwrite", "error"], ...] = ("rename", "overwrite", "error")


@check("save.free-name-comes-back", "S01")
async def free_name_comes_back(target: Target) -> None:
    """A free name comes back unchanged in every mode, and its content is there at once."""
    other = await target.another()
    for mode in MODES:
        name = await target.storage.save(f"a/{mode}.txt", b"content", if_exists=mode)
        expect.same(name, f"a/{mode}.txt", f"name returned with if_exists={mode!r}")
        for storage in (target.storage, other):
            expect.same(await storage.exists(name), True, f"exists({name!r})")
            expect.same((await storage.stat(name)).size, 7, f"size in stat({name!r})")
            await look.content(storage, name, b"content")
    await look.nothing_but(target, [f"a/{mode}.txt" for mode in MODES])


@check("save.changes-are-seen-by-others", "S01", "D01")
async def changes_are_seen_by_others(target: Target) -> None:
    """What one instance creates, replaces or deletes another sees at once, as if for the first."""
    other = await target.another()
    for content in (None, b"first", b"the second", None):
        if content is None:
            await target.storage.delete("a.txt")
        else:
            await target.storage.save("a.txt", content, if_exists="overwrite")
        expect.same(await other.exists("a.txt"), content is not None, "exists() of another")
        if look.can(other, "list"):
            listed = [] if content is None else ["a.txt"]
            expect.same(await look.names(other), listed, "names that another lists")
        if content is not None:
            await look.content(other, "a.txt", content)
            expect.same((await other.stat("a.txt")).size, len(content), "size in another's stat()")


@check("save.large-content-comes-back", "S01", "S10")
async def large_content_comes_back(target: Target) -> None:
    """Large content from a generator is stored whole in every mode, under the name given."""
    other = await target.another()
    for seed, mode in enumerate(MODES):
        content = bytes_of(target.large, seed=seed)
        name = await target.storage.save(f"{mode}.bin", chunks_of(content), if_exists=mode)
        expect.same(name, f"{mode}.bin", f"name returned with if_exists={mode!r}")
        await look.content(other, name, content)


@check("save.taken-name-gets-another", "S02")
async def taken_name_gets_another(target: Target) -> None:
    """A taken name gives another one, and both contents stay."""
    first = await target.storage.save("report.txt", b"first")
    second = await target.storage.save("report.txt", b"second one")
    assert first != second, f"two saves were both given the name {first!r}"
    await look.content(target.storage, first, b"first")
    await look.content(target.storage, second, b"second one")
    await look.nothing_but(target, [first, second])


@check("save.taken-name-keeps-its-metadata", "S02", "M08", requires=("metadata",))
async def taken_name_keeps_its_metadata(target: Target) -> None:
    """Where a name is taken, both the file that was there and the new one have their metadata."""
    save = target.storage.save
    first = await save("report.txt", b"first", metadata={"number": "1"})
    second = await save("report.txt", b"second one", metadata={"number": "2"})
    call = save(first, b"third", metadata={"number": "3"}, if_exists="error")
    await expect.fails(AlreadyExistsError, call, doing="saving under a taken name")
    for name, number in ((first, "1"), (second, "2")):
        info = await target.storage.stat(name)
        expect.same(dict(info.metadata or {}), {"number": number}, f"metadata of {name!r}")


@check("save.large-taken-name-gets-another", "S02", "S10")
async def large_taken_name_gets_another(target: Target) -> None:
    """Large content under a taken name is stored whole under another one."""
    await target.storage.save("a.bin", b"here first")
    content = bytes_of(target.large)
    name = await target.storage.save("a.bin", chunks_of(content))
    assert name != "a.bin", "the taken name was given again"
    await look.content(target.storage, name, content)
    await look.content(target.storage, "a.bin", b"here first")


@check("save.overwrite-replaces", "S07")
async def overwrite_replaces(target: Target) -> None:
    """`if_exists="overwrite"` replaces the content and keeps the name, small and large."""
    large, other = bytes_of(target.large), await target.another()
    contents: tuple[Content, ...] = (chunks_of(large), b"short")
    await target.storage.save("a.bin", b"old")
    for content, expected in zip(contents, (large, b"short"), strict=True):
        name = await target.storage.save("a.bin", content, if_exists="overwrite")
        expect.same(name, "a.bin", "name returned")
        await look.content(other, "a.bin", expected)
    await look.nothing_but(target, ["a.bin"])


@check("save.error-mode-refuses-taken-name", "S09")
async def error_mode_refuses_taken_name(target: Target) -> None:
    """`if_exists="error"` on a taken name is `AlreadyExistsError`, and nothing changes."""
    await target.storage.save("a.bin", b"old")
    contents: tuple[Content, ...] = (b"new", chunks_of(b"new"), chunks_of(bytes_of(target.large)))
    for content in contents:
        error = await expect.fails(
            AlreadyExistsError,
            target.storage.save("a.bin", content, if_exists="error"),
            doing="saving under a taken name",
        )
        expect.same(error.name, "a.bin", "name in the error")
        await look.content(target.storage, "a.bin", b"old")
    await look.nothing_but(target, ["a.bin"])


@check("save.unknown-mode-is-refused", "S09")
async def unknown_mode_is_refused(target: Target) -> None:
    """An `if_exists` that is no mode is `ValueError` before anything is stored."""
    mode: Literal["rename"] = "replace"  # type: ignore[assignment] # wrong on purpose
    await expect.fails(
        ValueError, target.storage.save("a", b"x", if_exists=mode), doing="if_exists='replace'"
    )
    await look.nothing_but(target)


@check("save.unknown-keyword-is-refused", "S09")
async def unknown_keyword_is_refused(target: Target) -> None:
    """A keyword that no write takes is `TypeError` before anything is stored."""
    call = target.storage.save("a", b"x", colour="red")  # type: ignore[call-arg] # wrong on purpose
    await expect.fails(TypeError, call, doing="save(colour='red')")
    await look.nothing_but(target)


@check("save.invisible-until-stored", "S11")
async def invisible_until_stored(target: Target) -> None:
    """While content is still coming nothing is visible, not even a temporary name."""
    other = await target.another()

    async def peek() -> None:
        expect.same(await other.exists("a/b.bin"), False, "exists() in the middle of save()")
        if not look.can(other, "list"):
            return
        expect.same(await look.names(other), [], "names listed in the middle of save()")
        expect.same(await other.listdir(), ([], []), "listdir() in the middle of save()")

    for size in (100, target.large):
        content = bytes_of(size)
        await target.storage.save("a/b.bin", pausing(content, peek))
        await look.content(other, "a/b.bin", content)
        await target.storage.delete("a/b.bin")


@check("save.old-content-stays-readable", "S11")
async def old_content_stays_readable(target: Target) -> None:
    """While a replacement is still coming the old content is what is read and listed."""
    other = await target.another()
    await target.storage.save("a.bin", b"old")

    async def peek() -> None:
        await look.content(other, "a.bin", b"old")
        if look.can(other, "list"):
            expect.same(await look.names(other), ["a.bin"], "names listed meanwhile")

    content = bytes_of(target.large)
    await target.storage.save("a.bin", pausing(content, peek), if_exists="overwrite")
    await look.content(other, "a.bin", content)


@check("save.deleted-name-is-free-again", "S12", requires=("metadata",))
async def deleted_name_is_free_again(target: Target) -> None:
    """A deleted name is free again, without the old file's metadata."""
    await target.storage.save("a.txt", b"old", metadata={"old": "yes"}, cache_control="no-store")
    await target.storage.delete("a.txt")
    name = await target.storage.save("a.txt", b"new")
    info = await target.storage.stat(name)
    expect.same(name, "a.txt", "name given after the deletion")
    expect.same(dict(info.metadata or {}), {}, "metadata")
    expect.same(info.cache_control, None, "cache_control")


@check("save.file-and-directory-share-a-name", "S13", requires=("flat_namespace",))
async def file_and_directory_share_a_name(target: Target) -> None:
    """In a flat namespace `a` and `a/b` both exist, in either order."""
    for first, second in (("a", "a/b"), ("c/d/e", "c/d")):
        await target.storage.save(first, first.encode())
        name = await target.storage.save(second, second.encode())
        expect.same(name, second, "name given")
        await look.content(target.storage, first, first.encode())
        await look.content(target.storage, second, second.encode())
    await look.nothing_but(target, ["a", "a/b", "c/d", "c/d/e"])


@check("save.file-below-a-file-is-a-conflict", "S13")
async def file_below_a_file_is_a_conflict(target: Target) -> None:
    """Where the namespace is not flat, `a/b` below the file `a` is `NameConflictError`."""
    if not target.storage.capabilities.flat_namespace:
        await _expect_conflict(target, there="a", new="a/b/c")


@check("save.file-over-a-directory-is-a-conflict", "S13")
async def file_over_a_directory_is_a_conflict(target: Target) -> None:
    """Where the namespace is not flat, `a` beside `a/b` is `NameConflictError`."""
    if not target.storage.capabilities.flat_namespace:
        await _expect_conflict(target, there="a/b/c", new="a/b")


async def _expect_conflict(target: Target, *, there: str, new: str) -> None:
    storage, large = target.storage, bytes_of(target.large)
    await storage.save(there, b"here first")
    calls: expect.Calls = {
        "save(rename)": lambda: storage.save(new, b"new"),
        "save(overwrite)": lambda: storage.save(new, b"new", if_exists="overwrite"),
        "save(error)": lambda: storage.save(new, b"new", if_exists="error"),
        "large save": lambda: storage.save(new, chunks_of(large)),
        "put": lambda: storage.put(new, b"new"),
        "put(if_none_match)": lambda: storage.put(new, b"new", if_none_match=True),
        "large put": lambda: storage.put(new, chunks_of(large)),
        "copy": lambda: storage.copy(there, new),
        "copy(rename)": lambda: storage.copy(there, new, if_exists="rename"),
    }
    await expect.each_fails(NameConflictError, calls, f"of {new!r} beside {there!r}")
    await look.content(storage, there, b"here first")
    expect.same(await storage.exists(new), False, f"exists({new!r})")
    await look.nothing_but(target, [there])


@check("save.wrong-checksum-stores-nothing", "S14", requires=("put",))
async def wrong_checksum_stores_nothing(target: Target) -> None:
    """Content that is not what its checksum says is `IntegrityError`, and nothing changes."""
    storage, small, large = target.storage, b"small", bytes_of(target.large)
    await storage.save("old.bin", b"old")
    wrong = f"sha256:{'0' * 64}"
    calls: expect.Calls = {
        "save of bytes": lambda: storage.save("a", small, checksum=wrong),
        "save of chunks": lambda: storage.save("a", chunks_of(small), checksum=wrong),
        "save of large chunks": lambda: storage.save("a", chunks_of(large), checksum=wrong),
        "put of bytes": lambda: storage.put("old.bin", small, checksum=wrong),
        "put of large bytes": lambda: storage.put("old.bin", large, checksum=wrong),
        "put of large chunks": lambda: storage.put("old.bin", chunks_of(large), checksum=wrong),
    }
    await expect.each_fails(IntegrityError, calls, "with a wrong checksum")
    await look.content(storage, "old.bin", b"old")
    await look.nothing_but(target, ["old.bin"])


@check("save.every-kind-of-checksum-is-checked", "S14")
async def every_kind_of_checksum_is_checked(target: Target) -> None:
    """A wrong MD5 or CRC-32C is `IntegrityError` as a wrong SHA-256 is."""
    for checksum in (f"sha256:{'0' * 64}", f"md5:{'0' * 32}", f"crc32c:{'0' * 8}"):
        call = target.storage.save("a", b"content", checksum=checksum)
        await expect.fails(IntegrityError, call, doing=f"saving with {checksum[:10]}…")
    await look.nothing_but(target)


@check("save.right-checksum-passes", "S14", requires=("put",))
async def right_checksum_passes(target: Target) -> None:
    """Content that is what its checksum says is stored, also after a taken name."""
    large = bytes_of(target.large)
    sha256 = f"sha256:{hashlib.sha256(large).hexdigest()}"
    for _ in range(2):
        name = await target.storage.save("a", chunks_of(large), checksum=sha256)
        await look.content(target.storage, name, large)
    for checksum in (
        f"sha256:{hashlib.sha256(b'123456789').hexdigest().upper()}",
        f"md5:{hashlib.md5(b'123456789', usedforsecurity=False).hexdigest()}",
        "crc32c:e3069283",  # the check value of RFC 3720's polynomial
    ):
        await target.storage.put("b", b"123456789", checksum=checksum)


@check("save.many-in-a-new-directory", "S05")
async def many_in_a_new_directory(target: Target) -> None:
    """Twenty saves at once into a new deep directory all succeed."""
    wanted = [f"new/deep/er/{number:02}.txt" for number in range(20)]
    names = await asyncio.gather(*(target.storage.save(name, name.encode()) for name in wanted))
    expect.same(names, wanted, "names given")
    await look.nothing_but(target, wanted)
