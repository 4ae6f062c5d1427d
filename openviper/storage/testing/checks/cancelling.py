"""Each operation, cancelled at each of its awaits, once and twice in a row (catalogue 1.11).

Afterwards there is the old file, or the whole new one where it was not there before, or
nothing; and nothing else: no hidden file, no upload left open, no task, no descriptor, no
connection that nobody uses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from itertools import chain, combinations, count
from typing import Any, TypeAlias

from openviper.storage.base import Storage
from openviper.storage.testing import expect, look
from openviper.storage.testing.cancelling import Ended, run_cancelling
from openviper.storage.testing.contents import bytes_of, chunks_of
from openviper.storage.testing.ledger import Ledger
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.types import FileInfo

Files: TypeAlias = Mapping[str, bytes]
Work: TypeAlias = Callable[[], Coroutine[Any, Any, object]]  # Any: nobody sends anything

OLD, NEW = bytes_of(1000, seed=1), bytes_of(2000, seed=2)
MOMENT, LATE_SECONDS = 0.01, 0.2
NEEDS = ("read", "list", "put")
_MOST_MOMENTS = {"local": 40, "remote": 10, "long": None}
"""At how many awaits, evenly spread over all, each operation is cancelled in each series."""


@check("cancel.every-await-of-save", "X02", "X03", "X04", "X08", requires=NEEDS)
async def every_await_of_save(target: Target) -> None:
    """A small save that is cancelled at any await leaves all of its file, or nothing."""
    await _sweep(
        target,
        lambda: target.storage.save("d/a.txt", chunks_of(NEW)),
        before={"d/other.txt": OLD},
        after=[{"d/a.txt": NEW, "d/other.txt": OLD}],
    )


@check("cancel.every-await-of-a-large-save", "X02", "X03", "X04", "X08", requires=NEEDS)
async def every_await_of_a_large_save(target: Target) -> None:
    """A large save that is cancelled at any await leaves all of its file, or nothing."""
    content = _large(target)
    await _sweep(
        target,
        lambda: target.storage.save("a.bin", chunks_of(content)),
        before={},
        after=[{"a.bin": content}],
    )


@check("cancel.every-await-of-put", "X02", "X03", "X04", "X08", requires=NEEDS)
async def every_await_of_put(target: Target) -> None:
    """A replacement that is cancelled at any await leaves the old file or the new one."""
    await _sweep(
        target, lambda: target.storage.put("a", NEW), before={"a": OLD}, after=[{"a": NEW}]
    )


@check("cancel.every-await-of-a-large-put", "X02", "X03", "X04", "X08", requires=NEEDS)
async def every_await_of_a_large_put(target: Target) -> None:
    """A large replacement that is cancelled at any await leaves the old file or the new one."""
    content = _large(target)
    await _sweep(
        target,
        lambda: target.storage.put("a", chunks_of(content)),
        before={"a": OLD},
        after=[{"a": content}],
    )


@check("cancel.every-await-of-a-writer", "X02", "X03", "X04", "R13", requires=NEEDS)
async def every_await_of_a_writer(target: Target) -> None:
    """A block of `open("wb")` that is cancelled at any await leaves the old file or the new."""
    content = _large(target)

    async def write() -> None:
        async with target.storage.open("a", "wb") as writer:
            async for chunk in chunks_of(content, len(content) // 3):
                await writer.write(chunk)
                await asyncio.sleep(0)

    await _sweep(target, write, before={"a": OLD}, after=[{"a": content}])


@check("cancel.every-await-of-copy", "X02", "X03", "X04", "X10", requires=(*NEEDS, "copy"))
async def every_await_of_copy(target: Target) -> None:
    """A copy that is cancelled at any await leaves a whole copy or none, and the original."""
    await _sweep(
        target,
        lambda: target.storage.copy("a", "d/b"),
        before={"a": NEW},
        after=[{"a": NEW, "d/b": NEW}],
    )


@check("cancel.every-await-of-a-copy-over", "X02", "X04", "X10", requires=(*NEEDS, "copy"))
async def every_await_of_a_copy_over(target: Target) -> None:
    """A copy over a file that is cancelled at any await leaves the old file or the copy."""
    await _sweep(
        target,
        lambda: target.storage.copy("a", "b", if_exists="overwrite"),
        before={"a": NEW, "b": OLD},
        after=[{"a": NEW, "b": NEW}],
    )


@check("cancel.every-await-of-move", "X02", "X03", "X04", "K05", requires=(*NEEDS, "copy"))
async def every_await_of_move(target: Target) -> None:
    """A move that is cancelled at any await leaves the whole file at one name at least."""
    await _sweep(
        target,
        lambda: target.storage.move("a", "d/b"),
        before={"a": NEW},
        after=[{"d/b": NEW}, {"a": NEW, "d/b": NEW}],
    )


@check("cancel.every-await-of-deleting", "X03", "X10", requires=NEEDS)
async def every_await_of_deleting(target: Target) -> None:
    """Deletions that are cancelled at any await delete nothing later on."""
    before: Files = {"a": OLD, "b": OLD, "d/c": OLD}

    async def delete() -> None:
        await target.storage.delete("a")
        await target.storage.delete_many(["b", "d/c", "missing"])

    await _sweep(
        target,
        delete,
        before=before,
        after=[dict.fromkeys(kept, OLD) for kept in _subsets(list(before))],
    )


@check("cancel.every-await-of-listing", "X03", "X10", requires=NEEDS)
async def every_await_of_listing(target: Target) -> None:
    """Listings that are cancelled at any await leave a storage that works."""

    async def list_all() -> None:
        await target.storage.list_page(limit=1)
        await target.storage.listdir("d")
        await look.names(target.storage)

    await _sweep(target, list_all, before={"a": OLD, "d/b": OLD}, after=[])


@check("cancel.every-await-of-reading", "X03", "X10", "R09", requires=NEEDS)
async def every_await_of_reading(target: Target) -> None:
    """Reads that are cancelled at any await give their connections back."""
    content = _large(target)

    async def read() -> None:
        await target.storage.stat("a")
        await target.storage.read("a", start=1)
        async for _ in target.storage.stream("a", chunk_size=len(content) // 3):
            await asyncio.sleep(0)

    await _sweep(target, read, before={"a": content}, after=[])


@check("cancel.every-await-of-a-reader", "X03", "X10", "R13", requires=NEEDS)
async def every_await_of_a_reader(target: Target) -> None:
    """A block of `open("rb")` that is cancelled at any await gives its connection back."""
    content = _large(target)

    async def read() -> None:
        async with target.storage.open("a") as reader:
            await reader.read(1000)
            await reader.seek(len(content) // 2)
            await reader.readinto(bytearray(1000))
            async for _ in reader:
                await asyncio.sleep(0)

    await _sweep(target, read, before={"a": content}, after=[])


@check("cancel.every-await-of-the-first-use", "X03", "X08", "Y02", requires=NEEDS)
async def every_await_of_the_first_use(target: Target) -> None:
    """A first use that is cancelled at any await, and `aclose` too, leave nothing open."""

    async def use() -> None:
        storage = await target.another()
        try:
            await storage.exists("a")
        finally:
            await storage.aclose()

    await _sweep(target, use, before={"a": OLD}, after=[])


async def _sweep(target: Target, work: Work, *, before: Files, after: Sequence[Files]) -> None:
    """Cancel `work` at one await after the other, until it ends before it is cancelled.

    `before` is what is there each time, and `after` what else may be there afterwards.
    """
    await look.nothing_but(target)
    closed = Ledger.now()
    await _restore(target.storage, {}, before)
    whole = await run_cancelling(work())
    whole.task.result()
    found, in_use = await _files(target.storage), Ledger.now()
    most = _MOST_MOMENTS[target.subject.profile]
    stride = 1 if most is None else -(-whole.steps // most)
    for times in (1, 2):
        for at in count((times - 1) * stride // 2, stride):
            await _restore(target.storage, found, before)
            ended = await run_cancelling(work(), at=at, times=times)
            doing = f"cancelled at await {at} of about {whole.steps}, {times} times in a row"
            _expect_cancelled(ended, doing)
            found = await _settled(target, doing)
            _expect_one_of(found, [before, *after], doing)
            if not ended.interrupted:
                break
    doing = "cancelled at its awaits, one after the other"
    await asyncio.sleep(LATE_SECONDS)
    in_use.expect_no_more_in_use(doing)
    _expect_one_of(await _files(target.storage), [found], f"{doing}, and {LATE_SECONDS} s later")
    await target.storage.aclose()
    await closed.expect_no_more_open(f"{doing}, and the storage closed")


async def _settled(target: Target, doing: str) -> Files:
    """Return the files that are there, and fail where they change with nobody at work."""
    listed = await _listed(target.storage)
    found = await _files(target.storage)
    await asyncio.sleep(MOMENT)
    expect.same(
        await _listed(target.storage),
        listed,
        f"{doing}: files a moment later, when what was given up must not go on",
    )
    await look.nothing_but(target, found)
    return found


def _expect_cancelled(ended: Ended[object], doing: str) -> None:
    if not ended.interrupted:
        ended.task.result()
        return
    assert ended.task.cancelled(), (
        f"{doing}: expected CancelledError, got "
        f"{ended.task.exception() or ended.task.result()!r:.300}: who waits for the task to end "
        "would wait on, or take what was given up for done"
    )


def _expect_one_of(found: Files, allowed: Sequence[Files], doing: str) -> None:
    assert found in allowed, (
        f"{doing}: expected the files {' or '.join(map(_sizes, allowed))}, got {_sizes(found)}, "
        "or the right sizes with other bytes: what is there must be whole, old or new"
    )


def _sizes(files: Files) -> str:
    return str({name: len(content) for name, content in files.items()})


async def _restore(storage: Storage, found: Files, wanted: Files) -> None:
    for name in found.keys() - wanted.keys():
        await storage.delete(name)
    for name, content in wanted.items():
        if found.get(name) != content:
            await storage.put(name, content)


async def _listed(storage: Storage) -> list[FileInfo]:
    return [info async for info in storage.files()]


async def _files(storage: Storage) -> Files:
    return {name: await storage.read(name) for name in await look.names(storage)}


def _large(target: Target) -> bytes:
    return bytes_of(target.subject.part_size + 1000)


def _subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(names, size) for size in range(len(names)))
