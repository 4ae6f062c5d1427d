"""Read a range of one version of a file, and notice when it comes short."""

from __future__ import annotations

import operator
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager

from openviper.storage.content import BLOCK
from openviper.storage.driver import Download, RangeNotSatisfiableError
from openviper.storage.errors import TooLargeError, UnavailableError
from openviper.storage.place import Place
from openviper.storage.types import FileInfo

__all__ = ["check_range", "read", "stream"]


def check_range(start: int, end: int | None, chunk_size: int) -> None:
    """Raise `ValueError` for what is no `content[start:end]` with `0 <= start <= end`."""
    if operator.index(start) < 0 or (end is not None and operator.index(end) < start):
        raise ValueError(f"a range is 0 <= start <= end, not start={start}, end={end}")
    if operator.index(chunk_size) < 1:
        raise ValueError(f"chunk_size is a positive number of bytes, not {chunk_size}")


async def read(
    place: Place, name: str, *, start: int, end: int | None, max_size: int | None
) -> bytes:
    """Return `content[start:end]`; `TooLargeError` where that is over `max_size` bytes."""
    pieces: list[bytes] = []
    size = 0
    reading = _Reading(place, name)
    try:
        await reading.open(start=start, end=end, chunk_size=BLOCK, if_match=None)
        while block := await reading.next():
            pieces.append(block)
            size += len(block)
            if max_size is not None and size > max_size:
                raise TooLargeError(
                    f"{name!r} has over {max_size} bytes to read: stream it, or raise max_size",
                    name=name,
                    backend=place.driver.backend,
                )
    finally:
        await reading.aclose()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def stream(
    place: Place, name: str, *, start: int, end: int | None, chunk_size: int, if_match: str | None
) -> AsyncGenerator[bytes, None]:
    """Give `content[start:end]` in chunks of at most `chunk_size` bytes."""
    reading = _Reading(place, name)
    try:
        await reading.open(start=start, end=end, chunk_size=chunk_size, if_match=if_match)
        while block := await reading.next():
            for position in range(0, len(block), chunk_size):
                yield block[position : position + chunk_size]
    finally:
        await reading.aclose()


class _Reading:
    """Read a range of one version of a file, and notice when it comes short."""

    def __init__(self, place: Place, name: str) -> None:
        self._place = place
        self._name = name
        self._opened: AbstractAsyncContextManager[Download] | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._left = 0

    async def open(
        self, *, start: int, end: int | None, chunk_size: int, if_match: str | None
    ) -> None:
        """Begin; a range without bytes only makes sure that the file is there."""
        if start == end:
            await self._place.head(self._name)
            return
        opened = self._place.driver.get(
            self._place.key(self._name),
            start=start,
            end=end,
            if_match=if_match,
            chunk_size=chunk_size,
        )
        try:
            async with self._place.guard("read", self._name):
                download = await opened.__aenter__()
        except RangeNotSatisfiableError:
            return
        self._opened, self._chunks = opened, download.chunks
        self._left = _expected(download.info, start, end)

    async def next(self) -> bytes:
        """Return some more bytes, none at the end."""
        if self._chunks is None:
            return b""
        async with self._place.guard("read", self._name):
            block = await anext(self._chunks, b"")
        self._left -= len(block)
        if self._left and not block:
            raise UnavailableError(
                f"{self._place.driver.backend}: reading {self._name!r} ended {self._left} bytes "
                "early; read it again",
                name=self._name,
                backend=self._place.driver.backend,
            )
        return block

    async def aclose(self) -> None:
        """Close what was opened."""
        if self._opened is None:
            return
        async with self._place.guard("read", self._name):
            try:
                if isinstance(self._chunks, AsyncGenerator):  # else the loop would, some day
                    await self._chunks.aclose()
            finally:
                await self._opened.__aexit__(None, None, None)


def _expected(info: FileInfo, start: int, end: int | None) -> int:
    stop = info.size if end is None else min(end, info.size)
    return max(0, stop - start)
