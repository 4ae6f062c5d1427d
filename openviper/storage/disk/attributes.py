"""Keep what belongs to a file in one extended attribute, and tell its version."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime
from typing import Any

from openviper.storage.attributes import guess_content_type
from openviper.storage.driver import Write
from openviper.storage.errors import UnsupportedOperationError
from openviper.storage.types import FileInfo

__all__ = ["has_attributes", "info_of", "keep", "keep_content_type", "written"]

_ATTRIBUTE = "user.openviper"
_NONE = (errno.ENODATA, errno.ENOTSUP, errno.EPERM)
_encode = json.JSONEncoder(ensure_ascii=False).encode
_HEADERS = ("content_type", "cache_control", "content_disposition", "content_encoding")


def keep(fd: int, write: Write) -> str:
    """Keep the attributes of a write with its id, and return what tells the file's version.

    A file system without extended attributes is fine for a write that gives none.
    """
    try:
        _set(fd, _said(write))
    except OSError as error:
        if error.errno not in _NONE:
            raise
        if not write.attributes.is_plain():
            raise UnsupportedOperationError(
                "filesystem: this file system keeps no extended attributes, so no content type, "
                "headers or metadata: leave them out, or use another file system",
                backend="filesystem",
            ) from error
        return _unkept_version(os.fstat(fd))
    return write.write_id


def keep_content_type(fd: int, content_type: str | None) -> None:
    """Keep the type of a file whose name, from which it was guessed, is about to change."""
    kept = _kept(fd)
    if kept and content_type and "content_type" not in kept:
        _set(fd, _encode({**kept, "content_type": content_type}))


def has_attributes(fd: int) -> bool:
    """Tell whether something was kept with a file."""
    return bool(_kept(fd))


def info_of(key: str, fd: int, status: os.stat_result) -> FileInfo:
    """Return what is known of an open file that was looked at."""
    kept = _kept(fd)
    return FileInfo(
        name=key,
        size=status.st_size,
        modified=datetime.fromtimestamp(status.st_mtime, UTC),
        etag=_etag(str(kept.get("version") or _unkept_version(status)), status),
        content_type=kept.get("content_type") or guess_content_type(key),
        cache_control=kept.get("cache_control"),
        content_disposition=kept.get("content_disposition"),
        content_encoding=kept.get("content_encoding"),
        metadata=kept.get("metadata") or {},
    )


def written(key: str, status: os.stat_result, write: Write, version: str) -> FileInfo:
    """Return what `info_of` would find of a file that was just written."""
    attributes = write.attributes
    return FileInfo(
        name=key,
        size=status.st_size,
        modified=datetime.fromtimestamp(status.st_mtime, UTC),
        etag=_etag(version, status),
        content_type=write.content_type,
        cache_control=attributes.cache_control,
        content_disposition=attributes.content_disposition,
        content_encoding=attributes.content_encoding,
        metadata=attributes.metadata,
    )


def _etag(version: str, status: os.stat_result) -> str:
    # Others may write a file in place and leave the attribute: its time and size count too.
    return f"{version[:16]}-{status.st_mtime_ns:x}-{status.st_size:x}"


def _unkept_version(status: os.stat_result) -> str:
    return f"{status.st_ino:x}"


def _said(write: Write) -> str:
    if write.attributes.is_plain():  # nearly always: the encoder would cost more than the call
        return f'{{"version": "{write.write_id}"}}'
    said = {name: getattr(write.attributes, name) for name in _HEADERS}
    said |= {"metadata": dict(write.attributes.metadata), "version": write.write_id}
    return _encode({name: value for name, value in said.items() if value})


def _set(fd: int, kept: str) -> None:
    if not hasattr(os, "setxattr"):  # Linux alone has these calls
        raise OSError(errno.ENOTSUP, "no extended attributes")
    os.setxattr(fd, _ATTRIBUTE, kept.encode())


def _kept(fd: int) -> dict[str, Any]:  # Any: JSON that we wrote ourselves
    if not hasattr(os, "getxattr"):
        return {}
    try:
        kept = json.loads(os.getxattr(fd, _ATTRIBUTE).decode())
    except ValueError:  # others spoilt it
        return {}
    except OSError as error:
        if error.errno not in _NONE:
            raise
        return {}
    return kept if isinstance(kept, dict) else {}
