"""Listing: what is there, under which prefix, in which order (catalogue 1.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Literal, cast

from openviper.storage.base import Storage
from openviper.storage.errors import InvalidNameError
from openviper.storage.testing import look
from openviper.storage.testing.expect import fails, same
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target

TREE = ("a.txt", "a/1.txt", "a/2.txt", "a/b/3.txt", "a/b/c/4.txt", "ab/5.txt", "z.txt")
ODD = ("a b", "a&b<c>'\"", "a+b", "a%2Fb", "a%zz", "a#b?c=d", "a=b;c", "~a,b", "é", "日本/é x")


@check("list.nothing-is-no-error", "L01", requires=("list",))
async def nothing_is_no_error(target: Target) -> None:
    """An empty storage and a path with nothing below it list nothing."""
    for prefix in ("", "no", "no/such"):
        same(await look.names(target.storage, prefix), [], f"files({prefix!r})")
        same(await target.storage.listdir(prefix), ([], []), f"listdir({prefix!r})")
        page = await target.storage.list_page(prefix)
        same((page.files, page.prefixes, page.token), ((), (), None), f"list_page({prefix!r})")


@check("list.all-that-was-saved", "L02", "I04", requires=("list", "put", "read"))
async def all_that_was_saved(target: Target) -> None:
    """All names that were saved are listed, relative to the location, and can be read."""
    await _fill(target.storage, TREE)
    found = await look.names(await target.another())
    same(found, list(TREE), "the files")
    contents = await asyncio.gather(*map(target.storage.read, found))
    same(contents, [name.encode() for name in found], "their contents")


@check("list.directories-come-once", "L03", requires=("list", "put"))
async def directories_come_once(target: Target) -> None:
    """With a delimiter each directory comes once and only direct files come."""
    await _fill(target.storage, TREE)
    expected = {
        "": (["a.txt", "z.txt"], ["a", "ab"]),
        "a": (["a/1.txt", "a/2.txt"], ["a/b"]),
        "a/b": (["a/b/3.txt"], ["a/b/c"]),
    }
    for prefix, (files, directories) in expected.items():
        page = await target.storage.list_page(prefix, delimiter="/")
        same([info.name for info in page.files], files, f"the files in {prefix!r}")
        same(list(page.prefixes), directories, f"the directories in {prefix!r}")


@check("list.no-directories-without-a-delimiter", "L03", requires=("list", "put"))
async def no_directories_without_a_delimiter(target: Target) -> None:
    """Without a delimiter there are files and no directories."""
    await _fill(target.storage, TREE)
    page = await target.storage.list_page("a")
    same(page.prefixes, (), "the directories")
    same([info.name for info in page.files], list(TREE[1:5]), "the files")


@check("list.listdir-gives-bare-names", "L03", requires=("list", "put"))
async def listdir_gives_bare_names(target: Target) -> None:
    """The names from listdir are those of directories and files in it alone, sorted."""
    await _fill(target.storage, TREE)
    expected = {
        "": (["a", "ab"], ["a.txt", "z.txt"]),
        "a": (["b"], ["1.txt", "2.txt"]),
        "a/b/": (["c"], ["3.txt"]),
        "a/1.txt": ([], []),
    }
    for path, names in expected.items():
        same(await target.storage.listdir(path), names, f"listdir({path!r})")


@check("list.prefix-is-a-path", "L04", requires=("list", "put"))
async def prefix_is_a_path(target: Target) -> None:
    """A prefix is a whole path: what only begins like it is not below it."""
    names = ["foo.bar/x", "foo/a", "foo/b/c", "foo.txt", "foobar/x", "fo/x"]
    await _fill(target.storage, names)
    for spelling in ("foo", "foo/", "./foo"):
        found = await look.names(target.storage, spelling)
        same(found, ["foo/a", "foo/b/c"], f"files({spelling!r})")
        page = await target.storage.list_page(spelling, delimiter="/")
        same(page.prefixes, ("foo/b",), f"the directories in {spelling!r}")


@check("list.prefix-of-a-file-is-the-file", "L01", "L04", requires=("list", "put"))
async def prefix_of_a_file_is_the_file(target: Target) -> None:
    """The name of a file as prefix lists that file."""
    await _fill(target.storage, ["a/b.txt", "a/b.txt.bak", "a/bc"])
    same(await look.names(target.storage, "a/b.txt"), ["a/b.txt"], "files('a/b.txt')")
    page = await target.storage.list_page("a/b.txt", delimiter="/")
    same([info.name for info in page.files], ["a/b.txt"], "with a delimiter")


@check("list.prefix-of-both-is-both", "L04", "N08", requires=("list", "flat_namespace", "put"))
async def prefix_of_both_is_both(target: Target) -> None:
    """A name that is a file and a directory lists the file and what is below it."""
    await _fill(target.storage, ["foo", "foo/a", "foobar"])
    same(await look.names(target.storage, "foo"), ["foo", "foo/a"], "files('foo')")
    for size in (1, 2):
        found = await _paged(target.storage, "foo", limit=size)
        same(found, ["foo", "foo/a"], f"in pages of {size}")
    same(await target.storage.listdir("foo"), ([], ["a"]), "listdir('foo')")
    same(await target.storage.listdir(), (["foo"], ["foo", "foobar"]), "listdir()")


@check("list.unsafe-prefixes-are-refused", "L01", "N01", requires=("list",))
async def unsafe_prefixes_are_refused(target: Target) -> None:
    """A prefix that no name can have is an InvalidNameError."""
    for prefix in ("..", "a/../b", "a\0b", ".openviper", "C:/a", "a./b"):
        for what, call in _listings(target.storage).items():
            await fails(InvalidNameError, call(prefix), doing=f"{what}({prefix!r})")


@check("list.patterns-are-literal", "L13", requires=("list", "put"))
async def patterns_are_literal(target: Target) -> None:
    """An asterisk, a question mark and brackets in a prefix mean themselves."""
    names = ["[ab]/1", "a/2", "a*/3", "a?/4", "ab/5", "b/6", "^a/7", "{a,b}/8"]
    await _fill(target.storage, names)
    for prefix in ("a*", "a?", "[ab]", "^a", "{a,b}"):
        expected = [name for name in names if name.startswith(f"{prefix}/")]
        same(await look.names(target.storage, prefix), expected, f"files({prefix!r})")


@check("list.odd-names-come-back", "L12", "W01", requires=("list", "put"))
async def odd_names_come_back(target: Target) -> None:
    """Names that XML and URLs write in another way are listed exactly."""
    await _fill(target.storage, ODD)
    expected = sorted(ODD, key=str.encode)
    same(await look.names(target.storage), expected, "the files")
    same(await _paged(target.storage, limit=1), expected, "the files, page by page")


@check("list.directories-with-odd-names", "L12", "W01", requires=("list", "put"))
async def directories_with_odd_names(target: Target) -> None:
    """Directories with names that XML and URLs write in another way are listed exactly."""
    directories = sorted((name for name in ODD if "/" not in name), key=str.encode)
    await _fill(target.storage, [f"{name}/file" for name in directories])
    found, _ = await target.storage.listdir()
    same(sorted(found, key=str.encode), directories, "the directories")
    for name in directories:
        same(await look.names(target.storage, name), [f"{name}/file"], f"files({name!r})")


@check("list.folder-markers-are-no-files", "L11", requires=("list",), needs=("raw",))
async def folder_markers_are_no_files(target: Target) -> None:
    """The markers that other tools put for folders are not listed as files."""
    assert target.raw is not None
    await _fill(target.storage, ["a/1.txt", "z.txt"])
    for marker in ("a/", "empty/", "a/sub/"):
        await target.raw.put(marker, b"")
    same(await look.names(target.storage), ["a/1.txt", "z.txt"], "the files")
    same((await target.storage.listdir())[1], ["z.txt"], "the files of listdir()")
    same((await target.storage.listdir("a"))[1], ["1.txt"], "the files of listdir('a')")
    same((await target.storage.listdir("empty"))[1], [], "the files of listdir('empty')")
    for size in (1, 2):
        found = await _paged(target.storage, limit=size)
        same(found, ["a/1.txt", "z.txt"], f"the files in pages of {size}")


@check("list.own-files-are-hidden", "L11", "N12", requires=("list",), needs=("raw",))
async def own_files_are_hidden(target: Target) -> None:
    """What lies in the reserved folder is in no listing."""
    assert target.raw is not None
    await target.raw.put(".openviper/left-behind", b"x")
    await _fill(target.storage, ["a.txt"])
    same(await look.names(target.storage), ["a.txt"], "the files")
    same(await target.storage.listdir(), ([], ["a.txt"]), "listdir()")
    same(await _paged(target.storage, limit=1), ["a.txt"], "the files, page by page")


@check("list.arguments-are-checked", "L08", requires=("list",))
async def arguments_are_checked(target: Target) -> None:
    """A limit below one and an unknown delimiter are ValueErrors."""
    for limit in (0, -1):
        call = target.storage.list_page(limit=limit)
        await fails(ValueError, call, doing=f"list_page(limit={limit})")
    wrong = target.storage.list_page(delimiter=cast('Literal["/"]', "-"))
    await fails(ValueError, wrong, doing="list_page(delimiter='-')")


async def _fill(storage: Storage, names: Iterable[str]) -> None:
    """Put files that hold their own names."""
    await asyncio.gather(*(storage.put(name, name.encode()) for name in names))


async def _paged(storage: Storage, prefix: str = "", *, limit: int) -> list[str]:
    pages = await look.pages(storage, prefix, limit=limit)
    return [info.name for page in pages for info in page.files]


def _listings(storage: Storage) -> dict[str, Callable[[str], Awaitable[object]]]:
    return {
        "files": partial(look.names, storage),
        "list_page": storage.list_page,
        "listdir": storage.listdir,
    }
