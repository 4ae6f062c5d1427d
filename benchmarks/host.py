"""Be the process of one contender: `python -m benchmarks.host module:Class`.

It reads a line of JSON with its place, and then one for each piece of work; it answers each
with a line. All runs on plain asyncio, in the interpreter of the contender's environment.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import asdict
from hashlib import sha256
from importlib import import_module, metadata
from typing import Any, TextIO

from benchmarks.contender import Contender
from benchmarks.procfs import kib, reset_peak
from benchmarks.streams import MIB, chunks
from benchmarks.work import Figures, Work

FEWEST = 20
MOST = 20_000
MOST_BYTES = 256 << 20
LARGE = "large"


class Host:
    """Do the work, and remember how fast it went and which files there are."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._idle = kib("VmRSS")
        self._rates: dict[tuple[object, ...], float] = {}
        self._fresh = itertools.count()
        self._names: list[str] = []
        self._is_listed = False

    async def check(self) -> None:
        """Raise unless the contender does what it says, with the bytes that it was given."""
        data, name = os.urandom(100_003), "check/a"
        await self._contender.put(name, data)
        _equal(await self._contender.get(name), data)
        _equal(await self._contender.stat(name), len(data))
        await self._contender.delete(name)
        try:
            await self._contender.get(name)
        except Exception:  # noqa: BLE001 - each library has its own
            await self._check_streams(9 * MIB)
        else:
            raise AssertionError("a deleted file was read")

    async def _check_streams(self, size: int) -> None:
        """Compare digests, since what is held here would count as idle memory later."""
        await self._make_large(size)
        try:
            pieces = self._contender.stream_out(LARGE)
        except NotImplementedError:
            found = sha256(await self._contender.get(LARGE)).digest()
        else:
            found = await _digest(pieces)
        _equal(found, await _digest(chunks(size)))
        await self._contender.delete(LARGE)

    async def _make_large(self, size: int) -> None:
        try:
            await self._contender.stream_in(LARGE, chunks(size))
        except NotImplementedError:
            await self._contender.put(LARGE, b"".join([chunk async for chunk in chunks(size)]))

    async def do(self, work: Work) -> Figures:
        """Do one piece of work and tell of it; what must be there before is made untimed."""
        figures = await getattr(self, f"_{work.operation}")(work)
        assert isinstance(figures, Figures)  # by those methods
        self._rates[_key(work)] = figures.rate
        return figures

    async def _put(self, work: Work) -> Figures:
        data = os.urandom(work.size)
        self._names = [f"small/{next(self._fresh):07}" for _ in range(self._count(work))]
        return await self._each(work, self._names, lambda name: self._contender.put(name, data))

    async def _get(self, work: Work) -> Figures:
        return await self._each(work, self._cycle(work), self._contender.get)

    async def _stat(self, work: Work) -> Figures:
        return await self._each(work, self._cycle(work), self._contender.stat)

    async def _delete(self, work: Work) -> Figures:
        return await self._each(work, self._names, self._contender.delete)

    async def _list(self, work: Work) -> Figures:
        if not self._is_listed:
            names = [f"listed/{number:04}" for number in range(work.size)]
            await _in_flight(16, names, lambda name: self._contender.put(name, b"listed"))
            _equal(len(await self._contender.names("listed")), work.size)
            self._is_listed = True
        times = max(1, self._count(work) // work.size)
        return await self._measured(
            times * work.size, _in_flight(1, ["listed"] * times, self._contender.names)
        )

    async def _stream_in(self, work: Work) -> Figures:
        return await self._measured(
            work.size / MIB, self._contender.stream_in(LARGE, chunks(work.size))
        )

    async def _stream_out(self, work: Work) -> Figures:
        pieces = self._contender.stream_out(LARGE)
        if await self._lacks(LARGE, work.size):
            await self._make_large(work.size)

        async def drained() -> None:
            _equal(sum([len(piece) async for piece in pieces]), work.size)

        figures = await self._measured(work.size / MIB, drained())
        await self._contender.delete(LARGE)
        return figures

    async def _lacks(self, name: str, size: int) -> bool:
        try:
            return await self._contender.stat(name) != size
        except Exception:  # noqa: BLE001 - each library has its own
            return True

    def _count(self, work: Work) -> int:
        """Return how many fill the seconds at the rate of the slice before."""
        fewest = max(FEWEST, 2 * work.in_flight)
        most = min(MOST, MOST_BYTES // work.size)
        return min(max(fewest, int(self._rates.get(_key(work), 0) * work.seconds)), most)

    def _cycle(self, work: Work) -> list[str]:
        return list(itertools.islice(itertools.cycle(self._names), self._count(work)))

    async def _each(
        self, work: Work, names: list[str], call: Callable[[str], Awaitable[object]]
    ) -> Figures:
        return await self._measured(len(names), _in_flight(work.in_flight, names, call))

    async def _measured(self, count: float, running: Awaitable[None]) -> Figures:
        gc.collect()
        reset_peak()
        cpu, began = time.process_time(), time.perf_counter()
        await running
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        return Figures(count=count, seconds=seconds, cpu=cpu, peak=kib("VmHWM") - self._idle)


async def _in_flight(
    number: int, names: Iterable[str], call: Callable[[str], Awaitable[object]]
) -> None:
    """Call for each name, `number` at a time."""
    waiting = iter(names)

    async def worker() -> None:
        for name in waiting:
            await call(name)

    async with asyncio.TaskGroup() as group:
        for _ in range(number):
            group.create_task(worker())


async def _digest(pieces: AsyncIterator[bytes]) -> bytes:
    digest = sha256()
    async for piece in pieces:
        digest.update(piece)
    return digest.digest()


def _equal(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError("a contender gave something else than what it was given")


def _key(work: Work) -> tuple[object, ...]:
    return work.operation, work.size, work.in_flight


async def _answer(host: Host, asked: dict[str, Any]) -> dict[str, Any]:  # Any: values of JSON
    try:
        if asked["operation"] == "check":
            await host.check()
            return {}
        return asdict(await host.do(Work(**asked)))
    except NotImplementedError:
        return {"lacks": asked["operation"]}
    except Exception as error:  # noqa: BLE001 - the others go on
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"[:300]}


async def _serve(contender: Contender, imported: float, answers: TextIO) -> None:
    began = time.perf_counter()
    await contender.open()
    await contender.put("first", b"first")
    package = contender.distribution
    hello = {
        "version": metadata.version(package) if package else platform.python_version(),
        "import": imported,
        "first": time.perf_counter() - began,
    }
    await contender.delete("first")
    print(json.dumps(hello), file=answers, flush=True)
    host, asked = Host(contender), asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(asked), sys.stdin
    )
    async for line in asked:
        print(json.dumps(await _answer(host, json.loads(line))), file=answers, flush=True)
    await contender.close()


def main(target: str) -> None:
    """Import the contender, tell how long it took, and do what is asked until the end."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    place = json.loads(sys.stdin.readline())
    module, _, name = target.partition(":")
    began = time.perf_counter()
    contender: Contender = getattr(import_module(module), name)(place)
    asyncio.run(_serve(contender, time.perf_counter() - began, answers))


if __name__ == "__main__":
    main(sys.argv[1])
