"""Reach the objects of each server around the storages, with the vendors' sync clients."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.parse
import urllib.request
from pathlib import Path

from azure.storage.blob import BlobServiceClient, ContentSettings

from servers import Server
from servers.buckets import s3_client


class FileSystemRaw:
    """See a folder as it is."""

    def __init__(self, root: str, location: str) -> None:
        self._folder = Path(root, location)

    async def put(self, key: str, data: bytes, *, content_encoding: str | None = None) -> None:
        path = self._folder / key
        if key.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    async def keys(self) -> list[str]:
        return sorted(
            Path(folder, file).relative_to(self._folder).as_posix()
            for folder, _, files in os.walk(self._folder)
            for file in files
            if Path(folder, file) != self._folder / ".openviper/lock"  # empty, and there to stay
        )

    async def open_uploads(self) -> list[str]:
        return [key for key in await self.keys() if key.startswith(".openviper/")]


class S3Raw:
    """See a bucket by boto3."""

    def __init__(self, bucket: str, server: Server, location: str) -> None:
        self._bucket = bucket
        self._client = s3_client(server)
        self._prefix = f"{location}/"

    async def put(self, key: str, data: bytes, *, content_encoding: str | None = None) -> None:
        more = {"ContentEncoding": content_encoding} if content_encoding else {}
        await asyncio.to_thread(
            lambda: self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=data, **more
            )
        )

    async def keys(self) -> list[str]:
        pages = await asyncio.to_thread(
            lambda: list(
                self._client.get_paginator("list_objects_v2").paginate(
                    Bucket=self._bucket, Prefix=self._prefix
                )
            )
        )
        return [
            found["Key"].removeprefix(self._prefix)
            for page in pages
            for found in page.get("Contents", [])
        ]

    async def open_uploads(self) -> list[str]:
        listed = await asyncio.to_thread(
            lambda: self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=self._prefix)
        )
        found = [upload["Key"] for upload in listed.get("Uploads", [])]
        return [key.removeprefix(self._prefix) for key in found if key.startswith(self._prefix)]


class GCSRaw:
    """See a bucket by plain HTTP requests."""

    def __init__(self, bucket: str, url: str, location: str) -> None:
        self._bucket = bucket
        self._url = url
        self._prefix = f"{location}/"

    async def put(self, key: str, data: bytes, *, content_encoding: str | None = None) -> None:
        name = urllib.parse.quote(self._prefix + key, safe="")
        query = f"uploadType=media&name={name}"
        if content_encoding:
            query += f"&contentEncoding={content_encoding}"
        request = urllib.request.Request(
            f"{self._url}/upload/storage/v1/b/{self._bucket}/o?{query}", data=data, method="POST"
        )
        await asyncio.to_thread(_answer, request)

    async def keys(self) -> list[str]:
        prefix = urllib.parse.quote(self._prefix, safe="")
        request = urllib.request.Request(
            f"{self._url}/storage/v1/b/{self._bucket}/o?prefix={prefix}&maxResults=1000"
        )
        listed = json.loads(await asyncio.to_thread(_answer, request))
        return [found["name"].removeprefix(self._prefix) for found in listed.get("items", [])]

    async def open_uploads(self) -> list[str]:
        return []  # the service lists no sessions: what they left is invisible until they end


class AzureRaw:
    """See a container by the sync client."""

    def __init__(self, container: str, connection_string: str, location: str) -> None:
        self._container = container
        self._text = connection_string
        self._prefix = f"{location}/"

    async def put(self, key: str, data: bytes, *, content_encoding: str | None = None) -> None:
        def upload() -> None:
            with BlobServiceClient.from_connection_string(self._text) as service:
                service.get_blob_client(self._container, self._prefix + key).upload_blob(
                    data,
                    content_settings=ContentSettings(content_encoding=content_encoding),
                    metadata={"hdi_isfolder": "true"} if key.endswith("/") else None,
                )

        await asyncio.to_thread(upload)

    async def keys(self) -> list[str]:
        return await asyncio.to_thread(self._names, [])

    async def open_uploads(self) -> list[str]:
        committed = await asyncio.to_thread(self._names, [])
        everything = await asyncio.to_thread(self._names, ["uncommittedblobs"])
        return sorted(set(everything) - set(committed))

    def _names(self, include: list[str]) -> list[str]:
        with BlobServiceClient.from_connection_string(self._text) as service:
            found = service.get_container_client(self._container).list_blobs(
                name_starts_with=self._prefix, include=include
            )
            return [str(blob.name).removeprefix(self._prefix) for blob in found]


def _answer(request: urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=10) as reply:
        body: bytes = reply.read()
        return body
