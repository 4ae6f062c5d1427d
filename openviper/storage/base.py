"""The contract: what every storage offers, with all that follows from its five methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    asynccontextmanager,
    nullcontext,
)
from types import TracebackType
from typing import Literal, Self, TypeVar, Unpack, overload

from openviper.storage.adapt import save_copy
from openviper.storage.errors import (
    AlreadyExistsError,
    NameConflictError,
    SameFileError,
    StorageError,
    TooLargeError,
    UnsupportedOperationError,
)
from openviper.storage.files import StorageReader, StorageWriter, writing
from openviper.storage.names import canonical, names_by
from openviper.storage.types import (
    Capabilities,
    Content,
    DeleteResult,
    FileInfo,
    IfExists,
    Page,
    SignedUpload,
    WriteOptions,
)

__all__ = ["Storage", "distinct", "iterate_names"]

T = TypeVar("T")


class Storage(ABC):
    """Be a place for files, the same to its user whatever is behind it.

    Five methods are abstract. All else here is made of them, or raises
    `UnsupportedOperationError` before it touches anything. There is no state and no
    `__init__`: a subclass with a constructor of its own inherits the whole API.
    """

    capabilities: Capabilities = Capabilities()
    """What the storage can do; nothing beyond the five methods unless it says so."""

    @abstractmethod
    async def save(
        self,
        name: str,
        content: Content,
        *,
        if_exists: IfExists = "rename",
        **attributes: Unpack[WriteOptions],
    ) -> str:
        """Store `content` under a safe form of `name` and return the name it has now.

        A taken name gets `_` and a UUID before its extension (`if_exists="rename"`), is
        replaced (`"overwrite"`), or raises `AlreadyExistsError` (`"error"`). Nothing is
        visible until all of it is stored, and then nothing is lost.
        """

    @abstractmethod
    async def delete(self, name: str) -> None:
        """Delete a file; a missing one is no error."""

    @abstractmethod
    async def exists(self, name: str) -> bool:
        """Tell whether a file has this name; raise where that can't be known."""

    @abstractmethod
    def url(self, name: str) -> str:
        """Return the address of a file, without I/O and whether or not it exists."""

    @abstractmethod
    async def size(self, name: str) -> int:
        """Return the stored bytes' number; `NotFoundError` where there is no such file."""

    async def put(
        self,
        name: str,
        content: Content,
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
        **attributes: Unpack[WriteOptions],
    ) -> FileInfo:
        """Store `content` under exactly this name, replacing what is there in one step.

        `if_none_match=True` on an existing file is `AlreadyExistsError`; an `if_match` that
        is not the file's etag now, or a missing file, is `PreconditionFailedError`.
        """
        raise _unsupported(self, "put")

    async def stat(self, name: str) -> FileInfo:
        """Return what is known of a file; `NotFoundError` where there is none."""
        name = canonical(name)
        return FileInfo(name=name, size=await self.size(name))

    async def read(
        self, name: str, *, start: int = 0, end: int | None = None, max_size: int | None = None
    ) -> bytes:
        """Return `content[start:end]`; `TooLargeError` where that is over `max_size` bytes."""
        content = bytearray()
        async with _closing(self.stream(name, start=start, end=end)) as chunks:
            async for chunk in chunks:
                content += chunk
                if max_size is not None and len(content) > max_size:
                    raise TooLargeError(
                        f"{name!r} has over {max_size} bytes to read: stream it, or raise max_size",
                        name=name,
                    )
        return bytes(content)

    def stream(
        self, name: str, *, start: int = 0, end: int | None = None, chunk_size: int = 65536
    ) -> AsyncIterator[bytes]:
        """Give `content[start:end]` in chunks of at most `chunk_size` bytes, none empty.

        All chunks are of one version of the file; where it is replaced meanwhile and that
        can't be held, `PreconditionFailedError` is raised.
        """
        raise _unsupported(self, "stream")

    @overload
    def open(
        self, name: str, mode: Literal["rb"] = "rb"
    ) -> AbstractAsyncContextManager[StorageReader]: ...

    @overload
    def open(
        self, name: str, mode: Literal["wb", "xb"], **attributes: Unpack[WriteOptions]
    ) -> AbstractAsyncContextManager[StorageWriter]: ...

    def open(
        self,
        name: str,
        mode: Literal["rb", "wb", "xb"] = "rb",
        **attributes: Unpack[WriteOptions],
    ) -> AbstractAsyncContextManager[StorageReader] | AbstractAsyncContextManager[StorageWriter]:
        """Open a file in an `async with` block: `"rb"` to read, `"wb"` and `"xb"` to write.

        A writer stores as `put` does (`"xb"`: `if_none_match=True`) when the block ends, and
        nothing where it raises; `writer.info` is the `FileInfo` then.
        """
        if mode == "rb":
            if attributes:
                raise TypeError(f"mode 'rb' takes no {', '.join(sorted(attributes))}")
            return self.open_reader(name)
        if mode not in ("wb", "xb"):
            raise ValueError(f"mode is 'rb', 'wb' or 'xb', not {mode!r}")
        return self._open_writer(name, create=mode == "xb", attributes=attributes)

    @asynccontextmanager
    async def open_reader(self, name: str) -> AsyncGenerator[StorageReader, None]:
        """Open a file to read, as `open(name)` does; override this one for a better way."""
        _require(self, "stream")
        size = await self.size(name)
        reader = StorageReader(lambda start: _closing(self.stream(name, start=start)), size=size)
        async with aclosing(reader):
            yield reader

    @asynccontextmanager
    async def _open_writer(
        self, name: str, *, create: bool, attributes: WriteOptions
    ) -> AsyncGenerator[StorageWriter, None]:
        _require(self, "put")
        name = canonical(name)
        store = lambda chunks: self.put(name, chunks, if_none_match=create, **attributes)  # noqa: E731 - one line
        async with writing(store) as writer:
            yield writer

    async def files(
        self, prefix: str = "", *, start_after: str | None = None
    ) -> AsyncIterator[FileInfo]:
        """Give every file under a path, in the UTF-8 byte order of whole names.

        `foo` as prefix is `foo` itself and `foo/…`, never `foobar`.
        """
        after = None if start_after is None else canonical(start_after).encode()
        token: str | None = None
        while True:
            page = await self.list_page(prefix, token=token)
            for info in page.files:
                if after is None or info.name.encode() > after:
                    yield info
            token = page.token
            if token is None:
                return

    async def list_page(
        self,
        prefix: str = "",
        *,
        delimiter: Literal["/"] | None = None,
        limit: int = 1000,
        token: str | None = None,
    ) -> Page:
        """Return one page of a listing, of at most `limit` files and directories together.

        With `delimiter="/"` only what is directly under `prefix`, directories once each.
        Give `page.token` back for the next page; another listing's token is `ValueError`.
        """
        raise _unsupported(self, "list_page")

    async def listdir(self, path: str = "") -> tuple[list[str], list[str]]:
        """Return the bare names of the directories and of the files in a directory, sorted."""
        base = canonical(path) if path else ""
        directories: list[str] = []
        files: list[str] = []
        token: str | None = None
        while True:
            page = await self.list_page(path, delimiter="/", token=token)
            directories += [name.rpartition("/")[2] for name in page.prefixes]
            files += [info.name.rpartition("/")[2] for info in page.files if info.name != base]
            token = page.token
            if token is None:
                return sorted(directories), sorted(files)

    async def copy(self, src: str, dst: str, *, if_exists: IfExists = "error") -> str:
        """Copy a file with its attributes and return the copy's name.

        A missing source is `NotFoundError`; `dst` the same as `src` is `SameFileError`.
        Until it is overridden the copy is put where `create_only` is declared, and else saved,
        by which its name is made safe.
        """
        _require(self, "stream")
        source, target = distinct(src, dst)
        await self.size(source)  # a missing file is missing before anything is written
        if _has(self, "put") and self.capabilities.create_only != "none":
            return await _put_copy(self, source, target, if_exists=if_exists)
        async with _closing(self.stream(source)) as chunks:
            return await save_copy(self, target, chunks, if_exists=if_exists)

    async def move(self, src: str, dst: str, *, if_exists: IfExists = "error") -> str:
        """Copy a file, delete what was copied, and return the new name."""
        name = await self.copy(src, dst, if_exists=if_exists)
        await self.delete(src)
        return name

    async def delete_many(self, names: Iterable[str] | AsyncIterable[str]) -> list[DeleteResult]:
        """Delete files and say how each ended: one result per name, in order."""
        results: list[DeleteResult] = []
        async with aclosing(iterate_names(names)) as given:
            async for name in given:
                try:
                    await self.delete(name)
                except StorageError as error:
                    results.append(DeleteResult(name=name, error=error))
                else:
                    results.append(DeleteResult(name=name))
        return results

    async def delete_prefix(self, prefix: str, *, everything: bool = False) -> list[DeleteResult]:
        """Delete every file under a path and return those that could not be.

        The whole storage, `""`, needs `everything=True`.
        """
        if not prefix and not everything:
            raise ValueError("an empty prefix is the whole storage: say everything=True to mean it")
        async with (
            _closing(self.files(prefix)) as found,
            aclosing(info.name async for info in found) as names,
        ):
            return [result for result in await self.delete_many(names) if not result.ok]

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
        """Return a URL that allows one request on one file for `expires` seconds, 7 days at most.

        `download_as` is the file name that a browser saves under. A PUT creates only, unless
        `overwrite=True`.
        """
        raise _unsupported(self, "signed_url")

    async def sign_upload(
        self,
        name: str,
        *,
        expires: float = 900,
        max_size: int | None = None,
        content_type: str | None = None,
        overwrite: bool = False,
    ) -> SignedUpload:
        """Return a request by which a browser stores one file itself."""
        raise _unsupported(self, "sign_upload")

    async def aclose(self) -> None:
        """Close what this loop has open; the storage opens again on use."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def distinct(src: str, dst: str) -> tuple[str, str]:
    """Return two canonical names, or raise `SameFileError` where they are one."""
    source, target = canonical(src), canonical(dst)
    if source == target:
        raise SameFileError(
            f"{source!r} can't be copied or moved onto itself: give another name", name=source
        )
    return source, target


async def iterate_names(
    names: Iterable[str] | AsyncIterable[str],
) -> AsyncGenerator[str, None]:
    """Give names one by one, from a sync or an async iterable, but not the letters of one."""
    if isinstance(names, str):
        raise TypeError("names is an iterable of names: give [name] for one")
    if isinstance(names, AsyncIterable):
        async for name in names:
            yield name
    else:
        for name in names:
            yield name


def _unsupported(storage: Storage, method: str) -> UnsupportedOperationError:
    kind = type(storage).__qualname__
    return UnsupportedOperationError(
        f"{kind} has no {method}(): nothing was done; see {kind}.capabilities"
    )


async def _put_copy(storage: Storage, src: str, dst: str, *, if_exists: IfExists) -> str:
    """Put a copy under just the name `dst`, or one made of it; each try reads the source anew."""
    create = if_exists != "overwrite"
    taken: AlreadyExistsError | None = None
    for name in names_by(if_exists, dst):
        try:
            async with _closing(storage.stream(src)) as chunks:
                return (await storage.put(name, chunks, if_none_match=create)).name
        except NameConflictError:
            raise
        except AlreadyExistsError as error:
            taken = error
    assert taken is not None  # there was a name to try
    raise taken


def _require(storage: Storage, method: str) -> None:
    """Raise before anything is touched where a subclass does not have `method`."""
    if not _has(storage, method):
        raise _unsupported(storage, method)


def _has(storage: Storage, method: str) -> bool:
    return getattr(type(storage), method) is not getattr(Storage, method)


def _closing(iterator: AsyncIterator[T]) -> AbstractAsyncContextManager[AsyncIterator[T]]:
    """Close an iterator after use where it can be closed, as async generators can."""
    if isinstance(iterator, AsyncGenerator):
        return aclosing(iterator)
    return nullcontext(iterator)
