"""aiofiles, as its documents show it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiofiles
import aiofiles.os

from benchmarks.contender import Contender, Place
from benchmarks.streams import CHUNK

__all__ = ["Aiofiles", "DurableAiofiles"]


class Aiofiles(Contender):
    """Open, write and close, each in a thread."""

    distribution = "aiofiles"

    def __init__(self, place: Place) -> None:
        self._folder = place["folder"]

    async def put(self, name: str, data: bytes) -> None:
        """Write to the final name."""
        path = f"{self._folder}/{name}"
        try:
            async with aiofiles.open(path, "wb") as file:
                await file.write(data)
        except FileNotFoundError:
            await aiofiles.os.makedirs(Path(path).parent, exist_ok=True)
            await self.put(name, data)

    async def get(self, name: str) -> bytes:
        """Read it whole."""
        async with aiofiles.open(f"{self._folder}/{name}", "rb") as file:
            return await file.read()

    async def stat(self, name: str) -> int:
        """Ask for the size."""
        return (await aiofiles.os.stat(f"{self._folder}/{name}")).st_size

    async def delete(self, name: str) -> None:
        """Unlink it."""
        await aiofiles.os.remove(f"{self._folder}/{name}")

    async def names(self, folder: str) -> list[str]:
        """Scan the folder."""
        return await aiofiles.os.listdir(f"{self._folder}/{folder}")

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Write chunk by chunk."""
        async with aiofiles.open(f"{self._folder}/{name}", "wb") as file:
            async for chunk in chunks:
                await file.write(chunk)

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Read chunk by chunk."""
        async with aiofiles.open(f"{self._folder}/{name}", "rb") as file:
            while chunk := await file.read(CHUNK):
                yield chunk


class DurableAiofiles(Aiofiles):
    """Sync the file and its folder too; not atomic."""

    async def put(self, name: str, data: bytes) -> None:
        """Write, sync, sync the directory."""
        path = Path(self._folder, name)
        try:
            async with aiofiles.open(path, "wb") as file:
                await file.write(data)
                await file.flush()
                await _sync(file.fileno())
        except FileNotFoundError:
            await aiofiles.os.makedirs(path.parent, exist_ok=True)
            await self.put(name, data)
            return
        await _sync_folder(path.parent)

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Do the same chunk by chunk."""
        path = Path(self._folder, name)
        async with aiofiles.open(path, "wb") as file:
            async for chunk in chunks:
                await file.write(chunk)
            await file.flush()
            await _sync(file.fileno())
        await _sync_folder(path.parent)


_sync = aiofiles.os.wrap(os.fsync)


@aiofiles.os.wrap
def _sync_folder(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
