"""Any store of obstore as a `Storage`: a driver, and all the rest is inherited."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions as raised
from obstore.store import LocalStore

from examples.backends.library import CAPABILITIES, LibraryDriver
from openviper.storage import FileInfo, PortableStorage, StorageError, Support, errors
from openviper.storage.attributes import decode_metadata, encode_metadata
from openviper.storage.driver import (
    AmbiguousNotFoundError,
    Download,
    RangeNotSatisfiableError,
    UnknownCredentialsError,
    Write,
)
from openviper.storage.secrets import Secret

if TYPE_CHECKING:
    from obstore import Attributes, GetOptions, GetResult, ObjectMeta, PutMode
    from obstore.store import ObjectStore

__all__ = ["ObstoreStorage"]

HEADERS = {
    "Content-Type": "content_type",
    "Cache-Control": "cache_control",
    "Content-Disposition": "content_disposition",
    "Content-Encoding": "content_encoding",
}
MEANINGS: dict[type[Exception], type[StorageError]] = {
    FileNotFoundError: AmbiguousNotFoundError,
    NotImplementedError: errors.UnsupportedOperationError,
    raised.AlreadyExistsError: errors.AlreadyExistsError,
    raised.PreconditionError: errors.PreconditionFailedError,
    raised.PermissionDeniedError: errors.PermissionDeniedError,
    raised.UnauthenticatedError: UnknownCredentialsError,
    raised.InvalidPathError: errors.InvalidNameError,
    raised.BaseError: errors.UnavailableError,
}


class ObstoreStorage(PortableStorage):
    """Keep files in a store, which is made by obstore's own constructors."""

    def __init__(
        self, store: ObjectStore, *, location: str = "", base_url: str | None = "/media/"
    ) -> None:
        super().__init__(
            ObstoreDriver(store),
            arguments={"store": Secret(store), "location": location, "base_url": base_url},
            location=location,
            base_url=base_url,
        )


class ObstoreDriver(LibraryDriver):
    """Hand keys to obstore, which has clients, retries and threads of its own."""

    backend = "obstore"
    may_lose_replies = True
    meanings = MEANINGS

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        is_local = isinstance(store, LocalStore)
        more: Support = "none" if is_local else "native"
        self.capabilities = replace(
            CAPABILITIES, replace_if_match=more, metadata=more, flat_namespace=not is_local
        )

    async def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
        headers = {field: getattr(write.attributes, field) for field in HEADERS.values()}
        headers["content_type"] = write.content_type
        attributes: Attributes = {}
        if self.capabilities.metadata != "none":
            attributes = {name: headers[field] for name, field in HEADERS.items() if headers[field]}
            attributes |= encode_metadata(write.stored_metadata())
        mode: PutMode = "create" if write.create else "overwrite"
        if write.if_match:
            mode = {"e_tag": f'"{write.if_match}"'}
        done = await obstore.put_async(
            self._store, key, data, attributes=attributes, mode=mode, use_multipart=False
        )
        info = FileInfo(name=key, size=len(data), etag=_etag(done["e_tag"]), **headers)
        return replace(info, metadata=write.attributes.metadata)

    @asynccontextmanager
    async def get(
        self, key: str, *, start: int, end: int | None, if_match: str | None, chunk_size: int
    ) -> AsyncIterator[Download]:
        options: GetOptions = {"if_match": f'"{if_match}"'} if if_match else {}
        if start or end is not None:
            options["range"] = {"offset": start} if end is None else (start, end)
        try:
            found = await obstore.get_async(self._store, key, options=options)
        except raised.GenericError:
            if start < (await self.head(key)).size:
                raise
            raise RangeNotSatisfiableError from None
        yield Download(info=_info(found.meta), chunks=_chunks(found, chunk_size))

    async def head(self, key: str) -> FileInfo:
        found = await obstore.get_async(self._store, key, options={"head": True})
        given = found.attributes
        metadata = {key: value for key, value in given.items() if key not in HEADERS}
        return replace(
            _info(found.meta),
            metadata=decode_metadata(metadata),
            **{field: given.get(name) for name, field in HEADERS.items()},  # type: ignore[arg-type]
        )

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        if if_match is not None and (await self.head(key)).etag != if_match:
            raise errors.PreconditionFailedError
        await obstore.delete_async(self._store, key)

    async def everything(self, prefix: str) -> Iterable[FileInfo]:
        return map(_info, await obstore.list(self._store, prefix or None).collect_async())

    async def aclose(self) -> None:
        """Close nothing: its clients belong to no loop."""


def _etag(found: str | None) -> str | None:
    return found and found.strip('"')


def _info(meta: ObjectMeta) -> FileInfo:
    return FileInfo(
        name=meta["path"],
        size=meta["size"],
        modified=meta["last_modified"],
        etag=_etag(meta["e_tag"]),
    )


async def _chunks(found: GetResult, size: int) -> AsyncGenerator[bytes, None]:
    async for chunk in found.stream(min_chunk_size=size):
        yield bytes(chunk)
