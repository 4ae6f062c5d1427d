"""Odd names: exact everywhere, or refused everywhere (catalogue 1.13)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from openviper.storage.errors import AlreadyExistsError
from openviper.storage.names import canonical, sanitise
from openviper.storage.testing import expect, look
from openviper.storage.testing.odd import EXACT, TRAPS
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.testing.web import ask

AT_ONCE = 8


@check("odd.put-and-listed-exactly", "W01", "W05", requires=("put", "read", "list"))
async def put_and_listed_exactly(target: Target) -> None:
    """Over sixty odd names are put, read and listed exactly as they are."""
    assert len(EXACT) >= 60, "the corpus became too small"
    await _put(target, EXACT)
    for name in EXACT:
        expect.same_bytes(await target.storage.read(name), _content(name), f"content of {name!r}")
    expected = sorted(EXACT, key=str.encode)
    expect.same(await look.names(await target.another()), expected, "names listed")


@check("odd.stat-exists-and-size", "W01", requires=("put",))
async def stat_exists_and_size(target: Target) -> None:
    """`stat`, `exists` and `size` find the names that break URLs, headers and XML."""
    await _put(target, TRAPS)
    for name in TRAPS:
        info = await target.storage.stat(name)
        expect.same((info.name, info.size), (name, len(_content(name))), "name and size in stat()")
        expect.same(await target.storage.exists(name), True, f"exists({name!r})")


@check("odd.saved-names-are-canonical", "W01", "N07", requires=("read",))
async def saved_names_are_canonical(target: Target) -> None:
    """`save` gives each odd name one safe form, under which the content is found."""
    for name in (*TRAPS, "..two-dots", ".hidden/file", "C:/x", "]]>"):
        given = await target.storage.save(name, _content(name), if_exists="overwrite")
        expect.same(given, sanitise(name), f"name given for {name!r}")
        expect.same(canonical(given), given, f"canonical form of {given!r}")
        expect.same_bytes(await target.storage.read(given), _content(name), f"content of {given!r}")


@check("odd.copied-and-moved", "W01", "K06", requires=("put", "read", "list", "copy"))
async def copied_and_moved(target: Target) -> None:
    """Odd names are copied from, copied to and moved, with their content."""
    await _put(target, TRAPS)
    for name in TRAPS:
        await target.storage.copy(name, f"copies/{name}")
        expect.same(await target.storage.move(name, f"moved/{name}"), f"moved/{name}", "name given")
    expected = sorted(f"{kind}/{name}" for kind in ("copies", "moved") for name in TRAPS)
    expect.same(sorted(await look.names(target.storage)), expected, "names afterwards")
    for name in TRAPS:
        found = await target.storage.read(f"copies/{name}")
        expect.same_bytes(found, _content(name), f"content of the copy of {name!r}")


@check("odd.deleted", "W01", "D08", requires=("put",))
async def deleted(target: Target) -> None:
    """`delete` and `delete_many` remove just the odd names that they are given."""
    await _put(target, [*EXACT, "kept"])
    await asyncio.gather(*(target.storage.delete(name) for name in TRAPS[:6]))
    results = await target.storage.delete_many(EXACT)
    bad = [result for result in results if not result.ok]
    expect.same(bad, [], "results that are not ok")
    await look.nothing_but(target, ["kept"])


@check("odd.directories-are-listed-exactly", "W01", "L12", requires=("put", "list"))
async def directories_are_listed_exactly(target: Target) -> None:
    """Odd names of directories come back from `listdir` and work as prefixes."""
    folders = sorted({name.replace("/", "-") for name in TRAPS})
    await _put(target, [f"{folder}/file" for folder in folders])
    expect.same(await target.storage.listdir(), (folders, []), "listdir()")
    for folder in folders:
        found = await look.names(target.storage, folder)
        expect.same(found, [f"{folder}/file"], f"names under {folder!r}")


@check("odd.urls-name-their-file", "W01", "W02", "U02")
async def urls_name_their_file(target: Target) -> None:
    """The path of an odd name's URL, decoded once, ends in that name; no two are the same."""
    urls = {name: target.storage.url(name) for name in EXACT}
    for name, url in urls.items():
        parts = urlsplit(url)
        assert url.isascii(), f"the URL of {name!r} is not ASCII: {url}"
        assert unquote(parts.path).endswith(f"/{name}"), f"{url} does not lead to {name!r}"
        expect.same(parts.fragment, "", f"fragment of {url}")
    expect.same(len(set(urls.values())), len(EXACT), "distinct URLs")


@check("odd.urls-fetch-their-file", "W01", "W02", "U02", needs=("fetch",))
async def urls_fetch_their_file(target: Target) -> None:
    """What the URL of an odd name serves is that file."""
    fetch = target.subject.fetch
    assert fetch is not None
    await _put(target, EXACT)
    for name in EXACT:
        found = await fetch(target.storage.url(name))
        expect.same_bytes(found, _content(name), f"fetched from the URL of {name!r}")


@check("odd.signed-urls-fetch-their-file", "W01", "U09", requires=("signed_get",))
async def signed_urls_fetch_their_file(target: Target) -> None:
    """What the signed URL of an odd name serves is that file."""
    await _put(target, EXACT)
    for name in EXACT:
        answer = await ask(await target.storage.signed_url(name))
        expect.same(answer.status, 200, f"status of the signed URL of {name!r}")
        expect.same_bytes(answer.body, _content(name), f"served for {name!r}")


@check("odd.percent-sequences-are-data", "W02", requires=("put", "read"))
async def percent_sequences_are_data(target: Target) -> None:
    """Names that differ only by percent-encoding are different files."""
    names = ("a b", "a%20b", "a%2520b", "a+b", "a%2Bb", "x/y", "x%2Fy", "x%252Fy", "%C3%A9", "é")
    await _put(target, names)
    for name in names:
        expect.same_bytes(await target.storage.read(name), _content(name), f"content of {name!r}")
    await target.storage.delete("a%20b")
    expect.same(await target.storage.exists("a b"), True, "exists('a b') after 'a%20b' is deleted")
    await look.nothing_but(target, [name for name in names if name != "a%20b"])


@check("odd.normal-forms-are-distinct", "W03", "N08", requires=("put", "read"))
async def normal_forms_are_distinct(target: Target) -> None:
    """The composed and the decomposed spelling of a name are two files; `save` composes."""
    composed, decomposed = "ma\u00f1ana", "man\u0303ana"
    await _put(target, (composed, decomposed))
    for name in (composed, decomposed):
        expect.same_bytes(await target.storage.read(name), _content(name), f"content of {name!r}")
    expect.same(await target.storage.save(f"x/{decomposed}", b""), f"x/{composed}", "saved name")


@check("odd.case-is-kept", "W04", "N08", requires=("case_sensitive", "put", "read"))
async def case_is_kept(target: Target) -> None:
    """Names that differ in case only are different files."""
    names = ("A.txt", "a.TXT", "a.txt", "D/x", "d/x", "ß", "SS", "İ", "i")
    await _put(target, names)
    for name in names:
        expect.same_bytes(await target.storage.read(name), _content(name), f"content of {name!r}")
    await look.nothing_but(target, names)


@check("odd.case-is-a-collision", "W04")
async def case_is_a_collision(target: Target) -> None:
    """Where names that differ in case are one, the second of two is a taken name."""
    if target.storage.capabilities.case_sensitive:
        return
    await target.storage.save("A.txt", b"first")
    expect.same(await target.storage.exists("a.txt"), True, "exists('a.txt') beside 'A.txt'")
    call = target.storage.save("a.txt", b"second", if_exists="error")
    await expect.fails(AlreadyExistsError, call, doing="save('a.txt') beside 'A.txt'")
    name = await target.storage.save("a.txt", b"second")
    assert name.lower() != "a.txt", f"two files were both given the name {name!r}"
    for stored, content in (("A.txt", b"first"), (name, b"second")):
        expect.same(await target.storage.size(stored), len(content), f"size of {stored!r}")


async def _put(target: Target, names: Iterable[str]) -> None:
    """Put files, a few at once."""
    free = asyncio.Semaphore(AT_ONCE)

    async def put(name: str) -> None:
        async with free:
            info = await target.storage.put(name, _content(name))
            expect.same(info.name, name, "name that was put")

    await asyncio.gather(*(put(name) for name in names))


def _content(name: str) -> bytes:
    return f"content of {name}".encode()
