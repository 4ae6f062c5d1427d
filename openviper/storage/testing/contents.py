"""Contents to save, of every kind that the contract takes."""

from __future__ import annotations

import io
import random
from collections.abc import AsyncIterator

__all__ = ["FailingError", "bytes_of", "chunks_of", "failing_after", "file_of"]


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


def file_of(data: bytes) -> io.BytesIO:
    """Return an open binary file."""
    return io.BytesIO(data)
