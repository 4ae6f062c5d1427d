"""Keep files in S3, Google Cloud Storage, Azure or a folder, all by one engine: obstore."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import obstore
from obstore import exceptions as sdk
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

from openviper.storage import driver, errors
from openviper.storage.attributes import decode_metadata, encode_metadata
from openviper.storage.backends.attempts import doubling, retried
from openviper.storage.backends.obstore_errors import meaning_on_disk, meaning_on_service
from openviper.storage.locator import read_url
from openviper.storage.portable import PortableStorage
from openviper.storage.secrets import Secret
from openviper.storage.types import Capabilities, FileInfo, Page, Support

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta, PutMode
    from obstore.store import ObjectStore

__all__ = ["ObstoreDriver", "ObstoreStorage"]

T = TypeVar("T")
Entries: TypeAlias = dict[str, FileInfo | None]

_STORES: dict[str, Any] = {"azure": AzureStore, "gcs": GCSStore, "s3": S3Store}  # Any: classes
_IN_ORDER = ("gcs", "s3")  # they list by the bytes of names, from any name on
_HEADERS = {
    "Content-Type": "content_type",
    "Cache-Control": "cache_control",
    "Content-Disposition": "content_disposition",
    "Content-Encoding": "content_encoding",
}


class ObstoreStorage(PortableStorage):
    """Store files where a URL says: `s3://bucket/prefix`, `gs://…`, `az://…` or `file:///folder`.

    One file goes in one request, so `max_size` bounds both what is taken and the memory of a
    write. A version is looked at just before its deletion: there is no condition on a deletion.
    """

    def __init__(
        self,
        url: str,
        *,
        config: Mapping[str, str] | None = None,
        base_url: str | None = None,
        flat_namespace: bool = True,
        timeout: float = 10.0,
        max_attempts: int = 3,
        max_size: int = 64 << 20,
    ) -> None:
        """Check and keep the options: nothing is connected or read yet.

        `config` is the service's configuration in obstore's names (`access_key_id`, `endpoint`,
        `account_name`, `service_account` …); what is no secret may be the URL's query. The rest
        is looked for in the environment. `timeout` is the seconds to connect, to send a request
        and be answered, and to wait for more of an answer, in each of `max_attempts`.
        """
        kind, place, query = read_url(url)
        if kind not in (*_STORES, "filesystem"):
            raise errors.ImproperlyConfiguredError("obstore's URLs are s3:, gs:, az: and file:")
        if timeout <= 0 or max_attempts < 1 or max_size < 1:
            raise ValueError("timeout is over 0, max_attempts and max_size are 1 or more")
        location = place.pop("location", "")
        container = next(iter(place.values()), location)
        secret = None if config is None else Secret(dict(config))
        options: dict[str, Any] = {  # Any: keywords
            "flat_namespace": flat_namespace,
            "timeout": timeout,
            "max_attempts": max_attempts,
            "max_size": max_size,
        }
        super().__init__(
            ObstoreDriver(kind, container, {**query, **(config or {})}, **options),
            arguments={"url": url, "config": secret, "base_url": base_url, **options},
            location=location if place else "",
            base_url=base_url,
        )


@dataclass(eq=False, repr=False)
class ObstoreDriver:
    """Hand keys to obstore, which works on threads of its own; attempts are counted here."""

    kind: str
    container: str
    config: Mapping[str, str]
    flat_namespace: bool
    timeout: float
    max_attempts: int
    max_size: int

    backend = "obstore"

    @property
    def may_lose_replies(self) -> bool:
        """Tell a service from a folder."""
        return self.kind in _STORES

    @property
    def capabilities(self) -> Capabilities:
        """What obstore can do there."""
        of_services: Support = "native" if self.kind in _STORES else "none"
        return Capabilities(
            read="native",
            list="emulated",
            put="native",
            create_only="native",
            replace_if_match=of_services,
            copy="emulated",
            metadata=of_services,
            flat_namespace=self.flat_namespace and self.kind in _STORES,
            max_size=self.max_size,
        )

    def url(self, key: str) -> str:
        """Know no address: obstore has none to give."""
        raise errors.UnsupportedOperationError(
            f"obstore: url({key!r}) needs base_url, the address at which the files are served"
        )

    async def put(self, key: str, data: memoryview, write: driver.Write) -> FileInfo:
        """Store bytes in one request; in a folder, under a temporary name that becomes the key."""
        headers = {field: getattr(write.attributes, field) for field in _HEADERS.values()}
        headers["content_type"] = write.content_type
        attributes = {name: headers[field] for name, field in _HEADERS.items() if headers[field]}
        attributes |= encode_metadata(write.stored_metadata())
        options: dict[str, Any] = {"mode": await self._mode(key, write), "use_multipart": False}
        if self.kind in _STORES:
            options["attributes"] = attributes
        try:
            done = await self._attempts(
                lambda: obstore.put_async(self._store, key, data, **options)
            )
        except Exception as error:
            taken = self.classify(error) in (errors.AlreadyExistsError, errors.NotFoundError)
            if taken and self.kind not in _STORES and not await self._is_there(key):
                raise errors.NameConflictError from error  # with a folder
            raise
        info = _info(key, len(data), done["e_tag"])
        return replace(info, metadata=write.stored_metadata(), **headers)

    @asynccontextmanager
    async def get(
        self, key: str, *, start: int, end: int | None, if_match: str | None, chunk_size: int
    ) -> AsyncIterator[driver.Download]:
        """Open a read of one version."""
        options: GetOptions = {} if if_match is None else {"if_match": f'"{if_match}"'}
        if start or end is not None:
            options["range"] = {"offset": start} if end is None else (start, end)
        try:
            found = await self._attempts(
                lambda: obstore.get_async(self._store, key, options=options)
            )
        except sdk.GenericError:  # not every range after the end is refused by a status
            if "range" not in options or start < (await self.head(key)).size:
                raise
            raise driver.RangeNotSatisfiableError from None
        info = _listed(found.meta)
        # What is cut off a local file meanwhile is an empty chunk, again and again: let it be seen.
        chunks = _released(found.stream(min_chunk_size=chunk_size if self.kind in _STORES else 0))
        del found  # which has the stream too
        yield driver.Download(info=info, chunks=chunks)

    async def head(self, key: str) -> FileInfo:
        """Return what is known of a key."""
        return await self._attempts(lambda: self._head(key))

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete a key; a version is looked at just before, in each attempt."""

        async def delete() -> None:
            if if_match is not None and (await self._head(key)).etag != if_match:
                raise errors.PreconditionFailedError
            await obstore.delete_async(self._store, key)

        await self._attempts(delete)

    async def list_page(
        self,
        prefix: str,
        *,
        delimiter: Literal["/"] | None,
        limit: int,
        token: str | None,
        start_after: str | None,
    ) -> Page:
        """List after the entry that the token is, out of all that obstore lists."""
        after = token or start_after or ""
        begin = None if delimiter else after
        try:
            entries = await self._attempts(lambda: self._entries(prefix, limit, begin))
        except sdk.GenericError as error:
            if self.classify(error) is not errors.NotFoundError:
                raise
            entries = {}  # below what is a file on disk
        left = [e for e in entries if e.startswith(prefix) and e.encode() > after.encode()]
        shown = nsmallest(limit, left, key=str.encode)
        files = [info for entry in shown if (info := entries[entry])]
        return Page(
            # A folder's marker comes without its slash, as an empty file that is not there.
            files=tuple([info for info in files if info.size or await self._is_there(info.name)]),
            prefixes=tuple(entry[:-1] for entry in shown if entries[entry] is None),
            token=shown[-1] if len(shown) == limit else None,
        )

    async def aclose(self) -> None:
        """Let go of the client, which belongs to no loop and ends with the last that uses it."""
        self.__dict__.pop("_store", None)

    def classify(self, error: Exception) -> type[errors.StorageError] | None:
        """Return what an exception of obstore means."""
        if self.kind not in _STORES:
            return meaning_on_disk(error)
        return meaning_on_service(error, conflict_is_answer=self.kind == "azure")

    @cached_property
    def _store(self) -> ObjectStore:
        patience = timedelta(seconds=self.timeout)
        client: dict[str, Any] = {  # Any: as obstore has them
            "connect_timeout": patience,
            "read_timeout": patience,
            "timeout": timedelta(days=7),  # of a whole transfer, which may take its time
            "allow_http": any(text.startswith("http://") for text in self.config.values()),
            # https://cloud.google.com/storage/docs/transcoding
            "default_headers": {"Accept-Encoding": "gzip"} if self.kind == "gcs" else {},
        }
        single = {"disable_bulk_delete": "true"} if self.kind == "s3" else {}
        try:
            if self.kind not in _STORES:
                return LocalStore(self.container, automatic_cleanup=True)
            store: ObjectStore = _STORES[self.kind](
                self.container,
                config={**single, **self.config},
                client_options=client,
                retry_config={"max_retries": 0},
            )
        except sdk.BaseError as error:
            if self.kind not in _STORES:
                raise errors.ContainerNotFoundError from error
            raise errors.ImproperlyConfiguredError from error
        return store

    async def _attempts(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call again where a failure may pass; each call is one that can be made twice."""
        return await retried(
            call,
            attempts=self.max_attempts,
            pause=doubling(4.0),
            passing=lambda error: self._means(error, errors.UnavailableError),
            unsent=lambda error: self._means(error, driver.NotSentError),
        )

    def _means(self, error: Exception, meaning: type[errors.StorageError]) -> bool:
        found = self.classify(error)
        return found is not None and issubclass(found, meaning)

    async def _mode(self, key: str, write: driver.Write) -> PutMode:
        if write.if_match is None:
            return "create" if write.create else "overwrite"
        if self.kind != "gcs":
            return {"e_tag": f'"{write.if_match}"'}
        # Its condition is on the generation, which a listing does not tell.
        there = await self._attempts(lambda: obstore.head_async(self._store, key))
        if there["e_tag"] != f'"{write.if_match}"':
            raise errors.PreconditionFailedError
        return {"version": there["version"]}

    async def _head(self, key: str) -> FileInfo:
        found = await obstore.get_async(self._store, key, options={"head": True})
        given = dict(found.attributes)
        headers: Any = {field: given.pop(name, None) for name, field in _HEADERS.items()}
        return replace(_listed(found.meta), metadata=decode_metadata(given), **headers)

    async def _is_there(self, key: str) -> bool:
        try:
            await self.head(key)
        except Exception as error:
            if self.classify(error) in (driver.AmbiguousNotFoundError, errors.NotFoundError):
                return False
            raise
        return True

    async def _entries(self, prefix: str, limit: int, after: str | None) -> Entries:
        """Return what is in a folder, or else the first keys after one; None is a folder."""
        if after is None:
            found = await obstore.list_with_delimiter_async(self._store, prefix or None)
            folders: Entries = {f"{folder}/": None for folder in found["common_prefixes"]}
            return folders | {meta["path"]: _listed(meta) for meta in found["objects"]}
        entries: Entries = {}
        offset = after if after and self.kind in _IN_ORDER else None
        listed = _released(
            obstore.list(self._store, prefix or None, offset=offset, chunk_size=limit)
        )
        async with aclosing(listed) as chunks:
            async for chunk in chunks:
                more = {meta["path"]: _listed(meta) for meta in chunk}
                entries |= {key: more[key] for key in more if key.encode() > after.encode()}
                entries = {key: entries[key] for key in nsmallest(limit, entries, key=str.encode)}
                if len(entries) == limit and self.kind in _IN_ORDER:
                    break
        return entries


def _listed(meta: ObjectMeta) -> FileInfo:
    return replace(_info(meta["path"], meta["size"], meta["e_tag"]), modified=meta["last_modified"])


def _info(key: str, size: int, etag: str | None) -> FileInfo:
    if etag is None:
        raise errors.UnavailableError  # something else answered
    return FileInfo(name=key, size=size, etag=etag.strip('"'))


async def _released(stream: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Let go of a stream at its end: it has the connection, and a traceback would have it."""
    try:
        async for chunk in stream:
            yield chunk
    finally:
        del stream
