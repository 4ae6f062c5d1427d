"""Read a range of one version of a file, and notice when it comes short."""

from __future__ import annotations

import operator
from collections.abc import AsyncGenerator
from contextlib import aclosing

from openviper.storage.content import BLOCK
from openviper.storage.driver import RangeNotSatisfiableError
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
    chunks: list[bytes] = []
    size = 0
    given = stream(place, name, start=start, end=end, chunk_size=BLOCK, if_match=None)
    async with aclosing(given):
        async for chunk in given:
            chunks.append(chunk)
            size += len(chunk)
            if max_size is not None and size > max_size:
                raise TooLargeError(
                    f"{name!r} has over {max_size} bytes to read: stream it, or raise max_size",
                    name=name,
                    backend=place.driver.backend,
                )
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def stream(
    place: Place, name: str, *, start: int, end: int | None, chunk_size: int, if_match: str | None
) -> AsyncGenerator[bytes, None]:
    """Give `content[start:end]`, of one version, in chunks of at most `chunk_size` bytes.

    A range without bytes only makes sure that the file is there.
    """
    if start == end:
        await place.head(name)
        return
    opened = place.driver.get(
        place.key(name), start=start, end=end, if_match=if_match, chunk_size=chunk_size
    )
    left = 0
    try:
        async with place.guard("read", name), opened as download:
            left = _expected(download.info, start, end)
            try:
                async for block in download.chunks:
                    if not block:  # obstore gives such for ever where a file became shorter
                        break
                    left -= len(block)
                    for position in range(0, len(block), chunk_size):
                        yield block[position : position + chunk_size]
            finally:
                if isinstance(download.chunks, AsyncGenerator):  # else the loop would, some day
                    await download.chunks.aclose()
    except RangeNotSatisfiableError:
        pass
    if left:
        raise UnavailableError(
            f"{place.driver.backend}: reading {name!r} ended {left} bytes early; read it again",
            name=name,
            backend=place.driver.backend,
        )


def _expected(info: FileInfo, start: int, end: int | None) -> int:
    stop = info.size if end is None else min(end, info.size)
    return max(0, stop - start)
