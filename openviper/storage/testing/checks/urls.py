"""Addresses: of any name, and without I/O (catalogue 1.9)."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote, urlsplit

from openviper.storage.testing.expect import same
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target

ODD = (
    "a b.txt",
    "a+b.txt",
    "a%2Fb.txt",
    "a%zz",
    "a&<b>.txt",
    "a#b?c=d",
    "ü/日本 🎉.txt",
    "'\"`;=,~",
)


@check("url.is-the-same-whatever-is-there", "U01")
async def is_the_same_whatever_is_there(target: Target) -> None:
    """A URL is a text, made without a loop, and the same before and after there is a file."""
    before = await asyncio.to_thread(target.storage.url, "a/b.txt")
    assert isinstance(before, str), f"expected a text, got {before!r}"
    await target.storage.save("a/b.txt", b"x")
    same(target.storage.url("a/b.txt"), before, "the URL afterwards")


@check("url.path-is-the-name", "U02")
async def path_is_the_name(target: Target) -> None:
    """The path of a URL is percent-encoded and, decoded, ends in the name."""
    for name in (*ODD, "a/b/c.txt", "100%.txt", "a%25b"):
        url = target.storage.url(name)
        parts = urlsplit(url)
        assert url.isascii(), f"expected ASCII, got {url!r}"
        assert unquote(parts.path).endswith(f"/{name}"), f"expected …/{name}, got {url!r}"
        same((parts.query, parts.fragment), ("", ""), f"query and fragment of {url!r}")
        unsafe = set(' "<>`') & set(url)
        assert not unsafe, f"expected none of {unsafe!r} in {url!r}"


@check("url.base-is-the-same-for-all", "U04", "U05")
async def base_is_the_same_for_all(target: Target) -> None:
    """Scheme, host and what is before the name are the same whatever the name is."""
    base = target.storage.url("a.txt").removesuffix("a.txt")
    same(base.count(target.location.rpartition("/")[2]) <= 1, True, f"the location once in {base}")
    for name in ("//evil.example/x", "http://evil.example/x", "\\\\evil\\x", "@evil/x", "?x", "#x"):
        url = target.storage.url(name)
        assert url.startswith(base), f"url({name!r}): expected {base}…, got {url!r}"


@check("url.spellings-have-one-address", "U02", "N06")
async def spellings_have_one_address(target: Target) -> None:
    """All spellings of a name have one URL."""
    urls = {target.storage.url(name) for name in ("a/b.txt", "/a/b.txt", "a//b.txt", "./a/b.txt")}
    same(len(urls), 1, f"the number of URLs in {sorted(urls)}")
