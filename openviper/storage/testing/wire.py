"""Read and write HTTP/1.1 as a proxy has to: heads as they are, bodies piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

__all__ = ["Head", "framed", "payload", "read_head"]

_PIECE = 64 << 10


@dataclass(frozen=True, slots=True)
class Head:
    """Hold the first line and the fields of a request or a reply, as they were sent."""

    first: str
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def method(self) -> str:
        """Return a request's method."""
        return self.first.partition(" ")[0]

    @property
    def target(self) -> str:
        """Return a request's path and query, encoded as they were sent."""
        return self.first.split(" ")[1]

    @property
    def status(self) -> int:
        """Return a reply's status."""
        return int(self.first.split(" ")[1])

    @property
    def is_chunked(self) -> bool:
        """Tell whether the body says by its chunks where it ends."""
        return self.get("Transfer-Encoding").lower() == "chunked"

    @property
    def length(self) -> int | None:
        """Return the bytes that the body is said to have; None where that is not said."""
        found = self.get("Content-Length")
        return int(found) if found and not self.is_chunked else None

    @property
    def closes(self) -> bool:
        """Tell whether the sender ends the connection after this."""
        return self.get("Connection").lower() == "close"

    def get(self, name: str) -> str:
        """Return a field's value whatever the case of its name; "" where there is none."""
        found = (value for field, value in self.fields if field.lower() == name.lower())
        return next(found, "")

    def having(self, name: str, value: str | None) -> Head:
        """Return a head with one field set, or with none of this name."""
        kept = tuple(field for field in self.fields if field[0].lower() != name.lower())
        return replace(self, fields=kept if value is None else (*kept, (name, value)))

    def encoded(self) -> bytes:
        """Return the bytes of the head."""
        lines = (self.first, *(f"{name}: {value}" for name, value in self.fields))
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Read a head; None where the connection ends before it begins."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first, *lines = raw[:-4].decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines)
    return Head(first, tuple((name, value.strip()) for name, _, value in fields))


async def payload(
    reader: asyncio.StreamReader, head: Head, *, to_the_end: bool = False
) -> AsyncGenerator[bytes, None]:
    """Give the bytes of a body without its framing.

    `to_the_end` is for replies whose end is that of their connection. Trailers are dropped.
    `IncompleteReadError` is raised where the body ends early.
    """
    if head.is_chunked:
        while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            async for piece in _exactly(reader, size):
                yield piece
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
    elif head.length is not None:
        async for piece in _exactly(reader, head.length):
            yield piece
    elif to_the_end:
        while piece := await reader.read(_PIECE):
            yield piece


def framed(piece: bytes, head: Head) -> bytes:
    """Return a piece of a body as the head says that it comes; `b""` is the body's end."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if head.is_chunked else piece


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncGenerator[bytes, None]:
    while size:
        piece = await reader.read(min(size, _PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(piece)
        yield piece
