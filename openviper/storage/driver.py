"""What a vendor adapter writes: a few primitives on keys that are already valid.

`Driver` is what every adapter has. Each other protocol here is a power that a service may
have; `PortableStorage` asks for it once and does without it where it is missing.
A driver raises its vendor's own exceptions and says by `classify` what they mean; where no
vendor's exception says it, the driver raises one of the tree without words, and
`mapping.Guard` finds the words for both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from openviper.storage.attributes import WRITE_ID, Attributes
from openviper.storage.errors import (
    NotFoundError,
    PermissionDeniedError,
    StorageError,
    UnavailableError,
)
from openviper.storage.types import Capabilities, FileInfo, Page

__all__ = [
    "Adviser",
    "AmbiguousNotFoundError",
    "BatchDeleter",
    "Download",
    "Driver",
    "Mover",
    "NotSentError",
    "PartUpload",
    "PartWriter",
    "RangeNotSatisfiableError",
    "ServerCopier",
    "SignRequest",
    "Signer",
    "Staged",
    "Stager",
    "StreamWriter",
    "UnknownCredentialsError",
    "Write",
]


class AmbiguousNotFoundError(NotFoundError):
    """Stand, in `classify`, for a bare 404: the file may be missing, or the container."""


class NotSentError(UnavailableError):
    """Stand, in `classify`, for a connection that was never made: nothing can have happened."""


class UnknownCredentialsError(PermissionDeniedError):
    """Stand, in `classify`, for credentials that are wrong: a bare 404 says nothing then."""


class RangeNotSatisfiableError(StorageError):
    """Stand, in `classify`, for a range that begins at or after the end of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Hold what goes with the bytes of one write."""

    attributes: Attributes
    content_type: str
    """Given, or guessed from the name: what the service shall keep."""
    write_id: str
    create: bool = False
    """Only where nothing is: by the service's own condition, never by a look before."""
    if_match: str | None = None

    def stored_metadata(self) -> dict[str, str]:
        """Return the user's metadata with the write id among it."""
        return {**self.attributes.metadata, WRITE_ID: self.write_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Hold an open read: what the whole file is, and the bytes of the range asked for."""

    info: FileInfo
    chunks: AsyncIterator[bytes]


class Driver(Protocol):
    """Describe the primitives; `FileInfo.name` is a key here, and metadata has the write id.

    What changes something is awaited by `to_the_end` alone: where a driver has a future
    anyway, it returns that, and no task is made around it.
    """

    @property
    def backend(self) -> str:
        """Name the kind of service, for messages."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """Say what the service can do, without I/O."""
        ...

    @property
    def may_lose_replies(self) -> bool:
        """Tell whether a write can be done and yet its caller be told that it failed."""
        ...

    def url(self, key: str) -> str:
        """Return the public address of a key, without I/O."""
        ...

    def put(self, key: str, data: memoryview, write: Write) -> Awaitable[FileInfo]:
        """Store bytes in one request, all or nothing."""
        ...

    def get(
        self, key: str, *, start: int, end: int | None, if_match: str | None, chunk_size: int
    ) -> AbstractAsyncContextManager[Download]:
        """Open a read of `[start:end]`; chunks are of about `chunk_size`."""
        ...

    async def head(self, key: str) -> FileInfo:
        """Return what is known of a key."""
        ...

    def delete(self, key: str, *, if_match: str | None = None) -> Awaitable[None]:
        """Delete a key; a missing one may raise or not."""
        ...

    async def list_page(
        self,
        prefix: str,
        *,
        delimiter: Literal["/"] | None,
        limit: int,
        token: str | None,
        start_after: str | None,
    ) -> Page:
        """List keys that begin with `prefix`, in order; prefixes without their last slash.

        `token` is the service's own, of the page before; `start_after` comes with the first
        page only, and a service without it may ignore it.
        """
        ...

    async def aclose(self) -> None:
        """Close what the running loop has open."""
        ...

    def classify(self, error: Exception) -> type[StorageError] | None:
        """Return what a vendor's exception means; None for what is not the vendor's."""
        ...


@runtime_checkable
class Adviser(Protocol):
    """Describe a backend that knows better than the error's kind what to do about it."""

    def advise(self, error: Exception) -> str | None:
        """Return what is wrong and what to do, to end a sentence; None where the kind says it."""
        ...


class PartUpload(Protocol):
    """Describe an upload in parts that was begun and is invisible until its commit."""

    async def part(self, number: int, data: memoryview) -> None:
        """Send one part, numbered from 1; parts of one upload are sent side by side."""
        ...

    async def commit(self) -> FileInfo:
        """Make the file visible, under the condition of its `Write`."""
        ...

    async def abort(self) -> None:
        """Remove what was sent."""
        ...


@runtime_checkable
class PartWriter(Protocol):
    """Describe a service that takes large content in parts."""

    @property
    def part_size(self) -> int:
        """Bytes of a part; smaller content goes by `put`."""
        ...

    @property
    def max_parts(self) -> int:
        """Parts that one upload may have."""
        ...

    @property
    def max_concurrency(self) -> int:
        """Parts in flight; 1 where they must come in order."""
        ...

    async def begin(self, key: str, write: Write) -> PartUpload:
        """Begin an upload."""
        ...


@runtime_checkable
class StreamWriter(Protocol):
    """Describe a service that takes large content in one request of unknown length."""

    async def put_stream(
        self, key: str, chunks: AsyncIterator[memoryview], write: Write
    ) -> FileInfo:
        """Store what the chunks give; nothing where they raise."""
        ...


class Staged(Protocol):
    """Describe complete content that has no name yet."""

    def commit(self, key: str, write: Write) -> Awaitable[FileInfo]:
        """Give it its name in one step; where that fails it may be tried with another."""
        ...

    def discard(self) -> Awaitable[None]:
        """Remove it, unless it was committed."""
        ...


@runtime_checkable
class Stager(Protocol):
    """Describe a backend where content is complete before its name is decided."""

    async def stage(self, chunks: AsyncIterator[memoryview]) -> Staged:
        """Take the chunks in; where they raise, nothing is left."""
        ...


@runtime_checkable
class ServerCopier(Protocol):
    """Describe a service that copies by itself."""

    def copy(self, source: FileInfo, key: str, write: Write) -> Awaitable[FileInfo]:
        """Copy the very version `source` (its name is a key), with the attributes of `write`."""
        ...


@runtime_checkable
class Mover(Protocol):
    """Describe a backend that renames in one step."""

    def move(self, source: FileInfo, key: str, write: Write) -> Awaitable[FileInfo]:
        """Move the very version `source` (its name is a key)."""
        ...


@runtime_checkable
class BatchDeleter(Protocol):
    """Describe a service that deletes many keys in one request."""

    @property
    def max_batch(self) -> int:
        """Keys in one request."""
        ...

    async def delete_batch(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        """Delete distinct keys; return the vendor's exceptions of those that failed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignRequest:
    """Hold what a signed URL shall allow."""

    method: Literal["GET", "HEAD", "PUT"]
    expires: float
    """Seconds from now."""
    content_disposition: str | None = None
    content_type: str | None = None
    create: bool = False
    """Of a PUT: only where nothing is."""


@runtime_checkable
class Signer(Protocol):
    """Describe a service whose URLs can carry a permission."""

    async def signed_url(self, key: str, request: SignRequest) -> str:
        """Return a URL that allows just the request."""
        ...
