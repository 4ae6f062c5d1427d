"""Mutants that copy and move wrongly (catalogue 1.8)."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from openviper.storage import MemoryStorage
from openviper.storage.errors import AlreadyExistsError, NotFoundError, SameFileError, StorageError
from tests.mutants.registry import mutant


@mutant("copy.attributes-are-lost", "K01", "M08", found_by="copy.keeps-all-there-is")
class AttributesAreLost(MemoryStorage):
    """Copy the bytes alone."""

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        dst = await super().copy(src, dst, **options)
        return await self.save(dst, await self.read(src), if_exists="overwrite")


@mutant("copy.is-a-link", "K01", "M12", found_by="copy.is-independent")
class CopyIsALink(MemoryStorage):
    """Remember what a copy was made of, and look there."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._links: dict[str, str] = {}

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        dst = await super().copy(src, dst, **options)
        self._links[dst] = src
        return dst

    async def read(self, name: str, **options: Any) -> bytes:
        return await super().read(self._links.get(name, name), **options)


@mutant("copy.taken-name-is-replaced", "K02", found_by="copy.taken-name-is-refused")
class TakenNameIsReplaced(MemoryStorage):
    """Overwrite where nobody said so."""

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        return await super().copy(src, dst, **{"if_exists": "overwrite", **options})


@mutant("copy.returns-the-name-asked-for", "K02", found_by="copy.rename-takes-another-name")
class ReturnsTheNameAskedFor(MemoryStorage):
    """Return `dst`, whatever the copy was called."""

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        await super().copy(src, dst, **options)
        return dst


@mutant("copy.missing-source-is-empty", "K03", found_by="copy.missing-source-is-not-found")
class MissingSourceIsEmpty(MemoryStorage):
    """Empty the target before the source is found missing."""

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        if not await self.exists(src) and options.get("if_exists") == "overwrite":
            await self.put(dst, b"")
        return await super().copy(src, dst, **options)


@mutant(
    "copy.names-the-target-as-missing", "K03", "E01", found_by="copy.missing-source-is-not-found"
)
class NamesTheTargetAsMissing(MemoryStorage):
    """Say that the target is missing where the source is."""

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        try:
            return await super().copy(src, dst, **options)
        except NotFoundError as error:
            error.name = dst
            raise


@mutant("copy.onto-itself-empties", "K04", found_by="copy.onto-itself-is-refused")
class OntoItselfEmpties(MemoryStorage):
    """Open the target to write before the source is read, which it is."""

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        if self._place.canonical(src) == self._place.canonical(dst):
            await self.put(dst, b"")
        return await super().copy(src, dst, **options)


@mutant("move.onto-itself-deletes", "K04", found_by="copy.onto-itself-is-refused")
class OntoItselfDeletes(MemoryStorage):
    """Copy a file onto itself and delete what was copied."""

    async def move(self, src: str, dst: str, **options: Any) -> str:
        try:
            return await super().move(src, dst, **options)
        except SameFileError:
            await self.delete(src)
            return dst


@mutant("copy.onto-itself-passes", "K04", found_by="copy.onto-itself-is-refused")
class OntoItselfPasses(MemoryStorage):
    """Compare the spellings, not the names."""

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        try:
            return await super().copy(src, dst, **options)
        except SameFileError:
            if src == dst:
                raise
            return dst


@mutant("move.is-only-a-copy", "K05", found_by="move.keeps-all-there-is")
class MoveIsOnlyACopy(MemoryStorage):
    """Leave the source where it is."""

    async def move(self, src: str, dst: str, **options: Any) -> str:
        return await self.copy(src, dst, **options)


@mutant("move.deletes-before-it-is-done", "K05", found_by="copy.taken-name-is-refused")
class DeletesBeforeItIsDone(MemoryStorage):
    """Delete the source also where the target could not be made."""

    async def move(self, src: str, dst: str, **options: Any) -> str:
        try:
            return await super().move(src, dst, **options)
        except AlreadyExistsError:
            await self.delete(src)
            raise


@mutant("copy.source-is-quoted", "K06", found_by=("copy.odd-names", "odd.copied-and-moved"))
class SourceIsQuoted(MemoryStorage):
    """Write the source into a header once too often encoded."""

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        return await super().copy(quote(src), dst, **options)


@mutant("copy.looks-and-then-writes", "K09", "S09", found_by="copy.one-of-many-wins")
class CopyLooksAndThenWrites(MemoryStorage):
    """Look whether the target is free, and then overwrite."""

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        if await self.exists(dst):
            raise AlreadyExistsError("taken", name=dst, backend="memory")
        await asyncio.sleep(0)
        return await super().copy(src, dst, if_exists="overwrite")


@mutant("copy.any-mode-is-one", "K02", found_by="copy.unknown-mode-is-refused")
class AnyModeIsOne(MemoryStorage):
    """Say that a mode is not known by an error of the storage."""

    async def copy(self, src: str, dst: str, **options: Any) -> str:
        try:
            return await super().copy(src, dst, **options)
        except ValueError as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(str(error), name=dst, backend="memory") from error


@mutant("move.deletes-what-is-there-now", "K05", found_by="move.never-loses-a-newer-version")
class DeletesWhatIsThereNow(MemoryStorage):
    """Delete the source, whatever version it is by then."""

    async def move(self, src: str, dst: str, **options: Any) -> str:
        dst = await self.copy(src, dst, **options)
        await asyncio.sleep(0)
        await self.delete(src)
        return dst
