"""Storages that can do less than all, and say so: what they declare they hold."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

from openviper.storage import Capabilities, Content, FileInfo, MemoryStorage, Page, Storage
from openviper.storage.errors import TooLargeError, UnsupportedOperationError
from openviper.storage.files import StorageReader

__all__ = ["KINDS", "LACKING", "OneCase"]

ATTRIBUTES = (
    "content_type",
    "cache_control",
    "content_disposition",
    "content_encoding",
    "metadata",
)


LARGEST = 32 << 20


def refuse_attributes(options: dict[str, Any]) -> None:
    """Refuse what nothing would keep."""
    if said := sorted(key for key in ATTRIBUTES if options.get(key)):
        raise UnsupportedOperationError(f"nothing keeps {', '.join(said)}")


class Five(Storage):
    """Have the five methods that a storage must have."""

    capabilities = Capabilities(flat_namespace=True)

    def __init__(self, *, location: str = "") -> None:
        self._inner = MemoryStorage(location=location)

    async def save(self, name: str, content: Content, **options: Any) -> str:
        refuse_attributes(options)
        return await self._inner.save(name, content, **options)

    async def delete(self, name: str) -> None:
        await self._inner.delete(name)

    async def exists(self, name: str) -> bool:
        return await self._inner.exists(name)

    def url(self, name: str) -> str:
        return self._inner.url(name)

    async def size(self, name: str) -> int:
        return await self._inner.size(name)


class Streaming(Five):
    """Be read too, and so copied."""

    capabilities = Capabilities(read="native", copy="emulated", flat_namespace=True)

    def stream(self, name: str, **options: Any) -> AsyncIterator[bytes]:
        return self._inner.stream(name, **options)


class Listing(Streaming):
    """Be listed too."""

    capabilities = replace(Streaming.capabilities, list="native")

    async def list_page(self, prefix: str = "", **options: Any) -> Page:
        page = await self._inner.list_page(prefix, **options)
        return replace(page, files=tuple(FileInfo(name=f.name, size=f.size) for f in page.files))


class Putting(Listing):
    """Put exact names too, without conditions."""

    capabilities = replace(Listing.capabilities, put="native")

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        refuse_attributes(options)
        if options.pop("if_none_match", False) or options.pop("if_match", None) is not None:
            raise UnsupportedOperationError("nothing creates only", name=name)
        info = await self._inner.put(name, content, **options)
        return FileInfo(name=info.name, size=info.size)


class Without(MemoryStorage):
    """Have everything but some capability."""

    missing: ClassVar[tuple[str, ...]]

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override] # as in PortableStorage
        return replace(super().capabilities, **dict.fromkeys(self.missing, "none"))  # type: ignore[arg-type]

    def _refuse(self, capability: str, what: str) -> None:
        if capability in self.missing:
            raise UnsupportedOperationError(f"nothing {what}")

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if "metadata" in self.missing:
            refuse_attributes(options)
        return await super().save(name, content, **options)

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        self._refuse("put", "puts")
        if "metadata" in self.missing:
            refuse_attributes(options)
        if options.get("if_none_match"):
            self._refuse("create_only", "creates only")
        if options.get("if_match") is not None:
            self._refuse("replace_if_match", "replaces one version")
        return await super().put(name, content, **options)

    async def read(self, name: str, **options: Any) -> bytes:
        self._refuse("read", "reads")
        return await super().read(name, **options)

    def stream(self, name: str, **options: Any) -> AsyncIterator[bytes]:
        self._refuse("read", "reads")
        return super().stream(name, **options)

    @asynccontextmanager
    async def open_reader(self, name: str) -> AsyncGenerator[StorageReader, None]:
        self._refuse("read", "reads")
        async with super().open_reader(name) as reader:
            yield reader

    async def list_page(self, prefix: str = "", **options: Any) -> Page:
        self._refuse("list", "lists")
        return await super().list_page(prefix, **options)

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        self._refuse("list", "lists")
        async for info in super().files(prefix, **options):
            yield info

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        self._refuse("copy", "copies")
        return await super().copy(src, dst, **options)

    async def move(self, src: str, dst: str, **options: Any) -> str:
        self._refuse("copy", "copies")
        return await super().move(src, dst, **options)


class WithoutRead(Without):
    missing = ("read",)


class WithoutList(Without):
    missing = ("list",)


class WithoutPut(Without):
    missing = ("put", "create_only", "replace_if_match")


class WithoutCreateOnly(Without):
    missing = ("create_only",)


class WithoutReplaceIfMatch(Without):
    missing = ("replace_if_match",)


class WithoutCopy(Without):
    missing = ("copy",)


class WithoutMetadata(Without):
    missing = ("metadata",)


class Small(MemoryStorage):
    """Hold a largest size."""

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override] # as in PortableStorage
        return replace(super().capabilities, max_size=LARGEST)

    async def save(self, name: str, content: Content, **options: Any) -> str:
        def count(size: int) -> None:
            if size > LARGEST:
                raise TooLargeError(f"over {LARGEST} bytes", name=name, backend="memory")
            if progress is not None:
                progress(size)

        progress = options.pop("progress", None)
        return await super().save(name, content, progress=count, **options)


class OneCase(Five):
    """Know names in any case as one."""

    capabilities = Capabilities(flat_namespace=True, case_sensitive=False)

    async def save(self, name: str, content: Content, **options: Any) -> str:
        return await super().save(name.lower(), content, **options)

    async def exists(self, name: str) -> bool:
        return await super().exists(name.lower())

    async def size(self, name: str) -> int:
        return await super().size(name.lower())

    async def delete(self, name: str) -> None:
        await super().delete(name.lower())


LACKING: tuple[type[Without], ...] = (
    WithoutRead,
    WithoutList,
    WithoutPut,
    WithoutCreateOnly,
    WithoutReplaceIfMatch,
    WithoutCopy,
    WithoutMetadata,
)

KINDS: tuple[type[Storage], ...] = (Five, Streaming, Listing, Putting, *LACKING, Small)
