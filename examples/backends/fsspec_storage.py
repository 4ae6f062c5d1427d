"""Any filesystem of fsspec as a `Storage`: a driver, and all the rest is inherited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import fsspec
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

from examples.backends.library import CAPABILITIES, LibraryDriver
from openviper.storage import FileInfo, PortableStorage, StorageError, errors
from openviper.storage.driver import Download, RangeNotSatisfiableError, Write
from openviper.storage.perloop import PerLoop
from openviper.storage.secrets import Secret

__all__ = ["FsspecStorage"]

BLOCK = 1 << 20
MEANINGS: dict[type[Exception], type[StorageError]] = {
    FileNotFoundError: errors.NotFoundError,
    NotADirectoryError: errors.NotFoundError,
    FileExistsError: errors.AlreadyExistsError,
    PermissionError: errors.PermissionDeniedError,
    OSError: errors.UnavailableError,
}


class FsspecStorage(PortableStorage):
    """Keep files under `root` of a filesystem; `options` are those of its constructor."""

    def __init__(
        self,
        protocol: str,
        root: str,
        *,
        location: str = "",
        flat_namespace: bool = False,
        **options: Any,  # Any: whatever the filesystem takes
    ) -> None:
        given = {"protocol": protocol, "root": root, "flat_namespace": flat_namespace}
        secret = {key: Secret(value) for key, value in options.items()}
        super().__init__(
            FsspecDriver(protocol, root, options, flat_namespace=flat_namespace),
            arguments={**given, "location": location, **secret},
            location=location,
            base_url="/media/",
        )


class FsspecDriver(LibraryDriver):
    """Do what fsspec can: it keeps no metadata, and can't replace just one version."""

    backend, may_lose_replies, meanings = "fsspec", False, MEANINGS

    def __init__(
        self, protocol: str, root: str, options: dict[str, Any], *, flat_namespace: bool
    ) -> None:
        self.capabilities = replace(CAPABILITIES, flat_namespace=flat_namespace)
        self._protocol, self._root, self._options = protocol, root.rstrip("/"), options
        self._opened = PerLoop(self._connect)

    async def _connect(self) -> AsyncGenerator[Any, None]:  # Any: fsspec is untyped
        fixed = {"asynchronous": True, "skip_instance_cache": True, "use_listings_cache": False}
        fs = fsspec.filesystem(self._protocol, **fixed, **self._options)
        if not fs.async_impl:
            yield AsyncFileSystemWrapper(fs, asynchronous=True)
            return
        session = await fs.set_session()
        try:
            yield fs
        finally:
            await session.close()

    async def aclose(self) -> None:
        await self._opened.aclose()

    async def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
        fs, path = await self._opened.get(), self._path(key)
        await self._refuse_conflict(fs, key)
        if write.create and isinstance(fs, AsyncFileSystemWrapper):
            await asyncio.to_thread(_create, fs.sync_fs, path, data)
        else:
            await fs._pipe_file(path, bytes(data), mode="create" if write.create else "overwrite")
        return await self.head(key)

    @asynccontextmanager
    async def get(
        self, key: str, *, start: int, end: int | None, if_match: str | None, chunk_size: int
    ) -> AsyncIterator[Download]:
        info = await self.head(key)
        if if_match not in (None, info.etag):
            raise errors.PreconditionFailedError
        if start >= info.size:
            raise RangeNotSatisfiableError
        stop = info.size if end is None else min(end, info.size)
        yield Download(info=info, chunks=self._blocks(info, start, stop))

    async def _blocks(self, info: FileInfo, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        fs = await self._opened.get()
        for at in range(start, stop, BLOCK):
            block = await fs._cat_file(self._path(info.name), start=at, end=min(at + BLOCK, stop))
            if await self.head(info.name) != info:  # not the same file any more
                raise errors.PreconditionFailedError
            yield block

    async def head(self, key: str) -> FileInfo:
        found = await (await self._opened.get())._info(self._path(key))
        if found["type"] != "file":
            raise errors.NotFoundError
        return self._info(found)

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        fs, info = await self._opened.get(), await self.head(key)  # no directory
        if if_match not in (None, info.etag):
            raise errors.PreconditionFailedError
        await fs._rm_file(self._path(key))

    async def everything(self, prefix: str) -> list[FileInfo]:
        found = await (await self._opened.get())._find(self._path(prefix), detail=True)
        return [self._info(entry) for entry in found.values() if entry.get("type") == "file"]

    async def _refuse_conflict(self, fs: Any, key: str) -> None:
        if self.capabilities.flat_namespace:
            return
        parts = key.split("/")
        above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        files = [await fs._isfile(self._path(folder)) for folder in above]
        if any(files) or await fs._isdir(self._path(key)):
            raise errors.NameConflictError

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}".rstrip("/")

    def _info(self, found: dict[str, Any]) -> FileInfo:
        name, size = found["name"].removeprefix(f"{self._root}/"), found["size"]
        time = found.get("LastModified") or datetime.fromtimestamp(found["mtime"], UTC)
        version = found.get("ETag") or f"{found['ino']}-{found['mtime']}-{size}"
        return FileInfo(name=name, size=size, modified=time, etag=version.strip('"'))


def _create(fs: Any, path: str, data: memoryview) -> None:
    """Create exclusively: `pipe_file(mode="create")` of sync filesystems only looks before."""
    with fs.open(path, "xb") as file:
        file.write(data)
