"""Saving: free and taken names, races, what is visible when (catalogue 1.2)."""

from __future__ import annotations

import asyncio

from openviper.storage.testing.contents import bytes_of, chunks_of
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target


@check("save.free-name-comes-back", "S01")
async def free_name_comes_back(target: Target) -> None:
    """A free name comes back unchanged, and its content is there at once."""
    name = await target.storage.save("a/report.txt", b"content")
    assert name == "a/report.txt"
    assert await target.another().read(name) == b"content"


@check("save.taken-name-gets-another", "S02")
async def taken_name_gets_another(target: Target) -> None:
    """A taken name gives another one, and both contents stay."""
    first = await target.storage.save("report.txt", b"first")
    second = await target.storage.save("report.txt", b"second")
    assert first != second
    assert await target.storage.read(first) == b"first"
    assert await target.storage.read(second) == b"second"


@check("save.concurrent-names-are-distinct", "S03")
async def concurrent_names_are_distinct(target: Target) -> None:
    """Twenty saves of one name at once give twenty names, each with its own content."""
    contents = [bytes_of(1000, seed=seed) for seed in range(20)]
    names = await asyncio.gather(
        *(target.storage.save("same.bin", chunks_of(content)) for content in contents)
    )
    assert len(set(names)) == 20
    for name, content in zip(names, contents, strict=True):
        assert await target.storage.read(name) == content
