"""Check what goes with a file's bytes, guess its type, and write metadata in ASCII."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from posixpath import splitext
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from openviper.storage.types import WriteOptions

if TYPE_CHECKING:
    from mimetypes import MimeTypes

__all__ = [
    "DEFAULT_CONTENT_TYPE",
    "MAX_METADATA_BYTES",
    "WRITE_ID",
    "Attributes",
    "attributes_from",
    "check_header",
    "check_options",
    "decode_metadata",
    "encode_metadata",
    "guess_content_type",
    "visible_metadata",
]

DEFAULT_CONTENT_TYPE = "application/octet-stream"
MAX_METADATA_BYTES = 1500
"""Encoded, keys and values together: what Azure's and S3's 2 KiB leave beside our own keys."""
MAX_HEADER_BYTES = 2048
"""All header values together: with the metadata they fit into a file system's attribute."""
WRITE_ID = "openviper_write_id"
"""The metadata key by which a write is known again after its reply was lost."""

_RESERVED = "openviper_"
_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CONTENT_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+*-]+(\s*;.*)?", re.ASCII)
_HEADERS = ("content_type", "cache_control", "content_disposition", "content_encoding")
_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")

# The tables of Python differ by version: these are the same on each.
_MORE_TYPES = {
    ".7z": "application/x-7z-compressed",
    ".avif": "image/avif",
    ".flac": "audio/flac",
    ".heic": "image/heic",
    ".js": "text/javascript",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mkv": "video/matroska",
    ".parquet": "application/vnd.apache.parquet",
    ".rtf": "application/rtf",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_COMPRESSED = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """Hold what a write says of its file beside the bytes; None means "not said"."""

    content_type: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)

    def is_plain(self) -> bool:
        """Tell whether nothing was said."""
        return self is _NOTHING or self == _NOTHING


_NOTHING = Attributes()


def check_options(options: WriteOptions) -> None:
    """Raise `TypeError` for a keyword that no write takes."""
    if not options:
        return
    unknown = sorted(options.keys() - WriteOptions.__optional_keys__)
    if unknown:
        raise TypeError(f"unexpected keyword arguments: {', '.join(unknown)}")


def attributes_from(options: WriteOptions) -> Attributes:
    """Check the attributes among a write's keywords and return a copy of them.

    Raises `ValueError` for what some service would refuse, change or lose.
    """
    if not options:
        return _NOTHING
    values = {name: options.get(name) for name in _HEADERS}
    for name, value in values.items():
        if value is not None:
            check_header(name, value)
    if sum(len(str(value)) for value in values.values() if value) > MAX_HEADER_BYTES:
        raise ValueError(f"{', '.join(_HEADERS)} take {MAX_HEADER_BYTES} bytes together")
    content_type = options.get("content_type")
    if content_type is not None and not _CONTENT_TYPE.fullmatch(content_type):
        raise ValueError(f"content_type is 'type/subtype', not {content_type!r}")
    return Attributes(
        content_type=content_type,
        cache_control=options.get("cache_control"),
        content_disposition=options.get("content_disposition"),
        content_encoding=options.get("content_encoding"),
        metadata=_checked_metadata(options.get("metadata")),
    )


def check_header(name: str, value: object) -> None:
    """Refuse a header value that HTTP would change or that would end its line."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is a str or None, not {type(value).__name__}")
    if not (value.isascii() and value.isprintable() and value.strip() == value and value):
        raise ValueError(
            f"{name} must be printable ASCII without outer spaces: write other characters as "
            f"RFC 8187 does, filename*=UTF-8''…; got {value!r}"
        )


def guess_content_type(name: str) -> str:
    """Return the type that a name's extension stands for, the same on every machine."""
    return _type_of(splitext(name)[1])


def encode_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Write values in printable ASCII, reversibly; outer spaces, which HTTP drops, too."""
    return {key: _encoded(value) for key, value in metadata.items()}


def decode_metadata(stored: Mapping[str, str]) -> dict[str, str]:
    """Undo `encode_metadata` on what we wrote; leave what others wrote as it is."""
    found = {key.lower(): value for key, value in stored.items()}
    return {key: unquote(value) for key, value in found.items()} if WRITE_ID in found else found


def visible_metadata(metadata: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Return a read-only copy without our own keys."""
    if metadata is None:
        return None
    own = {key: value for key, value in metadata.items() if not key.startswith(_RESERVED)}
    return MappingProxyType(own)


@lru_cache(maxsize=1024)
def _type_of(extension: str) -> str:
    guessed, encoding = _types().guess_type(f"./file{extension}")
    if encoding is not None:
        return _COMPRESSED.get(encoding, DEFAULT_CONTENT_TYPE)
    return guessed or DEFAULT_CONTENT_TYPE


@cache
def _types() -> MimeTypes:
    from mimetypes import MimeTypes  # noqa: PLC0415 - not needed before the first guess

    types = MimeTypes()  # the built-in tables: the machine's own files are not read
    for extension, content_type in _MORE_TYPES.items():
        types.add_type(content_type, extension)
    return types


def _checked_metadata(metadata: Mapping[str, str] | None) -> Mapping[str, str]:
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata is a mapping of str to str, not {type(metadata).__name__}")
    copied = dict(metadata)
    for key, value in copied.items():
        _check_pair(key, value)
    size = sum(len(key) + len(value) for key, value in encode_metadata(copied).items())
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"metadata is {size} bytes encoded; {MAX_METADATA_BYTES} is the limit")
    return copied


def _check_pair(key: object, value: object) -> None:
    if not isinstance(key, str) or not isinstance(value, str):
        raise TypeError("metadata is a mapping of str to str")
    if not _KEY.fullmatch(key):
        raise ValueError(
            f"the metadata key {key!r} is not portable: use lower-case letters, digits and _, "
            "a letter first, 64 at most"
        )
    if key.startswith(_RESERVED):
        raise ValueError(f"the metadata key {key!r} begins with {_RESERVED!r}, which is reserved")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        raise ValueError(f"the metadata value of {key!r} contains a control character")


def _encoded(value: str) -> str:
    if value.isascii() and value.isalnum():
        return value
    text = quote(value, safe=_PLAIN)
    inner = text.strip(" ")
    lead, trail = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
    return f"{'%20' * lead}{inner}{'%20' * trail}" if inner else "%20" * len(text)
