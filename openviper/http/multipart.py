"""Read multipart/form-data part by part, as it comes from the socket."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar, Unpack

from openviper.http.errors import bad_request, too_large
from openviper.http.limits import Limits
from openviper.http.parser import Head, Parser
from openviper.http.uploads import safe_filename
from openviper.storage.adapt import call_save
from openviper.storage.base import Storage
from openviper.storage.shield import to_the_end
from openviper.storage.types import WriteOptions

__all__ = ["FilePart", "MultipartReader"]

T = TypeVar("T")

_logger = logging.getLogger("openviper.http")


class FilePart:
    """Read a file while it is being received: an async iterator of bytes, once.

    It is content for any storage's `save`. `filename` is safe as the last part of a name,
    `original_filename` and `content_type` are what the client says.
    """

    def __init__(self, head: Head, reader: MultipartReader) -> None:
        self.field = head.field
        self.original_filename = head.filename or ""
        self.filename = safe_filename(self.original_filename)
        self.content_type = head.content_type
        self._reader = reader
        self._started = False
        self._ended = False

    async def save(self, storage: Storage, name: str, **attributes: Unpack[WriteOptions]) -> str:
        """Store the file; should the rest of the request turn out bad, it is deleted again."""
        saved = await call_save(storage, name, self, **attributes)
        self._reader.kept.append((storage, saved))
        return saved

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        if self._started:
            raise RuntimeError("a file part can be read once: spool it, or use request.files()")
        self._started = True
        while chunk := await self._next():
            yield chunk

    async def drain(self) -> None:
        """Pass over what is left of it."""
        self._started = True
        while await self._next():
            pass

    async def _next(self) -> bytes | None:
        chunk = None if self._ended else await self._reader.chunk()
        self._ended = chunk is None
        return chunk


class MultipartReader:
    """Turn a body into file parts, and collect the text fields between them."""

    def __init__(
        self, content_type: str, body: AsyncGenerator[bytes, None], *, limits: Limits
    ) -> None:
        self.fields: list[tuple[str, str]] = []
        self.kept: list[tuple[Storage, str]] = []
        """What the parts were stored as, to be taken back where a later part is bad."""
        self._body = body
        self._limits = limits
        self._parts = Parser(content_type)
        self._failure: BaseException | None = None
        self._files = 0
        self._what, self._limit, self._size = "", limits.max_file_size, 0

    async def files(self) -> AsyncGenerator[FilePart, None]:
        """Give each file; what the caller left of it is passed over."""
        async with aclosing(self._body):
            while (head := await self._guarded(self._next_file)) is not None:
                part = FilePart(head, self)
                yield part
                await part.drain()

    async def chunk(self) -> bytes | None:
        """Return the next bytes of the part, never empty; None at its end."""
        return await self._guarded(self._next_chunk)

    async def _guarded(self, step: Callable[[], Awaitable[T]]) -> T:
        if self._failure is not None:  # for a view that catches it and goes on
            raise self._failure
        try:
            return await step()
        except BaseException as error:
            self._failure = error
            await to_the_end(self._take_back())
            raise

    async def _next_file(self) -> Head | None:
        while isinstance(head := await self._event(), Head):
            self._begin(head)
            if head.filename is None:
                self.fields.append((head.field, await self._text(head.field)))
            elif head.filename:
                return head
            elif await self._next_chunk():  # a browser sends "" where nothing was chosen
                raise bad_request(f"the file {head.field!r} has no filename")
        return None

    def _begin(self, head: Head) -> None:
        limits, self._size = self._limits, 0
        if head.filename is None:
            self._what, self._limit = f"the field {head.field!r}", limits.max_field_size
            if len(self.fields) >= limits.max_fields:
                raise too_large("the form", limits.max_fields, "fields")
            return
        self._what, self._limit = f"the file {head.field!r}", limits.max_file_size
        self._files += 1
        if self._files > limits.max_files:
            raise too_large("the form", limits.max_files, "files")

    async def _next_chunk(self) -> bytes | None:
        event = await self._event()
        if not isinstance(event, bytes):
            return None
        self._size += len(event)
        if self._limit is not None and self._size > self._limit:
            raise too_large(self._what, self._limit, "bytes")
        return event

    async def _text(self, field: str) -> str:
        content = bytearray()
        while chunk := await self._next_chunk():
            content += chunk
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise bad_request(f"the field {field!r} is not UTF-8") from None

    async def _event(self) -> Head | bytes | None:
        while not self._parts.events:
            data = await anext(self._body, None)
            if data is None:
                self._parts.finish()
                return None
            self._parts.feed(data)
        return self._parts.events.popleft()

    async def _take_back(self) -> None:
        kept, self.kept = self.kept, []
        for storage, name in kept:
            try:
                await storage.delete(name)
            except Exception:  # the request's own error is what is raised
                _logger.exception("could not delete %r of a request that was refused", name)
