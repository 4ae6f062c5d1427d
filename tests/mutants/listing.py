"""Mutants that list wrongly (catalogue 1.7)."""

from __future__ import annotations

import fnmatch
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from openviper.storage import FileInfo, MemoryStorage, Page
from openviper.storage.errors import NotFoundError
from tests.mutants.registry import Disk, mutant


@mutant("list.nothing-is-an-error", "L01", found_by="list.nothing-is-no-error")
class NothingIsAnError(MemoryStorage):
    """Raise where there is nothing below a path."""

    async def list_page(self, prefix: str = "", **options: Any) -> Page:
        page = await super().list_page(prefix, **options)
        if prefix and not page.files and not page.prefixes:
            raise NotFoundError("nothing there", name=prefix, backend="memory")
        return page


@mutant("list.file-is-not-below-itself", "L01", found_by="list.prefix-of-a-file-is-the-file")
class FileIsNotBelowItself(MemoryStorage):
    """List nothing where the path is that of a file."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        async for info in super().files(prefix, **options):
            if info.name != prefix:
                yield info


@mutant("list.hidden-files-are-not-listed", "L02", "W01", found_by="odd.put-and-listed-exactly")
class HiddenFilesAreNotListed(MemoryStorage):
    """Leave out what begins with a dot."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        async for info in super().files(prefix, **options):
            if not info.name.startswith("."):
                yield info


@mutant("list.names-are-keys", "L02", found_by="list.all-that-was-saved")
class NamesAreKeys(MemoryStorage):
    """List names with the location before them."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        async for info in super().files(prefix, **options):
            yield replace(info, name=self._place.key(info.name))


@mutant("list.directories-are-files", "L03", found_by="list.no-directories-without-a-delimiter")
class DirectoriesComeWithoutADelimiter(MemoryStorage):
    """Show directories in a recursive listing."""

    async def list_page(self, prefix: str = "", **options: Any) -> Page:
        page = await super().list_page(prefix, **options)
        if options.get("delimiter") is None:
            folders = {info.name.rpartition("/")[0] for info in page.files} - {"", prefix}
            page = replace(page, prefixes=tuple(sorted(folders)))
        return page


@mutant("list.directories-come-for-each-file", "L03", found_by="list.directories-come-once")
class DirectoriesComeForEachFile(MemoryStorage):
    """Name a directory once for each file in it."""

    async def list_page(self, prefix: str = "", **options: Any) -> Page:
        page = await super().list_page(prefix, **options)
        return replace(page, prefixes=tuple(p for p in page.prefixes for _ in range(2)))


@mutant("list.listdir-gives-paths", "L03", found_by="list.listdir-gives-bare-names")
class ListdirGivesPaths(MemoryStorage):
    """Give whole names from `listdir`."""

    async def listdir(self, path: str = "") -> tuple[list[str], list[str]]:
        directories, files = await super().listdir(path)
        return directories, [f"{path}/{name}" if path else name for name in files]


@mutant(
    "list.prefix-is-only-a-beginning",
    "L04",
    found_by=("list.prefix-is-a-path", "list.prefix-of-a-file-is-the-file"),
)
class PrefixIsOnlyABeginning(MemoryStorage):
    """List all that begins with a text."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        async for info in super().files("", **options):
            if info.name.startswith(prefix.rstrip("/")):
                yield info


@mutant("list.order-ignores-case", "L05", found_by="order.is-that-of-bytes")
class OrderIgnoresCase(MemoryStorage):
    """Sort names as people do."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        found = [info async for info in super().files(prefix, **options)]
        for info in sorted(found, key=lambda info: info.name.casefold()):
            yield info


@mutant("list.order-is-by-directory", "L05", found_by="order.is-that-of-bytes")
class OrderIsByDirectory(MemoryStorage):
    """Sort directory by directory, where `-` and `.` come before the slash."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        found = [info async for info in super().files(prefix, **options)]
        for info in sorted(found, key=lambda info: info.name.split("/")):
            yield info


@mutant("list.order-is-by-utf-16", "L05", found_by="order.goes-beyond-the-first-plane")
class OrderIsByUtf16(MemoryStorage):
    """Sort by UTF-16, as Azurite does."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        found = [info async for info in super().files(prefix, **options)]
        for info in sorted(found, key=lambda info: info.name.encode("utf-16-be")):
            yield info


@mutant("list.page-is-off-by-one", "L06", found_by="pages.any-size-gives-the-same")
class PageIsOffByOne(MemoryStorage):
    """Give one entry more than a page has, and it again on the next one."""

    async def list_page(self, prefix: str = "", **options: Any) -> Page:
        page = await super().list_page(prefix, **options)
        more = {**options, "limit": options.get("limit", 1000) + 1}
        return replace(await super().list_page(prefix, **more), token=page.token)


@mutant("list.last-page-has-a-token", "L06", found_by="pages.any-size-gives-the-same")
class LastPageHasAToken(MemoryStorage):
    """Never say that a page is the last one."""

    async def list_page(self, prefix: str = "", **options: Any) -> Page:
        page = await super().list_page(prefix, **options)
        return replace(page, token=page.token or options.get("token"))


@mutant("list.directories-come-on-each-page", "L06", "L03", found_by="pages.directories-count")
class DirectoriesComeOnEachPage(MemoryStorage):
    """Name all directories on every page, as fake-gcs-server does."""

    async def list_page(self, prefix: str = "", **options: Any) -> Page:
        page = await super().list_page(prefix, **options)
        whole = await super().list_page(prefix, delimiter=options.get("delimiter"))
        return replace(page, prefixes=whole.prefixes)


@mutant("list.a-thousand-is-all", "L07", found_by="pages.over-a-thousand-files")
class AThousandIsAll(MemoryStorage):
    """List what the service gives at once."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        count = 0
        async for info in super().files(prefix, **options):
            count += 1
            if count <= 1000:
                yield info


@mutant("list.token-is-of-one-instance", "L08", found_by="token.is-text-for-any-instance")
class TokenIsOfOneInstance(Disk):
    """Keep where a listing stands in the instance."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._tokens: dict[str, str] = {}

    async def list_page(self, prefix: str = "", **options: Any) -> Page:
        token = options.pop("token", None)
        if token is not None and token not in self._tokens:
            raise ValueError("no such token")
        page = await super().list_page(prefix, **options, token=token and self._tokens[token])
        if page.token is None:
            return page
        self._tokens[own := str(len(self._tokens))] = page.token
        return replace(page, token=own)


@mutant("list.any-token-is-the-beginning", "L08", found_by="token.of-nobody-is-refused")
class AnyTokenIsTheBeginning(MemoryStorage):
    """List from the beginning where a token is not known."""

    async def list_page(self, prefix: str = "", **options: Any) -> Page:
        try:
            return await super().list_page(prefix, **options)
        except ValueError:
            return await super().list_page(prefix)


@mutant("list.cursor-is-a-count", "L09", found_by="pages.changes-in-between-lose-nothing")
class CursorIsACount(MemoryStorage):
    """Continue after so many entries, whatever came or went before them."""

    async def list_page(self, prefix: str = "", **options: Any) -> Page:
        skipped, limit = int(options.get("token") or 0), options.get("limit", 1000)
        found = [info async for info in self.files(prefix)]
        more = str(skipped + limit) if len(found) > skipped + limit else None
        return Page(files=tuple(found[skipped : skipped + limit]), prefixes=(), token=more)


@mutant("list.start-after-is-inclusive", "L10", found_by="list.start-after-is-exclusive")
class StartAfterIsInclusive(MemoryStorage):
    """Give the file after which to start, too."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        after = options.get("start_after")
        async for info in super().files(prefix):
            if after is None or info.name.encode() >= after.encode():
                yield info


@mutant("list.start-after-needs-a-file", "L10", found_by="list.start-after-is-exclusive")
class StartAfterNeedsAFile(MemoryStorage):
    """List everything where no file has the name after which to start."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        after = options.get("start_after")
        if after is not None and not await self.exists(after):
            options["start_after"] = None
        async for info in super().files(prefix, **options):
            yield info


@mutant("list.own-files-are-listed", "L11", found_by="list.own-files-are-hidden")
class OwnFilesAreListed(Disk):
    """List what lies in the reserved folder."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        for own in sorted(self.root.glob(".openviper/*")):
            if own.is_file() and not prefix:
                yield FileInfo(name=f".openviper/{own.name}", size=own.stat().st_size)
        async for info in super().files(prefix, **options):
            yield info


@mutant("list.markers-are-files", "L11", found_by="list.folder-markers-are-no-files")
class MarkersAreFiles(Disk):
    """List empty folders as files of no bytes."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        async for info in super().files(prefix, **options):
            yield info
        for folder in (path for path in self.root.glob("*") if path.is_dir()):
            if not list(Path(folder).iterdir()):
                yield FileInfo(name=folder.name, size=0)


@mutant(
    "list.names-are-quoted",
    "L12",
    "W01",
    found_by=("list.odd-names-come-back", "odd.put-and-listed-exactly"),
)
class NamesAreQuoted(MemoryStorage):
    """Leave the names as the XML of a listing has them."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        async for info in super().files(prefix, **options):
            yield replace(info, name=quote(info.name, safe="/ éü日本"))


@mutant("list.prefix-is-a-pattern", "L13", found_by="list.patterns-are-literal")
class PrefixIsAPattern(MemoryStorage):
    """Take an asterisk in a prefix for any text."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        async for info in super().files("" if prefix else prefix, **options):
            if not prefix or fnmatch.fnmatch(info.name, f"{prefix}/*"):
                yield info


@mutant("list.root-lists-itself", "I04", found_by="place.root-is-not-listed")
class RootListsItself(MemoryStorage):
    """List the root as a directory in itself."""

    async def listdir(self, path: str = "") -> tuple[list[str], list[str]]:
        directories, files = await super().listdir(path)
        return ([".", *directories] if not path else directories), files


@mutant("list.deleting-moves-the-cursor", "L14", found_by="list.files-can-be-deleted-meanwhile")
class DeletingMovesTheCursor(MemoryStorage):
    """Look again at each step, by the number of steps."""

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        step = 0
        while found := [info async for info in super().files(prefix, **options)][step:]:
            step += 1
            yield found[0]
