"""The values that go in and out of the contract."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, TypedDict

from openviper.storage.errors import StorageError

__all__ = [
    "Buffer",
    "Capabilities",
    "Content",
    "DeleteResult",
    "FileInfo",
    "IfExists",
    "Page",
    "Readable",
    "SignedUpload",
    "Support",
    "WriteOptions",
]

IfExists: TypeAlias = Literal["rename", "overwrite", "error"]
"""What a write does about a taken name."""

Support: TypeAlias = Literal["native", "emulated", "none"]
"""How a backend has an operation: by the service itself, by other operations, or not."""


Buffer: TypeAlias = bytes | bytearray | memoryview
"""Bytes in memory, whoever owns them."""


class Readable(Protocol):
    """Describe an open binary file, sync or async, read from its current position."""

    def read(self, size: int, /) -> bytes | Awaitable[bytes]:
        """Return up to `size` bytes, `b""` at the end."""
        ...


Content: TypeAlias = Buffer | Path | Readable | AsyncIterable[bytes]
"""What can be saved. `str`, text files and sync iterables are a `TypeError`."""


class WriteOptions(TypedDict, total=False):
    """Keywords that every write takes."""

    content_type: str | None
    cache_control: str | None
    content_disposition: str | None
    content_encoding: str | None
    metadata: Mapping[str, str] | None
    checksum: str | None
    progress: Callable[[int], None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """Say what is known of one stored file; None means "not known here"."""

    name: str
    size: int
    """Bytes as stored."""
    modified: datetime | None = None
    """Aware, UTC."""
    etag: str | None = None
    """Opaque and unquoted; changes with the content; valid for `if_match`."""
    content_type: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    metadata: Mapping[str, str] | None = field(default=None, hash=False)
    checksums: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Algorithm to lowercase hex: `{"sha256": "9f86…"}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Hold one page of a listing, in the UTF-8 byte order of whole names."""

    files: tuple[FileInfo, ...]
    prefixes: tuple[str, ...]
    """Directories, without a trailing slash; only with `delimiter="/"`."""
    token: str | None
    """Give it to the next call; None on the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteResult:
    """Say how the deletion of one name ended."""

    name: str
    error: StorageError | None = None

    @property
    def ok(self) -> bool:
        """Tell whether the name is gone (also if it never was)."""
        return self.error is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUpload:
    """Describe a request with which a browser stores one file by itself."""

    method: Literal["PUT", "POST"]
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, hash=False)
    fields: Mapping[str, str] = field(repr=False, hash=False)
    file_field: str | None
    name: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Declare what a storage can do; the conformance suite tests both directions."""

    read: Support = "none"
    list: Support = "none"
    put: Support = "none"
    create_only: Support = "none"
    replace_if_match: Support = "none"
    copy: Support = "none"
    metadata: Support = "none"
    signed_get: Support = "none"
    signed_put: Support = "none"
    signed_post: Support = "none"
    upload_max_size: Support = "none"
    flat_namespace: bool = False
    """Whether `a` and `a/b` may both exist."""
    case_sensitive: bool = True
    max_name_bytes: int = 1024
    """UTF-8 bytes of a name with its location."""
    max_metadata_bytes: int = 1500
    """Encoded bytes of all metadata keys and values together."""
    max_size: int | None = None
    """Bytes of one file; None where no limit is known."""
    max_expires: int = 604800
    """Seconds that a signed URL may live."""
