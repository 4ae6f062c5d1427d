"""Read what Azure Blob Storage answers: headers of blobs, pages of listings, lists of blocks."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError, fromstring

from openviper.storage.attributes import decode_metadata
from openviper.storage.backends.azure_errors import not_azure
from openviper.storage.backends.dates import moment_of
from openviper.storage.driver import Write
from openviper.storage.errors import NotFoundError
from openviper.storage.types import FileInfo, Page

__all__ = ["block_ids_of", "info_of", "page_of", "said", "size_of", "written"]

_META = "x-ms-meta-"


@contextmanager
def _in_azures_words() -> Iterator[None]:
    """Take what can't be read for what is not from Azure."""
    try:
        yield
    except ValueError as error:
        raise not_azure("dates, numbers and checksums that are some") from error


def said(headers: Mapping[str, str], name: str) -> str:
    """Return a header that Azure always sends."""
    value = headers.get(name)
    if value is None:
        raise not_azure(name)
    return value


@_in_azures_words()
def written(
    key: str, size: int, write: Write, headers: Mapping[str, str], *, md5: str | None = None
) -> FileInfo:
    """Return what is known of a blob from what was sent and the reply's headers."""
    given = write.attributes
    return FileInfo(
        name=key,
        size=size,
        modified=moment_of(said(headers, "last-modified")),
        etag=said(headers, "etag").strip('"'),
        content_type=write.content_type,
        cache_control=given.cache_control,
        content_disposition=given.content_disposition,
        content_encoding=given.content_encoding,
        metadata=write.stored_metadata(),
        checksums=_checksums(md5),
    )


@_in_azures_words()
def info_of(headers: Mapping[str, str], key: str) -> FileInfo:
    """Return what headers say of a blob; `NotFoundError` for what stands for a folder."""
    metadata = {
        name[len(_META) :]: value
        for name, value in headers.items()
        if name.lower().startswith(_META)
    }
    if _is_folder(metadata):
        raise NotFoundError
    whole = "content-range" not in headers
    return FileInfo(
        name=key,
        size=size_of(headers),
        modified=moment_of(said(headers, "last-modified")),
        etag=said(headers, "etag").strip('"'),
        content_type=headers.get("content-type"),
        cache_control=headers.get("cache-control"),
        content_disposition=headers.get("content-disposition"),
        content_encoding=headers.get("content-encoding"),
        metadata=decode_metadata(metadata),
        checksums=_checksums(headers.get("content-md5" if whole else "x-ms-blob-content-md5")),
    )


def size_of(headers: Mapping[str, str]) -> int:
    """Return the size of the whole blob of which this is a range, or all."""
    _, _, whole = headers.get("content-range", "").rpartition("/")
    return int(whole or said(headers, "content-length"))


@_in_azures_words()
def page_of(body: bytes) -> Page:
    """Return a page of a listing, without what stands for folders."""
    root = _parsed(body, "EnumerationResults")
    prefixes = [_name(item) for item in root.iterfind("Blobs/BlobPrefix")]
    return Page(
        files=tuple(_listed(root)),
        prefixes=tuple(prefix.removesuffix("/") for prefix in prefixes),
        token=root.findtext("NextMarker") or None,
    )


@_in_azures_words()
def block_ids_of(body: bytes) -> list[str]:
    """Return the ids in a list of uncommitted blocks, as they were before their base64."""
    names = _parsed(body, "BlockList").iterfind("UncommittedBlocks/Block/Name")
    return [base64.b64decode(name.text or "").decode(errors="replace") for name in names]


def _listed(root: Element) -> Iterator[FileInfo]:
    for item in root.iterfind("Blobs/Blob"):
        metadata = {name: value or "" for name, value in _texts(item, "Metadata").items()}
        if _is_folder(metadata):
            continue
        about = _texts(item, "Properties")
        yield FileInfo(
            name=_name(item),
            size=int(about.get("Content-Length") or 0),
            modified=moment_of(about.get("Last-Modified") or ""),
            etag=(about.get("Etag") or "").strip('"'),
            content_type=about.get("Content-Type"),
            cache_control=about.get("Cache-Control"),
            content_disposition=about.get("Content-Disposition"),
            content_encoding=about.get("Content-Encoding"),
            metadata=decode_metadata(metadata),
            checksums=_checksums(about.get("Content-MD5")),
        )


def _texts(item: Element, within: str) -> dict[str, str | None]:
    """Return the texts in an element; a path for `iterfind` costs three times as much."""
    found = item.find(within)
    return {} if found is None else {child.tag: child.text for child in found}


def _name(item: Element) -> str:
    name = item.find("Name")
    if name is None:
        raise not_azure("a name")
    text = name.text or ""
    # Names that XML can't hold come quoted.
    return unquote(text) if name.get("Encoded") == "true" else text


def _parsed(body: bytes, tag: str) -> Element:
    """Parse a reply; a document type, with which a few bytes become many, is not Azure's."""
    try:
        text = body.decode("utf-8-sig")
        root = None if "<!DOCTYPE" in text else fromstring(text)  # noqa: S314 - looked at
    except (UnicodeDecodeError, ParseError):
        root = None
    if root is None or root.tag != tag:
        raise not_azure(tag)
    return root


def _is_folder(metadata: Mapping[str, str]) -> bool:
    """Tell a folder, real (of a hierarchical namespace) or marked by a tool, from a file."""
    return any(
        name.lower() == "hdi_isfolder" and value == "true" for name, value in metadata.items()
    )


def _checksums(md5: str | None) -> dict[str, str]:
    return {"md5": base64.b64decode(md5).hex()} if md5 else {}
