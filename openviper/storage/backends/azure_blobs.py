"""Do to one blob what takes more than one request: an upload in blocks, a read, a slow copy."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager

from openviper.storage.attributes import encode_metadata
from openviper.storage.backends.azure_client import Client, Request
from openviper.storage.backends.azure_errors import RefusedError, classify
from openviper.storage.backends.azure_replies import block_ids_of, info_of, said, written
from openviper.storage.backends.http_errors import is_passing
from openviper.storage.backends.http_pool import Response
from openviper.storage.driver import AmbiguousNotFoundError, Write
from openviper.storage.errors import (
    AlreadyExistsError,
    NotFoundError,
    PreconditionFailedError,
    UnavailableError,
)
from openviper.storage.shield import to_the_end
from openviper.storage.transfer import PART_PATIENCE
from openviper.storage.types import FileInfo

__all__ = [
    "Blocks",
    "condition",
    "creating",
    "exists",
    "finished_copy",
    "metadata_of",
    "read_on",
    "reading",
    "stored",
]

_ID_LENGTH = 32
_REMEMBERED = 1000

_BEFORE_ALL_BLOBS = "Sat, 01 Jan 2000 00:00:00 GMT"
"""Nothing was last modified by then: a condition that no committed blob meets."""

_COPY_SECONDS = 300.0
"""How long a copy inside one account, which nearly always is done at once, may take."""

_MIB = 1 << 20
_BREAKS = 3
"""How often a read may break off within one MiB."""


class Blocks:
    """Send one upload in blocks, which show nowhere until they are committed.

    Blocks of one name share one place, whoever sends them: ids that carry the write id keep
    two uploads apart.
    """

    def __init__(self, client: Client, key: str, write: Write, given_up: set[str]) -> None:
        """Take, in `given_up`, the write ids whose blocks nobody waits for any more."""
        self._client = client
        self._key = key
        self._write = write
        self._given_up = given_up
        self._sizes: dict[int, int] = {}

    async def part(self, number: int, data: memoryview) -> None:
        """Send one block, and let it finish: one that arrived after an abort would stay."""
        request = Request(
            method="PUT",
            key=self._key,
            query={"comp": "block", "blockid": self._id(number)},
            headers={"content-type": "application/octet-stream"},
            body=data,
        )
        await to_the_end(self._client.send(request), patience=PART_PATIENCE)
        self._sizes[number] = len(data)

    async def commit(self) -> FileInfo:
        """Make a blob of the blocks."""
        blocks = "".join(f"<Latest>{self._id(number)}</Latest>" for number in sorted(self._sizes))
        listed = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{blocks}</BlockList>'
        request = Request(
            method="PUT",
            key=self._key,
            query={"comp": "blocklist"},
            headers={
                "content-type": "application/xml",
                **stored(self._write),
                **condition(self._write.if_match, missing=self._write.create),
            },
            body=memoryview(listed.encode()),
        )
        try:
            with creating(self._write):
                reply = await self._client.send(request)
        except RefusedError as error:
            if error.code != "InvalidBlockList":
                raise
            raise await self._overtaken() from error
        return written(self._key, sum(self._sizes.values()), self._write, reply.headers)

    async def abort(self) -> None:
        """Remove the blocks where nobody else can lose by it.

        A name's blocks can only be removed all at once, by deleting a blob that is none yet:
        https://github.com/Azure/azure-storage-node/issues/350
        Where others send blocks too, or a blob is there, ours stay until the next write of the
        name, or for a week: https://learn.microsoft.com/rest/api/storageservices/put-block
        (In Azurite deleted blocks come back with the next one.)
        """
        if len(self._given_up) >= _REMEMBERED:
            self._given_up.clear()
        self._given_up.add(self._write.write_id)
        listing = {"comp": "blocklist", "blocklisttype": "uncommitted"}
        unwritten = {"if-unmodified-since": _BEFORE_ALL_BLOBS}
        try:
            sent = await self._client.send(Request(method="GET", key=self._key, query=listing))
            if all(block[:_ID_LENGTH] in self._given_up for block in block_ids_of(sent.body)):
                await self._client.send(Request(method="DELETE", key=self._key, headers=unwritten))
        except RefusedError as error:
            if classify(error) not in (NotFoundError, PreconditionFailedError):
                raise

    def _id(self, number: int) -> str:
        return base64.b64encode(f"{self._write.write_id}{number:05d}".encode()).decode()

    async def _overtaken(self) -> Exception:
        """Say what blocks that are gone mean: another write was committed, and took them along."""
        if self._write.create and await exists(self._client, self._key):
            return AlreadyExistsError()
        if self._write.if_match is not None:
            return PreconditionFailedError()
        return UnavailableError(
            "azure: another write of this name ended first, and with it the service dropped "
            "what was sent of this one; nothing of it was stored, so write it again"
        )


@contextmanager
def creating(write: Write) -> Iterator[None]:
    """Take a failed condition of a creation, 409 or 412 by operation, for "already exists"."""
    try:
        yield
    except RefusedError as error:
        if write.create and error.code == "ConditionNotMet":
            raise AlreadyExistsError from error
        raise


def stored(write: Write) -> dict[str, str]:
    """Return the headers with which a write's attributes are stored."""
    given = write.attributes
    settings = {
        "x-ms-blob-content-type": write.content_type,
        "x-ms-blob-cache-control": given.cache_control,
        "x-ms-blob-content-disposition": given.content_disposition,
        "x-ms-blob-content-encoding": given.content_encoding,
    }
    said_settings = {name: value for name, value in settings.items() if value is not None}
    return said_settings | metadata_of(write)


def metadata_of(write: Write) -> dict[str, str]:
    """Return the headers with which a write's metadata is stored."""
    metadata = encode_metadata(write.stored_metadata())
    return {f"x-ms-meta-{name}": value for name, value in metadata.items()}


def condition(etag: str | None, *, missing: bool = False) -> dict[str, str]:
    """Return the header that binds a request to one version, or to none being there."""
    if missing:
        return {"if-none-match": "*"}
    return {} if etag is None else {"if-match": f'"{etag}"'}


async def exists(client: Client, key: str) -> bool:
    """Tell whether a blob is there."""
    try:
        await client.send(Request(method="HEAD", key=key))
    except RefusedError as error:
        if classify(error) not in (NotFoundError, AmbiguousNotFoundError):
            raise
        return False
    return True


def reading(key: str, start: int, end: int | None, if_match: str | None) -> Request:
    """Return the request for the bytes of a range, as they are stored."""
    headers = condition(if_match)
    if start or end is not None:
        headers["x-ms-range"] = f"bytes={start}-{'' if end is None else end - 1}"
    return Request(method="GET", key=key, headers=headers)


async def read_on(
    client: Client,
    response: Response,
    key: str,
    *,
    start: int,
    stop: int,
    etag: str | None,
) -> AsyncGenerator[bytes, None]:
    """Give what a reply has; where it breaks off, ask for the rest of the same version."""
    position = mark = start
    breaks = 0
    while True:
        try:
            async with response:
                while chunk := await response.piece():
                    position += len(chunk)
                    yield chunk
        except Exception as error:
            if position - mark >= _MIB:
                mark, breaks = position, 0
            breaks += 1
            if not is_passing(error) or breaks > _BREAKS:
                raise
        else:
            return
        response = await client.open(reading(key, position, stop, etag))


async def finished_copy(client: Client, key: str, copy_id: str, *, created: bool) -> FileInfo:
    """Wait until a copy that was begun is done; stop it where it fails or takes too long.

    What is left then, an empty blob, is removed where nothing was there before.
    """
    limit = asyncio.timeout(_COPY_SECONDS)
    try:
        async with limit:
            found = await _ended_copy(client, key, copy_id)
    except TimeoutError:
        if not limit.expired():
            raise  # it was a request's: the copy may go on
        await client.send(
            Request(
                method="PUT",
                key=key,
                query={"comp": "copy", "copyid": copy_id},
                headers={"x-ms-copy-action": "abort"},
            )
        )
        found = await _looked(client, key)
    if found.get("x-ms-copy-id") != copy_id:
        raise PreconditionFailedError  # somebody wrote there meanwhile
    status = said(found, "x-ms-copy-status")
    if status == "success":
        return info_of(found, key)
    if created:
        headers = condition(said(found, "etag").strip('"'))
        await client.send(Request(method="DELETE", key=key, headers=headers))
    raise UnavailableError(
        f"azure: the copy ended as {status!r}"
        + ("; nothing is left of it" if created else "; an empty file may be in its place")
    )


async def _ended_copy(client: Client, key: str, copy_id: str) -> Mapping[str, str]:
    pause = 0.1
    while True:
        found = await _looked(client, key)
        if found.get("x-ms-copy-id") != copy_id or found.get("x-ms-copy-status") != "pending":
            return found
        await asyncio.sleep(pause)
        pause = min(2.0, pause * 2)


async def _looked(client: Client, key: str) -> Mapping[str, str]:
    return (await client.send(Request(method="HEAD", key=key))).headers
