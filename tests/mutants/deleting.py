"""Mutants that delete too much, too little or too loudly (catalogue 1.6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable
from typing import Any

from openviper.storage import DeleteResult, MemoryStorage
from openviper.storage.errors import NotFoundError
from tests.mutants.registry import Disk, mutant

Names = Iterable[str] | AsyncIterable[str]


@mutant("delete.does-nothing", "D01", found_by="delete.file-is-gone")
class DoesNothing(MemoryStorage):
    """Leave large files where they are."""

    async def delete(self, name: str) -> None:
        if await self.exists(name) and await self.size(name) > 1 << 20:
            return
        await super().delete(name)


@mutant("delete.missing-file-raises", "D02", found_by="delete.missing-file-is-silent")
class MissingFileRaises(MemoryStorage):
    """Raise where there is nothing to delete."""

    async def delete(self, name: str) -> None:
        if not await self.exists(name):
            raise NotFoundError("missing", name=name, backend="memory")
        await super().delete(name)


@mutant("delete.below-a-file-raises", "D02", "E02", found_by="delete.missing-file-is-silent")
class BelowAFileRaises(Disk):
    """Let the system's error out where a directory of the name is a file."""

    async def delete(self, name: str) -> None:
        if (self.root / self._place.canonical(name)).parent.is_file():
            raise NotADirectoryError(name)
        await super().delete(name)


@mutant("delete.directory-goes-whole", "D03", found_by="delete.directory-loses-nothing")
class DirectoryGoesWhole(MemoryStorage):
    """Delete everything below a name."""

    async def delete(self, name: str) -> None:
        await self.delete_prefix(self._place.canonical(name))


@mutant("delete.second-one-raises", "D04", found_by="delete.side-by-side-all-succeed")
class SecondOneRaises(MemoryStorage):
    """Look whether there is a file, and fail where it is gone a moment later."""

    calls = 0

    async def delete(self, name: str) -> None:
        there = await self.exists(name)
        self.calls += 1
        for _ in range(self.calls % 8 * 10):  # not all at the same moment
            await asyncio.sleep(0)
        if there and not await self.exists(name):
            raise NotFoundError("gone", name=name, backend="memory")
        await super().delete(name)


@mutant(
    "delete-many.only-the-first-request",
    "D05",
    found_by="delete-many.more-names-than-a-request-takes",
)
class OnlyTheFirstRequest(MemoryStorage):
    """Delete a thousand names, and say that all are gone."""

    async def delete_many(self, names: Names) -> list[DeleteResult]:
        if not isinstance(names, list):
            return await super().delete_many(names)
        rest = [DeleteResult(name=name) for name in names[1000:]]
        return [*await super().delete_many(names[:1000]), *rest]


@mutant(
    "delete-many.stops-at-a-failure", "D06", found_by="delete-many.failures-stay-with-their-names"
)
class StopsAtAFailure(MemoryStorage):
    """Raise the first failure and leave the other files."""

    async def delete_many(self, names: Names) -> list[DeleteResult]:
        results = await super().delete_many(names)
        for result in results:
            if result.error is not None:
                raise result.error
        return results


@mutant(
    "delete-many.says-all-is-well", "D06", found_by="delete-many.failures-stay-with-their-names"
)
class SaysAllIsWell(MemoryStorage):
    """Take a batch that was answered for one that was carried out."""

    async def delete_many(self, names: Names) -> list[DeleteResult]:
        return [DeleteResult(name=result.name) for result in await super().delete_many(names)]


@mutant("delete-many.duplicates-are-dropped", "D07", found_by="delete-many.one-result-each")
class DuplicatesAreDropped(MemoryStorage):
    """Give one result for each file, not for each name."""

    async def delete_many(self, names: Names) -> list[DeleteResult]:
        return list({r.name: r for r in await super().delete_many(names)}.values())


@mutant("delete-many.takes-letters-for-names", "D07", found_by="delete-many.one-text-is-no-list")
class TakesLettersForNames(MemoryStorage):
    """Take one name for a list of its letters."""

    async def delete_many(self, names: Names) -> list[DeleteResult]:
        return await super().delete_many(list(names) if isinstance(names, str) else names)


@mutant("delete-many.names-are-quoted", "D08", "W01", found_by="delete-many.odd-names")
class NamesAreQuoted(MemoryStorage):
    """Write names into XML as they are, which changes some."""

    async def delete_many(self, names: Names) -> list[DeleteResult]:
        if not isinstance(names, list | tuple):
            return await super().delete_many(names)
        results = await super().delete_many([name.replace("&", "&amp;") for name in names])
        return [DeleteResult(name=n, error=r.error) for n, r in zip(names, results, strict=True)]


@mutant("delete-prefix.is-only-a-beginning", "D09", found_by="delete-prefix.is-a-path")
class PrefixIsOnlyABeginning(MemoryStorage):
    """Delete all that begins with a text."""

    async def delete_prefix(self, prefix: str, **options: Any) -> list[DeleteResult]:
        if not prefix:
            return await super().delete_prefix(prefix, **options)
        names = [info.name async for info in self.files() if info.name.startswith(prefix)]
        return [r for r in await self.delete_many(names) if not r.ok]


@mutant(
    "delete-prefix.empty-is-everything", "D09", found_by="delete-prefix.everything-must-be-said"
)
class EmptyPrefixIsEverything(MemoryStorage):
    """Empty the storage where a variable was empty."""

    async def delete_prefix(self, prefix: str, **options: Any) -> list[DeleteResult]:
        return await super().delete_prefix(prefix, everything=True)


@mutant("delete.directories-stay", "D10", found_by="delete.last-child-takes-its-directory-along")
class DirectoriesStay(MemoryStorage):
    """List a directory after its last file went."""

    async def delete(self, name: str) -> None:
        await super().delete(name)
        self._seen = getattr(self, "_seen", set[str]()) | {name.partition("/")[0]}

    async def listdir(self, path: str = "") -> tuple[list[str], list[str]]:
        directories, files = await super().listdir(path)
        seen = getattr(self, "_seen", set[str]())
        return (directories if path else sorted({*directories, *seen})), files


@mutant("delete.takes-new-files-along", "D10", found_by="delete.last-child-never-races-a-save")
class TakesNewFilesAlong(MemoryStorage):
    """Remove the directory of the last file with what came into it meanwhile."""

    async def delete(self, name: str) -> None:
        folder = name.rpartition("/")[0]
        inside = [info async for info in self.files() if info.name.startswith(f"{folder}/")]
        last = len(inside) <= 1
        await super().delete(name)
        for _ in range(10):
            await asyncio.sleep(0)
        if folder and last:
            await self.delete_prefix(folder)
