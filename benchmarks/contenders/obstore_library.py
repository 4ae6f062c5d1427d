"""obstore: Rust's object_store, on every kind of storage."""

from __future__ import annotations

from collections.abc import AsyncIterator

import obstore
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store

from benchmarks.contender import Contender, Place
from benchmarks.streams import CHUNK

__all__ = ["Obstore", "ObstoreRanges"]

_RANGE = 8 << 20


class Obstore(Contender):
    """Use its coroutines."""

    distribution = "obstore"

    def __init__(self, place: Place) -> None:
        self._store = _store(place)

    async def put(self, name: str, data: bytes) -> None:
        """Put, over whatever is there."""
        await obstore.put_async(self._store, name, data)

    async def get(self, name: str) -> bytes:
        """Get it whole."""
        result = await obstore.get_async(self._store, name)
        return (await result.bytes_async()).to_bytes()

    async def stat(self, name: str) -> int:
        """Ask for its metadata."""
        return (await obstore.head_async(self._store, name))["size"]

    async def delete(self, name: str) -> None:
        """Delete it."""
        await obstore.delete_async(self._store, name)

    async def names(self, folder: str) -> list[str]:
        """List in batches."""
        batches = obstore.list(self._store, folder, chunk_size=1000)
        return [meta["path"] async for batch in batches for meta in batch]

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Put an async iterator."""
        await obstore.put_async(self._store, name, chunks)

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Stream one answer."""
        result = await obstore.get_async(self._store, name)
        async for chunk in result.stream(min_chunk_size=CHUNK):
            yield bytes(chunk)


class ObstoreRanges(Obstore):
    """Read large files by ranges of 8 MiB, four at a time."""

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Give range after range."""
        size = await self.stat(name)
        for begin in range(0, size, 4 * _RANGE):
            starts = list(range(begin, min(begin + 4 * _RANGE, size), _RANGE))
            ends = [min(start + _RANGE, size) for start in starts]
            for part in await obstore.get_ranges_async(
                self._store, name, starts=starts, ends=ends, coalesce=0
            ):
                yield bytes(part)


def _store(place: Place) -> ObjectStore:
    match place["class"]:
        case "FileSystemStorage":
            return LocalStore(place["folder"])
        case "S3Storage":
            return S3Store(
                place["bucket"],
                endpoint=place["url"],
                region=place["region"],
                access_key_id=place["access_key"],
                secret_access_key=place["secret_key"],
                virtual_hosted_style_request=False,
                client_options={"allow_http": True},
            )
        case "GCSStorage":
            return GCSStore(
                place["bucket"],
                base_url=place["url"],
                bearer_token="any",  # noqa: S106 - else it asks for one on the network
                client_options={"allow_http": True},
            )
        case _:
            return AzureStore(
                place["bucket"],
                account_name=place["account"],
                account_key=place["key"],
                endpoint=place["account_url"],
                client_options={"allow_http": True},
            )
