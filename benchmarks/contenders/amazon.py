"""aioboto3's client, and boto3's in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aioboto3
import boto3
from botocore.config import Config

from benchmarks.contender import Contender, Place
from benchmarks.contenders.threads import in_threads
from benchmarks.streams import CHUNK

__all__ = ["Aioboto3", "Boto3"]

_PART = 8 << 20


def _options(place: Place) -> dict[str, Any]:  # Any: of the untyped SDK
    return {
        "endpoint_url": place["url"],
        "region_name": place["region"],
        "aws_access_key_id": place["access_key"],
        "aws_secret_access_key": place["secret_key"],
        "config": Config(s3={"addressing_style": "path"}, max_pool_connections=100),
    }


class Aioboto3(Contender):
    """Use one client."""

    distribution = "aioboto3"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._bucket = place["bucket"]

    async def open(self) -> None:
        """Make a session and its client."""
        self._making = aioboto3.Session().client("s3", **_options(self._place))
        self._client = await self._making.__aenter__()

    async def close(self) -> None:
        """Close it."""
        await self._making.__aexit__(None, None, None)

    async def put(self, name: str, data: bytes) -> None:
        """Put, over whatever is there."""
        await self._client.put_object(Bucket=self._bucket, Key=name, Body=data)

    async def get(self, name: str) -> bytes:
        """Get it whole."""
        answer = await self._client.get_object(Bucket=self._bucket, Key=name)
        async with answer["Body"] as body:
            data: bytes = await body.read()
            return data

    async def stat(self, name: str) -> int:
        """Ask for its headers."""
        answer = await self._client.head_object(Bucket=self._bucket, Key=name)
        size: int = answer["ContentLength"]
        return size

    async def delete(self, name: str) -> None:
        """Delete it."""
        await self._client.delete_object(Bucket=self._bucket, Key=name)

    async def names(self, folder: str) -> list[str]:
        """List page after page."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{folder}/"
        )
        return [item["Key"] async for page in pages for item in page["Contents"]]

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Let `upload_fileobj` read."""
        await self._client.upload_fileobj(_Reader(chunks), self._bucket, name)

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Read chunk by chunk."""
        body = (await self._client.get_object(Bucket=self._bucket, Key=name))["Body"]
        async with body:
            while chunk := await body.read(CHUNK):
                yield chunk


class _Reader:
    """Be a file with `async read(n)`, as `upload_fileobj` wants one."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks

    async def read(self, size: int) -> bytes:
        parts: list[bytes] = []
        held = 0
        async for chunk in self._chunks:
            parts.append(chunk)
            held += len(chunk)
            if held >= size:
                break
        return b"".join(parts)


class Boto3(Contender):
    """Use one client from many threads, as its documents allow."""

    distribution = "boto3"

    def __init__(self, place: Place) -> None:
        self._client = boto3.client("s3", **_options(place))
        self._bucket = place["bucket"]

    async def put(self, name: str, data: bytes) -> None:
        """Put, over whatever is there."""
        await self._call("put_object", Key=name, Body=data)

    async def get(self, name: str) -> bytes:
        """Get it whole."""
        return await asyncio.to_thread(self._read, name)

    async def stat(self, name: str) -> int:
        """Ask for its headers."""
        size: int = (await self._call("head_object", Key=name))["ContentLength"]
        return size

    async def delete(self, name: str) -> None:
        """Delete it."""
        await self._call("delete_object", Key=name)

    async def names(self, folder: str) -> list[str]:
        """List page after page."""
        return await asyncio.to_thread(self._list, f"{folder}/")

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Send parts of 8 MiB, one after the other."""
        upload = (await self._call("create_multipart_upload", Key=name))["UploadId"]
        reader = _Reader(chunks)
        parts: list[dict[str, object]] = []
        while body := await reader.read(_PART):
            number = len(parts) + 1
            answer = await self._call(
                "upload_part", Key=name, UploadId=upload, PartNumber=number, Body=body
            )
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        await self._call(
            "complete_multipart_upload",
            Key=name,
            UploadId=upload,
            MultipartUpload={"Parts": parts},
        )

    async def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Read chunk by chunk, each in a thread."""
        body = (await self._call("get_object", Key=name))["Body"]
        async for chunk in in_threads(body.iter_chunks(CHUNK)):
            yield chunk

    async def _call(self, method: str, **arguments: object) -> Any:  # Any: the untyped SDK's
        return await asyncio.to_thread(
            getattr(self._client, method), Bucket=self._bucket, **arguments
        )

    def _read(self, name: str) -> bytes:
        data: bytes = self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read()
        return data

    def _list(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        return [item["Key"] for page in pages for item in page["Contents"]]
