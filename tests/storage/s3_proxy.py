"""Stand between a client and an S3 server, and do to its requests what networks do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from servers import Server

LOSE_REPLY = b""
"""Forward the request, and close the connection in place of the reply."""


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Proxy:
    """Forward requests, unless `fault` says something else to one.

    `fault` is given the request's head and returns None to forward it, a whole reply to give
    in its place, or `LOSE_REPLY`. While `is_open` is not set, the parts of uploads wait.
    """

    target: tuple[str, int]
    fault: Callable[[str], bytes | None] = lambda head: None
    heads: list[str] = field(default_factory=list)
    is_open: asyncio.Event = field(default_factory=_set_event)
    url: str = ""
    listening: asyncio.Server | None = None

    def stop(self) -> None:
        """Refuse connections from now on."""
        assert self.listening is not None
        self.listening.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            length = re.search(r"(?i)^content-length: (\d+)", head, re.MULTILINE)
            body = await reader.readexactly(int(length[1]) if length else 0)
            if "partNumber=" in head:
                await self.is_open.wait()
            planned = self.fault(head)
            reply = planned or await self._forward(head, body)
            if planned != LOSE_REPLY:
                writer.write(reply)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writer.close()

    async def _forward(self, head: str, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self.target)
        writer.write(f"{head[:-2]}Connection: close\r\n\r\n".encode("latin-1") + body)
        reply = await reader.read()
        writer.close()
        await writer.wait_closed()
        return reply


@asynccontextmanager
async def proxy_of(server: Server) -> AsyncIterator[Proxy]:
    address = urlsplit(server.url)
    proxy = Proxy((address.hostname or "", address.port or 80))
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.listening = listening
    proxy.url = "http://{}:{}".format(*listening.sockets[0].getsockname())
    async with listening:
        yield proxy


def reply(status: int, body: str = "", *, headers: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}"
    )
    return f"{head}\r\n{body}".encode()


def error(status: int, code: str) -> bytes:
    return reply(status, f"<Error><Code>{code}</Code><Message>said</Message></Error>")
