"""AnyIO's files and paths."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio

from benchmarks.contender import Contender, Place
from benchmarks.streams import CHUNK

__all__ = ["AnyIO"]


class AnyIO(Contender):
    """Use `anyio.Path` for whole files and `anyio.open_file` for streams."""

    distribution = "anyio"

    def __init__(self, place: Place) -> None:
        self._folder = anyio.Path(place["folder"])

    async def put(self, name: str, data: bytes) -> None:
        """Write to the final name."""
        path = self._folder / name
        try:
            await path.write_bytes(data)
        except FileNotFoundError:
            await path.parent.mkdir(parents=True, exist_ok=True)
            await path.write_bytes(data)

    async def get(self, name: str) -> bytes:
        """Read it whole."""
        return await (self._folder / name).read_bytes()

    async def stat(self, name: str) -> int:
        """Ask for the size."""
        return (await (self._folder / name).stat()).st_size

    async def delete(self, name: str) -> None:
        """Unlink it."""
        await (self._folder / name).unlink()

    async def names(self, folder: str) -> list[str]:
        """Scan the folder."""
        return [path.name async for path in (self._folder / folder).iterdir()]

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Write chunk by chunk."""
        async with await anyio.open_file(self._folder / name, "wb") as file:
            async for chunk in chunks:
                await file.write(chunk)

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Read chunk by chunk."""
        async with await anyio.open_file(self._folder / name, "rb") as file:
            while chunk := await file.read(CHUNK):
                yield chunk
