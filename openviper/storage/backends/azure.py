"""Keep files in an Azure Blob Storage container, as block blobs."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Literal

from openviper.storage.backends.azure_account import Account, account_from, check_container
from openviper.storage.backends.azure_batch import DELETION, delete_batch
from openviper.storage.backends.azure_blobs import (
    Blocks,
    condition,
    creating,
    exists,
    finished_copy,
    metadata_of,
    read_on,
    reading,
    stored,
)
from openviper.storage.backends.azure_client import Client, Reply, Request, connect
from openviper.storage.backends.azure_errors import RefusedError, classify
from openviper.storage.backends.azure_replies import info_of, page_of, said, written
from openviper.storage.driver import Download, SignRequest, Write
from openviper.storage.errors import (
    AlreadyExistsError,
    ImproperlyConfiguredError,
    PreconditionFailedError,
    StorageError,
    UnsupportedOperationError,
)
from openviper.storage.perloop import PerLoop
from openviper.storage.portable import PortableStorage
from openviper.storage.secrets import Secret
from openviper.storage.threads import in_thread
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
        self._clients: PerLoop[Client] = PerLoop(
            partial(connect, account, container, patience=timeout, max_attempts=max_attempts)
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
        headers = {
            "content-type": "application/octet-stream",
            "x-ms-blob-type": "BlockBlob",
            **stored(write),
            **condition(write.if_match, missing=write.create),
        }
        with creating(write):
            reply = await self._send(Request(method="PUT", key=key, headers=headers, body=data))
        # Only here it is the content's; after the commit of blocks it is that of their list.
        md5 = reply.headers.get("content-md5")
        return written(key, len(data), write, reply.headers, md5=md5)

    async def begin(self, key: str, write: Write) -> Blocks:
        """Begin with nothing: blocks belong to no upload but by their ids."""
        return Blocks(await self._clients.get(), key, write, self._given_up)

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
        """Read one version by one request, or more where replies break off."""
        client = await self._clients.get()
        response = await client.open(reading(key, start, end, if_match))
        async with response:
            info = info_of(response.headers, key)
            stop = info.size if end is None else min(end, info.size)
            chunks = read_on(client, response, key, start=start, stop=stop, etag=info.etag)
            async with aclosing(chunks):
                yield Download(info=info, chunks=chunks)

    async def head(self, key: str) -> FileInfo:
        """Return what is known of a blob."""
        return info_of((await self._send(Request(method="HEAD", key=key))).headers, key)

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete a blob with its snapshots."""
        headers = {**DELETION, **condition(if_match)}
        try:
            await self._send(Request(method="DELETE", key=key, headers=headers))
        except RefusedError as error:
            # A blob that an attempt before deleted does not match either.
            failed = classify(error) is PreconditionFailedError
            if not failed or await exists(await self._clients.get(), key):
                raise

    async def delete_batch(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        """Delete up to 256 blobs by one request."""
        return await delete_batch(await self._clients.get(), keys)

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
        asked = {
            "restype": "container",
            "comp": "list",
            "prefix": prefix,
            "delimiter": delimiter,
            "maxresults": str(limit),
            "marker": token,
            "include": "metadata",
        }
        query = {name: value for name, value in asked.items() if value}
        return page_of((await self._send(Request(method="GET", query=query))).body)

    async def copy(self, source: FileInfo, key: str, write: Write) -> FileInfo:
        """Copy inside the account; headers come from the source, metadata with a new write id.

        The source is read with what this storage has itself: a key or a token by the request,
        a SAS in the source's URL.
        """
        client = await self._clients.get()
        headers = {
            "x-ms-copy-source": client.url(source.name),
            "x-ms-source-if-match": f'"{source.etag}"',
            **metadata_of(write),
            **condition(None, missing=write.create),
        }
        try:
            reply = await client.send(Request(method="PUT", key=key, headers=headers))
        except RefusedError as error:
            # Azurite has one code for the source's condition and the target's.
            failed = classify(error) is PreconditionFailedError
            if write.create and failed and await exists(client, key):
                raise AlreadyExistsError from error
            raise
        if said(reply.headers, "x-ms-copy-status") == "success":
            copied = written(key, source.size, write, reply.headers)
            return replace(copied, checksums=source.checksums)
        copy_id = said(reply.headers, "x-ms-copy-id")
        return await finished_copy(client, key, copy_id, created=write.create)

    async def signed_url(self, key: str, request: SignRequest) -> str:
        """Sign a URL with the account key, without a request.

        Who PUTs must send `x-ms-blob-type: BlockBlob`, which no URL can say, and the type as
        `x-ms-blob-content-type`, which no SAS can bind.
        """
        account = self._account
        if account.key is None:
            raise UnsupportedOperationError(
                "azure: signing needs an account key; user delegation keys come later"
            )
        if request.method == "PUT" and request.content_type is not None:
            raise UnsupportedOperationError(
                "azure: a signed PUT can't hold its content type: leave content_type out, and "
                "check the type that was stored"
            )
        sas = await in_thread(_sas)
        writes = request.method == "PUT"
        query = sas.generate_blob_sas(
            str(account.name),
            self._container,
            key,
            account_key=account.key,
            permission=sas.BlobSasPermissions(
                read=not writes, create=writes, write=writes and not request.create
            ),
            # Whole seconds are signed; no start, so that a slow clock refuses nobody.
            expiry=datetime.fromtimestamp(math.ceil(time.time() + request.expires), UTC),
            content_disposition=request.content_disposition,
            content_type=request.content_type,
        )
        return f"{self.url(key)}?{query}"

    async def aclose(self) -> None:
        """Close the running loop's client."""
        await self._clients.aclose()

    def classify(self, error: Exception) -> type[StorageError] | None:
        """Return what an exception means, by its code or status."""
        return classify(error)

    async def _send(self, request: Request) -> Reply:
        client = await self._clients.get()
        return await client.send(request)


@cache
def _sas() -> ModuleType:
    """Return the SDK, which signs URLs and is loaded in 300 ms, for the first of them."""
    from azure.storage import blob  # noqa: PLC0415

    return blob


def _check_limits(timeout: float, max_attempts: int, part_size: int, max_concurrency: int) -> None:
    if not 0 < timeout < math.inf:
        raise ImproperlyConfiguredError(f"timeout is a number of seconds, not {timeout!r}")
    if max_attempts < 1 or max_concurrency < 1:
        raise ImproperlyConfiguredError("max_attempts and max_concurrency are 1 or more")
    # https://learn.microsoft.com/rest/api/storageservices/put-block
    if not 1 <= part_size <= 4000 << 20:
        raise ImproperlyConfiguredError("part_size is 1 byte to 4000 MiB: what a block may have")
