"""Keep files in an Azure Blob Storage container, as block blobs."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobSasPermissions, generate_blob_sas
from azure.storage.blob.aio import BlobClient, BlobPrefix, ContainerClient

from openviper.storage.attributes import encode_metadata
from openviper.storage.backends.azure_account import Account, account_from, check_container
from openviper.storage.backends.azure_blobs import (
    Blocks,
    condition,
    creating,
    finished_copy,
    info_of,
    is_folder,
    quoted,
    read_on,
    read_range,
    stored,
    written,
)
from openviper.storage.backends.azure_client import READ_SIZE, connect, portable_boundary
from openviper.storage.backends.azure_errors import classify
from openviper.storage.driver import Download, SignRequest, Write
from openviper.storage.errors import (
    AlreadyExistsError,
    ImproperlyConfiguredError,
    PreconditionFailedError,
    StorageError,
    UnavailableError,
    UnsupportedOperationError,
)
from openviper.storage.perloop import PerLoop
from openviper.storage.portable import PortableStorage
from openviper.storage.secrets import Secret
from openviper.storage.types import Capabilities, FileInfo, Page, Support
from openviper.storage.urls import join_url

__all__ = ["AzureDriver", "AzureStorage"]

_CAPABILITIES = Capabilities(
    read="native",
    list="native",
    put="native",
    create_only="native",
    replace_if_match="native",
    copy="native",
    metadata="native",
    flat_namespace=True,
)


class AzureStorage(PortableStorage):
    """Store files in a container of Azure Blob Storage."""

    def __init__(
        self,
        container: str,
        *,
        location: str = "",
        base_url: str | None = None,
        signed: bool = False,
        connection_string: str | None = None,
        account_url: str | None = None,
        credential: object | None = None,
        timeout: float = 10.0,
        max_attempts: int = 3,
        part_size: int = 4 << 20,
        max_concurrency: int = 4,
        spool: bool = True,
        spool_dir: str | Path | None = None,
    ) -> None:
        """Name the container and how to reach it, by `connection_string` or `account_url`.

        `credential` is an account key, a SAS, or a token credential of `azure.identity.aio`,
        which stays the caller's to close; without one only public containers can be read.
        `timeout` is for connecting and for each wait on the service, in seconds. Content over
        `part_size` goes in blocks of that size, `max_concurrency` at a time.
        """
        driver = AzureDriver(
            account_from(connection_string, account_url, credential),
            check_container(container),
            timeout=timeout,
            max_attempts=max_attempts,
            part_size=part_size,
            max_concurrency=max_concurrency,
        )
        super().__init__(
            driver,
            arguments={
                "container": container,
                "location": location,
                "base_url": base_url,
                "signed": signed,
                "connection_string": None
                if connection_string is None
                else Secret(connection_string),
                "account_url": account_url,
                "credential": None if credential is None else Secret(credential),
                "timeout": timeout,
                "max_attempts": max_attempts,
                "part_size": part_size,
                "max_concurrency": max_concurrency,
                "spool": spool,
                "spool_dir": spool_dir,
            },
            location=location,
            base_url=base_url,
            signed=signed,
            spool=spool,
            spool_dir=spool_dir,
        )


class AzureDriver:
    """Speak to one container."""

    backend = "azure"
    may_lose_replies = True
    # https://learn.microsoft.com/azure/storage/blobs/scalability-targets
    max_parts = 50_000
    # https://learn.microsoft.com/rest/api/storageservices/blob-batch
    max_batch = 256

    def __init__(
        self,
        account: Account,
        container: str,
        *,
        timeout: float,
        max_attempts: int,
        part_size: int,
        max_concurrency: int,
    ) -> None:
        _check_limits(timeout, max_attempts, part_size, max_concurrency)
        self._account = account
        self._container = container
        self.part_size = part_size
        self.max_concurrency = max_concurrency
        self._given_up: set[str] = set()
        self._clients: PerLoop[ContainerClient] = PerLoop(
            lambda: connect(
                account, container, patience=timeout, max_attempts=max_attempts, put_size=part_size
            )
        )

    @property
    def capabilities(self) -> Capabilities:
        """What Azure has, signatures only with an account key to make them."""
        signing: Support = "native" if self._account.key is not None else "none"
        return replace(_CAPABILITIES, signed_get=signing, signed_put=signing)

    def url(self, key: str) -> str:
        """Return the address of a blob."""
        return join_url(f"{self._account.url}/{self._container}", key)

    async def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
        """Store a blob in one request."""
        blob = await self._blob(key)
        with creating(write):
            reply = await blob.upload_blob(
                bytes(data),
                length=len(data),
                overwrite=not write.create,
                **stored(write),
                **condition(write.if_match),
            )
        # Only here it is the content's; after the commit of blocks it is that of their list.
        md5 = reply.get("content_md5")
        info = written(key, len(data), write, reply)
        return replace(info, checksums={"md5": md5.hex()}) if md5 else info

    async def begin(self, key: str, write: Write) -> Blocks:
        """Begin with nothing: blocks belong to no upload but by their ids."""
        return Blocks(await self._blob(key), key, write, self._given_up)

    @asynccontextmanager
    async def get(
        self,
        key: str,
        *,
        start: int,
        end: int | None,
        if_match: str | None,
        chunk_size: int,  # noqa: ARG002
    ) -> AsyncIterator[Download]:
        """Read by requests of 1 MiB, all of the version that the first one found."""
        blob = await self._blob(key)
        size = READ_SIZE if end is None else min(READ_SIZE, end - start)
        first, found = await read_range(blob, start, size, if_match)
        info = replace(info_of(found, key), size=int(str(found.content_range).rpartition("/")[2]))
        stop = info.size if end is None else min(end, info.size)
        async with aclosing(read_on(blob, first, start, stop, info.etag)) as chunks:
            yield Download(info=info, chunks=chunks)

    async def head(self, key: str) -> FileInfo:
        """Return what is known of a blob."""
        return info_of(await (await self._blob(key)).get_blob_properties(), key)

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete a blob with its snapshots; without `include` a blob that has some stays."""
        blob = await self._blob(key)
        try:
            await blob.delete_blob(delete_snapshots="include", **condition(if_match))
        except HttpResponseError as error:
            # A blob that an attempt before deleted does not match either.
            if classify(error) is not PreconditionFailedError or await blob.exists():
                raise

    async def delete_batch(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        """Delete up to 256 blobs by one request."""
        client = await self._clients.get()
        replies = await client.delete_blobs(
            *keys,
            delete_snapshots="include",
            raise_on_any_failure=False,
            raw_request_hook=portable_boundary,
        )
        failed: dict[str, Exception] = {}
        position = 0
        async for reply in replies:
            if reply.status_code >= 300:
                failed[keys[position]] = HttpResponseError(response=reply)
            position += 1
        for key in keys[position:]:
            failed[key] = UnavailableError()
        return failed

    async def list_page(
        self,
        prefix: str,
        *,
        delimiter: Literal["/"] | None,
        limit: int,
        token: str | None,
        start_after: str | None,  # noqa: ARG002 - Azure can't start in the middle
    ) -> Page:
        """List one page; metadata comes along, since only it tells folder markers from files."""
        client = await self._clients.get()
        options: dict[str, Any] = {  # Any: keywords of the SDK
            "name_starts_with": prefix or None,
            "include": ["metadata"],
            "results_per_page": limit,
        }
        found = client.walk_blobs(**options) if delimiter else client.list_blobs(**options)
        pages: Any = found.by_page(continuation_token=token)
        files: list[FileInfo] = []
        prefixes: list[str] = []
        async for item in await anext(pages):
            if isinstance(item, BlobPrefix):
                prefixes.append(item.name.removesuffix("/"))
            elif not is_folder(item):
                files.append(info_of(item, item.name))
        return Page(
            files=tuple(files), prefixes=tuple(prefixes), token=pages.continuation_token or None
        )

    async def copy(self, source: FileInfo, key: str, write: Write) -> FileInfo:
        """Copy inside the account; headers come from the source, metadata with a new write id.

        The source is read with what this storage has itself: a key or a token by the request,
        a SAS in the source's URL.
        """
        blob = await self._blob(key)
        original = await self._blob(source.name)
        try:
            reply = await blob.start_copy_from_url(
                original.url,
                metadata=encode_metadata(write.stored_metadata()),
                source_etag=quoted(source.etag),
                source_match_condition=MatchConditions.IfNotModified,
                **condition(None, missing=write.create),
            )
        except HttpResponseError as error:
            # Azurite has one code for the source's condition and the target's.
            failed = classify(error) is PreconditionFailedError
            if write.create and failed and await blob.exists():
                raise AlreadyExistsError from error
            raise
        if reply["copy_status"] == "success":
            return replace(written(key, source.size, write, reply), checksums=source.checksums)
        done = await finished_copy(blob, str(reply["copy_id"]), created=write.create)
        return info_of(done, key)

    async def signed_url(self, key: str, request: SignRequest) -> str:
        """Sign a URL with the account key, without a request.

        Who PUTs must send `x-ms-blob-type: BlockBlob`, which no URL can say, and the type as
        `x-ms-blob-content-type`, which no SAS can bind.
        """
        if self._account.key is None:
            raise UnsupportedOperationError(
                "azure: signing needs an account key; user delegation keys come later"
            )
        if request.method == "PUT" and request.content_type is not None:
            raise UnsupportedOperationError(
                "azure: a signed PUT can't hold its content type: leave content_type out, and "
                "check the type that was stored"
            )
        writes = request.method == "PUT"
        token = generate_blob_sas(
            str(self._account.name),
            self._container,
            key,
            account_key=self._account.key,
            permission=BlobSasPermissions(
                read=not writes, create=writes, write=writes and not request.create
            ),
            # Whole seconds are signed; no start, so that a slow clock refuses nobody.
            expiry=datetime.fromtimestamp(math.ceil(time.time() + request.expires), UTC),
            content_disposition=request.content_disposition,
            content_type=request.content_type,
        )
        return f"{self.url(key)}?{token}"

    async def aclose(self) -> None:
        """Close the running loop's client."""
        await self._clients.aclose()

    def classify(self, error: Exception) -> type[StorageError] | None:
        """Return what an exception of the SDK means."""
        return classify(error)

    async def _blob(self, key: str) -> BlobClient:
        return (await self._clients.get()).get_blob_client(key)


def _check_limits(timeout: float, max_attempts: int, part_size: int, max_concurrency: int) -> None:
    if not 0 < timeout < math.inf:
        raise ImproperlyConfiguredError(f"timeout is a number of seconds, not {timeout!r}")
    if max_attempts < 1 or max_concurrency < 1:
        raise ImproperlyConfiguredError("max_attempts and max_concurrency are 1 or more")
    # https://learn.microsoft.com/rest/api/storageservices/put-block
    if not 1 <= part_size <= 4000 << 20:
        raise ImproperlyConfiguredError("part_size is 1 byte to 4000 MiB: what a block may have")
