"""Read what S3 answers: headers of objects, pages of a listing, refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any, TypeAlias
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element, ParseError, XMLParser

from botocore.exceptions import ClientError
from botocore.utils import parse_timestamp

from openviper.storage.attributes import decode_metadata
from openviper.storage.backends.dates import moment_of
from openviper.storage.errors import UnavailableError
from openviper.storage.types import FileInfo, Page

__all__ = [
    "Reply",
    "etag_of",
    "info_of",
    "page_of",
    "refusal",
    "refusal_in",
    "refusal_of_key",
]

_META = "x-amz-meta-"

_Entry: TypeAlias = tuple[str, str, str, str]
"""The texts of an entry's `_FIELDS`."""
_FIELDS = ("Key", "LastModified", "ETag", "Size")
# An entry as AWS and most others write it, for which a tree of elements would cost twice as much.
_ENTRY = re.compile(
    r"<Contents>\s*<Key>([^<&]*)</Key>\s*<LastModified>([^<&]*)</LastModified>\s*"
    r"<ETag>(?:&quot;|&#34;|\")?([^<&\"]*)(?:&quot;|&#34;|\")?</ETag>\s*"
    r"(?:<ChecksumAlgorithm>[^<&]*</ChecksumAlgorithm>\s*)*"
    r"(?:<ChecksumType>[^<&]*</ChecksumType>\s*)?"
    r"<Size>([0-9]+)</Size>\s*(?:<StorageClass>[^<&]*</StorageClass>\s*)?</Contents>"
)


# A page from its first element to its last is no refusal, and will be parsed yet.
_PAGE = re.compile(
    rb"\s*(?:<\?xml[^>]*\?>\s*)?<ListBucketResult\b.*</ListBucketResult>\s*", re.DOTALL
)


class Reply(dict[str, Any]):  # Any: its shapes are known to botocore's models only
    """Hold what the SDK made of a reply; where that lacks what S3 says, S3 did not say it."""

    def __missing__(self, key: str) -> Any:
        raise _not_s3(key)


def etag_of(headers: Mapping[str, str]) -> str:
    """Return the version that a reply is of; the names of `headers` are lower case."""
    return _said(headers.get("etag"), "ETag").strip('"')


def info_of(key: str, headers: Mapping[str, str]) -> FileInfo:
    """Return what a HEAD or a GET says of a file."""
    return FileInfo(
        name=key,
        size=_whole_size(headers),
        modified=_time(_said(headers.get("last-modified"), "Last-Modified"), moment_of),
        etag=etag_of(headers),
        content_type=headers.get("content-type"),
        cache_control=headers.get("cache-control"),
        content_disposition=headers.get("content-disposition"),
        content_encoding=_stored_encoding(headers.get("content-encoding")),
        metadata=decode_metadata(_metadata(headers)),
    )


def page_of(body: bytes) -> Page:
    """Return a page of a listing whose keys were asked for in URL encoding."""
    entries, rest = _taken_out(body)
    root = _root(rest)
    if root is None or _name(root) != "ListBucketResult":
        raise _not_s3("a listing")
    space = root.tag.removesuffix("ListBucketResult")
    decode = _decoded if root.findtext(f"{space}EncodingType") == "url" else str
    try:
        more = _said(root.findtext(f"{space}IsTruncated"), "IsTruncated") == "true"
        return Page(
            files=tuple(
                _listed(*entry, decode)
                for entry in chain(
                    entries, (_read(found, space) for found in root.iterfind(f"{space}Contents"))
                )
            ),
            prefixes=tuple(
                decode(_texts(found)[f"{space}Prefix"]).removesuffix("/")
                for found in root.iterfind(f"{space}CommonPrefixes")
            ),
            token=root.findtext(f"{space}NextContinuationToken") if more else None,
        )
    except (KeyError, ValueError) as error:
        raise _not_s3("a whole listing") from error


def refusal(
    operation: str, status: int, headers: Mapping[str, str], body: bytes = b""
) -> ClientError:
    """Return a reply that is an error as the SDK would raise it."""
    root = _root(body)
    said = {} if root is None else {_name(child): child.text or "" for child in root}
    return ClientError(
        {
            "Error": {"Code": said.get("Code", str(status)), "Message": said.get("Message", "")},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": dict(headers)},
        },
        operation,
    )


def refusal_in(operation: str, headers: Mapping[str, str], body: bytes) -> ClientError | None:
    """Return the error that a reply of success has in its body, or that its body is broken."""
    if not body or _PAGE.fullmatch(body):
        return None
    root = _root(body)
    if root is not None and _name(root) != "Error":
        return None
    return refusal(operation, 500, headers, body)


def refusal_of_key(failed: Reply) -> ClientError:
    """Return the error of one key of a batch as the SDK would raise it."""
    return ClientError({"Error": failed, "ResponseMetadata": {}}, "DeleteObjects")


def _taken_out(body: bytes) -> tuple[Iterable[_Entry], bytes]:
    """Return the entries of the usual form, and the document without them."""
    if b"<!" in body:  # within a comment they would be none
        return (), body
    try:
        parts = _ENTRY.split(body.decode())
    except UnicodeDecodeError:
        return (), body
    entries = zip(*(parts[group::5] for group in (1, 2, 3, 4)), strict=True)
    return entries, "".join(parts[::5]).encode()


def _read(found: Element, space: str) -> _Entry:
    """Return an entry of any other form."""
    said = _texts(found)
    key, modified, etag, size = (said[f"{space}{name}"] for name in _FIELDS)
    return key, modified, etag, size


def _listed(
    key: str, modified: str, etag: str, size: str, decode: Callable[[str], str]
) -> FileInfo:
    return FileInfo(
        name=decode(key),
        size=int(size),
        modified=_time(modified, datetime.fromisoformat),
        etag=etag.strip('"'),
    )


def _decoded(key: str) -> str:
    return unquote_plus(key) if "%" in key or "+" in key else key


def _texts(element: Element) -> dict[str, str]:
    return {child.tag: child.text or "" for child in element}


def _whole_size(headers: Mapping[str, str]) -> int:
    whole = headers.get("content-range", "").rpartition("/")[2]
    size = whole if whole.isdecimal() else headers.get("content-length")
    return _number(_said(size, "Content-Length"))


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    return {name[len(_META) :]: value for name, value in headers.items() if name.startswith(_META)}


def _stored_encoding(encoding: str | None) -> str | None:
    """Drop `aws-chunked`, which is of the upload and yet kept by some services."""
    codings = [coding.strip() for coding in (encoding or "").split(",")]
    return ", ".join(coding for coding in codings if coding not in ("", "aws-chunked")) or None


def _time(text: str, read: Callable[[str], datetime]) -> datetime:
    """Return a time as S3 writes it, or as another service does."""
    try:
        return read(text).astimezone(UTC)
    except ValueError:
        pass
    try:
        moment: datetime = parse_timestamp(text)
    except ValueError as error:
        raise _not_s3("a time") from error
    return moment.astimezone(UTC)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise _not_s3("a size")
    return int(text)


def _root(body: bytes) -> Element | None:
    """Return a document's root; None for what is none, or could make entities of itself."""
    if b"<!DOCTYPE" in body:
        return None
    # Whatever it calls itself: so the look above was right, and nothing is left that could bloat.
    parser = XMLParser(encoding="utf-8")  # noqa: S314
    try:
        parser.feed(body.lstrip())  # long work is waited for with spaces
        root: Element = parser.close()
    except ParseError:
        return None
    return root


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _said(value: str | None, name: str) -> str:
    if value is None:
        raise _not_s3(name)
    return value


def _not_s3(lacking: str) -> UnavailableError:
    return UnavailableError(f"s3: a reply of success without {lacking}: something else answered")
