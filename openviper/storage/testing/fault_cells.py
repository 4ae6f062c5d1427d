"""Call every method while its server fails, and judge what comes of it.

A cell is a method, a fault, and which of the method's requests it is done to. It ends with the
right result or with an error of the contract, in time, with nothing half done and nothing
left, and its storage works on.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from openviper.storage.base import Storage
from openviper.storage.errors import OutcomeUnknownError, StorageError
from openviper.storage.testing import expect
from openviper.storage.testing.contents import bytes_of
from openviper.storage.testing.methods import METHODS, OLD, Files, Method, Scene
from openviper.storage.testing.proxy import Fault, FaultProxy
from openviper.storage.testing.target import FaultAccess, Target
from openviper.storage.testing.wire import Head

__all__ = ["PATIENCE", "Column", "access_of", "behind_proxy", "expect_all"]

LANES = 16
DEADLINE = 60.0
"""Seconds in which a call is over: many times what its time limits allow, for slow machines."""
PATIENCE = 10.0
"""Seconds that a storage waits for an answer where it is going to get one."""
ALWAYS = "always/there"
SHOWN = 25


@dataclass(frozen=True, kw_only=True)
class Column:
    """Describe one fault, and what may follow from it."""

    label: str
    fault: Fault
    passes: bool = False
    """Whether it is over once it happened, so that the call has to survive it."""
    hides: bool = False
    """Whether the server may have done what it gives no reply for."""
    denies: bool = False
    """Whether it says that there is no file where one is."""
    claims: bool = False
    """Whether it says that something was done that was not."""


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """Name one fault at one request of a method, or (`nth` is None) at all of them."""

    number: int
    method: Method
    column: Column
    nth: int | None
    survives: bool
    """Whether an error of the contract is not good enough."""
    may_orphan: bool
    """Whether the server may have begun an upload that it told nobody of."""

    def __str__(self) -> str:
        at = "every request" if self.nth is None else f"request {self.nth}"
        return f"{self.method.label}, with {self.column.label} at {at}"


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """Hold how a cell ended, before anybody has looked at what it left."""

    cell: _Cell
    scene: Scene
    requests: Sequence[Head]
    """What was asked, the request that the fault was done to among it."""
    result: object = None
    error: Exception | None = None
    fault: str = ""
    """What is wrong already."""


@dataclass(frozen=True, kw_only=True)
class _Lane:
    """Hold a storage behind a proxy of its own, for one cell after the other."""

    proxy: FaultProxy
    storage: Storage


def access_of(target: Target) -> FaultAccess:
    """Return how a subject's requests are led through a proxy; the check has asked for it."""
    assert target.subject.faults is not None
    return target.subject.faults


async def expect_all(
    target: Target, columns: Sequence[Column], *, patience: float = PATIENCE, sample: int = 0
) -> None:
    """Run every cell of these faults, and fail with a line for each that ended wrongly.

    `patience` is the seconds for which the storages wait for an answer. With `sample` each
    fault meets one in so many methods, another set each time, and all requests of these.
    """
    async with AsyncExitStack() as stack:
        lanes = await asyncio.gather(
            *(stack.enter_async_context(_lane(target, patience)) for _ in range(LANES))
        )
        await target.storage.put(ALWAYS, OLD)
        cells = iter([cell async for cell in _cells(target, lanes[0], columns, sample)])
        ended = await asyncio.gather(*(_run_some(target, lane, cells) for lane in lanes))
    outcomes = [outcome for some in ended for outcome in some]
    wrong = await _judged(target, outcomes)
    more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
    assert not wrong, "\n".join(
        [f"{len(wrong)} of {len(outcomes)} cells are wrong:", *wrong[:SHOWN], *more]
    )


@asynccontextmanager
async def _lane(target: Target, patience: float) -> AsyncIterator[_Lane]:
    async with behind_proxy(target, patience) as (proxy, storage):
        yield _Lane(proxy=proxy, storage=storage)


@asynccontextmanager
async def behind_proxy(
    target: Target, patience: float
) -> AsyncIterator[tuple[FaultProxy, Storage]]:
    """Give a fault proxy and a storage behind it, which has asked already what it asks once."""
    access = access_of(target)
    async with (
        FaultProxy(access.server) as proxy,
        access.make(proxy.url, target.location, patience) as storage,
    ):
        await storage.exists("none/there")
        yield proxy, storage


async def _cells(
    target: Target, lane: _Lane, columns: Sequence[Column], sample: int
) -> AsyncIterator[_Cell]:
    """Give every cell, once it is known how many requests each method takes without a fault."""
    number = 0
    for row, method in enumerate(METHODS):
        scene = await _scene(target, lane, method, f"whole {method.label}")
        lane.proxy.clear()
        await method.call(scene)
        writes = [request.method not in ("GET", "HEAD") for request in lane.proxy.requests]
        first_write = writes.index(True) + 1 if any(writes) else None
        each = [] if sample else range(1, len(writes) + 1)
        resent = access_of(target).resends_streams or not method.is_stream
        for place, column in enumerate(columns):
            if sample and (row + place) % sample:
                continue
            for nth in (*each, None):
                number += 1
                yield _Cell(
                    number=number,
                    method=method,
                    column=column,
                    nth=nth,
                    survives=column.passes and nth is not None and resent,
                    may_orphan=column.hides and nth in (first_write, None),
                )


async def _scene(target: Target, lane: _Lane, method: Method, folder: str) -> Scene:
    etag = ""
    for name, content in method.before.items():
        etag = (await target.storage.put(f"{folder}/{name}", content)).etag or ""
    large = bytes_of(target.subject.part_size + 1000, seed=3) if method.is_stream else b""
    return Scene(storage=lane.storage, folder=folder, large=large, etag=etag)


async def _run_some(target: Target, lane: _Lane, cells: Iterator[_Cell]) -> list[_Outcome]:
    """Run cells of those that are left, until none is."""
    return [await _run(target, lane, cell) for cell in cells]


async def _run(target: Target, lane: _Lane, cell: _Cell) -> _Outcome:
    scene = await _scene(target, lane, cell.method, f"cell {cell.number}")
    lane.proxy.clear()
    injection = lane.proxy.inject(
        cell.column.fault, nth=cell.nth or 1, times=None if cell.nth is None else 1
    )
    result: object = None
    error: Exception | None = None
    limit = asyncio.timeout(DEADLINE)
    try:
        async with limit:
            result = await cell.method.call(scene)
    except Exception as raised:  # noqa: BLE001 - what it is, is judged
        error = raised
    requests = list(lane.proxy.requests)
    lane.proxy.clear()
    if limit.expired():
        fault = f"it was not over after {DEADLINE} seconds"
    elif not injection.fired:
        fault = "the request that it is for never came"
    else:
        fault = await _still_works(scene)
    if not fault and error is None and cell.method.after is not None and not cell.column.claims:
        fault = await _kept(target, scene, cell.method.after(scene, result))
    return _Outcome(
        cell=cell, scene=scene, requests=requests, result=result, error=error, fault=fault
    )


async def _still_works(scene: Scene) -> str:
    """Say what is wrong with a storage after a fault."""
    try:
        expect.same_bytes(await scene.storage.read(ALWAYS), OLD, "a file read afterwards")
    except Exception as error:  # noqa: BLE001 - whatever it is
        return f"the storage does not work afterwards: {error!r}"
    return ""


async def _kept(target: Target, scene: Scene, files: Files) -> str:
    """Say where files do not hold what they have to."""
    for name, content in files.items():
        try:
            expect.same_bytes(await target.storage.read(scene.at(name)), content, f"{name!r}")
        except (AssertionError, StorageError) as error:
            return str(error)
    return ""


async def _judged(target: Target, outcomes: Sequence[_Outcome]) -> list[str]:
    """Return a line for each cell that ended wrongly, and for each key that nobody sees."""
    there: dict[str, dict[str, int]] = defaultdict(dict)
    async for info in target.storage.files():
        folder, _, name = info.name.partition("/")
        there[folder][name] = info.size
    uploads: list[str] = []
    lines: list[str] = []
    if target.raw is not None:
        listed = {f"{folder}/{name}" for folder, names in there.items() for name in names}
        lines = [f"{key!r} is there, unlisted" for key in set(await target.raw.keys()) - listed]
        uploads = await target.raw.open_uploads()
    for outcome in outcomes:
        left = [key for key in uploads if key.startswith(f"{outcome.scene.folder}/")]
        if wrong := _wrong(outcome, there[outcome.scene.folder], left):
            lines.append(f"{outcome.cell}: {wrong} (asked: {_shown(outcome.requests)})")
    return lines


def _shown(requests: Sequence[Head]) -> str:
    """Return what was asked, without the place, which is the same in all of it."""
    asked = (request.target.partition("?") for request in requests)
    tails = (f"{path.rpartition('/')[2]}{mark}{query[:40]}" for path, mark, query in asked)
    return ", ".join(f"{r.method} …/{tail}" for r, tail in zip(requests, tails, strict=True))


def _wrong(outcome: _Outcome, there: dict[str, int], uploads: Sequence[str]) -> str:
    """Say what is wrong with how a cell ended, or else with what is there after it."""
    if wrong := outcome.fault or _wrong_end(outcome):
        return wrong
    allowed = [_sizes(files) for files in _allowed(outcome)]
    if there not in allowed:
        error = outcome.error
        ended = f"returned {outcome.result!r:.200}" if error is None else f"raised {error!r}"
        return f"it {ended}; expected {' or '.join(map(str, allowed))} there, got {there}"
    if uploads and not outcome.cell.may_orphan:
        return "an upload was left open"
    return ""


def _wrong_end(outcome: _Outcome) -> str:
    cell, error = outcome.cell, outcome.error
    if error is not None and not isinstance(error, StorageError):
        return f"{type(error).__name__} came out, which is no StorageError: {error}"
    if error is not None and cell.survives:
        return f"one failure is to be survived, but it raised {error!r} from {error.__cause__!r}"
    if error is not None or cell.column.denies:
        return ""
    right = cell.method.returns(outcome.scene, outcome.result)
    return "" if right else f"it returned {outcome.result!r:.200}"


def _allowed(outcome: _Outcome) -> list[Files]:
    """Return what may be there: after an error nothing new, unless it says that it is unknown."""
    cell, scene = outcome.cell, outcome.scene
    method, after = cell.method, cell.method.after
    done = method.before if after is None else after(scene, outcome.result or scene.at("a"))
    undone = [method.before, *method.between]
    if outcome.error is None:
        lied = method.is_blind and (cell.column.claims or cell.column.denies)
        return [done, *undone] if lied else [done]
    return [done, *undone] if isinstance(outcome.error, OutcomeUnknownError) else undone


def _sizes(files: Files) -> dict[str, int]:
    return {name: len(content) for name, content in files.items()}
