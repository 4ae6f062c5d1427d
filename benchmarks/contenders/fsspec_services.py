"""s3fs, gcsfs and adlfs by their coroutines, without a cache of listings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

from benchmarks.contender import Contender, Place
from benchmarks.streams import CHUNK

__all__ = ["Adlfs", "Gcsfs", "S3fs"]


class _Service(Contender):
    """Hold what the three have in common."""

    location: tuple[str, str]
    """The module and the name of its class."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._bucket = place["bucket"]
        module, name = self.location
        self._class = getattr(import_module(module), name)

    async def open(self) -> None:
        """Make the file system of this loop."""
        self._files = self._class(
            asynchronous=True,
            loop=asyncio.get_running_loop(),
            use_listings_cache=False,
            skip_instance_cache=True,
            **self._options(self._place),
        )

    def _options(self, place: Place) -> dict[str, Any]:  # Any: of any service
        raise NotImplementedError

    async def put(self, name: str, data: bytes) -> None:
        """Pipe it."""
        await self._files._pipe_file(f"{self._bucket}/{name}", data)

    async def get(self, name: str) -> bytes:
        """Cat it."""
        data: bytes = await self._files._cat_file(f"{self._bucket}/{name}")
        return data

    async def stat(self, name: str) -> int:
        """Ask for its info."""
        size: int = (await self._files._info(f"{self._bucket}/{name}"))["size"]
        return size

    async def delete(self, name: str) -> None:
        """Remove it."""
        await self._files._rm_file(f"{self._bucket}/{name}")

    async def names(self, folder: str) -> list[str]:
        """Find all below the folder."""
        found: list[str] = await self._files._find(f"{self._bucket}/{folder}")
        return found


class S3fs(_Service):
    """s3fs streams: written in threads, read by `open_async`."""

    distribution = "s3fs"
    location = ("s3fs", "S3FileSystem")

    def _options(self, place: Place) -> dict[str, Any]:  # Any: of any service
        return {
            "key": place["access_key"],
            "secret": place["secret_key"],
            "client_kwargs": {"endpoint_url": place["url"], "region_name": place["region"]},
            "config_kwargs": {"s3": {"addressing_style": "path"}, "max_pool_connections": 100},
        }

    async def open(self) -> None:
        """Connect, and a second time with a loop in a thread for what blocks."""
        await super().open()
        await self._files.set_session()
        self._blocking = self._class(skip_instance_cache=True, **self._options(self._place))

    async def close(self) -> None:
        """Close the session."""
        await self._files._s3.close()

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Write chunk by chunk, each in a thread."""
        path = f"{self._bucket}/{name}"
        file = await asyncio.to_thread(self._blocking.open, path, "wb")
        async for chunk in chunks:
            await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(file.close)

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Read chunk by chunk."""
        file = await self._files.open_async(f"{self._bucket}/{name}", "rb")
        while chunk := await file.read(CHUNK):
            yield chunk
        await file.close()


class Gcsfs(_Service):
    """gcsfs writes and reads large files whole, by ranges; it has no stream for coroutines."""

    distribution = "gcsfs"
    location = ("gcsfs.core", "GCSFileSystem")  # the other asks for the bucket's kind by gRPC

    def _options(self, place: Place) -> dict[str, Any]:  # Any: of any service
        return {"endpoint_url": place["url"], "token": "anon", "project": "test"}


class Adlfs(_Service):
    """adlfs speaks by azure-storage-blob."""

    distribution = "adlfs"
    location = ("adlfs", "AzureBlobFileSystem")

    def _options(self, place: Place) -> dict[str, Any]:  # Any: of any service
        return {"connection_string": place["connection_string"]}
