"""Life of a storage: made, used from loops and threads, closed, copied (catalogue 1.15)."""

from __future__ import annotations

import asyncio
import copy
import gc
import logging
import pickle
import threading
import warnings

from openviper.storage.base import Storage
from openviper.storage.testing import look
from openviper.storage.testing.contents import bytes_of, chunks_of
from openviper.storage.testing.expect import same, same_bytes
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target, make_now

TASKS = 200


@check("life.is-made-without-a-loop", "Y01", requires=("read",))
async def is_made_without_a_loop(target: Target) -> None:
    """A storage can be made where no event loop runs, and used later."""
    storage = await asyncio.to_thread(make_now, target.subject.make, target.location)
    async with storage as entered:
        assert entered is storage, "expected the storage itself from async with"
        await storage.save("a.txt", b"x")
        await look.content(storage, "a.txt", b"x")


@check("life.capabilities-need-nothing", "P01", "Y01")
async def capabilities_need_nothing(target: Target) -> None:
    """The capabilities are known without a loop, and can't be changed."""
    found = await asyncio.to_thread(lambda: target.storage.capabilities)
    same(target.storage.capabilities, found, "the capabilities, asked again")
    try:
        found.flat_namespace = not found.flat_namespace  # type: ignore[misc]  # what is refused
    except AttributeError:
        return
    raise AssertionError("expected AttributeError for a change to the capabilities")


@check("life.closes-more-than-once", "Y02")
async def closes_more_than_once(target: Target) -> None:
    """A storage can be closed before it was used, and as often as one likes."""
    storage = await target.another()
    await storage.aclose()
    await storage.save("a.txt", b"x")
    await storage.aclose()
    await storage.aclose()


@check("life.opens-again", "Y02", requires=("read", "list"))
async def opens_again(target: Target) -> None:
    """A closed storage opens again when it is used."""
    storage = target.storage
    await storage.save("a.txt", b"x")
    for _ in range(2):
        await storage.aclose()
        await look.content(storage, "a.txt", b"x")
    async with storage:
        await look.content(storage, "a.txt", b"x")
    async with storage:
        await storage.save("b.txt", b"y")
    same(await look.names(storage), ["a.txt", "b.txt"], "the files")


@check("life.works-in-one-loop-after-another", "Y03", "Y04", requires=("read",))
async def works_in_one_loop_after_another(target: Target) -> None:
    """One instance works in two runs of asyncio one after the other, closed or not."""
    storage = await target.another()
    content = bytes_of(target.large)

    async def closing(name: str) -> None:
        async with storage:
            await storage.save(name, chunks_of(content))

    def runs() -> bytes:
        asyncio.run(closing("a.bin"))
        asyncio.run(_saved(storage, "b.bin", content))
        return asyncio.run(storage.read("b.bin"))

    same_bytes(await asyncio.to_thread(runs), content, "what another loop saved")
    same_bytes(await storage.read("a.bin"), content, "what the first loop saved")


@check("life.works-in-threads-with-loops", "Y03", requires=("read", "list"))
async def works_in_threads_with_loops(target: Target) -> None:
    """One instance works in several threads with loops of their own at the same time."""
    storage = await target.another()
    begin = threading.Barrier(3)

    async def work(number: int) -> None:
        for turn in range(3):
            name = f"{number}/{turn}.txt"
            await _saved(storage, name, name.encode())
            await look.content(storage, name, name.encode())

    def run(number: int) -> None:
        begin.wait(10)
        asyncio.run(work(number))

    await asyncio.gather(work(3), *(asyncio.to_thread(run, number) for number in range(3)))
    expected = [f"{number}/{turn}.txt" for number in range(4) for turn in range(3)]
    same(await look.names(storage), expected, "the files")


@check("life.many-tasks-share-an-instance", "Y05", requires=("read",))
async def many_tasks_share_an_instance(target: Target) -> None:
    """Two hundred tasks at once on one instance all finish."""

    async def work(number: int) -> bytes:
        name = f"{number:03}.txt"
        await target.storage.save(name, chunks_of(name.encode()))
        return await target.storage.read(name)

    async with asyncio.timeout(60):
        found = await asyncio.gather(*map(work, range(TASKS)))
    same(found, [f"{number:03}.txt".encode() for number in range(TASKS)], "what they read")


@check("life.equal-by-configuration", "Y06")
async def equal_by_configuration(target: Target) -> None:
    """Storages made alike are equal and hash alike, and those of another location are not."""
    one, two = await target.another(), await target.another()
    if not _compares(one):
        return
    same(one, two, "a storage made alike")
    same(hash(one), hash(two), "its hash")
    same(len({one, two}), 1, "the number of both in a set")
    assert one != await target.beside("2"), "expected storages of two locations to differ"
    assert one != object(), "expected a storage to differ from any object"


@check("life.copies-are-equal-and-work", "Y06", requires=("read",))
async def copies_are_equal_and_work(target: Target) -> None:
    """A copy and a deep copy of a storage that is in use are equal to it, and work."""
    await target.storage.save("a.txt", b"x")
    for way in (copy.copy, copy.deepcopy):
        twin: Storage = way(target.storage)
        if _compares(twin):
            same(twin, target.storage, f"a {way.__name__}")
        await look.content(twin, "a.txt", b"x")
        await twin.aclose()


@check("life.pickles-or-refuses-to", "Y06", "U12", requires=("read",))
async def pickles_or_refuses_to(target: Target) -> None:
    """A pickle gives back an equal storage and shows no secret, or is refused by TypeError."""
    await target.storage.save("a.txt", b"x")
    try:
        text = pickle.dumps(target.storage)
    except TypeError:
        return
    for secret in target.subject.secrets:
        assert secret.encode() not in text, "expected no credential in a pickle"
    twin: Storage = pickle.loads(text)  # noqa: S301 - made right here
    if _compares(twin):
        same(twin, target.storage, "what came out of a pickle")
    await look.content(twin, "a.txt", b"x")
    await twin.aclose()


@check("life.shows-no-secret", "Y06", "U12")
async def shows_no_secret(target: Target) -> None:
    """The text of a storage, used or not, names its class and none of its credentials."""
    await target.storage.exists("a.txt")
    for storage in (target.storage, await target.another()):
        for text in (repr(storage), str(storage)):
            assert type(storage).__name__ in text, f"expected the class in {text!r}"
            for secret in target.subject.secrets:
                assert secret not in text, "expected no credential in a repr"


@check("life.logs-no-secret", "U12")
async def logs_no_secret(target: Target) -> None:
    """No log of any level, of the storage or of what is below it, holds a credential."""
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        await target.storage.save("a.txt", b"x")
        await target.storage.size("a.txt")
        await target.storage.exists("missing.txt")
        await target.storage.delete("a.txt")
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    for secret in target.subject.secrets:
        for text in records:
            assert secret not in text, "expected no credential in a log"


@check("life.warns-of-nothing", "Y04")
async def warns_of_nothing(target: Target) -> None:
    """Nothing is left for Python to close: no ResourceWarning comes from what was used."""
    gc.collect()  # what others left is not this storage's
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        storage = await target.another()
        await storage.save("a.txt", chunks_of(bytes_of(target.large)))
        await storage.size("a.txt")
        await storage.exists("missing.txt")
        await storage.delete("a.txt")
        await storage.aclose()
        del storage
        gc.collect()
    left = [str(w.message) for w in caught if issubclass(w.category, ResourceWarning)]
    same(left, [], "what Python had to close")


async def _saved(storage: Storage, name: str, content: bytes) -> None:
    same(await storage.save(name, chunks_of(content)), name, "the name saved")


def _compares(storage: Storage) -> bool:
    """Tell whether a storage is more than itself: a class of one's own need not compare."""
    return type(storage).__eq__ is not object.__eq__
