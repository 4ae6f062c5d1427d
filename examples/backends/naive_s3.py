"""The `S3Storage` of the File Storage page, filled in as one would in a quarter of an hour.

It works in a demo. Do not use it: docs/backends.md shows what the conformance suite finds in it.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any, Literal

import aioboto3
from botocore.exceptions import ClientError

from openviper.storage import Capabilities, FileInfo, Page, Storage

__all__ = ["S3Storage"]


class S3Storage(Storage):
    """Keep files in a bucket, below `location`; `options` are those of a boto client."""

    capabilities = Capabilities(read="native", list="native", copy="emulated", flat_namespace=True)

    def __init__(self, bucket: str, location: str, **options: Any) -> None:
        self.bucket = bucket
        self.location = location
        self.session = aioboto3.Session()
        self.options = options

    def _client(self) -> Any:  # Any: aioboto3 is untyped
        return self.session.client("s3", **self.options)

    def _key(self, name: str) -> str:
        return f"{self.location}/{name}"

    async def save(self, name: str, content: bytes) -> str:  # type: ignore[override] # as the page
        """Look for a free name, and put it there."""
        while await self.exists(name):
            stem, dot, extension = name.rpartition(".")
            name = f"{stem}_{uuid.uuid4().hex[:7]}{dot}{extension}"
        async with self._client() as s3:
            await s3.put_object(Bucket=self.bucket, Key=self._key(name), Body=content)
        return name

    async def delete(self, name: str) -> None:
        """Delete an object."""
        async with self._client() as s3:
            await s3.delete_object(Bucket=self.bucket, Key=self._key(name))

    def url(self, name: str) -> str:
        """Return the address of an object."""
        return f"https://{self.bucket}.s3.amazonaws.com/{self._key(name)}"

    async def exists(self, name: str) -> bool:
        """Ask for the object's headers."""
        try:
            await self.size(name)
        except ClientError:
            return False
        return True

    async def size(self, name: str) -> int:
        """Return the length of an object."""
        async with self._client() as s3:
            found = await s3.head_object(Bucket=self.bucket, Key=self._key(name))
        return int(found["ContentLength"])

    async def stream(
        self, name: str, *, start: int = 0, end: int | None = None, chunk_size: int = 65536
    ) -> AsyncIterator[bytes]:
        """Get the object whole, and give the slice."""
        async with self._client() as s3:
            found = await s3.get_object(Bucket=self.bucket, Key=self._key(name))
            content: bytes = await found["Body"].read()
        yield content[start:end]

    async def list_page(
        self,
        prefix: str = "",
        *,
        delimiter: Literal["/"] | None = None,
        limit: int = 1000,
        token: str | None = None,
    ) -> Page:
        """List the objects that begin with the prefix."""
        given: dict[str, Any] = {"Delimiter": delimiter} if delimiter else {}
        async with self._client() as s3:
            found = await s3.list_objects_v2(
                Bucket=self.bucket, Prefix=self._key(prefix), MaxKeys=limit, **given
            )
        start = len(self._key(""))
        return Page(
            files=tuple(
                FileInfo(name=entry["Key"][start:], size=entry["Size"])
                for entry in found.get("Contents", [])
            ),
            prefixes=tuple(entry["Prefix"][start:] for entry in found.get("CommonPrefixes", [])),
            token=found.get("NextContinuationToken"),
        )
