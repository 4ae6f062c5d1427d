"""Send files to Google Cloud Storage: in one request, or in a session that outlives failures.

https://cloud.google.com/storage/docs/uploads-downloads#uploads
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TypeAlias

from openviper.storage.backends.gcs_client import Client, Reply, Request, Resource, classify
from openviper.storage.driver import Write
from openviper.storage.errors import StorageError, UnavailableError
from openviper.storage.shield import to_the_end

__all__ = ["attributes_of", "send_bytes", "send_resumable", "send_stream"]

CHUNK = 8 << 20
"""A multiple of 256 KiB, as sessions want it; this is what their page advises at least."""

_GOES_ON = 308
_GOING_ON = frozenset({_GOES_ON})
_CANCELLED = frozenset({404, 410, 499})  # it was gone, or now is
_RANGE = re.compile(r"bytes=0-(\d+)")
_log = logging.getLogger("openviper.storage")

Meanings: TypeAlias = Mapping[int, type[StorageError]]


def attributes_of(write: Write) -> dict[str, object]:
    """Return the part of an object's resource that a write decides."""
    given = write.attributes
    said = {
        "contentType": write.content_type,
        "cacheControl": given.cache_control,
        "contentDisposition": given.content_disposition,
        "contentEncoding": given.content_encoding,
        "metadata": write.stored_metadata(),
    }
    return {key: value for key, value in said.items() if value is not None}


async def send_bytes(
    client: Client, request: Request, key: str, data: memoryview, write: Write
) -> Resource:
    """Store bytes in one request, tried again where that may help."""
    boundary = os.urandom(16).hex()
    body = b"".join((_head(boundary, key, write), data, _tail(boundary)))
    reply = await client.send(_multipart(request, boundary, memoryview(body)))
    return reply.json()


async def send_stream(
    client: Client, request: Request, key: str, chunks: AsyncIterator[memoryview], write: Write
) -> Resource:
    """Store what the chunks give in one request, which can't be tried again."""
    boundary = os.urandom(16).hex()

    async def body() -> AsyncGenerator[memoryview, None]:
        yield memoryview(_head(boundary, key, write))
        async with aclosing(_each(chunks)) as each:
            async for chunk in each:
                yield chunk
        yield memoryview(_tail(boundary))

    reply = await client.send_stream(_multipart(request, boundary), body())
    return reply.json()


async def send_resumable(
    client: Client, request: Request, key: str, chunks: AsyncIterator[memoryview], write: Write
) -> Resource:
    """Store what the chunks give in a session: each part is kept until the service has it."""
    begin = replace(
        request,
        query={**request.query, "uploadType": "resumable", "name": key},
        headers={
            "content-type": "application/json; charset=UTF-8",
            "x-upload-content-type": write.content_type,
        },
        body=memoryview(json.dumps(attributes_of(write)).encode()),
    )

    async def begun() -> _Session:
        return _Session(client, await client.send(begin), write, request.meanings)

    session = await to_the_end(begun(), undo=lambda begun: begun.cancel())
    try:
        async with aclosing(_parts(chunks, CHUNK)) as parts:
            return await session.send_all(parts)
    except BaseException:
        await to_the_end(session.cancel())
        raise


class _Session:
    """Send parts to an upload session, whose address is a permission and a secret."""

    def __init__(self, client: Client, begun: Reply, write: Write, meanings: Meanings) -> None:
        self._client = client
        if "location" not in begun.headers:
            raise UnavailableError  # something else answered
        self._address = begun.headers["location"]
        self._type = write.content_type
        self._meanings: Meanings = {404: UnavailableError, 410: UnavailableError, **meanings}
        self._offset = 0
        self._left = memoryview(b"")
        self._total = "*"
        self._unsure = False

    async def send_all(self, parts: AsyncIterator[memoryview]) -> Resource:
        """Send parts in order, of which the last is short, and return what they make."""
        stored: Resource | None = None
        async for part in parts:
            stored = await self._send(part, last=len(part) < CHUNK)
        assert stored is not None  # the last part completes it
        return stored

    async def cancel(self) -> None:
        """Forget what was sent; a session that can't be cancelled ends after a week."""
        request = Request(method="DELETE", url=self._address, accepts=_CANCELLED)
        try:
            await self._client.send_once(request)
        except Exception as error:
            if classify(error) is None and not isinstance(error, StorageError):
                raise
            _log.warning("gcs: could not cancel an upload: %s", type(error).__name__)

    async def _send(self, part: memoryview, *, last: bool) -> Resource | None:
        """Send a part until the service has all of it; return what the last one completes."""
        self._left, self._unsure = part, False
        self._total = str(self._offset + len(part)) if last else "*"
        while True:
            reply = await self._client.retried(self._attempt)
            if reply.status != _GOES_ON:
                return reply.json()
            if not self._left:
                break
        if last:
            raise UnavailableError  # it has everything and makes nothing of it
        return None

    async def _attempt(self) -> Reply:
        """Send what is left; after an attempt without an answer, ask first what arrived."""
        if self._unsure:
            reply = await self._client.send_once(self._request(memoryview(b"")))
            if reply.status != _GOES_ON or not self._advance(reply):
                return reply
        self._unsure = True
        before = self._offset
        reply = await self._client.send_once(self._request(self._left))
        if reply.status == _GOES_ON and self._advance(reply) and self._offset == before:
            raise ConnectionResetError("nothing of the part arrived")
        self._unsure = False
        return reply

    def _advance(self, reply: Reply) -> int:
        """Drop what has arrived, and return how much of the part is left."""
        found = _RANGE.fullmatch(reply.headers.get("range", ""))
        arrived = (int(found[1]) + 1 if found else 0) - self._offset
        if not 0 <= arrived <= len(self._left):
            raise UnavailableError  # it lost what it had
        self._offset += arrived
        self._left = self._left[arrived:]
        return len(self._left)

    def _request(self, part: memoryview) -> Request:
        sent = f"{self._offset}-{self._offset + len(part) - 1}" if part else "*"
        return Request(
            method="PUT",
            url=self._address,
            headers={"content-range": f"bytes {sent}/{self._total}", "content-type": self._type},
            body=part or None,
            accepts=_GOING_ON,
            meanings=self._meanings,
        )


def _multipart(request: Request, boundary: str, body: memoryview | None = None) -> Request:
    return replace(
        request,
        body=body,
        query={**request.query, "uploadType": "multipart"},
        headers={"content-type": f"multipart/related; boundary={boundary}"},
    )


def _head(boundary: str, key: str, write: Write) -> bytes:
    resource = json.dumps({"name": key, **attributes_of(write)})
    described = f"Content-Type: application/json; charset=UTF-8\r\n\r\n{resource}"
    content = f"Content-Type: {write.content_type}\r\n\r\n"
    return f"--{boundary}\r\n{described}\r\n--{boundary}\r\n{content}".encode()


def _tail(boundary: str) -> bytes:
    return f"\r\n--{boundary}--\r\n".encode()


async def _parts(chunks: AsyncIterator[memoryview], size: int) -> AsyncGenerator[memoryview, None]:
    """Give parts of just `size` bytes, and at the end a shorter one, which may be empty."""
    part, filled = memoryview(bytearray(size)), 0
    async with aclosing(_each(chunks)) as each:
        async for chunk in each:
            rest = chunk
            while rest:
                taken = rest[: size - filled]
                part[filled : filled + len(taken)] = taken
                filled += len(taken)
                rest = rest[len(taken) :]
                if filled == size:
                    yield part
                    part, filled = memoryview(bytearray(size)), 0
    yield part[:filled]


async def _each(chunks: AsyncIterator[memoryview]) -> AsyncGenerator[memoryview, None]:
    """Give all chunks, and close what gives them."""
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
