"""Stream a range of one version of a file, and notice when it comes short."""

from __future__ import annotations

import operator
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack

from openviper.storage.driver import RangeNotSatisfiableError
from openviper.storage.errors import UnavailableError
from openviper.storage.place import Place
from openviper.storage.types import FileInfo

__all__ = ["check_range", "stream"]


def check_range(start: int, end: int | None, chunk_size: int) -> None:
    """Raise `ValueError` for what is no `content[start:end]` with `0 <= start <= end`."""
    if operator.index(start) < 0 or (end is not None and operator.index(end) < start):
        raise ValueError(f"a range is 0 <= start <= end, not start={start}, end={end}")
    if operator.index(chunk_size) < 1:
        raise ValueError(f"chunk_size is a positive number of bytes, not {chunk_size}")


async def stream(
    place: Place, name: str, *, start: int, end: int | None, chunk_size: int, if_match: str | None
) -> AsyncGenerator[bytes, None]:
    """Give `content[start:end]` in chunks of at most `chunk_size` bytes."""
    if start == end:
        await place.head(name)
        return
    opened = AsyncExitStack()
    try:
        async with place.guard("read", name):
            download = await opened.enter_async_context(
                place.driver.get(
                    place.key(name), start=start, end=end, if_match=if_match, chunk_size=chunk_size
                )
            )
    except RangeNotSatisfiableError:
        return
    if isinstance(download.chunks, AsyncGenerator):  # else the loop would close it, some day
        opened.push_async_callback(download.chunks.aclose)
    try:
        left = _expected(download.info, start, end)
        while True:
            async with place.guard("read", name):
                chunk = await anext(download.chunks, b"")
            if not chunk:
                break
            left -= len(chunk)
            for piece in _pieces(chunk, chunk_size):
                yield piece
        if left:
            raise UnavailableError(
                f"{place.driver.backend}: reading {name!r} ended {left} bytes early; read it again",
                name=name,
                backend=place.driver.backend,
            )
    finally:
        async with place.guard("read", name):
            await opened.aclose()


def _expected(info: FileInfo, start: int, end: int | None) -> int:
    stop = info.size if end is None else min(end, info.size)
    return max(0, stop - start)


def _pieces(chunk: bytes, size: int) -> Iterator[bytes]:
    if len(chunk) <= size:
        yield chunk
        return
    for position in range(0, len(chunk), size):
        yield chunk[position : position + size]
