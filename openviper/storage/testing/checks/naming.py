"""Names: which there are, and that every method agrees (catalogue 1.1)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import PurePosixPath

from openviper.storage.base import Storage
from openviper.storage.errors import InvalidNameError
from openviper.storage.names import canonical
from openviper.storage.testing import expect, look
from openviper.storage.testing.contents import chunks_of, file_of
from openviper.storage.testing.odd import REFUSED, RESPELT
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target

TAKEN = re.compile(r"_[0-9a-f]{32}")


@check("name.unsafe-is-refused-by-every-method", "N01", "N03", "N04", "N12")
async def unsafe_is_refused_by_every_method(target: Target) -> None:
    """Every method but `save` refuses every unsafe name, and touches nothing."""
    await target.storage.save("a", b"here")
    for name in REFUSED:
        calls = _calls(target.storage, name)
        await expect.each_fails(InvalidNameError, calls, f"of {_short(name)}")
    await look.content(target.storage, "a", b"here")
    await look.nothing_but(target, ["a"])


@check("name.content-of-a-refused-name-is-left-alone", "N01")
async def content_of_a_refused_name_is_left_alone(target: Target) -> None:
    """Where a name is refused, its content is not read."""
    for name in ("", "..", "\0"):
        content = file_of(b"content")
        await expect.fails(
            InvalidNameError, target.storage.save(name, content), doing=f"save({name!r})"
        )
        expect.same(content.tell(), 0, "position of the content's file")


@check("name.empty-deletes-nothing", "N01")
async def empty_deletes_nothing(target: Target) -> None:
    """Deleting what names the root itself is refused, and all files stay."""
    await target.storage.save("a/b", b"here")
    for name in ("", "/", ".", "a/..", ".."):
        call = target.storage.delete(name)
        await expect.fails(InvalidNameError, call, doing=f"delete({name!r})")
    await look.nothing_but(target, ["a/b"])


@check("name.delete-many-refuses-unsafe-names-one-by-one", "N01", "N04")
async def delete_many_refuses_unsafe_names_one_by_one(target: Target) -> None:
    """`delete_many` says `InvalidNameError` of each unsafe name, and deletes the others."""
    await target.storage.save("a", b"x")
    results = await target.storage.delete_many([*REFUSED, "a"])
    expect.same([result.name for result in results], [*REFUSED, "a"], "names in the results")
    for result in results[:-1]:
        said = type(result.error).__name__
        expect.same(said, "InvalidNameError", f"error for {_short(result.name)}")
    assert results[-1].ok, f"the result for 'a' is {results[-1]}"
    expect.same(await target.storage.exists("a"), False, "exists('a')")


@check("name.other-types-are-refused", "N02")
async def other_types_are_refused(target: Target) -> None:
    """A name that is no `str` is `TypeError` in every method, `save` and paths included."""
    for name in (b"a", None, 1, PurePosixPath("a"), ["a"]):
        wrong: str = name  # type: ignore[assignment] # wrong on purpose
        calls = dict(_calls(target.storage, wrong))
        calls["save"] = partial(_save, target, wrong)
        if name is None:
            calls.pop("start_after", None)  # where it means "from the start"
        await expect.each_fails(TypeError, calls, f"of {name!r}")
    await look.nothing_but(target)


@check("name.str-subclasses-are-names", "N02", requires=("put",))
async def str_subclasses_are_names(target: Target) -> None:
    """A subclass of `str` is a name by its text, and a plain `str` comes back."""

    class Named(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "another"

    for number, text in enumerate(("a/b.txt", "odd ünd.txt")):
        name = await target.storage.save(Named(text), b"x" * number)
        expect.same((type(name), name), (str, text), "type and text of the name given")
        info = await target.storage.put(Named(text), b"x" * number)
        expect.same((type(info.name), info.name), (str, text), "type and text of the name put")
        expect.same(await target.storage.size(Named(text)), number, f"size of {text!r}")


@check("name.spellings-reach-one-file", "N05", "N06", requires=("put", "list", "copy"))
async def spellings_reach_one_file(target: Target) -> None:
    """Every spelling of a name reaches the same file through every method."""
    storage = target.storage
    for spelling, name in RESPELT.items():
        await storage.put(name, spelling.encode())
        await look.content(storage, spelling, spelling.encode())
        expect.same(await storage.exists(spelling), True, f"exists({spelling!r})")
        expect.same((await storage.stat(spelling)).name, name, f"name in stat({spelling!r})")
        expect.same(storage.url(spelling), storage.url(name), f"url({spelling!r})")
        expect.same(await look.names(storage, spelling), [name], f"names under {spelling!r}")
        await storage.delete(spelling)
        expect.same(await storage.exists(name), False, f"exists after delete({spelling!r})")
        expect.same((await storage.put(spelling, b"x")).name, name, f"name of put({spelling!r})")
        copied = await storage.copy(spelling, "copy", if_exists="overwrite")
        expect.same(copied, "copy", f"name of the copy of {spelling!r}")
    await look.nothing_but(target, ["a/b.txt", "copy"])


@check("name.save-makes-names-safe", "N04", "N07")
async def save_makes_names_safe(target: Target) -> None:
    """`save` drops or replaces what is not safe in a name, and says what became of it."""
    expected = {
        "../../etc/passwd": "etc/passwd",
        "..\\..\\windows\\system.ini": "windows/system.ini",
        "C:\\Users\\me\\report.pdf": "Users/me/report.pdf",
        "/absolute/path.txt": "absolute/path.txt",
        ".env": "_env",
        ".openviper/x": "_openviper/x",
        "a/.hidden": "a/_hidden",
        "tab\there.txt": "tab_here.txt",
        "a?b#c%d&e.txt": "a_b_c_d_e.txt",
        "plain space.txt": "plain space.txt",
        "trailing. . ": "trailing",
        "e\u0301t\u00e9.txt": "\u00e9t\u00e9.txt",
        "日本語.txt": "日本語.txt",
    }
    for given, name in expected.items():
        expect.same(await target.storage.save(given, given.encode()), name, f"save({given!r})")
        await look.content(target.storage, name, given.encode())
    await look.nothing_but(target, expected.values())


@check("name.save-refuses-what-leaves-nothing", "N01", "N03")
async def save_refuses_what_leaves_nothing(target: Target) -> None:
    """`save` refuses a NUL, and names of which nothing safe is left."""
    for name in ("", "/", "..", "../..", "C:", ".", "   ", "a\0b", "/".join("a" * 255)):
        await expect.fails(
            InvalidNameError, target.storage.save(name, b"x"), doing=f"save({_short(name)})"
        )
    await look.nothing_but(target)


@check("name.given-name-works-everywhere", "N07")
async def given_name_works_everywhere(target: Target) -> None:
    """What `save` returns is canonical and names the file in every other method and listing."""
    storage = target.storage
    for given in ("x/y\\ü z?.tar.gz", "Ä.txt"):
        name = await storage.save(given, b"content")
        expect.same(canonical(name), name, "canonical form of the name given")
        expect.same(await storage.exists(name), True, f"exists({name!r})")
        expect.same((await storage.stat(name)).name, name, "name in stat()")
        await look.content(storage, name, b"content")
        expect.same(await storage.save(name, b"", if_exists="overwrite"), name, "name saved again")
    await look.nothing_but(target, ["x/y/ü z_.tar.gz", "Ä.txt"])


@check("name.lookup-never-reaches-a-neighbour", "N08", requires=("put",))
async def lookup_never_reaches_a_neighbour(target: Target) -> None:
    """Looking for the unsafe spelling of a saved name does not find what `save` made of it."""
    await target.storage.save("a?b.txt", b"saved as a_b.txt")
    expect.same(await target.storage.exists("a?b.txt"), False, "exists('a?b.txt')")
    await target.storage.put("a?b.txt", b"exact")
    await look.content(target.storage, "a_b.txt", b"saved as a_b.txt")
    await look.content(target.storage, "a?b.txt", b"exact")


@check("name.longest-segment-works", "N09", requires=("put",))
async def longest_segment_works(target: Target) -> None:
    """A segment of 255 bytes is stored, whatever its script."""
    names = ["s" * 255, "d" * 255 + "/f", "é" * 127 + "x", "日" * 85, "😀" * 63 + "abc"]
    for name in names:
        await target.storage.put(name, b"content")
        await look.content(target.storage, name, b"content")
    await look.nothing_but(target, names)


@check("name.longest-name-works", "N09", requires=("put",))
async def longest_name_works(target: Target) -> None:
    """A name that fills the declared bytes together with its location is stored."""
    name = _longest(target)
    await target.storage.put(name, b"content")
    await look.content(target.storage, name, b"content")
    await look.nothing_but(target, [name])
    too_long = "x" * (target.storage.capabilities.max_name_bytes + 1 - len(name)) + name
    await expect.fails(InvalidNameError, target.storage.put(too_long, b"x"), doing="one too long")


@check("name.save-shortens-segments", "N09", "N10")
async def save_shortens_segments(target: Target) -> None:
    """`save` cuts a segment to 255 bytes of valid UTF-8 and keeps its extension."""
    for given in ("s" * 400 + ".txt", "é" * 200 + ".tar.gz", "𐍈" * 100 + ".é", "日" * 300):
        name = await target.storage.save(given, b"content")
        extension = given.rpartition(".")[2] if "." in given else ""
        assert len(name.encode()) <= 255, f"{len(name.encode())} bytes were kept"
        assert len(name.encode()) > 248, f"only {len(name.encode())} bytes were kept"
        assert name.endswith(extension), f"{name[-20:]!r} does not end in {extension!r}"
        await look.content(target.storage, name, b"content")


@check("name.taken-long-names-stay-within-limits", "N10")
async def taken_long_names_stay_within_limits(target: Target) -> None:
    """A taken name at the limits gets another within them, with its extension."""
    for given in ("é" * 120 + "abcde.tar.gz", _longest(target)):
        first = await target.storage.save(given, b"first")
        second = await target.storage.save(given, b"second")
        expect.same(first, given, "name given first")
        assert TAKEN.search(second), f"{second[-60:]!r} has no unique part"
        expect.same(second.rpartition(".")[2], given.rpartition(".")[2], "its extension")
        await look.content(target.storage, first, b"first")
        await look.content(target.storage, second, b"second")


@check("name.unique-part-goes-before-the-last-extension", "N11")
async def unique_part_goes_before_the_last_extension(target: Target) -> None:
    """A taken name gets `_` and 32 hex digits before the last extension of its last segment."""
    shapes = {
        "a/report.tar.gz": r"a/report\.tar_{}\.gz",
        "dir.d/x": r"dir\.d/x_{}",
        "Makefile": r"Makefile_{}",
        "_env": r"_env_{}",
        "a.b.c/d.e": r"a\.b\.c/d_{}\.e",
    }
    for given, shape in shapes.items():
        await target.storage.save(given, b"first")
        name = await target.storage.save(given, b"second")
        pattern = shape.format("[0-9a-f]{32}")
        assert re.fullmatch(pattern, name), f"{given!r} became {name!r}, not like {pattern}"


@check("name.own-files-are-hidden", "N12", needs=("raw",))
async def own_files_are_hidden(target: Target) -> None:
    """What lies under the reserved name is not listed and can't be addressed."""
    assert target.raw is not None
    await target.raw.put(".openviper/tmp/left-over", b"of a crash")
    await target.storage.put("a", b"x")
    expect.same(await look.names(target.storage), ["a"], "names listed")
    expect.same(await target.storage.listdir(), ([], ["a"]), "listdir()")
    call = target.storage.read(".openviper/tmp/left-over")
    await expect.fails(InvalidNameError, call, doing="reading it")


def _calls(storage: Storage, name: str) -> expect.Calls:
    """Return a call of every method that takes a name and is declared, but `save`."""
    by_capability: dict[str, expect.Calls] = {
        "read": {
            "read": lambda: storage.read(name),
            "stream": lambda: _stream(storage, name),
            "open(rb)": lambda: _open(storage, name),
        },
        "put": {
            "put": lambda: storage.put(name, b"x"),
            "open(wb)": lambda: _write(storage, name),
        },
        "create_only": {
            "put(if_none_match)": lambda: storage.put(name, chunks_of(b"x"), if_none_match=True),
        },
        "copy": {
            "copy from": lambda: storage.copy(name, "b"),
            "move from": lambda: storage.move(name, "b"),
        },
        "list": {"start_after": lambda: _start_after(storage, name)},
        "signed_get": {"signed_url": lambda: storage.signed_url(name)},
    }
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "stat": lambda: storage.stat(name),
        "size": lambda: storage.size(name),
        "exists": lambda: storage.exists(name),
        "delete": lambda: storage.delete(name),
        "url": lambda: _url(storage, name),
    }
    for capability, more in by_capability.items():
        if look.can(storage, capability):
            calls |= more
    return calls


async def _stream(storage: Storage, name: str) -> None:
    async for _ in storage.stream(name):
        pass


async def _open(storage: Storage, name: str) -> None:
    async with storage.open(name):
        pass


async def _write(storage: Storage, name: str) -> None:
    async with storage.open(name, "wb") as writer:
        await writer.write(b"x")


async def _url(storage: Storage, name: str) -> str:
    return storage.url(name)


async def _start_after(storage: Storage, name: str) -> None:
    async for _ in storage.files(start_after=name):
        pass


async def _save(target: Target, name: str) -> str:
    return await target.storage.save(name, b"x")


def _longest(target: Target) -> str:
    """Return a plain name that is as long as it may be at this location."""
    room = target.storage.capabilities.max_name_bytes - len(target.location.encode()) - 1
    segments = ["d" * 150] * ((room - 60) // 151)
    return "/".join([*segments, "f" * (room - 151 * len(segments) - 2)]) + ".x"


def _short(name: object) -> str:
    return repr(name) if len(repr(name)) < 60 else f"{repr(name)[:60]}…"
