"""The whole contract over one driver: what the user says is checked here, and then done."""

from __future__ import annotations

import math
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Unpack

from openviper.storage.attributes import (
    attributes_from,
    check_header,
    check_options,
    visible_metadata,
)
from openviper.storage.base import Storage, distinct, iterate_names
from openviper.storage.checksum import Checksum
from openviper.storage.content import BLOCK, Source
from openviper.storage.copies import copy, move
from openviper.storage.deletes import delete_all
from openviper.storage.driver import Driver, Signer, SignRequest
from openviper.storage.errors import NotFoundError, UnsupportedOperationError
from openviper.storage.files import StorageReader
from openviper.storage.listings import list_page
from openviper.storage.names import names_by, sanitise
from openviper.storage.place import Place
from openviper.storage.reads import check_range, read, stream
from openviper.storage.secrets import Secret
from openviper.storage.shield import to_the_end
from openviper.storage.spool import Spool
from openviper.storage.types import (
    Capabilities,
    Content,
    DeleteResult,
    FileInfo,
    IfExists,
    Page,
    WriteOptions,
)
from openviper.storage.urls import attachment, join_url
from openviper.storage.writes import Writer

__all__ = ["PortableStorage"]


class PortableStorage(Storage):
    """Be the whole contract over one driver.

    A backend is a subclass whose constructor turns friendly options into a driver. It hands
    on its own `arguments`, credentials as `Secret`: storages made from equal ones are equal.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        arguments: Mapping[str, object],
        location: str = "",
        base_url: str | None = None,
        signed: bool = False,
        spool: bool = True,
        spool_dir: str | Path | None = None,
    ) -> None:
        self._place = Place(driver, location)
        self._writer = Writer(self._place)
        self._arguments = dict(arguments)
        self._base_url = base_url
        self._signed = signed
        self._spools = spool
        self._spool_dir = spool_dir

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]  # read only, unlike a plain value
        """What the driver's service can do."""
        return self._place.driver.capabilities

    async def save(
        self,
        name: str,
        content: Content,
        *,
        if_exists: IfExists = "rename",
        **attributes: Unpack[WriteOptions],
    ) -> str:
        """Store `content` under a safe form of `name`; see `Storage.save`."""
        name = sanitise(name, location=self._place.location)
        names = self._names(name, if_exists)
        info = await self._write(
            names,
            content,
            attributes,
            create=if_exists != "overwrite",
            rewindable=if_exists == "rename",
        )
        return info.name

    async def put(
        self,
        name: str,
        content: Content,
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
        **attributes: Unpack[WriteOptions],
    ) -> FileInfo:
        """Store `content` under exactly this name; see `Storage.put`."""
        name = self._place.canonical(name)
        if if_none_match and if_match is not None:
            raise ValueError("if_none_match and if_match exclude each other: give one")
        if if_none_match:
            self._require("create_only", name)
        if if_match is not None:
            self._require("replace_if_match", name)
        info = await self._write(
            iter((name,)), content, attributes, create=if_none_match, if_match=if_match
        )
        return replace(info, metadata=visible_metadata(info.metadata))

    async def delete(self, name: str) -> None:
        """Delete a file; a missing one is no error."""
        name = self._place.canonical(name)
        try:
            async with self._place.guard("delete", name):
                await to_the_end(self._place.driver.delete(self._place.key(name)))
        except NotFoundError:
            return

    async def exists(self, name: str) -> bool:
        """Tell whether a file has this name; raise where that can't be known."""
        try:
            await self._place.head(self._place.canonical(name))
        except NotFoundError:
            return False
        return True

    async def size(self, name: str) -> int:
        """Return the number of stored bytes."""
        return (await self._place.head(self._place.canonical(name))).size

    async def stat(self, name: str) -> FileInfo:
        """Return what is known of a file; `NotFoundError` where there is none."""
        name = self._place.canonical(name)
        info = await self._place.head(name)
        return replace(info, name=name, metadata=visible_metadata(info.metadata))

    def url(self, name: str) -> str:
        """Return the address of a file, without I/O and whether or not it exists."""
        key = self._place.key(self._place.canonical(name))
        if self._signed:
            raise UnsupportedOperationError(
                "url() can't sign yet: await signed_url(name), or leave signed=True out", name=name
            )
        if self._base_url is not None:
            return join_url(self._base_url, key)
        return self._place.driver.url(key)

    async def read(
        self, name: str, *, start: int = 0, end: int | None = None, max_size: int | None = None
    ) -> bytes:
        """Return `content[start:end]`; `TooLargeError` where that is over `max_size` bytes."""
        check_range(start, end, BLOCK)
        name = self._place.canonical(name)
        return await read(self._place, name, start=start, end=end, max_size=max_size)

    def stream(
        self, name: str, *, start: int = 0, end: int | None = None, chunk_size: int = 65536
    ) -> AsyncIterator[bytes]:
        """Give `content[start:end]` in chunks; see `Storage.stream`."""
        return self._chunks(name, start, end, chunk_size)

    def _chunks(
        self,
        name: str,
        start: int,
        end: int | None,
        chunk_size: int,
        *,
        if_match: str | None = None,
    ) -> AsyncGenerator[bytes, None]:
        check_range(start, end, chunk_size)
        name = self._place.canonical(name)
        return stream(
            self._place, name, start=start, end=end, chunk_size=chunk_size, if_match=if_match
        )

    @asynccontextmanager
    async def open_reader(self, name: str) -> AsyncGenerator[StorageReader, None]:
        """Open one version of a file to read."""
        info = await self._place.head(self._place.canonical(name))
        reader = StorageReader(
            lambda start: aclosing(self._chunks(name, start, None, BLOCK, if_match=info.etag)),
            size=info.size,
        )
        async with aclosing(reader):
            yield reader

    async def list_page(
        self,
        prefix: str = "",
        *,
        delimiter: Literal["/"] | None = None,
        limit: int = 1000,
        token: str | None = None,
    ) -> Page:
        """Return one page of a listing; see `Storage.list_page`."""
        return await list_page(self._place, prefix, delimiter=delimiter, limit=limit, token=token)

    async def files(
        self, prefix: str = "", *, start_after: str | None = None
    ) -> AsyncIterator[FileInfo]:
        """Give every file under a path, in order; see `Storage.files`."""
        after = None if start_after is None else self._place.canonical(start_after)
        token: str | None = None
        while True:
            page = await list_page(
                self._place, prefix, delimiter=None, limit=1000, token=token, start_after=after
            )
            for info in page.files:
                if after is None or info.name.encode() > after.encode():
                    yield info
            token = page.token
            if token is None:
                return

    async def copy(self, src: str, dst: str, *, if_exists: IfExists = "error") -> str:
        """Copy a file with its attributes and return the copy's name."""
        source, names = self._pair(src, dst, if_exists)
        return await copy(self._place, self._writer, source, names, if_exists=if_exists)

    async def move(self, src: str, dst: str, *, if_exists: IfExists = "error") -> str:
        """Copy a file, delete the version that was copied, and return the new name."""
        source, names = self._pair(src, dst, if_exists)
        return await move(self._place, self._writer, source, names, if_exists=if_exists)

    async def delete_many(self, names: Iterable[str] | AsyncIterable[str]) -> list[DeleteResult]:
        """Delete files, many in a request where the service can; one result per name, in order."""
        return await delete_all(self._place, iterate_names(names))

    async def signed_url(
        self,
        name: str,
        *,
        method: Literal["GET", "HEAD", "PUT"] = "GET",
        expires: float = 900,
        download_as: str | None = None,
        content_type: str | None = None,
        overwrite: bool = False,
    ) -> str:
        """Return a URL that allows one request for a time; see `Storage.signed_url`."""
        name = self._place.canonical(name)
        if method not in ("GET", "HEAD", "PUT"):
            raise ValueError(f"method is 'GET', 'HEAD' or 'PUT', not {method!r}")
        longest = self.capabilities.max_expires
        if not math.isfinite(expires) or not 0 < expires <= longest:
            raise ValueError(f"expires is over 0 and up to {longest} seconds, not {expires}")
        if content_type is not None:
            check_header("content_type", content_type)
        driver = self._place.driver
        request = SignRequest(
            method=method,
            expires=expires,
            content_disposition=None if download_as is None else attachment(download_as),
            content_type=content_type,
            create=method == "PUT" and not overwrite,
        )
        if not isinstance(driver, Signer):
            return await super().signed_url(name)
        async with self._place.guard("sign a URL for", name):
            return await driver.signed_url(self._place.key(name), request)

    async def aclose(self) -> None:
        """Close what this loop has open; the storage opens again on use."""
        await self._place.driver.aclose()

    def __repr__(self) -> str:
        shown = (f"{key}={value!r}" for key, value in self._arguments.items() if value is not None)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PortableStorage):
            return NotImplemented
        return type(self) is type(other) and self._arguments == other._arguments

    def __hash__(self) -> int:
        return hash((type(self), *sorted(map(repr, self._arguments.items()))))

    def __reduce__(self) -> tuple[Any, ...]:  # Any: as object's own
        return _rebuilt, (type(self), self._arguments)

    async def _write(
        self,
        names: Iterator[str],
        content: Content,
        options: WriteOptions,
        *,
        create: bool,
        if_match: str | None = None,
        rewindable: bool = False,
    ) -> FileInfo:
        check_options(options)
        attributes = attributes_from(options)
        if not attributes.is_plain():
            self._require("metadata")
        checksum = options.get("checksum")
        source = Source(
            content,
            checksum=None if checksum is None else Checksum(checksum),
            progress=options.get("progress"),
            spool=Spool(self._spool_dir) if self._spools else None,
            rewindable=rewindable and self._writer.sends_again,
        )
        async with aclosing(source):
            return await self._writer.write(
                names, source=source, attributes=attributes, create=create, if_match=if_match
            )

    def _require(self, capability: str, name: str | None = None) -> None:
        """Raise before the content is touched where the driver does not declare a capability."""
        if getattr(self.capabilities, capability) == "none":
            raise UnsupportedOperationError(
                f"{self._place.driver.backend}: {capability} is not among its capabilities: "
                "nothing was done",
                name=name,
                backend=self._place.driver.backend,
            )

    def _names(self, name: str, if_exists: IfExists) -> Iterator[str]:
        return names_by(if_exists, name, location=self._place.location)

    def _pair(self, src: str, dst: str, if_exists: IfExists) -> tuple[str, Iterator[str]]:
        source, target = distinct(src, dst)
        self._place.canonical(target)
        return self._place.canonical(source), self._names(target, if_exists)


def _rebuilt(kind: Callable[..., object], arguments: Mapping[str, object]) -> object:
    values = {k: v.reveal() if isinstance(v, Secret) else v for k, v in arguments.items()}
    return kind(**values)
