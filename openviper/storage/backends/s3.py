"""Keep files in a bucket of S3, or of a service that speaks its protocol."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Literal

from botocore.exceptions import ClientError

from openviper.storage.backends.s3_client import AddressingStyle, Bucket, S3Options
from openviper.storage.backends.s3_direct import Request
from openviper.storage.backends.s3_errors import classify, code_of
from openviper.storage.backends.s3_replies import info_of, page_of, refusal_of_key
from openviper.storage.backends.s3_writes import (
    MAX_PARTS,
    PartsUpload,
    begin_parts,
    copy_in_parts,
    copy_object,
    put_object,
    quoted,
)
from openviper.storage.driver import AmbiguousNotFoundError, Download, SignRequest, Write
from openviper.storage.errors import (
    NameConflictError,
    PreconditionFailedError,
    StorageError,
    UnavailableError,
)
from openviper.storage.portable import PortableStorage
from openviper.storage.secrets import Secret
from openviper.storage.types import Capabilities, FileInfo, Page
from openviper.storage.urls import join_url

__all__ = ["S3Driver", "S3Storage"]

_MIN_PART = 5 << 20  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_MAX_PART = 5 << 30
_COPY_PART = 256 << 20
_RACES = 5
"""Times that a folder may go just while a file is put into it."""
_NOT_XML = re.compile("[\ufffe\uffff]")  # https://www.w3.org/TR/xml/#charsets, of what names have


class S3Storage(PortableStorage):
    """Store files in a bucket of Amazon S3, or of a service that speaks its protocol.

    Without keys, credentials are found by the SDK's own chain: environment, profile, role.
    `flat_namespace=False` is for servers that keep keys as files in folders, where `a` and
    `a/b` can't both exist.
    """

    def __init__(
        self,
        bucket: str,
        *,
        location: str = "",
        base_url: str | None = None,
        signed: bool = False,
        endpoint_url: str | None = None,
        region: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        session_token: str | None = None,
        profile: str | None = None,
        addressing_style: AddressingStyle = "auto",
        flat_namespace: bool = True,
        timeout: float = 10.0,
        max_attempts: int = 3,
        part_size: int = 8 << 20,
        max_concurrency: int = 4,
        max_pool_connections: int = 500,
        spool: bool = True,
        spool_dir: str | Path | None = None,
    ) -> None:
        """Check and keep the options: nothing is connected yet.

        `timeout` is the seconds of silence allowed to connect and to answer, in each of
        `max_attempts`; `part_size` times `max_concurrency` bounds the memory of an upload.
        """
        options = S3Options(
            bucket=bucket,
            endpoint_url=endpoint_url,
            region=region,
            access_key=_secret(access_key),
            secret_key=_secret(secret_key),
            session_token=_secret(session_token),
            profile=profile,
            addressing_style=addressing_style,
            timeout=timeout,
            max_attempts=max_attempts,
            max_pool_connections=max_pool_connections,
        )
        super().__init__(
            S3Driver(
                Bucket(options),
                flat_namespace=flat_namespace,
                part_size=part_size,
                max_concurrency=max_concurrency,
            ),
            arguments={
                "bucket": bucket,
                "location": location,
                "base_url": base_url,
                "signed": signed,
                "endpoint_url": endpoint_url,
                "region": region,
                "access_key": options.access_key,
                "secret_key": options.secret_key,
                "session_token": options.session_token,
                "profile": profile,
                "addressing_style": addressing_style,
                "flat_namespace": flat_namespace,
                "timeout": timeout,
                "max_attempts": max_attempts,
                "part_size": part_size,
                "max_concurrency": max_concurrency,
                "max_pool_connections": max_pool_connections,
                "spool": spool,
                "spool_dir": spool_dir,
            },
            location=location,
            base_url=base_url,
            signed=signed,
            spool=spool,
            spool_dir=spool_dir,
        )


class S3Driver:
    """Do the primitives of S3 on one bucket."""

    backend = "s3"
    may_lose_replies = True
    max_parts = MAX_PARTS
    max_batch = 1000

    def __init__(
        self,
        bucket: Bucket,
        *,
        flat_namespace: bool = True,
        part_size: int = 8 << 20,
        max_concurrency: int = 4,
        max_copy_size: int = _MAX_PART,
        copy_part_size: int = _COPY_PART,
    ) -> None:
        """Keep how the bucket is used; above `max_copy_size` a copy is made in parts."""
        if not _MIN_PART <= part_size <= _MAX_PART:
            raise ValueError(f"part_size is from 5 MiB to 5 GiB, not {part_size!r}")
        if max_concurrency < 1:
            raise ValueError(f"max_concurrency is 1 or more, not {max_concurrency!r}")
        self.part_size = part_size
        self.max_concurrency = max_concurrency
        self._bucket = bucket
        self._max_copy_size = max_copy_size
        self._copy_part_size = copy_part_size
        self.capabilities = Capabilities(
            read="native",
            list="native",
            put="native",
            create_only="native",
            replace_if_match="native",
            copy="native",
            metadata="native",
            signed_get="native",
            signed_put="native",
            flat_namespace=flat_namespace,
        )

    def url(self, key: str) -> str:
        """Return the public address, which serves only what the bucket's policy lets it."""
        return join_url(self._bucket.options.base_url, key)

    async def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
        """Store bytes in one request."""
        if self.capabilities.flat_namespace:
            return await put_object(self._bucket, key, data, write)
        for _ in range(_RACES):
            try:
                return await put_object(self._bucket, key, data, write)
            except ClientError as error:
                # versitygw says so of a folder, too, that goes with its last file at this moment.
                if code_of(error) != "ExistingObjectIsDirectory":
                    raise
                await self._check_no_folder(key)
        raise NameConflictError

    async def begin(self, key: str, write: Write) -> PartsUpload:
        """Begin an upload in parts, unless it is clear already that it would be refused."""
        if write.if_match is not None:
            await self._check_replaced(key, write.if_match)
        if not self.capabilities.flat_namespace:
            await self._check_no_folder(key)
        return await begin_parts(self._bucket, key, write)

    @asynccontextmanager
    async def get(
        self,
        key: str,
        *,
        start: int,
        end: int | None,
        if_match: str | None,
        chunk_size: int,  # noqa: ARG002 - what comes at once is small, and is cut by the caller
    ) -> AsyncIterator[Download]:
        """Open a read of one version; its connection is free again at the end."""
        asked: dict[str, str] = {}
        if start or end is not None:
            asked["range"] = f"bytes={start}-{'' if end is None else end - 1}"
        if if_match is not None:
            asked["if-match"] = quoted(if_match)
        request = Request(operation="GetObject", method="GET", key=key, headers=asked)
        async with (
            await self._bucket.open(request) as opened,
            aclosing(opened.chunks()) as chunks,
        ):
            if "range" in asked and "content-range" not in opened.headers:
                raise UnavailableError  # a whole file in place of a range
            yield Download(info=info_of(key, opened.headers), chunks=chunks)

    async def head(self, key: str) -> FileInfo:
        """Return what is known of a key."""
        request = Request(operation="HeadObject", method="HEAD", key=key)
        return info_of(key, (await self._bucket.send(request)).headers)

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete a key, of one version if given; services that ignore that are asked before."""
        asked: dict[str, str] = {}
        if if_match is not None:
            await self._check_version(key, if_match)
            asked["if-match"] = quoted(if_match)
        await self._bucket.send(
            Request(operation="DeleteObject", method="DELETE", key=key, headers=asked)
        )

    async def delete_batch(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        """Delete up to 1,000 keys in one request, and one by one those that XML can't hold."""
        failures: dict[str, Exception] = {}
        for key in filter(_NOT_XML.search, keys):
            try:
                await self.delete(key)
            except ClientError as error:
                failures[key] = error
        batch = [key for key in keys if not _NOT_XML.search(key)]
        if batch:
            # Not "Quiet": what a reply does not name was not deleted.
            asked = {"Objects": [{"Key": key} for key in batch]}
            reply = await self._bucket.call("delete_objects", Delete=asked)
            deleted = {found["Key"] for found in reply.get("Deleted", ())}
            failures |= {key: UnavailableError() for key in batch if key not in deleted}
            failures |= {
                failed["Key"]: refusal_of_key(failed) for failed in reply.get("Errors", ())
            }
        return failures

    async def list_page(
        self,
        prefix: str,
        *,
        delimiter: Literal["/"] | None,
        limit: int,
        token: str | None,
        start_after: str | None,
    ) -> Page:
        """List keys in the UTF-8 byte order that S3 has."""
        asked = {
            "list-type": "2",
            "encoding-type": "url",
            "prefix": prefix,
            "max-keys": str(limit),
            "delimiter": delimiter,
            "continuation-token": token,
            "start-after": start_after,
        }
        query = {name: value for name, value in asked.items() if value}
        request = Request(operation="ListObjectsV2", method="GET", query=query)
        return page_of((await self._bucket.send(request)).body)

    async def copy(self, source: FileInfo, key: str, write: Write) -> FileInfo:
        """Copy on the server.

        CopyObject takes If-None-Match and does not hold it (run on moto, versitygw and
        minio), so a copy that must not replace is completed as an upload in parts.
        """
        if not write.create and source.size <= self._max_copy_size:
            return await copy_object(self._bucket, source, key, write)
        if source.size == 0:
            return await put_object(self._bucket, key, memoryview(b""), write)
        if not self.capabilities.flat_namespace:
            await self._check_no_folder(key)
        return await copy_in_parts(
            self._bucket,
            source,
            key,
            write,
            part_size=self._copy_part_size,
            at_once=self.max_concurrency,
        )

    async def signed_url(self, key: str, request: SignRequest) -> str:
        """Sign by SigV4; what a PUT must send is signed as headers."""
        operation = {"GET": "get_object", "HEAD": "head_object", "PUT": "put_object"}
        asked: dict[str, object] = {"Key": key}
        if request.content_disposition is not None:
            asked["ResponseContentDisposition"] = request.content_disposition
        if request.method == "PUT" and request.content_type is not None:
            asked["ContentType"] = request.content_type
        if request.create:
            asked["IfNoneMatch"] = "*"
        seconds = math.ceil(request.expires)
        return await self._bucket.presigned(operation[request.method], asked, seconds=seconds)

    async def aclose(self) -> None:
        """Close the running loop's client."""
        await self._bucket.aclose()

    def classify(self, error: Exception) -> type[StorageError] | None:
        """Return what an exception of the SDK means."""
        return classify(error)

    async def _check_version(self, key: str, etag: str) -> None:
        if (await self.head(key)).etag != etag:
            raise PreconditionFailedError

    async def _check_replaced(self, key: str, etag: str) -> None:
        try:
            await self._check_version(key, etag)
        except ClientError as error:
            if classify(error) is not AmbiguousNotFoundError:
                raise
            await self.list_page("", delimiter=None, limit=1, token=None, start_after=None)
            raise PreconditionFailedError from error

    async def _check_no_folder(self, key: str) -> None:
        """Refuse in words what versitygw refuses to complete with a bare 500."""
        below = await self.list_page(
            f"{key}/", delimiter=None, limit=1, token=None, start_after=None
        )
        if below.files:
            raise NameConflictError


def _secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)
