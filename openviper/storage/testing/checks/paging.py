"""Paging: one order, any page size, tokens, changes in between (catalogue 1.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from openviper.storage.base import Storage
from openviper.storage.testing import look
from openviper.storage.testing.expect import fails, same
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target

# `-` and `.` are before `/`, `0` is after it: directories lie between.
NEIGHBOURS = (
    "T/1",
    "t-",
    "t-/1",
    "t.txt",
    "t/1",
    "t/2",
    "t0",
    "t0/1",
    "t_",
    "z/é",
    "z/\uff5a",
    "é",
)
MANY = 1001
SIDE_BY_SIDE = 64


@check("order.is-that-of-bytes", "L05", requires=("list", "put"))
async def is_that_of_bytes(target: Target) -> None:
    """Files are listed in the order of their names' UTF-8 bytes, across directories."""
    names = _possible(target)
    await _fill(target.storage, reversed(names))
    same(await look.names(target.storage), sorted(names, key=str.encode), "the files")


@check("order.goes-beyond-the-first-plane", "L05", requires=("list", "put"))
async def goes_beyond_the_first_plane(target: Target) -> None:
    """A character beyond U+FFFF comes after those below it, as its UTF-8 bytes do."""
    names = ["e\u00e9", "e\uff5a", "e\U0001f389"]
    await _fill(target.storage, names)
    same(await look.names(target.storage), names, "the files")


@check("order.has-directories-at-their-place", "L05", requires=("list", "put"))
async def has_directories_at_their_place(target: Target) -> None:
    """Page by page, directories come between files, as if their names ended in a slash."""
    names = _possible(target)
    await _fill(target.storage, names)
    pages = await look.pages(target.storage, delimiter="/", limit=1)
    found = [entry for page in pages for entry in look.entries(page)]
    same(found, _top(names), "the entries, one by one")


@check("pages.any-size-gives-the-same", "L06", requires=("list", "put"))
async def any_size_gives_the_same(target: Target) -> None:
    """Pages of any size together give each file once, and none is over its size."""
    names = sorted(_possible(target), key=str.encode)
    await _fill(target.storage, names)
    for limit in (1, 2, 3, len(names) - 1, len(names), len(names) + 1):
        pages = await look.pages(target.storage, limit=limit)
        found = [entry for page in pages for entry in look.entries(page)]
        same(found, names, f"the files in pages of {limit}")
        most = max(len(look.entries(page)) for page in pages)
        assert most <= limit, f"expected pages of at most {limit}, got one of {most}"


@check("pages.directories-count", "L06", requires=("list", "put"))
async def directories_count(target: Target) -> None:
    """Pages of any size give each directory once, and it counts as one entry."""
    names = _possible(target)
    await _fill(target.storage, names)
    expected = _top(names)
    for limit in (2, 3, len(expected) - 1, len(expected), len(expected) + 1):
        pages = await look.pages(target.storage, delimiter="/", limit=limit)
        found = [entry for page in pages for entry in look.entries(page)]
        same(found, expected, f"the entries in pages of {limit}")
        most = max(len(look.entries(page)) for page in pages)
        assert most <= limit, f"expected pages of at most {limit}, got one of {most}"


@check("pages.below-a-prefix", "L06", "L04", requires=("list", "put"))
async def below_a_prefix(target: Target) -> None:
    """Pages below a prefix of any size give what is below it."""
    names = [f"p/{name}" for name in _possible(target)]
    await _fill(target.storage, [*names, "p-/1", "p0", "q/1"])
    for limit in (1, 2, 5):
        pages = await look.pages(target.storage, "p", limit=limit)
        found = [entry for page in pages for entry in look.entries(page)]
        same(found, sorted(names, key=str.encode), f"the files in pages of {limit}")


@check("pages.over-a-thousand-files", "L07", "L14", requires=("list", "put"))
async def over_a_thousand_files(target: Target) -> None:
    """More files than a service gives at once are all listed, in order, and once."""
    names = [f"{number:04}" for number in range(MANY)]
    for at in range(0, MANY, SIDE_BY_SIDE):
        batch = names[at : at + SIDE_BY_SIDE]
        await asyncio.gather(*(target.storage.put(name, b"") for name in batch))
    same(await look.names(target.storage), names, "files()")
    same(await target.storage.listdir(), ([], names), "listdir()")
    same(await target.storage.delete_prefix("", everything=True), [], "failures to delete all")
    same(await look.names(target.storage), [], "the files left")


@check("token.is-text-for-any-instance", "L08", requires=("list", "put"))
async def is_text_for_any_instance(target: Target) -> None:
    """A token is a text, valid in another instance."""
    await _fill(target.storage, ["a", "b", "c", "d/1", "d/2"])
    first = await target.storage.list_page(limit=2)
    assert isinstance(first.token, str), f"expected a text, got {first.token!r}"
    second = await (await target.another()).list_page(limit=10, token=first.token)
    same(look.entries(first) + look.entries(second), ["a", "b", "c", "d/1", "d/2"], "both pages")
    same(second.token, None, "the last page's token")


@check("token.of-nobody-is-refused", "L08", requires=("list", "put"))
async def of_nobody_is_refused(target: Target) -> None:
    """A token that no listing gave is a ValueError."""
    await _fill(target.storage, ["a", "b"])
    token = (await target.storage.list_page(limit=1)).token or ""
    for wrong in ("", "garbage", "a", token[:-4], f"{token}x", token[::-1], "日本", "\0"):
        call = target.storage.list_page(limit=1, token=wrong)
        await fails(ValueError, call, doing=f"the token {wrong!r}")


@check("token.of-another-listing-is-refused", "L08", requires=("list", "put"))
async def of_another_listing_is_refused(target: Target) -> None:
    """A token is a ValueError under another prefix or with another delimiter."""
    await _fill(target.storage, ["a/1", "a/2", "b/1", "b/2"])
    token = (await target.storage.list_page("a", limit=1)).token
    other = target.storage.list_page("b", limit=1, token=token)
    await fails(ValueError, other, doing="a token of 'a' given for 'b'")
    flat = target.storage.list_page("a", delimiter="/", limit=1, token=token)
    await fails(ValueError, flat, doing="a token without delimiter given with one")


@check("pages.changes-in-between-lose-nothing", "L09", requires=("list", "put"))
async def changes_in_between_lose_nothing(target: Target) -> None:
    """A file put before the cursor, or the cursor's own deleted, changes nothing after it."""
    for change in ("put", "delete"):
        await _fill(target.storage, ["b", "c", "d", "e"])
        first = await target.storage.list_page(limit=2)
        if change == "put":
            await target.storage.put("a", b"x")
        else:
            await target.storage.delete("c")
        second = await target.storage.list_page(limit=10, token=first.token)
        same(look.entries(second), ["d", "e"], f"the second page after a {change}")
        await target.storage.delete_prefix("", everything=True)


@check("list.start-after-is-exclusive", "L10", requires=("list", "put"))
async def start_after_is_exclusive(target: Target) -> None:
    """What comes after a name is given, whether or not a file has that name."""
    names = ["a", "b/1", "b/2", "c", "é"]
    await _fill(target.storage, names)
    for after, expected in {
        "a": names[1:],
        "b/1": names[2:],
        "b": names[1:],
        "b0": names[3:],
        "bb": names[3:],
        "d": names[4:],
        "é": [],
        "0": names,
    }.items():
        found = [info.name async for info in target.storage.files(start_after=after)]
        same(found, expected, f"files(start_after={after!r})")
    below = [info.name async for info in target.storage.files("b", start_after="b/1")]
    same(below, ["b/2"], "files('b', start_after='b/1')")
    before = [info.name async for info in target.storage.files("b", start_after="a")]
    same(before, ["b/1", "b/2"], "files('b', start_after='a')")
    past = [info.name async for info in target.storage.files("b", start_after="c")]
    same(past, [], "files('b', start_after='c')")


@check("list.files-can-be-deleted-meanwhile", "L14", "D07", requires=("list", "put"))
async def files_can_be_deleted_meanwhile(target: Target) -> None:
    """Files that are deleted while they are listed are each given once."""
    names = sorted(f"{folder}/{number}" for folder in "abc" for number in range(5))
    await _fill(target.storage, names)
    found: list[str] = []
    async for info in target.storage.files():
        found.append(info.name)
        await target.storage.delete(info.name)
    same(found, names, "the files given")
    same(await look.names(target.storage), [], "the files left")


@check("list.can-be-left-early", "L14", "R09", requires=("list", "put"))
async def can_be_left_early(target: Target) -> None:
    """A listing that is left after its first file holds nothing back."""
    await _fill(target.storage, ["a", "b/1", "c"])
    for _ in range(30):
        async for info in target.storage.files():
            same(info.name, "a", "the first file")
            break
    same(await look.names(target.storage), ["a", "b/1", "c"], "the files afterwards")
    await look.loop_settles()


def _possible(target: Target) -> list[str]:
    """Return the names that can be together: a file beside its own directory only where flat."""
    if target.storage.capabilities.flat_namespace:
        return list(NEIGHBOURS)
    return [n for n in NEIGHBOURS if not any(m.startswith(f"{n}/") for m in NEIGHBOURS)]


async def _fill(storage: Storage, names: Iterable[str]) -> None:
    await asyncio.gather(*(storage.put(name, b"x") for name in names))


def _top(names: Iterable[str]) -> list[str]:
    """Return the entries of the root directory."""
    entries = {name if "/" not in name else f"{name.partition('/')[0]}/" for name in names}
    return sorted(entries, key=str.encode)
