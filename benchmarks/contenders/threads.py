"""Reach blocking libraries from a loop, as their users do: a thread for each call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

__all__ = ["in_threads"]


async def in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Give what an iterator gives, each piece from a thread."""
    while (chunk := await asyncio.to_thread(next, chunks, b"")) != b"":
        yield chunk
