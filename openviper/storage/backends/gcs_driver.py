"""Do the primitives of a driver by requests to the JSON interface of Google Cloud Storage.

https://cloud.google.com/storage/docs/json_api/v1/objects
A bare 404 there is the object or the bucket. An object's generation is its version: it is the
`etag` here, since it is what writes, reads and deletions can be made conditional on.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal
from urllib.parse import quote
from uuid import uuid4

from openviper.storage.attributes import DEFAULT_CONTENT_TYPE
from openviper.storage.backends.batches import answers
from openviper.storage.backends.dates import moment_of
from openviper.storage.backends.gcs_client import (
    Client,
    RefusedError,
    Reply,
    Request,
    Resource,
    Service,
    classify,
    connect,
)
from openviper.storage.backends.gcs_signing import ServiceAccount, signed_url
from openviper.storage.backends.gcs_token import read_service_file
from openviper.storage.backends.gcs_upload import (
    attributes_of,
    send_bytes,
    send_resumable,
    send_stream,
)
from openviper.storage.driver import Download, SignRequest, Write
from openviper.storage.errors import (
    AlreadyExistsError,
    PreconditionFailedError,
    StorageError,
    UnavailableError,
    UnsupportedOperationError,
)
from openviper.storage.perloop import PerLoop
from openviper.storage.threads import in_thread
from openviper.storage.types import Capabilities, FileInfo, Page
from openviper.storage.urls import join_url

__all__ = ["GCSDriver"]

_FIELDS = (
    "name,size,updated,generation,contentType,cacheControl,contentDisposition,contentEncoding,"
    "metadata,md5Hash,crc32c"
)
_GENERATION = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


class GCSDriver:
    """Store objects in one bucket."""

    backend = "gcs"
    may_lose_replies = True
    max_batch = 100
    """https://cloud.google.com/storage/docs/batch"""

    def __init__(self, bucket: str, service: Service, *, resumable: bool) -> None:
        self._root = service.root
        self._bucket = bucket
        self._objects = f"{service.root}/storage/v1/b/{bucket}/o"
        self._uploads = f"{service.root}/upload/storage/v1/b/{bucket}/o"
        self._service_file = service.service_file
        self._resumable = resumable
        self._account: ServiceAccount | None = None
        self._clients: PerLoop[Client] = PerLoop(partial(connect, service))
        self.capabilities = _capabilities(signs=service.service_file is not None)

    def url(self, key: str) -> str:
        """Return the address at which the object is, if it is public."""
        return join_url(f"{self._root}/{self._bucket}", key)

    async def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
        """Store bytes in one request that has bytes, attributes and condition."""
        client = await self._clients.get()
        return _info_of(await send_bytes(client, self._upload(write), key, data, write))

    async def put_stream(
        self, key: str, chunks: AsyncIterator[memoryview], write: Write
    ) -> FileInfo:
        """Store what the chunks give, in a session or in one request."""
        client = await self._clients.get()
        send = send_resumable if self._resumable else send_stream
        return _info_of(await send(client, self._upload(write), key, chunks, write))

    @asynccontextmanager
    async def get(
        self,
        key: str,
        *,
        start: int,
        end: int | None,
        if_match: str | None,
        chunk_size: int,  # noqa: ARG002 - what came is not cut twice
    ) -> AsyncIterator[Download]:
        """Open a read of the stored bytes; what is stored compressed stays so."""
        query = {"alt": "media", **_if_generation(if_match)}
        headers = {"accept-encoding": "gzip"}  # https://cloud.google.com/storage/docs/transcoding
        if start or end is not None:
            headers["range"] = f"bytes={start}-{'' if end is None else end - 1}"
        request = Request(method="GET", url=self._object(key), query=query, headers=headers)
        client = await self._clients.get()
        async with await client.open(request) as response:
            info = _downloaded(key, response.headers)
            if if_match is not None and info.etag != if_match:
                raise PreconditionFailedError  # an emulator did not look
            yield Download(info=info, chunks=response.pieces())

    async def head(self, key: str) -> FileInfo:
        """Return what is known of an object."""
        query = {"fields": _FIELDS}
        return _info_of(await self._json(Request(method="GET", url=self._object(key), query=query)))

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete an object; a missing one raises."""
        query = _if_generation(if_match)
        await self._send(Request(method="DELETE", url=self._object(key), query=query))

    async def list_page(
        self,
        prefix: str,
        *,
        delimiter: Literal["/"] | None,
        limit: int,
        token: str | None,
        start_after: str | None,
    ) -> Page:
        """List objects; `start_after` itself comes too."""
        asked = {
            "prefix": prefix,
            "delimiter": delimiter,
            "maxResults": str(limit),
            "pageToken": token,
            "startOffset": start_after,
            "fields": f"kind,nextPageToken,prefixes,items({_FIELDS})",
        }
        query = {name: value for name, value in asked.items() if value}
        found = await self._json(Request(method="GET", url=self._objects, query=query))
        if found["kind"] != "storage#objects":
            raise UnavailableError
        return Page(
            files=tuple(_info_of(item) for item in found.get("items", ())),
            prefixes=tuple(folder.removesuffix("/") for folder in found.get("prefixes", ())),
            token=found.get("nextPageToken") or None,
        )

    async def copy(self, source: FileInfo, key: str, write: Write) -> FileInfo:
        """Have the service copy one version, in as many calls as it wants."""
        query = {"sourceGeneration": _generation(source.etag), **_if_wanted(write)}
        request = Request(
            method="POST",
            url=f"{self._object(source.name)}/rewriteTo/b/{self._bucket}/o/{quote(key, safe='')}",
            headers={"content-type": "application/json; charset=UTF-8"},
            body=memoryview(json.dumps(attributes_of(write)).encode()),
            meanings=_meanings(write),
        )
        token: dict[str, str] = {}
        while True:
            copied = await self._json(replace(request, query={**query, **token}))
            if copied.get("done"):
                return _info_of(copied["resource"])
            token = {"rewriteToken": copied["rewriteToken"]}

    async def delete_batch(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        """Delete in one request; what fails for now is left to the caller."""
        boundary = uuid4().hex
        request = Request(
            method="POST",
            url=f"{self._root}/batch/storage/v1",
            headers={"content-type": f"multipart/mixed; boundary={boundary}"},
            body=memoryview(self._deletions(keys, boundary)),
        )
        reply = await self._send(request)
        answered = answers(reply.headers.get("content-type", ""), reply.body)
        failures: dict[str, Exception] = {}
        for number, key in enumerate(keys):
            # Where it said nothing of one, that was not done.
            status = answered[number].status if number in answered else 503
            if status >= 300:
                failures[key] = RefusedError("DELETE", status)
        return failures

    async def signed_url(self, key: str, request: SignRequest) -> str:
        """Sign with the key in the service account's file."""
        if self._account is None:
            self._account = await self._read_account()
        return signed_url(self._account, self.url(key), request, datetime.now(UTC))

    async def aclose(self) -> None:
        """Close the running loop's session."""
        await self._clients.aclose()

    def classify(self, error: Exception) -> type[StorageError] | None:
        """Judge by status and type."""
        return classify(error)

    async def _json(self, request: Request) -> Resource:
        return (await self._send(request)).json()

    async def _send(self, request: Request) -> Reply:
        client = await self._clients.get()
        return await client.send(request)

    async def _read_account(self) -> ServiceAccount:
        path = self._service_file
        if path is None:
            raise UnsupportedOperationError(
                "gcs: signing needs a private key, and signing without one is not there yet: give "
                "service_file, the JSON file of a service account"
            )
        return await in_thread(lambda: ServiceAccount.of(read_service_file(path)))

    def _object(self, key: str) -> str:
        return f"{self._objects}/{quote(key, safe='')}"

    def _upload(self, write: Write) -> Request:
        return Request(
            method="POST", url=self._uploads, query=_if_wanted(write), meanings=_meanings(write)
        )

    def _deletions(self, keys: Sequence[str], boundary: str) -> bytes:
        path = f"/storage/v1/b/{self._bucket}/o"
        parts = (
            f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n"
            f"DELETE {path}/{quote(key, safe='')} HTTP/1.1\r\n\r\n\r\n"
            for number, key in enumerate(keys)
        )
        return f"{''.join(parts)}--{boundary}--\r\n".encode()


def _info_of(resource: Resource) -> FileInfo:
    """Return what the resource of an object says."""
    return FileInfo(
        name=resource["name"],
        size=int(resource.get("size", 0)),
        modified=datetime.fromisoformat(resource["updated"]),
        etag=str(resource["generation"]),
        content_type=resource.get("contentType", DEFAULT_CONTENT_TYPE),
        cache_control=resource.get("cacheControl"),
        content_disposition=resource.get("contentDisposition"),
        content_encoding=resource.get("contentEncoding"),
        metadata=resource.get("metadata", {}),
        checksums=_checksums(resource.get("md5Hash"), resource.get("crc32c")),
    )


def _downloaded(key: str, headers: Mapping[str, str]) -> FileInfo:
    if "x-goog-generation" not in headers:
        raise UnavailableError  # something else answered
    _, _, whole = headers.get("content-range", "").rpartition("/")
    modified = headers.get("last-modified")
    return FileInfo(
        name=key,
        size=int(whole or headers.get("x-goog-stored-content-length") or headers["content-length"]),
        modified=None if modified is None else moment_of(modified),
        etag=headers["x-goog-generation"],
        content_type=headers.get("content-type", DEFAULT_CONTENT_TYPE),
        cache_control=headers.get("cache-control"),
        content_disposition=headers.get("content-disposition"),
        content_encoding=headers.get("content-encoding"),
    )


def _checksums(md5: str | None, crc32c: str | None) -> dict[str, str]:
    found = {"md5": md5, "crc32c": crc32c}
    return {name: base64.b64decode(value).hex() for name, value in found.items() if value}


def _generation(etag: str | None) -> str:
    """Return an etag as the generation that it is; any other text is of no version."""
    if etag is None or not _GENERATION.fullmatch(etag) or int(etag) >= 1 << 63:
        raise PreconditionFailedError
    return etag


def _if_generation(etag: str | None) -> dict[str, str]:
    return {} if etag is None else {"ifGenerationMatch": _generation(etag)}


def _if_wanted(write: Write) -> dict[str, str]:
    return {"ifGenerationMatch": "0"} if write.create else _if_generation(write.if_match)


def _meanings(write: Write) -> dict[int, type[StorageError]]:
    return {412: AlreadyExistsError} if write.create else {}


def _capabilities(*, signs: bool) -> Capabilities:
    return Capabilities(
        read="native",
        list="native",
        put="native",
        create_only="native",
        replace_if_match="native",
        copy="native",
        metadata="native",
        signed_get="native" if signs else "none",
        signed_put="native" if signs else "none",
        flat_namespace=True,
        max_size=5 << 40,
    )
