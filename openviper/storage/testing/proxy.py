"""Stand between a storage and its server, on loopback, and have any request go wrong.

    async with FaultProxy("http://127.0.0.1:9000") as proxy:
        storage = S3Storage("bucket", endpoint_url=proxy.url)
        proxy.inject(faults.lose_reply, when=lambda request: request.method == "PUT")

Nothing is kept of bodies: they pass piece by piece. `faults` has the faults; one more is a
function of an `Exchange`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeAlias
from urllib.parse import urlsplit

from openviper.storage.testing.wire import Head, framed, payload, read_head

__all__ = ["Exchange", "Fault", "FaultProxy", "Injection", "Reply"]

_EMPTY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Reply:
    """Hold a reply whose body is still to be read."""

    def __init__(self, head: Head, reader: asyncio.StreamReader, *, has_body: bool) -> None:
        self.head = head
        self.has_body = has_body
        self._reader = reader

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Give the body, piece by piece."""
        if self.has_body:
            async with aclosing(payload(self._reader, self.head, to_the_end=True)) as pieces:
                async for piece in pieces:
                    yield piece

    async def read(self) -> bytes:
        """Return the whole body."""
        return b"".join([piece async for piece in self.pieces()])


class Exchange:
    """Give a fault one request, its server, and the ways in which it may end."""

    def __init__(
        self,
        request: Head,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        server: str,
        proxy: str,
    ) -> None:
        self.request = request
        self.is_over = request.closes
        """Whether the connection ends after this request."""
        self._reader = reader
        self._writer = writer
        self._server = server
        self._proxy = proxy
        self._is_read = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Give the request's body, once; where its sender waits to be told to send it, say so."""
        if self._is_read:
            return
        self._is_read = True
        if self.request.get("Expect").lower() == "100-continue":
            self._writer.write(Head("HTTP/1.1 100 Continue").encoded())
        async with aclosing(payload(self._reader, self.request)) as pieces:
            async for piece in pieces:
                yield piece

    async def read(self) -> bytes:
        """Return the request's whole body."""
        return b"".join([piece async for piece in self.pieces()])

    @asynccontextmanager
    async def sent(self) -> AsyncIterator[Reply]:
        """Send the request on while it comes, and give the server's reply.

        A fault does this before anything else that reads the request.
        """
        address = urlsplit(self._server)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        sending = asyncio.create_task(self._send(writer))
        try:
            head = await self._reply_head(reader)
            yield Reply(head, reader, has_body=not self._is_bare(head) and head.length != 0)
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def pass_on(self) -> None:
        """Do what is done without a fault."""
        async with self.sent() as reply:
            await self.relay(reply)

    async def relay(self, reply: Reply, *, size: int | None = None, pause: float = 0.0) -> None:
        """Give the client the reply: with `size` in bits of so many bytes, `pause` s apart."""
        head = self._begin(reply.head)
        async with aclosing(reply.pieces()) as pieces:
            async for piece in pieces:
                for position in range(0, len(piece), size or len(piece)):
                    await self._write(framed(piece[position:][:size], head))
                    await asyncio.sleep(pause)
        await self._write(framed(b"", head))

    async def relay_half(self, reply: Reply) -> None:
        """Give the first half of the reply's body, or of its head where there is no body."""
        if not reply.has_body:
            whole = reply.head.encoded()
            return await self._write(whole[: len(whole) // 2])
        left = (reply.head.length or 2) // 2
        head = self._begin(reply.head)
        async with aclosing(reply.pieces()) as pieces:
            async for piece in pieces:
                await self._write(framed(piece[:left], head))
                left -= len(piece)
                if left <= 0:
                    return None
        return None

    async def answer(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Take the request, and answer in the server's place."""
        async with aclosing(self.pieces()) as pieces:
            async for _ in pieces:
                pass
        fields = {"Content-Length": str(len(body)), **(headers or {})}
        head = self._begin(Head(f"HTTP/1.1 {status} Said", tuple(fields.items())))
        await self._write(b"" if self._is_bare(head) else body)

    def reset(self) -> None:
        """End the connection with a reset, whatever is under way."""
        self.is_over = True
        linger = struct.pack("ii", 1, 0)  # on, for no seconds: a RST in place of a FIN
        self._writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, linger
        )
        self._writer.transport.abort()

    def close(self) -> None:
        """End the connection, in order but for what was still to be said."""
        self.is_over = True

    async def client_gone(self) -> None:
        """Wait until the client gives up."""
        self.is_over = True
        with suppress(OSError):
            while await self._reader.read(1 << 16):
                pass

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        """Send the request on; where the client breaks off, so does this."""
        self._is_read = True
        try:
            writer.write(self.request.having("Connection", "close").encoded())
            async with aclosing(payload(self._reader, self.request)) as pieces:
                async for piece in pieces:
                    await _written(writer, framed(piece, self.request))
            await _written(writer, framed(b"", self.request))
        except BaseException:
            writer.transport.abort()
            raise

    async def _reply_head(self, reader: asyncio.StreamReader) -> Head:
        while True:
            head = await read_head(reader)
            if head is None:
                raise ConnectionAbortedError("the server ended the connection without a reply")
            if head.status >= HTTPStatus.OK:
                return head
            await self._write(head.encoded())

    def _is_bare(self, head: Head) -> bool:
        """Tell whether a reply has no body whatever its head says."""
        return self.request.method == "HEAD" or head.status in _EMPTY

    def _begin(self, head: Head) -> Head:
        """Write a head as it has to be towards this client, and return it."""
        ends = self._is_bare(head) or head.is_chunked or head.length is not None
        self.is_over = self.is_over or not ends
        head = head.having("Connection", "close" if self.is_over else None)
        location = head.get("Location")
        if location.startswith(self._server):
            head = head.having("Location", location.replace(self._server, self._proxy, 1))
        self._writer.write(head.encoded())
        return head

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


Fault: TypeAlias = Callable[[Exchange], Awaitable[None]]
"""What is done to a request instead of passing it on."""


@dataclass(kw_only=True)
class Injection:
    """Do one fault to the requests that match, from the n-th on, so many times."""

    fault: Fault
    when: Callable[[Head], bool]
    nth: int
    times: int | None
    fired: int = field(default=0, init=False)
    """How often it was done."""
    _seen: int = field(default=0, init=False)

    def takes(self, request: Head) -> bool:
        """Tell whether this is its turn, and count it."""
        if not self.when(request):
            return False
        self._seen += 1
        if self._seen < self.nth or self.fired == self.times:
            return False
        self.fired += 1
        return True


class FaultProxy:
    """Pass requests on to an HTTP server, but for those that a fault is for.

    It listens on 127.0.0.1 inside its `async with` block; connections that are open at its
    end are closed.
    """

    def __init__(self, server: str) -> None:
        """Name the server by its address, `http://host:port`."""
        address = urlsplit(server)
        if address.scheme != "http" or address.port is None:
            raise ValueError(f"server is http://host:port, not {server!r}")
        self.requests: list[Head] = []
        """The requests that came, in their order."""
        self._server = f"http://{address.netloc}"
        self._injections: list[Injection] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Return the address to give a storage in place of its server's."""
        return self._url

    def inject(
        self,
        fault: Fault,
        *,
        when: Callable[[Head], bool] = bool,
        nth: int = 1,
        times: int | None = 1,
    ) -> Injection:
        """Do `fault` to `times` requests (None: to all) from the `nth` on that `when` accepts.

        Without `when` that is any.

        Of several that would take a request the first injected does.
        """
        injection = Injection(fault=fault, when=when, nth=nth, times=times)
        self._injections.append(injection)
        return injection

    def clear(self) -> None:
        """Forget all faults, and the requests that came."""
        self._injections.clear()
        self.requests.clear()

    def refuse_connections(self) -> None:
        """Accept no connection any more."""
        if self._listening is not None:
            self._listening.close()

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._url = "http://{}:{}".format(*self._listening.sockets[0].getsockname())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.refuse_connections()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        # A client in this loop, which may still want to send, learns of it in the next turns.
        for _ in range(3):
            await asyncio.sleep(0)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # Either end may go away at any time: that is what this is for.
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._exchange_all(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _exchange_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while (request := await read_head(reader)) is not None:
            self.requests.append(request)
            exchange = Exchange(request, reader, writer, server=self._server, proxy=self._url)
            injected = (i.fault for i in self._injections if i.takes(request))
            await next(injected, Exchange.pass_on)(exchange)
            if exchange.is_over:
                return


async def _written(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write to a server that may answer early and hang up: the rest of the body is for nobody."""
    if not writer.is_closing():
        with suppress(OSError):
            writer.write(data)
            await writer.drain()
