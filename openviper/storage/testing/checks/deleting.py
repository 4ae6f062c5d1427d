"""Deleting: one file, many, whole paths (catalogue 1.6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import cast

from openviper.storage.errors import InvalidNameError, NotFoundError
from openviper.storage.testing import look
from openviper.storage.testing.contents import bytes_of, chunks_of
from openviper.storage.testing.expect import fails, same
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.types import DeleteResult

ODD = ("a b.txt", "a+b.txt", "a%2Fb.txt", "a&<b>.txt", "a#b?c.txt", "ü/日本.txt", "'\"`.txt")


@check("delete.file-is-gone", "D01", requires=("read", "list"))
async def file_is_gone(target: Target) -> None:
    """A deleted file does not exist, is not found and is not listed; delete returns None."""
    await target.storage.save("small.bin", b"x")
    await target.storage.save("large.bin", chunks_of(bytes_of(target.large)))
    await target.storage.save("kept.bin", b"kept")
    for name in ("small.bin", "large.bin"):
        same(await target.storage.delete(name), None, f"what delete({name!r}) returned")  # type: ignore[func-returns-value]  # that is the fact
        same(await (await target.another()).exists(name), False, f"exists({name!r})")
        for what, call in (("stat", target.storage.stat), ("read", target.storage.read)):
            await fails(NotFoundError, call(name), doing=f"{what} of the deleted {name!r}")
    await look.nothing_but(target, ["kept.bin"])


@check("delete.missing-file-is-silent", "D01", "D02", requires=("read",))
async def missing_file_is_silent(target: Target) -> None:
    """Deleting what is not there is no error, also twice, in no folder or below a file."""
    await target.storage.save("file.txt", b"x")
    for name in ("missing.txt", "no/such/folder/a.txt", "file.txt/below.txt", "file.txt/a/b"):
        await target.storage.delete(name)
        await target.storage.delete(name)
    await look.content(target.storage, "file.txt", b"x")


@check("delete.directory-loses-nothing", "D03", requires=("list",))
async def directory_loses_nothing(target: Target) -> None:
    """Deleting a name that is only the beginning of others removes nothing."""
    names = ["dir.txt", "dir/a.txt", "dir/sub/b.txt", "directory/c.txt"]
    await asyncio.gather(*(target.storage.save(name, b"x") for name in names))
    for name in ("dir", "dir/", "dir/sub", "di", "dir/a", "dir/a.tx"):
        await target.storage.delete(name)
    same(await look.names(target.storage), names, "the files left")


@check("delete.side-by-side-all-succeed", "D04")
async def side_by_side_all_succeed(target: Target) -> None:
    """Twenty deletes of one name at once all succeed."""
    await target.storage.save("dir/a.txt", b"x")
    other = await target.another()
    storages = [target.storage, other] * 10
    await asyncio.gather(*(storage.delete("dir/a.txt") for storage in storages))
    same(await target.storage.exists("dir/a.txt"), False, "exists")


@check("delete.last-child-takes-its-directory-along", "D10", requires=("list",))
async def last_child_takes_its_directory_along(target: Target) -> None:
    """A directory is in no listing after the last file below it was deleted."""
    await target.storage.save("a/b/c/file.txt", b"x")
    await target.storage.save("other.txt", b"x")
    await target.storage.delete("a/b/c/file.txt")
    same(await target.storage.listdir(), ([], ["other.txt"]), "the root's directories and files")
    same(await target.storage.listdir("a"), ([], []), "the directories and files of 'a'")


@check("delete.last-child-never-races-a-save", "D10", requires=("read",))
async def last_child_never_races_a_save(target: Target) -> None:
    """A file saved while the last one beside it is deleted is there afterwards."""
    for turn in range(10):
        old, new = f"{turn}/a/b/old.txt", f"{turn}/a/b/new.txt"
        await target.storage.save(old, b"old")
        content = b"new" if turn % 2 else chunks_of(b"new")
        saved, _ = await asyncio.gather(
            (await target.another()).save(new, content), target.storage.delete(old)
        )
        same(saved, new, "the name saved")
        await look.content(target.storage, new, b"new")


@check("delete.name-is-free-again", "D11", "S12")
async def name_is_free_again(target: Target) -> None:
    """A deleted name can be saved under again, also as a directory and back as a file."""
    for name in ("a", "a/b", "a", "a/b/c"):
        same(await target.storage.save(name, b"x"), name, "the name saved")
        await target.storage.delete(name)


@check("delete-many.one-result-each", "D07", "D01", requires=("list",))
async def one_result_each(target: Target) -> None:
    """There is one result per name, in order, for duplicates and missing names too."""
    await asyncio.gather(*(target.storage.save(name, b"x") for name in ("a.txt", "b/c.txt", "z")))
    names = ["b/c.txt", "missing.txt", "a.txt", "a.txt", "no/such.txt"]
    results = await target.storage.delete_many(names)
    same(results, [DeleteResult(name=name) for name in names], "the results")
    same([result.ok for result in results], [True] * 5, "their ok")
    same(await look.names(target.storage), ["z"], "the files left")


@check("delete-many.takes-any-iterable", "D07", requires=("list",))
async def takes_any_iterable(target: Target) -> None:
    """Names come from any iterable, sync or async, which is consumed once; none is fine."""

    async def later() -> AsyncIterator[str]:
        for name in ("a.txt", "b.txt"):
            yield name

    sources: tuple[Iterable[str] | AsyncIterator[str], ...] = (
        ["a.txt", "b.txt"],
        {"a.txt": 1, "b.txt": 2}.keys(),
        (name for name in ("a.txt", "b.txt")),
        later(),
    )
    for source in sources:
        await asyncio.gather(*(target.storage.save(name, b"x") for name in ("a.txt", "b.txt")))
        results = await target.storage.delete_many(source)
        same([result.name for result in results], ["a.txt", "b.txt"], f"from {source!r}")
        same(await look.names(target.storage), [], f"the files left after {source!r}")
    same(await target.storage.delete_many([]), [], "the results of no names")


@check("delete-many.one-text-is-no-list", "D07", "N02")
async def one_text_is_no_list(target: Target) -> None:
    """One name in place of an iterable of names is a TypeError, and nothing is deleted."""
    await target.storage.save("a", b"x")
    await fails(TypeError, target.storage.delete_many("a"), doing="delete_many('a')")
    wrong = target.storage.delete_many(cast("list[str]", [None]))
    await fails(TypeError, wrong, doing="delete_many([None])")
    same(await target.storage.exists("a"), True, "exists('a')")


@check("delete-many.failures-stay-with-their-names", "D06", requires=("list",))
async def failures_stay_with_their_names(target: Target) -> None:
    """A name that is refused has its error in its own result, and the others are deleted."""
    await asyncio.gather(*(target.storage.save(name, b"x") for name in ("a.txt", "b.txt")))
    results = await target.storage.delete_many(["a.txt", "../up.txt", "", "b.txt"])
    same([result.name for result in results], ["a.txt", "../up.txt", "", "b.txt"], "the names")
    same([result.ok for result in results], [True, False, False, True], "their ok")
    kinds = [type(result.error) for result in results]
    same(kinds, [type(None), InvalidNameError, InvalidNameError, type(None)], "their errors")
    same(await look.names(target.storage), [], "the files left")


@check("delete-many.more-names-than-a-request-takes", "D05", requires=("list",))
async def more_names_than_a_request_takes(target: Target) -> None:
    """Over a thousand names are all deleted, at the borders of the service's batches too."""
    names = [f"{number:04}.txt" for number in range(1002)]
    there = [names[at] for at in (0, 99, 100, 255, 256, 499, 999, 1000, 1001)]
    await asyncio.gather(*(target.storage.save(name, b"x") for name in there))
    results = await target.storage.delete_many(names)
    same([result.name for result in results if not result.ok], [], "the names that failed")
    same([result.name for result in results], names, "the names of the results")
    same(await look.names(target.storage), [], "the files left")


@check("delete-many.odd-names", "D08", "W01", requires=("put", "list"))
async def odd_names(target: Target) -> None:
    """Names that XML and URLs write in another way are deleted, and no others."""
    near = ["a b", "a.txt", "a/b.txt", "b.txt", "ü/日.txt"]
    await asyncio.gather(*(target.storage.put(name, b"x") for name in (*ODD, *near)))
    results = await target.storage.delete_many(ODD)
    same([result for result in results if not result.ok], [], "the failures")
    same(await look.names(target.storage), near, "the files left")


@check("delete-prefix.is-a-path", "D09", requires=("list",))
async def is_a_path(target: Target) -> None:
    """Deleting a path deletes what is below it, and nothing that only begins like it."""
    below = ["a/1.txt", "a/b/2.txt", "a/b/c/3.txt"]
    beside = ["a-b/5.txt", "a.txt", "ab/4.txt", "b/a/6.txt"]
    for spelling in ("a", "a/"):
        names = (*below, *beside)
        await asyncio.gather(
            *(target.storage.save(name, b"x", if_exists="overwrite") for name in names)
        )
        same(await target.storage.delete_prefix(spelling), [], "the failures")
        same(await look.names(target.storage), beside, f"the files left by {spelling!r}")


@check("delete-prefix.patterns-are-literal", "D09", "L13", requires=("list", "put"))
async def patterns_are_literal(target: Target) -> None:
    """An asterisk, a question mark and brackets in a path mean themselves."""
    names = ["[ab]/1.txt", "a/2.txt", "a*/3.txt", "a?/4.txt", "ab/5.txt"]
    await asyncio.gather(*(target.storage.put(name, b"x") for name in names))
    for prefix in ("a*", "a?", "[ab]"):
        same(await target.storage.delete_prefix(prefix), [], f"the failures of {prefix!r}")
    same(await look.names(target.storage), ["a/2.txt", "ab/5.txt"], "the files left")


@check("delete-prefix.missing-path-is-silent", "D09", "D02", requires=("list",))
async def missing_path_is_silent(target: Target) -> None:
    """A path with nothing below it is no error."""
    await target.storage.save("kept.txt", b"x")
    same(await target.storage.delete_prefix("no/such"), [], "the failures")
    same(await look.names(target.storage), ["kept.txt"], "the files left")


@check("delete-prefix.a-file-is-its-own-path", "D09", requires=("list",))
async def a_file_is_its_own_path(target: Target) -> None:
    """The path of a file deletes that file."""
    await asyncio.gather(*(target.storage.save(name, b"x") for name in ("a.txt", "a.txt.bak")))
    same(await target.storage.delete_prefix("a.txt"), [], "the failures")
    same(await look.names(target.storage), ["a.txt.bak"], "the files left")


@check("delete-prefix.everything-must-be-said", "D09", "N01", "I01", requires=("list",))
async def everything_must_be_said(target: Target) -> None:
    """The whole storage is emptied only with everything=True, and no other location."""
    beside = await target.beside("2")
    await asyncio.gather(*(target.storage.save(name, b"x") for name in ("a.txt", "b/c.txt")))
    await beside.save("kept.txt", b"x")
    await fails(ValueError, target.storage.delete_prefix(""), doing="delete_prefix('')")
    same(await look.names(target.storage), ["a.txt", "b/c.txt"], "the files left by ''")
    same(await target.storage.delete_prefix("", everything=True), [], "the failures")
    same(await look.names(target.storage), [], "the files left by everything=True")
    same(await look.names(beside), ["kept.txt"], "the files of the location beside")
