"""Writers of one name at the same time: one winner, whole contents (catalogue 1.2)."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection

from openviper.storage.base import Storage
from openviper.storage.errors import AlreadyExistsError, PreconditionFailedError, StorageError
from openviper.storage.testing import expect, look
from openviper.storage.testing.contents import bytes_of, chunks_of, file_of, meeting
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Make, Target, make_now
from openviper.storage.types import Content, IfExists

WRITERS = 20
LARGE_WRITERS = 4
SECONDS = 60.0

Outcome = str | BaseException


@check("race.saves-of-bytes-are-distinct", "S03")
async def saves_of_bytes_are_distinct(target: Target) -> None:
    """Twenty saves of one name at once give twenty names, each with its own content."""
    await _expect_distinct(target, [target.storage], _contents(WRITERS))


@check("race.saves-of-streams-are-distinct", "S03")
async def saves_of_streams_are_distinct(target: Target) -> None:
    """Twenty saves from one-shot generators that end together give twenty names."""
    barrier = asyncio.Barrier(WRITERS)
    source = partial(meeting, barrier=barrier)
    await _expect_distinct(target, [target.storage], _contents(WRITERS), source)


@check("race.saves-of-files-are-distinct", "S03")
async def saves_of_files_are_distinct(target: Target) -> None:
    """Twenty saves of one name from open files give twenty names and keep the contents."""
    await _expect_distinct(target, [target.storage], _contents(WRITERS), file_of)


@check("race.large-saves-are-distinct", "S03", "S10")
async def large_saves_are_distinct(target: Target) -> None:
    """Large saves of one name that end together give distinct names and whole contents."""
    barrier = asyncio.Barrier(LARGE_WRITERS)
    contents = _contents(LARGE_WRITERS, target.large)
    await _expect_distinct(target, [target.storage], contents, partial(meeting, barrier=barrier))


@check("race.instances-are-distinct", "S04")
async def instances_are_distinct(target: Target) -> None:
    """Saves of one name through two instances give distinct names."""
    await _expect_distinct(target, [target.storage, await target.another()], _contents(WRITERS))


@check("race.threads-are-distinct", "S04")
async def threads_are_distinct(target: Target) -> None:
    """Saves of one name from two threads with event loops of their own give distinct names."""
    contents = _contents(WRITERS)
    begin = threading.Barrier(2)

    def save(storage: Storage, own: Sequence[bytes]) -> list[Outcome]:
        begin.wait(SECONDS)
        return asyncio.run(_all_saves(storage, own, "rename"))

    halves = await asyncio.gather(
        asyncio.to_thread(save, await target.another(), contents[::2]),
        asyncio.to_thread(save, await target.another(), contents[1::2]),
    )
    await _expect_whole(target.storage, halves[0], contents[::2])
    await _expect_whole(target.storage, halves[1], contents[1::2])
    await _expect_all_there(target, [*halves[0], *halves[1]])


@check("race.processes-are-distinct", "S04", needs=("crosses_processes",))
async def processes_are_distinct(target: Target) -> None:
    """Saves of one name from two processes give distinct names, and one winner creating only."""
    contents = _contents(5)
    ours, theirs = await _in_two_processes(target, contents, "rename", "error")
    await _expect_whole(target.storage, ours[0], contents)
    await _expect_whole(target.storage, theirs[0], contents)
    winners = [outcome for outcome in (*ours[1], *theirs[1]) if isinstance(outcome, str)]
    expect.same(winners, ["error.bin"], "names given to creators of one name in two processes")
    await _expect_all_there(target, [*ours[0], *theirs[0], *winners])


@check("race.one-creator-wins", "S09")
async def one_creator_wins(target: Target) -> None:
    """Of twenty saves that create only, one wins; the others are `AlreadyExistsError`."""
    contents = _contents(WRITERS)
    calls = [target.storage.save("one", chunks_of(c), if_exists="error") for c in contents]
    await _expect_one_winner(target, calls, contents)


@check("race.one-put-if-none-match-wins", "S09", requires=("put", "create_only"))
async def one_put_if_none_match_wins(target: Target) -> None:
    """Of twenty puts with `if_none_match` through two instances, one wins."""
    contents = _contents(WRITERS)
    storages = [target.storage, await target.another()] * (WRITERS // 2)
    calls = [
        storage.put("one", content, if_none_match=True)
        for storage, content in zip(storages, contents, strict=True)
    ]
    await _expect_one_winner(target, calls, contents)


@check("race.one-large-creator-wins", "S09", "S10")
async def one_large_creator_wins(target: Target) -> None:
    """Of large saves that create only and end together, one wins, and nothing is left over."""
    contents = _contents(LARGE_WRITERS, target.large)
    barrier = asyncio.Barrier(LARGE_WRITERS)
    calls = [target.storage.save("one", meeting(c, barrier), if_exists="error") for c in contents]
    await _expect_one_winner(target, calls, contents)


@check("race.one-if-match-wins", "S09", requires=("replace_if_match",))
async def one_if_match_wins(target: Target) -> None:
    """Of ten puts that replace one version, one wins; the others are refused."""
    old = await target.storage.put("one", b"old")
    contents = _contents(10)
    calls = [target.storage.put("one", content, if_match=old.etag) for content in contents]
    await _expect_one_winner(target, calls, contents, PreconditionFailedError)


@check("race.readers-see-whole-files", "S07", requires=("put", "read"))
async def readers_see_whole_files(target: Target) -> None:
    """While a file is replaced, readers get the old or the new content, whole, and no gap."""
    contents, other = _contents(2, 100_000), await target.another()
    await target.storage.put("a.bin", contents[0])
    done = False

    async def read() -> None:
        while not done:
            found = await target.storage.read("a.bin")
            assert found in contents, f"read {len(found)} bytes that nobody wrote so"
            assert await target.storage.exists("a.bin"), "exists() was False while replacing"
            await asyncio.sleep(0)  # a storage in memory has nothing to wait for

    async def replace() -> None:
        nonlocal done
        try:
            for turn in range(8):
                await other.put("a.bin", contents[turn % 2])
        finally:
            done = True

    await asyncio.gather(replace(), read(), read())


@check("race.overwriting-streams-never-mix", "S08", requires=("put", "metadata", "read"))
async def overwriting_streams_never_mix(target: Target) -> None:
    """Of two large streams that replace one file together, one is there whole."""
    contents = _contents(2, target.large)
    barrier = asyncio.Barrier(2)
    outcomes = await asyncio.gather(
        *(
            target.storage.put("a.bin", meeting(content, barrier), metadata={"writer": str(writer)})
            for writer, content in enumerate(contents)
        ),
        return_exceptions=True,
    )
    written = [content for content, o in zip(contents, outcomes, strict=True) if not _failed(o)]
    assert written, f"nobody could write: {outcomes}"
    found = await target.storage.read("a.bin")
    assert found in written, f"{len(found)} bytes are there that no successful writer wrote so"
    metadata = dict((await target.storage.stat("a.bin")).metadata or {})
    expect.same(metadata, {"writer": str(contents.index(found))}, "metadata of the last writer")
    await look.nothing_but(target, ["a.bin"])


def _contents(count: int, size: int = 1000) -> list[bytes]:
    body = bytes_of(size)
    return [f"writer {number:02}".encode() + body for number in range(count)]


async def _expect_distinct(
    target: Target,
    storages: Sequence[Storage],
    contents: Sequence[bytes],
    source: Callable[[bytes], Content] = bytes,
) -> None:
    turns = [storages[number % len(storages)] for number in range(len(contents))]
    names = await asyncio.gather(
        *(s.save("d/same.bin", source(c)) for s, c in zip(turns, contents, strict=True))
    )
    await _expect_whole(target.storage, names, contents)
    await _expect_all_there(target, names)


async def _expect_whole(
    storage: Storage, names: Sequence[Outcome], contents: Sequence[bytes]
) -> None:
    for name, content in zip(names, contents, strict=True):
        assert isinstance(name, str), f"a save in rename mode failed: {name!r}"
        await look.content(storage, name, content)


async def _expect_all_there(target: Target, names: Sequence[Outcome]) -> None:
    expect.same(len(set(map(str, names))), len(names), "number of distinct names given")
    await look.nothing_but(target, map(str, names))


async def _expect_one_winner(
    target: Target,
    calls: Sequence[Awaitable[object]],
    contents: Sequence[bytes],
    loss: type[StorageError] = AlreadyExistsError,
) -> None:
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    others = [o for o in outcomes if isinstance(o, BaseException) and not isinstance(o, loss)]
    assert not others, f"losers should get {loss.__name__}, got {others[0]!r}"
    winners = [i for i, outcome in enumerate(outcomes) if not isinstance(outcome, BaseException)]
    expect.same(len(winners), 1, f"winners among {len(outcomes)}")
    await look.content(target.storage, "one", contents[winners[0]])
    await look.nothing_but(target, ["one"])


def _failed(outcome: object) -> bool:
    if isinstance(outcome, BaseException) and not isinstance(outcome, StorageError):
        raise outcome
    return isinstance(outcome, StorageError)


async def _all_saves(storage: Storage, contents: Sequence[bytes], mode: IfExists) -> list[Outcome]:
    async with storage:
        return await asyncio.gather(
            *(storage.save(f"{mode}.bin", chunks_of(c), if_exists=mode) for c in contents),
            return_exceptions=True,
        )


async def _in_two_processes(
    target: Target, contents: Sequence[bytes], *modes: IfExists
) -> tuple[list[list[Outcome]], list[list[Outcome]]]:
    """Save in this process and in a new one at the same time, in one mode after the other."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (target.subject.make, target.location, contents, modes, theirs)
    process = context.Process(target=_save_elsewhere, args=arguments, daemon=True)
    process.start()
    try:
        theirs.close()
        await _received(ours)
        mine: list[list[Outcome]] = []
        for mode in modes:
            ours.send("go")
            mine.append(await _all_saves(target.storage, contents, mode))
        return mine, [await _received(ours) for _ in modes]
    finally:
        await asyncio.to_thread(process.join, SECONDS)
        process.close()
        ours.close()


def _save_elsewhere(
    make: Make,
    location: str,
    contents: Sequence[bytes],
    modes: Sequence[IfExists],
    connection: Connection,
) -> None:
    storage = make_now(make, location)
    connection.send("ready")
    for mode in modes:
        connection.recv()
        connection.send(asyncio.run(_all_saves(storage, contents, mode)))


async def _received(connection: Connection) -> list[Outcome]:
    found = await asyncio.to_thread(connection.poll, SECONDS)
    assert found, f"the other process said nothing for {SECONDS} seconds"
    received: list[Outcome] = connection.recv()
    return received
