"""opendal: Apache's Rust library, on files and S3."""

from __future__ import annotations

from collections.abc import AsyncIterator

import opendal  # pyright: ignore[reportMissingImports]  # it has its own environment

from benchmarks.contender import Contender, Place
from benchmarks.streams import CHUNK

__all__ = ["OpenDAL"]


class OpenDAL(Contender):
    """Use `AsyncOperator`."""

    distribution = "opendal"

    def __init__(self, place: Place) -> None:
        self._operator = _operator(place)

    async def put(self, name: str, data: bytes) -> None:
        """Write, over whatever is there."""
        await self._operator.write(name, data)

    async def get(self, name: str) -> bytes:
        """Read it whole."""
        return bytes(await self._operator.read(name))

    async def stat(self, name: str) -> int:
        """Ask for its metadata."""
        size: int = (await self._operator.stat(name)).content_length
        return size

    async def delete(self, name: str) -> None:
        """Delete it."""
        await self._operator.delete(name)

    async def names(self, folder: str) -> list[str]:
        """List the folder, which on disk is an entry of its own."""
        entries = await self._operator.list(f"{folder}/")
        return [entry.path async for entry in entries if not entry.path.endswith("/")]

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Write chunk by chunk."""
        async with await self._operator.open(name, "wb") as file:
            async for chunk in chunks:
                await file.write(chunk)

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Read chunk by chunk."""
        async with await self._operator.open(name, "rb") as file:
            while chunk := bytes(await file.read(CHUNK)):
                yield chunk


def _operator(place: Place) -> opendal.AsyncOperator:
    if place["class"] == "FileSystemStorage":
        return opendal.AsyncOperator("fs", root=place["folder"])
    return opendal.AsyncOperator(
        "s3",
        bucket=place["bucket"],
        endpoint=place["url"],
        region=place["region"],
        access_key_id=place["access_key"],
        secret_access_key=place["secret_key"],
        disable_config_load="true",
        disable_ec2_metadata="true",
    )
