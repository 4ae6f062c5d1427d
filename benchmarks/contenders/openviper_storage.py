"""What this is all about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from benchmarks.contender import Contender, Place
from benchmarks.streams import CHUNK
from openviper import storage as api

__all__ = ["OpenViper", "OpenViperPut"]


class OpenViper(Contender):
    """Save under free names: creates or takes another one, atomically."""

    distribution = "openviper-storage"

    def __init__(self, place: Place) -> None:
        kind = getattr(api, place["class"])  # loads the SDK
        self._storage: api.Storage = kind(**_arguments(place))

    async def close(self) -> None:
        """Close the clients."""
        await self._storage.aclose()

    async def put(self, name: str, data: bytes) -> None:
        """Save."""
        await self._storage.save(name, data)

    async def get(self, name: str) -> bytes:
        """Read it whole."""
        return await self._storage.read(name)

    async def stat(self, name: str) -> int:
        """Ask for all that is known."""
        return (await self._storage.stat(name)).size

    async def delete(self, name: str) -> None:
        """Delete it."""
        await self._storage.delete(name)

    async def names(self, folder: str) -> list[str]:
        """List with size, time and version of each."""
        return [info.name async for info in self._storage.files(folder)]

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Save a stream over whatever is there: a free name would need a spool on services."""
        await self._storage.save(name, chunks, if_exists="overwrite")

    def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Stream it."""
        return self._storage.stream(name, chunk_size=CHUNK)


class OpenViperPut(OpenViper):
    """Replace atomically instead of creating."""

    async def put(self, name: str, data: bytes) -> None:
        """Put."""
        await self._storage.put(name, data)


def _arguments(place: Place) -> dict[str, Any]:  # Any: of any backend
    chosen = {"FileSystemStorage": _FILES, "S3Storage": _S3, "GCSStorage": _GCS}
    names = chosen.get(place["class"], _AZURE)
    return {name: place[key] for name, key in names.items() if key in place}


_FILES = {"location": "folder", "durable": "durable"}
_S3 = {
    "bucket": "bucket",
    "endpoint_url": "url",
    "region": "region",
    "access_key": "access_key",
    "secret_key": "secret_key",
}
_GCS = {"bucket": "bucket", "api_root": "url"}
_AZURE = {"container": "bucket", "connection_string": "connection_string"}
