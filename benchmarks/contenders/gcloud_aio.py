"""gcloud-aio-storage."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gcloud.aio.storage import Storage

from benchmarks.contender import Contender, Place
from benchmarks.streams import CHUNK

__all__ = ["GcloudAio"]


class GcloudAio(Contender):
    """Use its `Storage`; its uploads take no async content."""

    distribution = "gcloud-aio-storage"

    def __init__(self, place: Place) -> None:
        self._url = place["url"]
        self._bucket = place["bucket"]

    async def open(self) -> None:
        """Make a session."""
        self._storage = Storage(api_root=self._url)

    async def close(self) -> None:
        """Close it."""
        await self._storage.close()

    async def put(self, name: str, data: bytes) -> None:
        """Upload, over whatever is there."""
        await self._storage.upload(self._bucket, name, data)

    async def get(self, name: str) -> bytes:
        """Download it whole."""
        data: bytes = await self._storage.download(self._bucket, name)
        return data

    async def stat(self, name: str) -> int:
        """Ask for its metadata."""
        found = await self._storage.download_metadata(self._bucket, name)
        return int(found["size"])

    async def delete(self, name: str) -> None:
        """Delete it."""
        await self._storage.delete(self._bucket, name)

    async def names(self, folder: str) -> list[str]:
        """List one page: none here is longer."""
        page = await self._storage.list_objects(self._bucket, params={"prefix": f"{folder}/"})
        return [item["name"] for item in page["items"]]

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Read chunk by chunk."""
        stream = await self._storage.download_stream(self._bucket, name, timeout=600)
        while chunk := await stream.read(CHUNK):
            yield chunk
