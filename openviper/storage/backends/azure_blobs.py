"""Say in the SDK's words what a driver says: attributes, conditions, blocks, ranges, copies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobBlock, BlobProperties, ContentSettings
from azure.storage.blob.aio import BlobClient

from openviper.storage.attributes import decode_metadata, encode_metadata
from openviper.storage.backends.azure_client import READ_SIZE
from openviper.storage.backends.azure_errors import classify, code_of
from openviper.storage.driver import Write
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
    "finished_copy",
    "info_of",
    "is_folder",
    "quoted",
    "read_on",
    "read_range",
    "stored",
    "written",
]

_ID_LENGTH = 32
_REMEMBERED = 1000

_BEFORE_ALL_BLOBS = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing was last modified by then: a condition that no committed blob meets."""

_COPY_SECONDS = 300.0
"""How long a copy inside one account, which nearly always is done at once, may take."""


class Blocks:
    """Send one upload in blocks, which show nowhere until they are committed.

    Blocks of one name share one place, whoever sends them: ids that carry the write id keep
    two uploads apart.
    """

    def __init__(self, blob: BlobClient, key: str, write: Write, given_up: set[str]) -> None:
        """Take, in `given_up`, the write ids whose blocks nobody waits for any more."""
        self._blob = blob
        self._key = key
        self._write = write
        self._given_up = given_up
        self._sizes: dict[int, int] = {}

    async def part(self, number: int, data: memoryview) -> None:
        """Send one block, and let it finish: one that arrived after an abort would stay."""
        # Not copied: the SDK hands any iterable on, and the transport knows this one.
        body = cast("Any", data)
        staging = self._blob.stage_block(self._id(number), body, length=len(data))
        await to_the_end(staging, patience=PART_PATIENCE)
        self._sizes[number] = len(data)

    async def commit(self) -> FileInfo:
        """Make a blob of the blocks."""
        blocks = [BlobBlock(self._id(number)) for number in sorted(self._sizes)]
        try:
            with creating(self._write):
                reply = await self._blob.commit_block_list(
                    blocks,
                    **stored(self._write),
                    **condition(self._write.if_match, missing=self._write.create),
                )
        except HttpResponseError as error:
            if code_of(error) != "InvalidBlockList":
                raise
            raise await self._overtaken() from error
        return written(self._key, sum(self._sizes.values()), self._write, reply)

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
        try:
            _, sent = await self._blob.get_block_list("uncommitted")
            if all(block.id[:_ID_LENGTH] in self._given_up for block in sent):
                await self._blob.delete_blob(if_unmodified_since=_BEFORE_ALL_BLOBS)
        except HttpResponseError as error:
            if classify(error) not in (NotFoundError, PreconditionFailedError):
                raise

    def _id(self, number: int) -> str:
        return f"{self._write.write_id}{number:05d}"

    async def _overtaken(self) -> Exception:
        """Say what blocks that are gone mean: another write was committed, and took them along."""
        if self._write.create and await self._blob.exists():
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
    except HttpResponseError as error:
        if write.create and code_of(error) == "ConditionNotMet":
            raise AlreadyExistsError from error
        raise


def stored(write: Write) -> dict[str, Any]:  # Any: keywords of the SDK
    """Return the keywords with which a write's attributes are stored."""
    attributes = write.attributes
    return {
        "metadata": encode_metadata(write.stored_metadata()),
        "content_settings": ContentSettings(
            content_type=write.content_type,
            cache_control=attributes.cache_control,
            content_disposition=attributes.content_disposition,
            content_encoding=attributes.content_encoding,
        ),
    }


def condition(etag: str | None, *, missing: bool = False) -> dict[str, Any]:  # Any: as above
    """Return the keywords that bind a request to one version, or to none being there."""
    if missing:
        return {"match_condition": MatchConditions.IfMissing}
    if etag is None:
        return {}
    return {"etag": quoted(etag), "match_condition": MatchConditions.IfNotModified}


def quoted(etag: str | None) -> str:
    """Return an etag as HTTP writes it."""
    return f'"{etag}"'


def written(key: str, size: int, write: Write, reply: dict[str, Any]) -> FileInfo:
    """Return what is known of a blob from what was sent and the reply's headers."""
    return FileInfo(
        name=key,
        size=size,
        modified=reply["last_modified"].astimezone(UTC),
        etag=reply["etag"].strip('"'),
        content_type=write.content_type,
        cache_control=write.attributes.cache_control,
        content_disposition=write.attributes.content_disposition,
        content_encoding=write.attributes.content_encoding,
        metadata=write.stored_metadata(),
    )


def info_of(found: BlobProperties, key: str) -> FileInfo:
    """Return what is known of a blob; `NotFoundError` for what stands for a folder."""
    if is_folder(found):
        raise NotFoundError
    settings = found.content_settings
    return FileInfo(
        name=key,
        size=found.size,
        modified=found.last_modified.astimezone(UTC),
        etag=str(found.etag).strip('"'),
        content_type=settings.content_type or None,
        cache_control=settings.cache_control or None,
        content_disposition=settings.content_disposition or None,
        content_encoding=settings.content_encoding or None,
        metadata=decode_metadata(found.metadata or {}),
        checksums={"md5": settings.content_md5.hex()} if settings.content_md5 else {},
    )


def is_folder(found: BlobProperties) -> bool:
    """Tell a folder, real (of a hierarchical namespace) or marked by a tool, from a file."""
    return any(
        name.lower() == "hdi_isfolder" and value == "true"
        for name, value in (found.metadata or {}).items()
    )


async def read_range(
    blob: BlobClient, start: int, size: int, if_match: str | None
) -> tuple[bytes, BlobProperties]:
    """Read up to `size` bytes by one request, as they are stored."""
    replies: list[Any] = []  # Any: the SDK's
    try:
        download = await blob.download_blob(
            start,
            size,
            max_concurrency=1,
            decompress=False,
            raw_response_hook=replies.append,
            **condition(if_match),
        )
        return await download.readall(), download.properties
    except BaseException:
        # The SDK leaves the connection of a reply that is not read to its end open.
        for reply in replies:
            reply.http_response.internal_response.close()
        raise


async def read_on(
    blob: BlobClient, first: bytes, start: int, stop: int, etag: str | None
) -> AsyncGenerator[bytes, None]:
    """Give what was read, and the rest; the next request is under way meanwhile."""

    def begin() -> asyncio.Task[tuple[bytes, BlobProperties]] | None:
        if position >= stop:
            return None
        size = min(READ_SIZE, stop - position)
        return asyncio.create_task(read_range(blob, position, size, etag))

    position = start + len(first)
    following = begin()
    try:
        yield first
        while following is not None:
            chunk, _ = await following
            position += len(chunk)
            following = begin() if chunk else None
            yield chunk
    finally:
        if following is not None:
            following.cancel()
            await to_the_end(asyncio.gather(following, return_exceptions=True))


async def finished_copy(blob: BlobClient, copy_id: str, *, created: bool) -> BlobProperties:
    """Wait until a copy that was begun is done; stop it where it fails or takes too long.

    What is left then, an empty blob, is removed where nothing was there before.
    """
    try:
        async with asyncio.timeout(_COPY_SECONDS):
            found = await _ended_copy(blob, copy_id)
    except TimeoutError:
        await blob.abort_copy(copy_id)
        found = await blob.get_blob_properties()
    if found.copy.id != copy_id:
        raise PreconditionFailedError  # somebody wrote there meanwhile
    if found.copy.status == "success":
        return found
    if created:
        await blob.delete_blob(**condition(str(found.etag).strip('"')))
    raise UnavailableError(
        f"azure: the copy ended as {found.copy.status!r}"
        + ("; nothing is left of it" if created else "; an empty file may be in its place")
    )


async def _ended_copy(blob: BlobClient, copy_id: str) -> BlobProperties:
    pause = 0.1
    while True:
        found = await blob.get_blob_properties()
        if found.copy.id != copy_id or found.copy.status != "pending":
            return found
        await asyncio.sleep(pause)
        pause = min(2.0, pause * 2)
