"""Mutants that say wrong things of a file (catalogue 1.5)."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from openviper.storage import Capabilities, FileInfo, MemoryStorage
from openviper.storage.errors import NotFoundError, StorageError
from openviper.storage.types import Content
from tests.mutants.registry import Disk, mutant


@mutant("stat.size-is-in-kibibytes", "S01", "L15", found_by="save.free-name-comes-back")
class SizeIsInKibibytes(MemoryStorage):
    """Say the size in another unit."""

    async def size(self, name: str) -> int:
        return -(-await super().size(name) // 1024)


@mutant("stat.missing-has-size-zero", "M01", found_by="stat.missing-file-is-not-found")
class MissingHasSizeZero(MemoryStorage):
    """Say that a missing file has no bytes."""

    async def size(self, name: str) -> int:
        return await super().size(name) if await self.exists(name) else 0


@mutant("stat.exists-is-a-number", "M02", found_by="stat.exists-is-a-bool")
class ExistsIsANumber(MemoryStorage):
    """Answer with what is truthy."""

    async def exists(self, name: str) -> bool:
        return 1 if await super().exists(name) else 0  # type: ignore[return-value] # the mutation


@mutant("stat.directories-exist", "M02", found_by="stat.directory-is-not-a-file")
class DirectoriesExist(Disk):
    """Say that a directory exists."""

    async def exists(self, name: str) -> bool:
        return await super().exists(name) or (self.root / self._place.canonical(name)).exists()


@mutant("stat.directories-have-a-size", "M02", found_by="stat.directory-is-not-a-file")
class DirectoriesHaveASize(Disk):
    """Say how large a directory is."""

    async def size(self, name: str) -> int:
        try:
            return await super().size(name)
        except NotFoundError:
            found = self.root / self._place.canonical(name)
            if not found.exists():
                raise
            return found.stat().st_size


@mutant(
    "stat.exists-is-false-for-any-error", "M03", found_by="container.missing-is-no-missing-file"
)
class ExistsIsFalseForAnyError(Disk):
    """Take every error for "there is no such file"."""

    async def exists(self, name: str) -> bool:
        try:
            return await super().exists(name)
        except StorageError:
            return False


class Saying(MemoryStorage):
    """Say of a file what a mutant makes of it."""

    def said(self, info: FileInfo) -> FileInfo:
        raise NotImplementedError

    async def stat(self, name: str) -> FileInfo:
        return self.said(await super().stat(name))


@mutant("stat.time-is-naive", "M04", found_by="stat.modified-is-now-in-utc")
class TimeIsNaive(Saying):
    """Give a time without its zone."""

    def said(self, info: FileInfo) -> FileInfo:
        assert info.modified is not None
        return replace(info, modified=info.modified.replace(tzinfo=None))


@mutant("stat.etag-is-another-each-time", "M05", found_by="stat.put-stat-and-listing-agree")
class EtagIsAnotherEachTime(Saying):
    """Make an etag at each look."""

    def said(self, info: FileInfo) -> FileInfo:
        return replace(info, etag=uuid.uuid4().hex)


@mutant("stat.etag-is-quoted", "M05", found_by="stat.etag-changes-with-content")
class EtagIsQuoted(Saying):
    """Give the etag with the quotes of its header."""

    def said(self, info: FileInfo) -> FileInfo:
        return replace(info, etag=f'"{info.etag}"')

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        return self.said(await super().put(name, content, **options))


@mutant("stat.etag-stays", "M05", found_by="stat.etag-changes-with-content")
class EtagStays(Saying):
    """Make the etag of the name and the size, which other content may share."""

    def said(self, info: FileInfo) -> FileInfo:
        return replace(info, etag=f"{info.name}-{info.size}")

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        return self.said(await super().put(name, content, **options))


@mutant("stat.etag-is-shown-as-checksum", "M06", found_by="stat.checksums-are-true")
class EtagIsShownAsChecksum(Saying):
    """Take the etag for the MD5 of the content."""

    def said(self, info: FileInfo) -> FileInfo:
        return replace(info, checksums={"md5": str(info.etag)})


@mutant("type.is-never-guessed", "M07", found_by="type.guessed-from-the-name")
class TypeIsNeverGuessed(MemoryStorage):
    """Store `application/octet-stream` where no type is given."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        kind = options.pop("content_type", None) or "application/octet-stream"
        return await super().save(name, content, content_type=kind, **options)


@mutant("type.any-text-is-one", "M07", found_by="type.malformed-is-refused")
class AnyTextIsAType(MemoryStorage):
    """Replace a content type that is none instead of refusing it."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if not (options.get("content_type") or "/").strip("/").count("/"):
            options["content_type"] = None
        return await super().save(name, content, **options)


@mutant("metadata.is-lost-from-streams", "M08", found_by="metadata.kept-from-small-streams")
class MetadataIsLostFromStreams(MemoryStorage):
    """Drop the metadata where the content is a stream."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if not isinstance(content, bytes):
            options["metadata"] = None
        return await super().save(name, content, **options)


@mutant(
    "metadata.headers-are-lost-from-streams", "M08", found_by="metadata.kept-from-large-streams"
)
class HeadersAreLostFromStreams(MemoryStorage):
    """Drop Cache-Control where the content is a stream."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if not isinstance(content, bytes):
            options["cache_control"] = None
        return await super().save(name, content, **options)


@mutant("metadata.is-lost-with-the-name", "M08", "S02", found_by="metadata.kept-under-another-name")
class MetadataIsLostWithTheName(MemoryStorage):
    """Drop the metadata where a taken name is left for another one."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if await self.exists(name) and options.get("if_exists", "rename") == "rename":
            options["metadata"] = None
        return await super().save(name, content, **options)


@mutant("metadata.own-keys-are-shown", "M08", found_by="metadata.own-keys-are-hidden")
class OwnKeysAreShown(Saying):
    """Show the write id among the user's metadata."""

    def said(self, info: FileInfo) -> FileInfo:
        return replace(info, metadata={**(info.metadata or {}), "openviper_write_id": "1"})


@mutant("metadata.keys-are-lowered", "M09", found_by="metadata.bad-keys-are-refused")
class KeysAreLowered(MemoryStorage):
    """Change a key instead of refusing it."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        metadata = options.get("metadata")
        if isinstance(metadata, dict) and all(isinstance(key, str) for key in metadata):
            options["metadata"] = {key.lower(): value for key, value in metadata.items()}
        return await super().save(name, content, **options)


@mutant("metadata.values-are-mojibake", "M10", found_by="metadata.any-text-round-trips")
class ValuesAreMojibake(Saying):
    """Read the bytes of a header as Latin-1."""

    def said(self, info: FileInfo) -> FileInfo:
        pairs = (info.metadata or {}).items()
        return replace(info, metadata={k: v.encode().decode("latin-1") for k, v in pairs})


@mutant("metadata.outer-spaces-go", "M10", found_by="metadata.any-text-round-trips")
class OuterSpacesGo(Saying):
    """Strip values as HTTP does."""

    def said(self, info: FileInfo) -> FileInfo:
        pairs = (info.metadata or {}).items()
        return replace(info, metadata={key: value.strip() for key, value in pairs})


@mutant("metadata.overwriting-keeps-the-old", "M11", found_by="metadata.overwriting-clears-the-old")
class OverwritingKeepsTheOld(MemoryStorage):
    """Keep the headers of the file that is replaced."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if options.get("if_exists") == "overwrite" and await self.exists(name):
            there = await self.stat(name)
            options.setdefault("cache_control", there.cache_control)
        return await super().save(name, content, **options)


@mutant("metadata.is-the-stored-mapping", "M12", found_by="metadata.is-a-copy")
class MetadataIsTheStoredMapping(MemoryStorage):
    """Hand out the very mapping that is kept."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._given: dict[str, Any] = {}

    async def save(self, name: str, content: Content, **options: Any) -> str:
        self._given[name] = options.get("metadata")
        return await super().save(name, content, **options)

    async def stat(self, name: str) -> FileInfo:
        return replace(await super().stat(name), metadata=self._given[name])


@mutant("metadata.limit-is-lower-than-declared", "M13", "P04", found_by="metadata.limit-is-held")
class MetadataLimitIsLower(MemoryStorage):
    """Declare room for metadata that there is not."""

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override] # as in PortableStorage
        return replace(super().capabilities, max_metadata_bytes=2000)


@mutant("stat.listing-says-other-sizes", "L15", found_by="stat.put-stat-and-listing-agree")
class ListingSaysOtherSizes(MemoryStorage):
    """List files without their sizes."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        async for info in super().files(prefix, **options):
            yield replace(info, size=0)


@mutant("stat.is-remembered", "S01", found_by="save.changes-are-seen-by-others")
class StatIsRemembered(Disk):
    """Remember what was seen of a file, whoever replaces it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._seen: dict[str, FileInfo] = {}

    async def stat(self, name: str) -> FileInfo:
        if name not in self._seen:
            self._seen[name] = await super().stat(name)
        return self._seen[name]


@mutant("stat.absence-is-remembered", "S01", found_by="save.changes-are-seen-by-others")
class AbsenceIsRemembered(Disk):
    """Remember that a file was missing."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._missing: set[str] = set()

    async def exists(self, name: str) -> bool:
        if name not in self._missing and not await super().exists(name):
            self._missing.add(name)
        return name not in self._missing


@mutant("list.is-remembered", "S01", "D01", found_by="save.changes-are-seen-by-others")
class ListingIsRemembered(Disk):
    """Remember a listing, as fsspec does."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._listed: dict[str, list[FileInfo]] = {}

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        if prefix not in self._listed:
            self._listed[prefix] = [info async for info in super().files(prefix, **options)]
        for info in self._listed[prefix]:
            yield info
