"""Content that comes chunk by chunk."""

from __future__ import annotations

from collections.abc import AsyncIterator

__all__ = ["CHUNK", "MIB", "chunks"]

MIB = 1 << 20
CHUNK = 64 << 10
"""Bytes of a stream's chunk."""


async def chunks(size: int) -> AsyncIterator[bytes]:
    """Give new bytes each time, as a socket does."""
    pattern = bytearray(range(256)) * (CHUNK // 256)
    for _ in range(size // CHUNK):
        yield bytes(pattern)
