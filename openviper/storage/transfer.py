"""Bring content of any size to a driver: in one request, in parts, or as one stream."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from itertools import chain, repeat
from typing import TypeAlias

from openviper.storage.content import Source
from openviper.storage.driver import Driver, PartUpload, PartWriter, StreamWriter, Write
from openviper.storage.errors import TooLargeError
from openviper.storage.shield import to_the_end
from openviper.storage.types import FileInfo

__all__ = ["PART_PATIENCE", "Uploader", "abandon", "part_sizes"]

Undo: TypeAlias = Callable[[FileInfo], Awaitable[object]]

PART_PATIENCE = 10.0
"""Seconds that a part under way gets to finish once its upload is given up."""

_STREAM_HEAD = 1 << 20
_log = logging.getLogger("openviper.storage")


class Uploader:
    """Choose for each content the way that one driver has for it."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._parts = driver if isinstance(driver, PartWriter) else None
        self._stream = driver if isinstance(driver, StreamWriter) else None
        self._limit = _single_limit(driver)

    async def upload(
        self, key: str, *, source: Source, write: Write, undo: Undo | None
    ) -> FileInfo:
        """Store all of `source` as `key`; nothing of it where the source or the driver fails.

        What makes the file visible runs to its end even where the caller is cancelled; then
        `undo` is awaited with what became visible.
        """
        size = self._limit
        whole = source.whole(size)
        if whole is not None:
            return await to_the_end(self._driver.put(key, whole, write), undo=undo)
        begun = [await source.part(size)]  # in a list alone, which lets go of what is sent
        if len(begun[0]) < size:
            return await to_the_end(self._driver.put(key, begun[0], write), undo=undo)
        if self._stream is not None:
            body = _Body(begun, source)
            sending = self._stream.put_stream(key, body.chunks(), write)
            return await to_the_end(sending, undo=undo, break_off=body.break_off)
        if self._parts is None:
            raise TooLargeError
        if second := await source.part(size):
            begun.append(second)
            del second
            return await _upload_parts(
                self._parts, key, source=source, begun=begun, write=write, undo=undo
            )
        return await to_the_end(self._driver.put(key, begun[0], write), undo=undo)


def part_sizes(first: int, max_parts: int) -> Iterator[int]:
    """Give the sizes of the parts of an upload of unknown length.

    They stay `first` for half of the parts that the service allows, so that memory is flat,
    and then double nine times, to 4 GiB from 8 MiB: with 10,000 parts past the 5 TiB of S3.
    """
    half, step = -(-max_parts // 2), max(1, max_parts // 20)
    grown = chain.from_iterable(repeat(first << power, step) for power in range(1, 10))
    return chain(repeat(first, half), grown, repeat(first << 9))


async def abandon(sending: PartUpload, key: str) -> None:
    """Abort an upload, whatever happens meanwhile; a failure of that is only logged."""
    await to_the_end(_abort(sending, key))


def _single_limit(driver: Driver) -> int:
    """Return from how many bytes on a driver has a better way than one request, or no way."""
    if isinstance(driver, PartWriter):
        return driver.part_size
    if isinstance(driver, StreamWriter):
        return _STREAM_HEAD
    most = driver.capabilities.max_size
    return sys.maxsize if most is None else most + 1


class _Body:
    """Give content to a request that can be broken off until it has all of it."""

    def __init__(self, begun: list[memoryview], source: Source) -> None:
        self._begun = begun
        self._source = source
        self._is_complete = self._is_broken = False

    async def chunks(self) -> AsyncIterator[memoryview]:
        yield self._begun.pop()
        async with aclosing(self._source.chunks()) as chunks:
            async for chunk in chunks:
                yield chunk
        if self._is_broken:  # before whoever sends it was told
            raise ConnectionAbortedError("the write was cancelled")
        self._is_complete = True

    def break_off(self) -> bool:
        """Tell whether the end was not given yet, and do not give it any more."""
        self._is_broken = not self._is_complete
        return self._is_broken


async def _upload_parts(
    writer: PartWriter,
    key: str,
    *,
    source: Source,
    begun: list[memoryview],
    write: Write,
    undo: Undo | None,
) -> FileInfo:
    sending = await to_the_end(writer.begin(key, write), undo=lambda begun: begun.abort())
    visible = False

    async def commit() -> FileInfo:
        nonlocal visible
        info = await sending.commit()
        visible = True
        return info

    try:
        await _send_parts(writer, sending, source=source, begun=begun)
        return await to_the_end(commit(), undo=undo)
    except BaseException:
        if not visible:
            await abandon(sending, key)
        raise


async def _send_parts(
    writer: PartWriter, sending: PartUpload, *, source: Source, begun: list[memoryview]
) -> None:
    budget = writer.part_size * writer.max_concurrency
    running: set[asyncio.Task[None]] = set()
    sizes = part_sizes(writer.part_size, writer.max_parts)
    try:
        for number, size in enumerate(sizes, start=1):
            data = begun.pop(0) if begun else await source.part(size)
            if not data:
                break
            running.add(asyncio.create_task(sending.part(number, data)))
            del data  # the task alone keeps it, and only until it is sent
            while len(running) >= max(1, budget // size):
                running = await _finish_one(running)
        while running:
            running = await _finish_one(running)
    except BaseException:
        await to_the_end(_cancel(running))
        raise


async def _finish_one(running: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return running - done


async def _cancel(running: set[asyncio.Task[None]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def _abort(sending: PartUpload, key: str) -> None:
    try:
        await sending.abort()
    except Exception as error:  # noqa: BLE001 - what went wrong before is what counts
        _log.warning("could not abort the upload of %r: %s", key, type(error).__name__)
