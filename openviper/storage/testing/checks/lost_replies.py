"""Writes whose reply is lost, with a rival or without: the outcome is known (catalogue 1.11)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias

from openviper.storage.base import Storage
from openviper.storage.errors import AlreadyExistsError, StorageError
from openviper.storage.testing import expect, look
from openviper.storage.testing.contents import bytes_of, chunks_of
from openviper.storage.testing.fault_cells import PATIENCE, behind_proxy
from openviper.storage.testing.proxy import Exchange, Fault, FaultProxy
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.types import FileInfo

OURS = bytes_of(2000, seed=1)
RIVALS = bytes_of(1000, seed=2)
SOURCE = "source"
BEFORE = "a rival came before it"

Act: TypeAlias = Callable[[], Awaitable[object]]
Call: TypeAlias = Callable[[Storage, str], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Behind:
    """Hold a storage and the proxy before its server."""

    storage: Storage
    proxy: FaultProxy

    async def lose(self, call: Call, name: str, fault: Fault) -> object:
        """Make a call whose last write a fault is done to: as another, without one, shows it."""
        self.proxy.clear()
        await call(self.storage, f"{name} clean")
        nth = [request.method in ("GET", "HEAD") for request in self.proxy.requests]
        last = len(nth) - nth[::-1].index(False)
        self.proxy.clear()
        injection = self.proxy.inject(fault, nth=last)
        try:
            return await call(self.storage, name)
        finally:
            self.proxy.clear()
            assert injection.fired, f"there was no request {last}, as there had been before"


@check("lost.creation-is-known-as-ours", "X06", "S09", "S10", needs=("faults",))
async def creation_is_known_as_ours(target: Target) -> None:
    """A creation whose reply was lost is ours, and no rival creates the name meanwhile."""
    async with _behind(target) as behind:
        for label, (call, content) in _creations(target).items():
            lost: list[object] = []

            async def rival(name: str = label, lost: list[object] = lost) -> None:
                try:
                    lost.append(await target.storage.put(name, RIVALS, if_none_match=True))
                except AlreadyExistsError as error:
                    lost.append(error)

            result = await behind.lose(call, label, _done_then(rival))
            assert isinstance(lost[0], AlreadyExistsError), f"{label}: a rival created it too"
            expect.same(getattr(result, "name", result), label, f"name of the {label}")
            await look.content(target.storage, label, content)
    if target.raw is not None:
        expect.same(await target.raw.open_uploads(), [], "uploads left open")


@check("lost.rival-is-never-taken-for-ours", "X06", "S09", "S10", needs=("faults",))
async def rival_is_never_taken_for_ours(target: Target) -> None:
    """What a rival wrote while a reply was lost, after ours or before it, stays the rival's."""
    async with _behind(target) as behind:
        for label, (call, content) in _creations(target).items():
            for order in _ORDERS:
                result = await _with_rival(target, behind, call, f"{label}, {order}", order)
                if isinstance(result, str):
                    await look.content(target.storage, result, content)


@check("lost.replacement-is-known", "X06", requires=("replace_if_match",), needs=("faults",))
async def replacement_is_known(target: Target) -> None:
    """A replacement of one version whose reply was lost is ours, unless a rival came between."""
    async with _behind(target) as behind:
        etags: dict[str, str | None] = {}
        for name in ("ours", *_ORDERS):
            for each in (name, f"{name} clean"):
                etags[each] = (await target.storage.put(each, b"old")).etag

        async def replace(storage: Storage, name: str) -> object:
            return await storage.put(name, OURS, if_match=etags[name])

        result = await behind.lose(replace, "ours", _done_then(_nothing))
        etag = (await target.storage.stat("ours")).etag
        expect.same(getattr(result, "etag", None), etag, "etag of what was stored")
        await look.content(target.storage, "ours", OURS)
        for order in _ORDERS:
            await _with_rival(target, behind, replace, order, order)


@check("lost.copy-is-known", "X06", "K05", "K09", needs=("faults",))
async def copy_is_known(target: Target) -> None:
    """A copy whose reply was lost is ours, and a rival's file in its place stays the rival's."""
    await target.storage.put(SOURCE, OURS)

    async def copy(storage: Storage, name: str) -> object:
        return await storage.copy(SOURCE, name)

    async with _behind(target) as behind:
        name = await behind.lose(copy, "ours", _done_then(_nothing))
        expect.same(name, "ours", "name of the copy")
        await look.content(target.storage, "ours", OURS)
        for order in _ORDERS:
            await _with_rival(target, behind, copy, order, order)


@check("lost.deletion-is-done", "X06", "K05", "D01", needs=("faults",))
async def deletion_is_done(target: Target) -> None:
    """A deletion whose reply was lost is done; that of a move takes no later file with it."""
    for name in ("a", "b", "c"):
        await target.storage.put(name, OURS)
        await target.storage.put(f"{name} clean", OURS)

    async def delete(storage: Storage, name: str) -> None:
        await storage.delete(name)

    async def move(storage: Storage, name: str) -> object:
        return await storage.move(name, f"{name} moved")

    async with _behind(target) as behind:
        await behind.lose(delete, "a", _done_then(_nothing))
        expect.same(await target.storage.exists("a"), False, "exists('a') after it was deleted")
        await behind.lose(move, "b", _done_then(_nothing))
        expect.same(await target.storage.exists("b"), False, "exists('b') after it was moved")
        with suppress(StorageError):  # that there is a file again under the old name
            await behind.lose(move, "c", _done_then(lambda: target.storage.put("c", RIVALS)))
        await look.content(target.storage, "c", RIVALS)
        await look.content(target.storage, "c moved", OURS)


@asynccontextmanager
async def _behind(target: Target) -> AsyncIterator[Behind]:
    async with behind_proxy(target, PATIENCE) as (proxy, storage):
        yield Behind(storage=storage, proxy=proxy)


async def _with_rival(target: Target, behind: Behind, call: Call, name: str, order: str) -> object:
    """Make a call while a rival writes, and fail where either takes the other's file for its own.

    What came first may well be reported as done, though it was replaced.
    """
    rivals: list[FileInfo] = []

    async def write() -> None:
        rivals.append(await target.storage.put(name, RIVALS))

    result: object = None
    try:
        result = await behind.lose(call, name, _ORDERS[order](write))
    except StorageError:
        assert rivals, f"{name}: it failed before the rival wrote"
    await look.content(target.storage, name, RIVALS)
    if order == BEFORE:
        assert getattr(result, "name", result) != name, f"{name}: it returned {result!r}"
    assert getattr(result, "etag", None) != rivals[0].etag, f"{name}: it returned the rival's"
    return result


def _creations(target: Target) -> dict[str, tuple[Call, bytes]]:
    large = bytes_of(target.subject.part_size + 1000, seed=3)
    return {
        "save": (lambda storage, name: storage.save(name, OURS), OURS),
        "large save": (lambda storage, name: storage.save(name, chunks_of(large)), large),
        "put": (lambda storage, name: storage.put(name, OURS, if_none_match=True), OURS),
        "large put": (
            lambda storage, name: storage.put(name, chunks_of(large), if_none_match=True),
            large,
        ),
    }


def _done_then(act: Act) -> Fault:
    """Have the server do what is asked, then act, and lose the reply."""

    async def fault(exchange: Exchange) -> None:
        async with exchange.sent() as reply:
            await reply.read()
        await act()
        exchange.reset()

    return fault


def _act_instead(act: Act) -> Fault:
    """Act, and reset the connection of a request that no server saw."""

    async def fault(exchange: Exchange) -> None:
        await act()
        exchange.reset()

    return fault


_ORDERS: dict[str, Callable[[Act], Fault]] = {
    "a rival came after it": _done_then,
    BEFORE: _act_instead,
}


async def _nothing() -> None:
    """Do nothing."""
