"""What a check works on: a storage in a place of its own, and ways around it."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self, TypeAlias

from openviper.storage.base import Storage
from openviper.storage.testing.refusals import Words, plain_words
from openviper.storage.testing.registry import CHECKS

__all__ = [
    "FaultAccess",
    "Make",
    "Profile",
    "RawAccess",
    "Subject",
    "Target",
    "made",
    "make_now",
]

Make: TypeAlias = Callable[[str], Storage | Awaitable[Storage]]
"""Return, or give to who awaits, a new storage at a location."""

Profile: TypeAlias = Literal["local", "remote", "long"]
"""How much is tried and waited for: on this machine, over a network, or everything there is."""


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
    make: Make
    """Return a new storage at a location, on the same server or folder each time; picklable
    where `crosses_processes`. What it gives to be awaited is awaited in the check's own loop."""
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
    crosses_processes: bool | None = None
    """Whether two processes see the same files."""
    folder: Callable[[str], Path] | None = None
    """Return the local folder of a location, where it is one."""
    raw: Callable[[str], RawAccess] | None = None
    fetch: Callable[[str], Awaitable[bytes]] | None = None
    """Return what an unauthenticated GET of a URL gives; None where nothing serves it."""
    make_private: Make | None = None
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
    inapplicable: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fields of these that stay empty as there is no such thing, each with the reason."""
    expected_failures: Mapping[str, str] = field(default_factory=dict[str, str])
    """Checks that are known to fail, each with the reason: one that passes is a failure."""
    excuses: Mapping[str, str] = field(default_factory=dict[str, str])
    """Checks that pass or fail by luck on this server, each with its fault; they are not run."""

    def __post_init__(self) -> None:
        """Raise `ValueError` for a check or a field that there is not."""
        _refuse_unknown("check", {*self.expected_failures, *self.excuses}, CHECKS)
        _refuse_unknown("field", self.inapplicable, self.__slots__)

    def new_location(self) -> str:
        """Return a location that nobody has used."""
        own = f"check-{uuid.uuid4().hex[:12]}"
        return f"{self.nested}/{own}" if self.nested else own


class Target:
    """Give one check its storages while it runs, and close them after it."""

    storage: Storage
    """There from the beginning of `async with`."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.location = subject.new_location()
        self.raw = subject.raw(self.location) if subject.raw else None
        self.large = subject.large
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Make the storage."""
        self.storage = await self._make(self.location)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every storage made here."""
        await self._stack.aclose()

    async def another(self) -> Storage:
        """Return a second instance on the same files; the same one where instances share none."""
        return await self._make(self.location) if self.subject.shares_instances else self.storage

    async def beside(self, ending: str) -> Storage:
        """Return a storage whose location is this one's with an ending put to its name."""
        return await self._make(f"{self.location}{ending}")

    async def private(self) -> Storage:
        """Return a storage whose files nobody gets without a signature."""
        return await self._made(self.subject.make_private or self.subject.make, self.location)

    async def _make(self, location: str) -> Storage:
        return await self._made(self.subject.make, location)

    async def _made(self, make: Make, location: str) -> Storage:
        storage = await made(make(location))
        self._stack.push_async_callback(storage.aclose)
        return storage


async def made(storage: Storage | Awaitable[Storage]) -> Storage:
    """Return what a `Make` gave, awaited where that is how it gives."""
    return await storage if inspect.isawaitable(storage) else storage


def make_now(make: Make, location: str) -> Storage:
    """Make a storage where no loop runs; one that is awaited, in a loop that then closes."""
    storage = make(location)
    return asyncio.run(made(storage)) if inspect.isawaitable(storage) else storage


def _refuse_unknown(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"there is no {what} {', '.join(map(repr, unknown))}")
