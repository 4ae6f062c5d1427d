"""Contents to save, of every kind that the contract takes."""

from __future__ import annotations

import array
import asyncio
import io
import random
from collections.abc import AsyncIterator, Awaitable, Callable

from openviper.storage.types import Content

__all__ = [
    "AsyncFile",
    "AwaitableFile",
    "FailingError",
    "OnlyRead",
    "Repeatable",
    "bytes_of",
    "chunks_of",
    "failing_after",
    "file_of",
    "kinds_of",
    "meeting",
    "pausing",
]


class FailingError(Exception):
    """Be what a source of content raises in a check."""


def bytes_of(size: int, *, seed: int = 0) -> bytes:
    """Return `size` bytes that look like noise and are the same each time."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - content, not a secret


async def chunks_of(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    """Give bytes once, in chunks."""
    for position in range(0, len(data), size):
        yield data[position : position + size]


async def failing_after(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    """Give bytes and then raise `FailingError`."""
    async for chunk in chunks_of(data, size):
        yield chunk
    raise FailingError("the source failed, as it was told to")


async def pausing(data: bytes, pause: Callable[[], Awaitable[object]]) -> AsyncIterator[bytes]:
    """Give bytes, and await `pause` when all but the last of them are given."""
    async for chunk in chunks_of(data[:-1]):
        yield chunk
    await pause()
    yield data[-1:]


def meeting(data: bytes, barrier: asyncio.Barrier) -> AsyncIterator[bytes]:
    """Give bytes that end only when as many sources as the barrier counts are about to."""
    return pausing(data, barrier.wait)


def file_of(data: bytes) -> io.BytesIO:
    """Return an open binary file."""
    return io.BytesIO(data)


def kinds_of(data: bytes) -> dict[str, Content]:
    """Return the same bytes (an even number) as every kind of content but a path."""
    spread = bytearray(len(data) * 2)
    spread[::2] = data
    return {
        "bytes": data,
        "bytearray": bytearray(data),
        "memoryview": memoryview(data),
        "memoryview of 2-byte items": memoryview(array.array("H", data)),
        "memoryview with gaps": memoryview(spread)[::2],
        "sync file": file_of(data),
        "object with nothing but read()": OnlyRead(data),
        "async file": AsyncFile(data),
        "file whose read() gives an awaitable": AwaitableFile(data),
        "async generator": chunks_of(data, 1000),
        "async iterable": Repeatable(data),
        "async generator with empty chunks": _with_empty_chunks(data),
    }


class OnlyRead:
    """Be a sync file of no length and no position, which reads a little at a time."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int, /) -> bytes:
        """Return fewer bytes than were asked for, as pipes and sockets do."""
        return self._file.read(min(size, 700))


class AsyncFile:
    """Be an async file of no length and no position."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    async def read(self, size: int, /) -> bytes:
        """Return fewer bytes than were asked for."""
        await asyncio.sleep(0)
        return self._file.read(min(size, 700))


class AwaitableFile:
    """Be a file whose `read` is no coroutine function but returns something to await."""

    def __init__(self, data: bytes) -> None:
        self._file = AsyncFile(data)

    def read(self, size: int, /) -> Awaitable[bytes]:
        """Return a coroutine."""
        return self._file.read(size)


class Repeatable:
    """Be async iterable without being an iterator."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __aiter__(self) -> AsyncIterator[bytes]:
        return chunks_of(self._data, 1000)


async def _with_empty_chunks(data: bytes) -> AsyncIterator[bytes]:
    yield b""
    async for chunk in chunks_of(data, 1000):
        yield chunk
        yield b""
