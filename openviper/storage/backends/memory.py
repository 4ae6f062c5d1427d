"""Keep files in the memory of this process: for tests, and as the contract's plainest reading."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Literal, NoReturn

from openviper.storage.driver import Download, Write
from openviper.storage.errors import (
    AlreadyExistsError,
    NotFoundError,
    PreconditionFailedError,
    StorageError,
)
from openviper.storage.portable import PortableStorage
from openviper.storage.types import Capabilities, FileInfo, Page
from openviper.storage.urls import join_url

__all__ = ["MemoryDriver", "MemoryStorage"]

_CAPABILITIES = Capabilities(
    read="native",
    list="native",
    put="native",
    create_only="native",
    replace_if_match="native",
    copy="emulated",
    metadata="native",
    flat_namespace=True,
)


class MemoryStorage(PortableStorage):
    """Store files in memory, until the storage is forgotten."""

    def __init__(self, *, location: str = "", base_url: str | None = "/media/") -> None:
        """Make an empty storage; `base_url` is where its files would be served."""
        super().__init__(
            MemoryDriver(),
            arguments={"location": location, "base_url": base_url},
            location=location,
            base_url=base_url,
        )

    # Its files are what it is: no other storage is equal to it.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __copy__(self) -> MemoryStorage:
        return self

    def __deepcopy__(self, memo: object) -> MemoryStorage:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a MemoryStorage lives in its process and can't be pickled")


@dataclass(frozen=True, slots=True)
class _File:
    data: bytes
    info: FileInfo


class MemoryDriver:
    """Keep a dictionary of files; each step is one operation under a lock, across threads too."""

    backend = "memory"
    capabilities = _CAPABILITIES
    may_lose_replies = False

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._lock = threading.Lock()

    def url(self, key: str) -> str:
        """Return the address below `/`."""
        return join_url("/", key)

    async def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
        """Store a copy of `data`."""
        return self._commit(key, bytes(data), write)

    async def stage(self, chunks: AsyncIterator[memoryview]) -> _Staged:
        """Collect the chunks."""
        data = b"".join([bytes(chunk) async for chunk in chunks])
        return _Staged(lambda key, write: self._commit(key, data, write))

    @asynccontextmanager
    async def get(
        self, key: str, *, start: int, end: int | None, if_match: str | None, chunk_size: int
    ) -> AsyncIterator[Download]:
        """Open a read of the bytes that are there now."""
        file = self._file(key)
        if if_match is not None and file.info.etag != if_match:
            raise PreconditionFailedError
        yield Download(info=file.info, chunks=_chunks(file.data[start:end], chunk_size))

    async def head(self, key: str) -> FileInfo:
        """Return what is known of a key."""
        return self._file(key).info

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete a key, of one version if given."""
        with self._lock:
            if if_match is not None and self._file(key).info.etag != if_match:
                raise PreconditionFailedError
            self._files.pop(key, None)

    async def list_page(
        self,
        prefix: str,
        *,
        delimiter: Literal["/"] | None,
        limit: int,
        token: str | None,
        start_after: str | None,
    ) -> Page:
        """List keys; the token is the last entry of the page before."""
        entries: dict[str, FileInfo | None] = {}
        with self._lock:
            found = list(self._files.items())
        for key, file in sorted(found, key=lambda item: item[0].encode()):
            if key.startswith(prefix):
                folder, slash, _ = key[len(prefix) :].partition("/")
                if delimiter and slash:
                    entries[f"{prefix}{folder}/"] = None
                else:
                    entries[key] = file.info
        after = (token or start_after or "").encode()
        left = ((entry, info) for entry, info in entries.items() if entry.encode() > after)
        page = list(islice(left, limit))
        return Page(
            files=tuple(info for _, info in page if info is not None),
            prefixes=tuple(entry[:-1] for entry, info in page if info is None),
            token=page[-1][0] if next(left, None) is not None else None,
        )

    async def aclose(self) -> None:
        """Keep all: there is nothing to close."""

    def classify(self, error: Exception) -> type[StorageError] | None:  # noqa: ARG002 - as the protocol says
        """Know no vendor."""
        return None

    def _file(self, key: str) -> _File:
        try:
            return self._files[key]
        except KeyError:
            raise NotFoundError from None

    def _commit(self, key: str, data: bytes, write: Write) -> FileInfo:
        info = FileInfo(
            name=key,
            size=len(data),
            modified=datetime.now(UTC),
            etag=write.write_id,
            content_type=write.content_type,
            cache_control=write.attributes.cache_control,
            content_disposition=write.attributes.content_disposition,
            content_encoding=write.attributes.content_encoding,
            metadata=write.attributes.metadata,
        )
        with self._lock:
            if write.create and key in self._files:
                raise AlreadyExistsError
            if write.if_match is not None:
                there = self._files.get(key)
                if there is None or there.info.etag != write.if_match:
                    raise PreconditionFailedError
            self._files[key] = _File(data, info)
        return info


class _Staged:
    """Hold content that waits for its key."""

    def __init__(self, commit: Callable[[str, Write], FileInfo]) -> None:
        self._commit = commit

    async def commit(self, key: str, write: Write) -> FileInfo:
        """Store it."""
        return self._commit(key, write)

    async def discard(self) -> None:
        """Forget it."""


async def _chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for position in range(0, len(data), size):
        yield data[position : position + size]
