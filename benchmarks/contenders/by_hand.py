"""Files by hand: blocking calls as the limit, with or without the fsyncs of a durable save."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.contender import Contender, Place
from benchmarks.streams import CHUNK

__all__ = ["Blocking", "DurableBlocking"]


class Blocking(Contender):
    """Block the loop by plain calls: nothing is faster, and nobody could serve anything else."""

    def __init__(self, place: Place) -> None:
        self._folder = place["folder"]

    async def put(self, name: str, data: bytes) -> None:
        """Write to the final name."""
        path = f"{self._folder}/{name}"
        try:
            file = open(path, "wb")
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path))
            file = open(path, "wb")
        with file:
            file.write(data)

    async def get(self, name: str) -> bytes:
        """Read it whole."""
        with open(f"{self._folder}/{name}", "rb") as file:
            return file.read()

    async def stat(self, name: str) -> int:
        """Ask for the size."""
        return os.stat(f"{self._folder}/{name}").st_size

    async def delete(self, name: str) -> None:
        """Unlink it."""
        os.unlink(f"{self._folder}/{name}")

    async def names(self, folder: str) -> list[str]:
        """Scan the folder."""
        return os.listdir(f"{self._folder}/{folder}")

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Write chunk by chunk."""
        with open(f"{self._folder}/{name}", "wb") as file:
            async for chunk in chunks:
                file.write(chunk)

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Read chunk by chunk."""
        with open(f"{self._folder}/{name}", "rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


class DurableBlocking(Blocking):
    """Do all that a durable save promises: a temporary file, two fsyncs, a link to create."""

    async def put(self, name: str, data: bytes) -> None:
        """Write, sync, link, sync the directory."""
        temporary = self._temporary()
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._publish(temporary, name)

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Do the same chunk by chunk."""
        temporary = self._temporary()
        with temporary.open("wb") as file:
            async for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        self._publish(temporary, name)

    def _temporary(self) -> Path:
        return Path(self._folder, "temporary")

    def _publish(self, temporary: Path, name: str) -> None:
        target = Path(self._folder, name)
        try:
            target.hardlink_to(temporary)
        except FileNotFoundError:
            target.parent.mkdir(parents=True)
            target.hardlink_to(temporary)
        temporary.unlink()
        directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
