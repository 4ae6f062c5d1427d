"""Django's own storage of files, and django-storages for S3: both block, so in threads.

They have an environment of their own, which pyright does not see.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from django.conf import settings  # pyright: ignore[reportMissingImports]
from django.core.files.base import ContentFile  # pyright: ignore[reportMissingImports]
from django.core.files.storage import FileSystemStorage, Storage  # pyright: ignore[reportMissingImports]

from benchmarks.contender import Contender, Place
from benchmarks.contenders.threads import in_threads
from benchmarks.streams import CHUNK

__all__ = ["DjangoFiles", "DjangoS3"]

settings.configure()


class DjangoFiles(Contender):
    """Save under free names, without fsync; its `save` takes no async content."""

    distribution = "django"

    def __init__(self, place: Place) -> None:
        self._storage: Storage = FileSystemStorage(place["folder"])

    async def put(self, name: str, data: bytes) -> None:
        """Save."""
        await asyncio.to_thread(self._storage.save, name, ContentFile(data))

    async def get(self, name: str) -> bytes:
        """Open, read and close."""
        return await asyncio.to_thread(self._read, name)

    async def stat(self, name: str) -> int:
        """Ask for the size."""
        size: int = await asyncio.to_thread(self._storage.size, name)
        return size

    async def delete(self, name: str) -> None:
        """Delete it."""
        await asyncio.to_thread(self._storage.delete, name)

    async def names(self, folder: str) -> list[str]:
        """List the directory."""
        files: list[str] = (await asyncio.to_thread(self._storage.listdir, folder))[1]
        return files

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Read chunk by chunk, each in a thread."""
        file = await asyncio.to_thread(self._storage.open, name)
        async for chunk in in_threads(file.chunks(CHUNK)):
            yield chunk
        await asyncio.to_thread(file.close)

    def _read(self, name: str) -> bytes:
        with self._storage.open(name) as file:
            data: bytes = file.read()
            return data


class DjangoS3(DjangoFiles):
    """Save on S3 through boto3, under the name given, as its option `file_overwrite` has it."""

    distribution = "django-storages"

    def __init__(self, place: Place) -> None:
        # Not for files: boto3 comes with it.
        from storages.backends import s3  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

        self._storage = s3.S3Storage(
            bucket_name=place["bucket"],
            endpoint_url=place["url"],
            region_name=place["region"],
            access_key=place["access_key"],
            secret_key=place["secret_key"],
            addressing_style="path",
            file_overwrite=True,
        )
