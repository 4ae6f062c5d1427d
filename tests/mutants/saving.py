"""Mutants that save wrongly: races, gaps, overwriting (catalogue 1.2)."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from contextlib import aclosing, suppress
from typing import Any

from openviper.storage import FileInfo, MemoryStorage
from openviper.storage.content import Source
from openviper.storage.errors import (
    AlreadyExistsError,
    IntegrityError,
    NameConflictError,
    NotFoundError,
    PreconditionFailedError,
)
from openviper.storage.types import Content
from tests.mutants.registry import Disk, but, mutant


async def whole(content: Content) -> bytes:
    """Read all of a content, as the storages that buffer do."""
    async with aclosing(Source(content)) as source:
        return b"".join([bytes(chunk) async for chunk in source.chunks()])


@mutant("save.looks-and-then-writes", "S03", found_by="race.saves-of-streams-are-distinct")
class LooksAndThenWrites(MemoryStorage):
    """Look whether the name is free, and then overwrite."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if options.get("if_exists", "rename") == "rename":
            if await self.exists(name):
                name = f"{name}-{uuid.uuid4().hex}"
            options["if_exists"] = "overwrite"
        return await super().save(name, content, **options)


@mutant("save.locks-one-instance", "S04", found_by="race.instances-are-distinct")
class LocksOneInstance(Disk):
    """Guard the look before the write by a lock that other instances don't know."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lock = asyncio.Lock()

    async def save(self, name: str, content: Content, **options: Any) -> str:
        async with self._lock:
            if await self.exists(name):
                name = f"{name}-{uuid.uuid4().hex}"
            return await super().save(name, content, **but(options, if_exists="overwrite"))


@mutant("save.replaces-a-taken-name", "S02", found_by="save.taken-name-gets-another")
class ReplacesATakenName(MemoryStorage):
    """Overwrite in every mode."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        return await super().save(name, content, **but(options, if_exists="overwrite"))


@mutant("save.error-mode-renames", "S09", found_by="save.error-mode-refuses-taken-name")
class ErrorModeRenames(MemoryStorage):
    """Take "error" for "rename"."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        return await super().save(name, content, **but(options, if_exists="rename"))


@mutant("save.error-mode-looks-before", "S09", found_by="race.one-creator-wins")
class ErrorModeLooksBefore(MemoryStorage):
    """Create only by a look before."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if options.get("if_exists") == "error":
            if await self.exists(name):
                raise AlreadyExistsError("taken", name=name, backend="memory")
            options["if_exists"] = "overwrite"
        return await super().save(name, content, **options)


@mutant("save.takes-any-mode", "S09", found_by="save.unknown-mode-is-refused")
class TakesAnyMode(MemoryStorage):
    """Take a mode that there is not for the default."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if options.get("if_exists") not in ("overwrite", "error"):
            options.pop("if_exists", None)
        return await super().save(name, content, **options)


@mutant("put.if-none-match-is-ignored", "S09", found_by="put.if-none-match-creates-only")
class IfNoneMatchIsIgnored(MemoryStorage):
    """Replace where only a creation was allowed."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        return await super().put(name, content, **but(options, if_none_match=False))


@mutant("put.if-none-match-looks-before", "S09", found_by="race.one-put-if-none-match-wins")
class IfNoneMatchLooksBefore(MemoryStorage):
    """Create only by a look before."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        if options.pop("if_none_match", False) and await self.exists(name):
            raise AlreadyExistsError("taken", name=name, backend="memory")
        await asyncio.sleep(0)
        return await super().put(name, content, **options)


@mutant(
    "save.large-streams-look-before",
    "S10",
    found_by=("race.one-large-creator-wins", "race.large-saves-are-distinct"),
)
class LargeStreamsLookBefore(MemoryStorage):
    """Decide who creates by a look before where the content comes as a stream."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if isinstance(content, bytes):
            return await super().save(name, content, **options)
        there = await self.exists(name)
        if there and options.get("if_exists") == "error":
            raise AlreadyExistsError("taken", name=name, backend="memory")
        if not there:
            options["if_exists"] = "overwrite"
        return await super().save(name, content, **options)


@mutant("put.if-match-is-ignored", "S09", found_by="put.if-match-refuses-other-versions")
class IfMatchIsIgnored(MemoryStorage):
    """Replace whatever version is there."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        return await super().put(name, content, **but(options, if_match=None))


@mutant("put.if-match-looks-before", "S09", found_by="race.one-if-match-wins")
class IfMatchLooksBefore(MemoryStorage):
    """Compare the version, and then replace whatever is there."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        etag = options.pop("if_match", None)
        if etag is not None:
            with suppress(NotFoundError):
                if (await self.stat(name)).etag == etag:
                    await asyncio.sleep(0)
                    return await super().put(name, content, **options)
            raise PreconditionFailedError("another version", name=name, backend="memory")
        return await super().put(name, content, **options)


@mutant("put.if-match-creates", "S09", found_by="put.if-match-on-missing-file-fails")
class IfMatchCreates(MemoryStorage):
    """Take a missing file for one that matches."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        if not await self.exists(name):
            options["if_match"] = None
        return await super().put(name, content, **options)


@mutant("put.deletes-before-it-writes", "S07", found_by="race.readers-see-whole-files")
class DeletesBeforeItWrites(MemoryStorage):
    """Replace by deleting and creating, with a gap between the two."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        await self.delete(name)
        await asyncio.sleep(0)
        return await super().put(name, content, **options)


@mutant("put.streams-mix", "S08", found_by="race.overwriting-streams-never-mix")
class StreamsMix(MemoryStorage):
    """Collect the chunks of all writers of a name in one place, as a shared temporary file does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._shared: dict[str, bytearray] = {}

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        shared = self._shared.setdefault(name, bytearray())
        async with aclosing(Source(content)) as source:
            async for chunk in source.chunks():
                shared += chunk
        return await super().put(name, bytes(shared), **options)


@mutant("save.shows-a-file-that-is-not-complete", "S11", found_by="save.invisible-until-stored")
class ShowsAFileThatIsNotComplete(MemoryStorage):
    """Reserve the name by an empty file while the content comes."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if isinstance(content, bytes):
            return await super().save(name, content, **options)
        name = await super().save(name, b"", **options)
        return await super().save(name, content, **but(options, if_exists="overwrite"))


@mutant("save.shows-a-temporary-file", "S11", "L11", found_by="save.invisible-until-stored")
class ShowsATemporaryFile(MemoryStorage):
    """Keep a temporary file where a listing sees it."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        part = f"{uuid.uuid4().hex}.part"
        await self.put(part, b"")
        try:
            return await super().save(name, content, **options)
        finally:
            await self.delete(part)


@mutant("save.loses-the-old-content-first", "S11", found_by="save.old-content-stays-readable")
class LosesTheOldContentFirst(MemoryStorage):
    """Delete what is to be replaced before the new content is there."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if options.get("if_exists") == "overwrite":
            await self.delete(name)
        return await super().save(name, content, **options)


@mutant("save.returns-too-early", "S01", found_by="save.free-name-comes-back")
class ReturnsTooEarly(MemoryStorage):
    """Return the name while the content is still being stored."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        self._storing = asyncio.ensure_future(super().save(name, content, **options))
        return name


@mutant("save.finds-no-room-beside-others", "S05", found_by="save.many-in-a-new-directory")
class FindsNoRoomBesideOthers(Disk):
    """Make a new directory as if nobody else could make it meanwhile."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        folder = (self.root / name).parent
        if not folder.exists():
            await asyncio.sleep(0)
            folder.mkdir(parents=True)
        return await super().save(name, content, **options)


@mutant(
    "save.conflict-is-the-systems-error",
    "S13",
    "E02",
    found_by=("save.file-below-a-file-is-a-conflict", "save.file-over-a-directory-is-a-conflict"),
)
class ConflictIsTheSystemsError(Disk):
    """Raise what the operating system says of a directory's name."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        try:
            return await super().put(name, content, **options)
        except NameConflictError as error:
            raise NotADirectoryError(name) from error


@mutant(
    "save.flat-namespace-is-not-declared",
    "S13",
    "P03",
    found_by="save.file-below-a-file-is-a-conflict",
)
class FlatNamespaceIsNotDeclared(Disk):
    """Replace a file by a directory where `a/b` is saved below the file `a`."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        above = self.root / name.partition("/")[0]
        if above.is_file() and "/" in name:
            above.unlink()
        return await super().save(name, content, **options)


@mutant("save.checksum-is-not-checked", "S14", found_by="save.wrong-checksum-stores-nothing")
class ChecksumIsNotChecked(MemoryStorage):
    """Store what does not match its checksum."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        return await super().save(name, content, **but(options, checksum=None))


@mutant("save.checksum-is-checked-too-late", "S14", found_by="save.wrong-checksum-stores-nothing")
class ChecksumIsCheckedTooLate(MemoryStorage):
    """Notice a wrong checksum when the file is there."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        checksum, data = options.pop("checksum", None), await whole(content)
        name = await super().save(name, data, **options)
        if checksum is not None and checksum != f"sha256:{hashlib.sha256(data).hexdigest()}":
            raise IntegrityError("another checksum", name=name, backend="memory")
        return name


@mutant(
    "save.old-metadata-comes-back",
    "S12",
    "M11",
    found_by=("save.deleted-name-is-free-again", "metadata.overwriting-clears-the-old"),
)
class OldMetadataComesBack(MemoryStorage):
    """Keep metadata beside the files, and forget to delete it with them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._metadata: dict[str, Any] = {}

    async def save(self, name: str, content: Content, **options: Any) -> str:
        old = self._metadata.get(name)
        self._metadata[name] = options.setdefault("metadata", old) or old
        return await super().save(name, content, **options)


@mutant("save.deleted-name-stays-taken", "S12", "D11", found_by="delete.name-is-free-again")
class DeletedNameStaysTaken(MemoryStorage):
    """Keep what was deleted as a version, whose name is not free again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._deleted: set[str] = set()

    async def delete(self, name: str) -> None:
        await super().delete(name)
        self._deleted.add(name)

    async def save(self, name: str, content: Content, **options: Any) -> str:
        saved = f"{name}_{uuid.uuid4().hex}" if name in self._deleted else name
        return await super().save(saved, content, **options)


@mutant("save.one-at-a-time-or-none", "Y05", found_by="life.many-tasks-share-an-instance")
class OneAtATimeOrNone(MemoryStorage):
    """Fail where more tasks come than there are connections."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._free = 50

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if not self._free:
            raise ConnectionError("no connection is left")
        self._free -= 1
        try:
            await asyncio.sleep(0)
            return await super().save(name, content, **options)
        finally:
            self._free += 1


@mutant(
    "save.other-checksums-are-ignored", "S14", found_by="save.every-kind-of-checksum-is-checked"
)
class OtherChecksumsAreIgnored(MemoryStorage):
    """Check SHA-256 alone."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if not (options.get("checksum") or "").startswith("sha256:"):
            options["checksum"] = None
        return await super().save(name, content, **options)
