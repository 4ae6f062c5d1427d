"""What a check works on: a storage in a place of its own, and ways around it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from openviper.storage.base import Storage
from openviper.storage.testing.refusals import Words, plain_words

__all__ = ["FaultAccess", "Profile", "RawAccess", "Subject", "Target"]

Profile: TypeAlias = Literal["local", "remote", "long"]
"""How much is tried: what takes under a minute here, under four on a server, or everything."""


class RawAccess(Protocol):
    """Reach a location's objects around the storage, keys relative to the location."""

    async def put(self, key: str, data: bytes, *, content_encoding: str | None = None) -> None:
        """Store an object under exactly this key, a folder marker `dir/` for one."""
        ...

    async def keys(self) -> list[str]:
        """Return every key there is, hidden and temporary ones too."""
        ...

    async def open_uploads(self) -> list[str]:
        """Return what uploads were begun and neither committed nor aborted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultAccess:
    """Say how a storage's requests are led through a proxy that fails them."""

    server: str
    """The address where its requests go otherwise, `http://host:port`."""
    make: Callable[[str, str, float], Storage]
    """Return a storage whose requests go to a URL, at a location that `Subject.make` knows too,
    and that waits so many seconds for an answer. It makes two attempts at least."""
    words: Words = plain_words
    """What the service says with a status that is an error."""
    throttling: int = 503
    """The status with which the service asks to slow down."""
    resends_streams: bool = True
    """Whether a failed request is sent again where its content came as a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Describe a backend that is checked: how its storages are made, what its server can't."""

    name: str
    make: Callable[[str], Storage]
    """Return a new storage at a location, on the same server or folder each time; picklable
    where `crosses_processes`."""
    server: str = ""
    """The server and its version, for the table."""
    profile: Profile = "local"
    nested: str = ""
    """A location to put everything under."""
    large: int = 3 << 20
    """Bytes of content that goes the large way, through parts or a stream."""
    part_size: int = 1 << 20
    """Bytes over which content goes that way, in parts of so many."""
    shares_instances: bool = True
    """Whether two storages of `make` with one location see the same files."""
    crosses_processes: bool = False
    folder: Callable[[str], Path] | None = None
    """Return the local folder of a location, where it is one."""
    raw: Callable[[str], RawAccess] | None = None
    fetch: Callable[[str], Awaitable[bytes]] | None = None
    """Return what an unauthenticated GET of a URL gives; None where nothing serves it."""
    make_private: Callable[[str], Storage] | None = None
    """Return a storage whose files nobody gets without a signature, where `make`'s are public."""
    missing_container: Callable[[], Storage] | None = None
    """Return a storage whose bucket, container or root is not there."""
    wrong_credentials: Callable[[], Storage] | None = None
    """Return a storage whose secret is wrong."""
    secrets: tuple[str, ...] = ()
    """What its storages were given and nobody must see."""
    nobody_listens: Callable[[], Storage] | None = None
    """Return a storage at an address that refuses connections."""
    faults: FaultAccess | None = None
    put_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a PUT to a signed URL has to carry beside its content type."""
    create_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it has to carry beside these where the URL creates only."""
    excuses: Mapping[str, str] = field(default_factory=dict[str, str])
    """Checks that can't be shown on this server, each with the server's fault."""

    def new_location(self) -> str:
        """Return a location that nobody has used."""
        own = f"check-{uuid.uuid4().hex[:12]}"
        return f"{self.nested}/{own}" if self.nested else own


class Target:
    """Give one check its storages, and close them after it."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.location = subject.new_location()
        self.raw = subject.raw(self.location) if subject.raw else None
        self.large = subject.large
        self._stack = AsyncExitStack()
        self.storage = self._make(self.location)

    def another(self) -> Storage:
        """Return a second instance on the same files; the same one where instances share none."""
        return self._make(self.location) if self.subject.shares_instances else self.storage

    def beside(self, ending: str) -> Storage:
        """Return a storage whose location is this one's with an ending put to its name."""
        return self._make(f"{self.location}{ending}")

    def private(self) -> Storage:
        """Return a storage whose files nobody gets without a signature."""
        return self._made(self.subject.make_private or self.subject.make, self.location)

    async def aclose(self) -> None:
        """Close every storage made here."""
        await self._stack.aclose()

    def _make(self, location: str) -> Storage:
        return self._made(self.subject.make, location)

    def _made(self, make: Callable[[str], Storage], location: str) -> Storage:
        storage = make(location)
        self._stack.push_async_callback(storage.aclose)
        return storage
