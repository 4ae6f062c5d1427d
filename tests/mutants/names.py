"""Mutants that take names in their own way (catalogue 1.1 and 1.13)."""

from __future__ import annotations

import os
import posixpath
import unicodedata
import uuid
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from openviper.storage import FileInfo, MemoryStorage
from openviper.storage.errors import AlreadyExistsError
from openviper.storage.names import sanitise
from openviper.storage.types import Content
from tests.mutants.registry import Disk, mutant

# Any, in all of these modules: the options go through as they are.


@mutant("name.spelling-comes-back", "N06", found_by="name.spellings-reach-one-file")
class SpellingComesBack(MemoryStorage):
    """Say in `stat` the spelling that was asked for, not the name."""

    async def stat(self, name: str) -> FileInfo:
        return replace(await super().stat(name), name=name)


@mutant("name.slashes-make-other-files", "N06", found_by="name.spellings-reach-one-file")
class SlashesMakeOtherFiles(MemoryStorage):
    """Look for `a//b` as if it were another file than `a/b`."""

    async def exists(self, name: str) -> bool:
        found = await super().exists(name)
        return found and "//" not in name


@mutant("name.backslash-is-a-letter", "N05", found_by="name.spellings-reach-one-file")
class BackslashIsALetter(MemoryStorage):
    r"""Delete `a_b` where `a\b` was meant."""

    async def delete(self, name: str) -> None:
        await super().delete(name.replace("\\", "_"))


@mutant(
    "name.dots-are-resolved",
    "N04",
    found_by=("name.unsafe-is-refused-by-every-method",),
)
class DotsAreResolved(MemoryStorage):
    """Resolve `a/../b` instead of refusing it."""

    async def exists(self, name: str) -> bool:
        return await super().exists(posixpath.normpath(name) if "/../" in name else name)


@mutant("name.controls-are-dropped", "N03", found_by="name.unsafe-is-refused-by-every-method")
class ControlsAreDropped(MemoryStorage):
    """Delete the file whose name is left without the control characters."""

    async def delete(self, name: str) -> None:
        await super().delete("".join(c for c in name if unicodedata.category(c) != "Cc") or name)


@mutant("name.empty-is-everything", "N01", found_by="name.empty-deletes-nothing")
class EmptyIsEverything(MemoryStorage):
    """Take the deletion of no name for that of everything."""

    async def delete(self, name: str) -> None:
        if name == "":
            await self.delete_prefix("", everything=True)
        else:
            await super().delete(name)


@mutant("name.bytes-are-decoded", "N02", found_by="name.other-types-are-refused")
class BytesAreDecoded(MemoryStorage):
    """Take a name as bytes."""

    async def exists(self, name: str) -> bool:
        given: object = name
        return await super().exists(given.decode() if isinstance(given, bytes) else name)


@mutant("name.looked-up-sanitised", "N08", found_by="name.lookup-never-reaches-a-neighbour")
class LookedUpSanitised(MemoryStorage):
    """Make a name safe before looking for it, and find another file."""

    async def exists(self, name: str) -> bool:
        return await super().exists(name) or await super().exists(sanitise(name))


@mutant("name.case-is-folded", "N08", "W04", found_by="odd.case-is-kept")
class CaseIsFolded(MemoryStorage):
    """Keep files by their lower-case names."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        return replace(await super().put(name.lower(), content, **options), name=name)

    async def read(self, name: str, **options: Any) -> bytes:
        return await super().read(name.lower(), **options)


@mutant("name.normal-form-is-changed", "W03", "N08", found_by="odd.normal-forms-are-distinct")
class NormalFormIsChanged(MemoryStorage):
    """Keep files by the composed form of their names, as some file systems do."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        info = await super().put(unicodedata.normalize("NFC", name), content, **options)
        return replace(info, name=name)

    async def read(self, name: str, **options: Any) -> bytes:
        return await super().read(unicodedata.normalize("NFC", name), **options)


@mutant("name.percent-is-decoded", "W02", found_by="odd.percent-sequences-are-data")
class PercentIsDecoded(MemoryStorage):
    """Decode what looks like percent-encoding in a name."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        return replace(await super().put(unquote(name), content, **options), name=name)

    async def read(self, name: str, **options: Any) -> bytes:
        return await super().read(unquote(name), **options)


@mutant("name.outer-spaces-go", "W05", "W01", found_by="odd.put-and-listed-exactly")
class OuterSpacesGo(MemoryStorage):
    """Strip the spaces before a name."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        return replace(await super().put(name.lstrip(" "), content, **options), name=name)

    async def read(self, name: str, **options: Any) -> bytes:
        return await super().read(name.lstrip(" "), **options)


@mutant("name.length-is-in-characters", "N09", found_by="name.save-shortens-segments")
class LengthIsInCharacters(Disk):
    """Cut names after 255 characters, and leave the bytes to the operating system."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if len(name[:255].encode()) > 255:
            raise OSError(os.strerror(36))
        return await super().save(name, content, **options)


@mutant("name.limit-is-lower-than-declared", "N09", "P04", found_by="name.longest-name-works")
class LimitIsLowerThanDeclared(MemoryStorage):
    """Refuse names over 900 bytes, and declare 1,024."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        if len(name.encode()) > 900:
            raise ValueError("too long")
        return await super().put(name, content, **options)


@mutant(
    "name.taken-suffix-is-cut-off",
    "N10",
    found_by="name.taken-long-names-stay-within-limits",
)
class TakenSuffixIsCutOff(MemoryStorage):
    """Put the unique part at the end of a long name, where it is cut off again."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if len(name.encode()) < 200 or not await self.exists(name):
            return await super().save(name, content, **options)
        cut = f"{name}_{uuid.uuid4().hex}".encode()[: len(name.encode())].decode(errors="ignore")
        if await self.exists(cut):
            raise AlreadyExistsError("all names are taken", name=cut, backend="memory")
        return await super().save(cut, content, **options)


@mutant(
    "name.suffix-goes-after-the-extension",
    "N11",
    found_by="name.unique-part-goes-before-the-last-extension",
)
class SuffixGoesAfterTheExtension(MemoryStorage):
    """Give a taken `a.txt` the name `a.txt_…`, which is no text any more."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if await self.exists(name):
            name = f"{name}_{uuid.uuid4().hex}"
        return await super().save(name, content, **options)


@mutant(
    "name.suffix-goes-into-the-directory",
    "N11",
    found_by="name.unique-part-goes-before-the-last-extension",
)
class SuffixGoesIntoTheDirectory(MemoryStorage):
    """Split a path at its last dot, wherever that is."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if "." in name and await self.exists(name):
            stem, _, extension = name.rpartition(".")
            name = f"{stem}_{uuid.uuid4().hex}.{extension}"
        return await super().save(name, content, **options)


@mutant("name.own-files-can-be-read", "N12", found_by="name.own-files-are-hidden")
class OwnFilesCanBeRead(Disk):
    """Give away what lies in the reserved folder."""

    async def read(self, name: str, **options: Any) -> bytes:
        if name.startswith(".openviper/"):
            return (self.root / name).read_bytes()
        return await super().read(name, **options)


@mutant("name.save-changes-nothing", "N04", "N07", found_by="name.save-makes-names-safe")
class SaveChangesNothing(MemoryStorage):
    """Save under the very name given, unsafe characters and all."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if "?" in name:
            return (await self.put(name, content)).name
        return await super().save(name, content, **options)


@mutant(
    "name.save-returns-the-key",
    "N07",
    "I02",
    found_by=("name.given-name-works-everywhere", "place.location-never-shows"),
)
class SaveReturnsTheKey(MemoryStorage):
    """Return the location with the name, which then is in no other method's names."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        return self._place.key(await super().save(name, content, **options))
