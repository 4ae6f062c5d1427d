"""fsspec's local files, which block: in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import fsspec

from benchmarks.contender import Contender, Place
from benchmarks.streams import CHUNK

__all__ = ["FsspecLocal"]


class FsspecLocal(Contender):
    """Run each call in a thread."""

    distribution = "fsspec"

    def __init__(self, place: Place) -> None:
        self._folder = place["folder"]
        self._files = fsspec.filesystem("file", auto_mkdir=True)

    async def put(self, name: str, data: bytes) -> None:
        """Write to the final name."""
        await asyncio.to_thread(self._files.pipe_file, f"{self._folder}/{name}", data)

    async def get(self, name: str) -> bytes:
        """Read it whole."""
        data: bytes = await asyncio.to_thread(self._files.cat_file, f"{self._folder}/{name}")
        return data

    async def stat(self, name: str) -> int:
        """Ask for the size."""
        info = await asyncio.to_thread(self._files.info, f"{self._folder}/{name}")
        size: int = info["size"]
        return size

    async def delete(self, name: str) -> None:
        """Remove it."""
        await asyncio.to_thread(self._files.rm_file, f"{self._folder}/{name}")

    async def names(self, folder: str) -> list[str]:
        """Find all below the folder."""
        found: list[str] = await asyncio.to_thread(self._files.find, f"{self._folder}/{folder}")
        return found

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Write chunk by chunk, each in a thread."""
        file = await asyncio.to_thread(self._files.open, f"{self._folder}/{name}", "wb")
        try:
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
        finally:
            await asyncio.to_thread(file.close)

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Read chunk by chunk, each in a thread."""
        file = await asyncio.to_thread(self._files.open, f"{self._folder}/{name}", "rb")
        try:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk
        finally:
            await asyncio.to_thread(file.close)
