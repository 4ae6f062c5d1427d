"""Write to S3: under a condition, in parts, and by copies on the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from botocore.exceptions import ClientError

from openviper.storage.attributes import encode_metadata
from openviper.storage.backends.s3_client import Bucket
from openviper.storage.backends.s3_direct import Request
from openviper.storage.backends.s3_errors import code_of, is_precondition_failure
from openviper.storage.backends.s3_replies import Reply, etag_of
from openviper.storage.driver import Write
from openviper.storage.errors import AlreadyExistsError
from openviper.storage.shield import to_the_end
from openviper.storage.transfer import PART_PATIENCE, abandon
from openviper.storage.types import FileInfo

__all__ = ["PartsUpload", "begin_parts", "copy_in_parts", "copy_object", "put_object", "quoted"]

MAX_PARTS = 10_000

T = TypeVar("T")

_FIELDS = {
    "ContentType": "content-type",
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "IfMatch": "if-match",
    "IfNoneMatch": "if-none-match",
}


async def put_object(bucket: Bucket, key: str, data: memoryview, write: Write) -> FileInfo:
    """Store bytes in one request, under the condition of `write`."""
    asked = {_FIELDS[name]: value for name, value in {**_said(write), **_condition(write)}.items()}
    asked |= {f"x-amz-meta-{name}": value for name, value in _metadata(write).items()}
    request = Request(operation="PutObject", method="PUT", key=key, headers=asked, body=data)
    answer = await _created(write, bucket.send(request))
    return _written(key, len(data), etag_of(answer.headers), write)


async def begin_parts(bucket: Bucket, key: str, write: Write) -> PartsUpload:
    """Begin an upload in parts; its condition counts at its end."""
    reply = await bucket.call("create_multipart_upload", Key=key, **_attributes(write))
    return PartsUpload(bucket, key, reply["UploadId"], write)


class PartsUpload:
    """Send the parts of one object, and make it of them.

    A part under way is let finish before an abort: one that the server has in full may arrive
    after the abort and stay, says
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
    """

    def __init__(self, bucket: Bucket, key: str, upload_id: str, write: Write) -> None:
        self._bucket = bucket
        self._upload = {"Key": key, "UploadId": upload_id}
        self._write = write
        self._etags: dict[int, str] = {}
        self._size = 0
        self._is_dead = False

    async def part(self, number: int, data: memoryview) -> None:
        """Send one part."""
        request = Request(
            operation="UploadPart",
            method="PUT",
            key=self._upload["Key"],
            query={"partNumber": str(number), "uploadId": self._upload["UploadId"]},
            body=data,
        )
        answer = await to_the_end(self._bucket.send(request), patience=PART_PATIENCE)
        self._add(number, len(data), etag_of(answer.headers))

    async def part_of(self, number: int, source: FileInfo, *, start: int, end: int) -> None:
        """Copy `[start:end]` of a version of another object as a part."""
        copying = self._bucket.call(
            "upload_part_copy",
            PartNumber=number,
            CopySource={"Bucket": self._bucket.options.bucket, "Key": source.name},
            CopySourceRange=f"bytes={start}-{end - 1}",
            **_source_condition(source),
            **self._upload,
        )
        reply = await to_the_end(copying, patience=PART_PATIENCE)
        self._add(number, end - start, Reply(reply["CopyPartResult"])["ETag"])

    async def commit(self) -> FileInfo:
        """Make the object visible."""
        parts = [{"PartNumber": n, "ETag": etag} for n, etag in sorted(self._etags.items())]
        try:
            completing = self._bucket.call(
                "complete_multipart_upload",
                MultipartUpload={"Parts": parts},
                **self._upload,
                **_condition(self._write),
            )
            reply = await _created(self._write, completing)
        except ClientError as error:
            self._is_dead = code_of(error) == "NoSuchUpload"
            raise
        return _written(self._upload["Key"], self._size, reply["ETag"], self._write)

    async def abort(self) -> None:
        """Remove the parts, unless they are gone already."""
        if self._is_dead:
            return
        try:
            await self._bucket.call("abort_multipart_upload", **self._upload)
        except ClientError as error:
            if code_of(error) != "NoSuchUpload":
                raise

    def _add(self, number: int, size: int, etag: str) -> None:
        self._etags[number] = etag
        self._size += size


async def copy_object(bucket: Bucket, source: FileInfo, key: str, write: Write) -> FileInfo:
    """Copy one version over whatever is there, in one request."""
    reply = await bucket.call(
        "copy_object",
        Key=key,
        CopySource={"Bucket": bucket.options.bucket, "Key": source.name},
        MetadataDirective="REPLACE",
        **_source_condition(source),
        **_attributes(write),
    )
    return _written(key, source.size, Reply(reply["CopyObjectResult"])["ETag"], write)


async def copy_in_parts(
    bucket: Bucket, source: FileInfo, key: str, write: Write, *, part_size: int, at_once: int
) -> FileInfo:
    """Copy one version under the condition of `write`, which CopyObject would not hold."""
    upload = await begin_parts(bucket, key, write)
    size = max(part_size, -(-source.size // MAX_PARTS))
    free = asyncio.Semaphore(at_once)

    async def copy_part(number: int, start: int) -> None:
        async with free:
            end = min(start + size, source.size)
            await upload.part_of(number, source, start=start, end=end)

    try:
        async with asyncio.TaskGroup() as group:
            for number, start in enumerate(range(0, source.size, size), start=1):
                group.create_task(copy_part(number, start))
        return await upload.commit()
    except BaseException:
        await abandon(upload, key)
        raise


def quoted(etag: str) -> str:
    """Return an entity tag as HTTP writes it."""
    return f'"{etag}"'


async def _created(write: Write, writing: Awaitable[T]) -> T:
    """Return what `writing` does; `AlreadyExistsError` where the condition to create failed."""
    try:
        return await writing
    except ClientError as error:
        if write.create and is_precondition_failure(error):
            raise AlreadyExistsError from error
        raise


def _condition(write: Write) -> dict[str, str]:
    if write.create:
        return {"IfNoneMatch": "*"}
    return {} if write.if_match is None else {"IfMatch": quoted(write.if_match)}


def _attributes(write: Write) -> dict[str, object]:
    return {**_said(write), "Metadata": _metadata(write)}


def _said(write: Write) -> dict[str, str]:
    attributes = write.attributes
    found = {
        "ContentType": write.content_type,
        "CacheControl": attributes.cache_control,
        "ContentDisposition": attributes.content_disposition,
        "ContentEncoding": attributes.content_encoding,
    }
    return {name: value for name, value in found.items() if value is not None}


def _metadata(write: Write) -> dict[str, str]:
    return encode_metadata(write.stored_metadata())


def _source_condition(source: FileInfo) -> dict[str, object]:
    return {} if source.etag is None else {"CopySourceIfMatch": quoted(source.etag)}


def _written(key: str, size: int, etag: str, write: Write) -> FileInfo:
    attributes = write.attributes
    return FileInfo(
        name=key,
        size=size,
        etag=etag.strip('"'),
        content_type=write.content_type,
        cache_control=attributes.cache_control,
        content_disposition=attributes.content_disposition,
        content_encoding=attributes.content_encoding,
        metadata=write.stored_metadata(),
    )
