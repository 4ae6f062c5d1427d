"""azure-storage-blob's coroutines."""

from __future__ import annotations

from collections.abc import AsyncIterator

from azure.storage.blob.aio import ContainerClient

from benchmarks.contender import Contender, Place

__all__ = ["AzureSDK"]


class AzureSDK(Contender):
    """Use a container's client as it comes."""

    distribution = "azure-storage-blob"

    def __init__(self, place: Place) -> None:
        self._place = place

    async def open(self) -> None:
        """Make the client."""
        self._container = ContainerClient.from_connection_string(
            self._place["connection_string"], self._place["bucket"]
        )

    async def close(self) -> None:
        """Close it."""
        await self._container.close()

    async def put(self, name: str, data: bytes) -> None:
        """Upload to a free name."""
        await self._container.upload_blob(name, data)

    async def get(self, name: str) -> bytes:
        """Download it whole."""
        return await (await self._container.download_blob(name)).readall()

    async def stat(self, name: str) -> int:
        """Ask for its properties."""
        return (await self._container.get_blob_client(name).get_blob_properties()).size

    async def delete(self, name: str) -> None:
        """Delete it."""
        await self._container.delete_blob(name)

    async def names(self, folder: str) -> list[str]:
        """List page after page."""
        blobs = self._container.list_blobs(name_starts_with=f"{folder}/")
        return [blob.name async for blob in blobs]

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Upload an async iterator, four blocks at a time."""
        await self._container.upload_blob(name, chunks, overwrite=True, max_concurrency=4)

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Give its chunks."""
        async for chunk in (await self._container.download_blob(name)).chunks():
            yield chunk
