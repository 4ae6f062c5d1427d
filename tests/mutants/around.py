"""Mutants around the files: URLs, errors, places, life, capabilities (catalogue 1.9 to 1.16)."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import quote, urljoin

from openviper.storage import Capabilities, FileInfo, MemoryStorage
from openviper.storage.errors import (
    AlreadyExistsError,
    NotFoundError,
    StorageError,
    UnavailableError,
)
from openviper.storage.types import Content, DeleteResult
from tests.mutants.registry import SECRET, Disk, mutant


@mutant("url.asks-for-the-file", "U01", found_by="url.is-the-same-whatever-is-there")
class UrlAsksForTheFile(Disk):
    """Give no URL of a file that is not there."""

    def url(self, name: str) -> str:
        if not (self.root / self._place.canonical(name)).exists():
            raise NotFoundError("missing", name=name, backend="filesystem")
        return super().url(name)


@mutant("url.is-not-encoded", "U02", found_by=("url.path-is-the-name", "odd.urls-name-their-file"))
class UrlIsNotEncoded(MemoryStorage):
    """Write the name into the URL as it is."""

    def url(self, name: str) -> str:
        super().url(name)  # refuses what is no name
        return f"/media/{self._place.key(self._place.canonical(name))}"


@mutant("url.is-encoded-twice", "U02", found_by="url.path-is-the-name")
class UrlIsEncodedTwice(MemoryStorage):
    """Encode what is encoded already."""

    def url(self, name: str) -> str:
        return quote(super().url(name))


@mutant("url.name-chooses-the-host", "U04", found_by="url.base-is-the-same-for-all")
class NameChoosesTheHost(MemoryStorage):
    """Join the URL as a browser would follow a link."""

    def url(self, name: str) -> str:
        return urljoin("https://cdn.example/media/", name.replace("\\", "/"))


@mutant("url.has-the-location-twice", "U05", found_by="url.base-is-the-same-for-all")
class UrlHasTheLocationTwice(MemoryStorage):
    """Put the location before a key that has it already."""

    def url(self, name: str) -> str:
        return f"/media/{quote(self._place.location)}{super().url(name).removeprefix('/media')}"


@mutant("life.repr-shows-the-secret", "U12", "Y06", found_by="life.shows-no-secret")
class ReprShowsTheSecret(MemoryStorage):
    """Show a credential in `repr`."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(secret_key={SECRET!r})"


@mutant("error.has-no-name", "E01", found_by="error.missing-file-is-not-found")
class ErrorHasNoName(MemoryStorage):
    """Raise an error that does not say of which file."""

    async def stat(self, name: str) -> FileInfo:
        try:
            return await super().stat(name)
        except NotFoundError as error:
            error.name = None
            raise


@mutant("error.is-the-systems-own", "E02", "E01", found_by="error.missing-file-is-not-found")
class ErrorIsTheSystemsOwn(Disk):
    """Let the operating system's error out."""

    async def stat(self, name: str) -> FileInfo:
        try:
            return await super().stat(name)
        except NotFoundError as error:
            raise FileNotFoundError(2, os.strerror(2), name) from error


@mutant("error.has-no-cause", "E01", found_by="error.has-its-cause")
class ErrorHasNoCause(Disk):
    """Drop the exception behind an error."""

    async def stat(self, name: str) -> FileInfo:
        try:
            return await super().stat(name)
        except StorageError as error:
            error.__cause__ = None
            raise


@mutant("error.shows-the-path", "E01", found_by="error.messages-help")
class ErrorShowsThePath(Disk):
    """Show where the files are on the server."""

    async def read(self, name: str, **options: Any) -> bytes:
        try:
            return await super().read(name, **options)
        except NotFoundError as error:
            error.args = (f"no such file: {self.root / name}",)
            raise


@mutant("error.shows-the-location", "I02", found_by="place.location-never-shows")
class ErrorShowsTheLocation(MemoryStorage):
    """Say the key, not the name."""

    async def read(self, name: str, **options: Any) -> bytes:
        try:
            return await super().read(name, **options)
        except NotFoundError as error:
            error.args = (f"no such key: {self._place.key(name)}",)
            raise


@mutant("error.can-not-be-pickled", "E08", found_by="error.can-be-pickled-and-copied")
class ErrorCanNotBePickled(MemoryStorage):
    """Keep a connection in an error."""

    async def read(self, name: str, **options: Any) -> bytes:
        try:
            return await super().read(name, **options)
        except NotFoundError as error:
            error.connection = threading.Lock()  # type: ignore[attr-defined] # the mutation
            raise


@mutant(
    "error.wrong-argument-is-the-storages", "E06", found_by="error.wrong-arguments-stay-builtin"
)
class WrongArgumentIsTheStorages(MemoryStorage):
    """Report a wrong argument as if the service had failed."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        try:
            return await super().put(name, content, **options)
        except ValueError as error:
            raise UnavailableError(str(error), name=name, backend="memory") from error


@mutant(
    "error.missing-container-is-a-missing-file",
    "E04",
    "M03",
    found_by="container.missing-is-no-missing-file",
)
class MissingContainerIsAMissingFile(Disk):
    """Take a missing root for a missing file."""

    async def size(self, name: str) -> int:
        if not self.root.exists():
            raise NotFoundError("missing", name=name, backend="filesystem")
        return await super().size(name)


@mutant("error.missing-container-is-empty", "E04", found_by="container.missing-is-not-emptied")
class MissingContainerIsEmpty(Disk):
    """Say that all is deleted where nothing could be."""

    async def delete(self, name: str) -> None:
        if self.root.exists():
            await super().delete(name)


@mutant("place.neighbours-are-emptied", "I01", found_by="place.neighbours-never-meet")
class NeighboursAreEmptied(Disk):
    """Take a location for the beginning of others."""

    async def delete_prefix(self, prefix: str, **options: Any) -> list[DeleteResult]:
        for beside in self.root.parent.glob(f"{self.root.name}?*"):
            if not prefix:
                await Disk(str(beside), "/media/").delete_prefix(prefix, **options)
        return await super().delete_prefix(prefix, **options)


@mutant("place.links-are-read", "I03", found_by="place.symlinks-are-not-read")
class LinksAreRead(Disk):
    """Follow a symbolic link out of the storage."""

    async def read(self, name: str, **options: Any) -> bytes:
        try:
            return await super().read(name, **options)
        except NotFoundError:
            found = self.root / self._place.canonical(name)
            if not found.is_file():
                raise
            return found.read_bytes()


@mutant("place.links-are-written", "I03", found_by="place.symlinks-are-not-written-through")
class LinksAreWritten(Disk):
    """Write through a symbolic link to a file outside."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        there = self.root / self._place.canonical(name)
        if there.is_symlink() and there.is_file() and isinstance(content, bytes):
            there.write_bytes(content)
        return await super().put(name, content, **options)


@mutant("life.needs-a-loop-to-be-made", "Y01", found_by="life.is-made-without-a-loop")
class NeedsALoopToBeMade(MemoryStorage):
    """Take hold of the running loop when it is made."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._loop = asyncio.get_running_loop()


@mutant("life.does-not-open-again", "Y02", found_by="life.opens-again")
class DoesNotOpenAgain(MemoryStorage):
    """Stay closed for good."""

    _closed = False

    async def aclose(self) -> None:
        self._closed = True

    async def read(self, name: str, **options: Any) -> bytes:
        if self._closed:
            raise UnavailableError("closed", name=name, backend="memory")
        return await super().read(name, **options)


@mutant("life.closes-only-once", "Y02", found_by="life.closes-more-than-once")
class ClosesOnlyOnce(MemoryStorage):
    """Fail where there is nothing to close."""

    _closed = False

    async def aclose(self) -> None:
        if self._closed:
            raise RuntimeError("closed already")
        self._closed = True


@mutant(
    "life.keeps-to-one-loop",
    "Y03",
    found_by=("life.works-in-one-loop-after-another", "life.works-in-threads-with-loops"),
)
class KeepsToOneLoop(MemoryStorage):
    """Keep what belongs to the loop of the first use."""

    _ready: asyncio.Future[None] | None = None

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(self._ready.set_result, None)
        if self._ready.get_loop() is not asyncio.get_running_loop():
            raise RuntimeError("attached to a different loop")
        await self._ready
        return await super().save(name, content, **options)


@mutant("life.all-are-equal", "Y06", found_by="life.equal-by-configuration")
class AllAreEqual(Disk):
    """Be equal to a storage at another location."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AllAreEqual)

    def __hash__(self) -> int:
        return 1


class Declaring(MemoryStorage):
    """Declare something else than is true."""

    declared: ClassVar[Mapping[str, Any]]

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override] # as in PortableStorage
        return replace(super().capabilities, **self.declared)

    def _require(self, capability: str, name: str | None = None) -> None:
        """Refuse nothing, whatever is declared."""


@mutant("capability.copy-is-not-declared", "P03", found_by="capability.undeclared-is-unsupported")
class CopyIsNotDeclared(Declaring):
    """Copy without saying that it can."""

    declared: ClassVar[Mapping[str, Any]] = {"copy": "none"}


@mutant(
    "capability.if-match-is-not-declared", "P03", found_by="capability.undeclared-is-unsupported"
)
class IfMatchIsNotDeclared(Declaring):
    """Hold a condition without saying that it can."""

    declared: ClassVar[Mapping[str, Any]] = {"replace_if_match": "none"}


@mutant("capability.signing-is-declared", "P02", found_by="capability.declared-is-supported")
class SigningIsDeclared(Declaring):
    """Declare signed URLs, and refuse to make one."""

    declared: ClassVar[Mapping[str, Any]] = {"signed_get": "native"}


@mutant("capability.case-is-declared-wrongly", "W04", "P03", found_by="odd.case-is-a-collision")
class CaseIsDeclaredWrongly(Declaring):
    """Declare that names differing in case are one, and keep two."""

    declared: ClassVar[Mapping[str, Any]] = {"case_sensitive": False}


@mutant(
    "capability.size-limit-is-declared-wrongly", "P04", found_by="capability.size-limit-is-held"
)
class SizeLimitIsDeclaredWrongly(Declaring):
    """Declare the largest size, and store more."""

    declared: ClassVar[Mapping[str, Any]] = {"max_size": 1000}


@mutant("capability.value-is-no-word", "P01", found_by="capability.values-are-as-typed")
class ValueIsNoWord(Declaring):
    """Declare by True what has words."""

    declared: ClassVar[Mapping[str, Any]] = {"copy": True}


@mutant("capability.can-be-changed", "P01", found_by="life.capabilities-need-nothing")
class CapabilitiesCanBeChanged(MemoryStorage):
    """Give capabilities that anybody may change."""

    @cached_property
    def capabilities(self) -> Any:  # type: ignore[override] # the mutation
        declared = super().capabilities
        return SimpleNamespace(**{f: getattr(declared, f) for f in Capabilities.__slots__})


@mutant(
    "capability.nothing-is-done-silently", "P03", found_by="capability.undeclared-is-unsupported"
)
class NothingIsDoneSilently(Declaring):
    """Do nothing, and say nothing, where a listing can't be made."""

    declared: ClassVar[Mapping[str, Any]] = {"list": "none"}

    async def files(self, prefix: str = "", **options: Any) -> AsyncIterator[FileInfo]:
        nothing: tuple[FileInfo, ...] = ()
        for info in nothing:
            yield info


@mutant("error.says-no-backend", "E01", found_by="error.missing-file-is-not-found")
class ErrorSaysNoBackend(MemoryStorage):
    """Raise an error that does not say of which backend."""

    async def size(self, name: str) -> int:
        try:
            return await super().size(name)
        except NotFoundError as error:
            error.backend = None
            raise


@mutant("error.taken-is-any-failure", "E01", "S09", found_by="error.taken-name-is-file-exists")
class TakenIsAnyFailure(MemoryStorage):
    """Raise the base of all errors where a name is taken."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        try:
            return await super().save(name, content, **options)
        except AlreadyExistsError as error:
            raise StorageError(str(error), name=name, backend="memory") from error


@mutant("life.logs-the-secret", "U12", found_by="life.logs-no-secret")
class LogsTheSecret(MemoryStorage):
    """Log what it was given, on a level that nobody looks at until something is wrong."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        logging.getLogger("client").debug("authorising with %s", SECRET)
        return await super().save(name, content, **options)


@mutant("life.leaves-files-to-python", "Y04", found_by="life.warns-of-nothing")
class LeavesFilesToPython(Disk):
    """Leave a file for Python to close."""

    async def size(self, name: str) -> int:
        size = await super().size(name)
        (self.root / self._place.canonical(name)).open("rb")
        return size
