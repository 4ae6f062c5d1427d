"""Read what the SDK returns of S3's objects."""

from __future__ import annotations

from datetime import UTC

from botocore.exceptions import ClientError

from openviper.storage.attributes import decode_metadata
from openviper.storage.backends.s3_client import Reply
from openviper.storage.types import FileInfo

__all__ = ["error_of", "info_of", "listed"]


def info_of(key: str, reply: Reply) -> FileInfo:
    """Return what a HEAD or a GET says of a file."""
    return FileInfo(
        name=key,
        size=_whole_size(reply),
        modified=reply["LastModified"].astimezone(UTC),
        etag=reply["ETag"].strip('"'),
        content_type=reply.get("ContentType"),
        cache_control=reply.get("CacheControl"),
        content_disposition=reply.get("ContentDisposition"),
        content_encoding=_stored_encoding(reply.get("ContentEncoding")),
        metadata=decode_metadata(reply.get("Metadata", {})),
    )


def listed(found: Reply) -> FileInfo:
    """Return what a listing says of a file."""
    return FileInfo(
        name=found["Key"],
        size=found["Size"],
        modified=found["LastModified"].astimezone(UTC),
        etag=found["ETag"].strip('"'),
    )


def error_of(failed: Reply) -> ClientError:
    """Return the error of one key of a batch as the SDK would raise it."""
    return ClientError({"Error": failed, "ResponseMetadata": {}}, "DeleteObjects")


def _whole_size(reply: Reply) -> int:
    whole = reply.get("ContentRange", "").rpartition("/")[2]
    return int(whole) if whole.isdecimal() else int(reply["ContentLength"])


def _stored_encoding(encoding: str | None) -> str | None:
    """Drop `aws-chunked`, which is of the upload and yet kept by some services."""
    codings = [coding.strip() for coding in (encoding or "").split(",")]
    return ", ".join(coding for coding in codings if coding not in ("", "aws-chunked")) or None
