"""Hold one connection: send and receive on it, and wait with patience for the other side."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from ipaddress import ip_address

from aiohappyeyeballs import AddrInfoType, start_connection

__all__ = ["Connection"]

_AT_ONCE = 64 << 10
_PIECE = 256 << 10
_UNREAD = 512 << 10
_MAX_HEAD = 64 << 10


class Connection(asyncio.Protocol):
    """Receive what comes, and tell whoever waits, with patience, for anything to happen."""

    def __init__(self, patience: float, opened: set[Connection]) -> None:
        self.rests_since = 0.0
        self.lost = asyncio.Event()
        self.patience = patience
        self._opened = opened
        self._transport: asyncio.Transport | None = None
        self._chunks: deque[bytes] = deque()
        self._unread = 0
        self._is_paused = False
        self._may_write = True
        self._is_over = False
        self._error: Exception | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def has_news(self) -> bool:
        """Tell whether something came that was not read, the end included."""
        return self._is_over or bool(self._chunks)

    async def open(self, host: str, port: int, trusted: ssl.SSLContext | None) -> None:
        """Connect, by TLS where it is said whose certificates are `trusted`."""
        # Asyncio's own race of addresses loses a socket where it is cancelled (Python 3.11).
        raced = await start_connection(await _addresses(host, port), happy_eyeballs_delay=0.25)
        name = host if trusted else None
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, sock=raced, ssl=trusted, server_hostname=name)

    async def start_tls(self, host: str, trusted: ssl.SSLContext) -> None:
        """Go on by TLS with the host at the end of a tunnel."""
        loop = asyncio.get_running_loop()
        self._transport = await loop.start_tls(self._wire, self, trusted, server_hostname=host)

    async def send(self, head: bytes, body: memoryview | None) -> bool:
        """Send; return False where the reply came before all was sent."""
        if body is None or len(body) <= _AT_ONCE:
            self._wire.write(head if body is None else b"".join((head, body)))
            return True
        self._wire.write(head)
        for start in range(0, len(body), _PIECE):
            if not await self._can_send():
                return False
            self._wire.write(body[start : start + _PIECE])
        return True

    async def send_stream(self, head: bytes, stream: AsyncGenerator[memoryview, None]) -> bool:
        """Send what comes, in chunks; return False where the reply came before its end."""
        before = head
        async for chunk in stream:
            for start in range(0, len(chunk), _PIECE):
                if not await self._can_send():
                    return False
                piece = chunk[start : start + _PIECE]
                self._wire.write(b"%b%x\r\n" % (before, len(piece)))
                self._wire.write(piece)
                before = b"\r\n"
        self._wire.write(before + b"0\r\n\r\n")
        return True

    async def received(self, most: int | None) -> bytes:
        """Return what has come, up to `most` bytes; `b""` after an end in order."""
        while not self._chunks:
            if self._error is not None:
                raise ConnectionError("the connection broke") from self._error
            if self._is_over:
                return b""
            await self._wait()
        chunk = self._chunks.popleft()
        if most is not None and len(chunk) > most:
            self._chunks.appendleft(chunk[most:])
            chunk = chunk[:most]
        self._unread -= len(chunk)
        if self._is_paused and self._unread <= _UNREAD // 2:
            self._is_paused = False
            self._wire.resume_reading()
        return chunk

    async def until(self, mark: bytes) -> bytes:
        """Return what comes before `mark`, which is taken too."""
        data = b""
        while (end := data.find(mark)) < 0:
            if len(data) > _MAX_HEAD:
                raise ConnectionError("a reply has no end of its head")
            more = await self.received(None)
            if not more:
                raise ConnectionError("the connection ended without a reply")
            data = data + more if data else more
        rest = data[end + len(mark) :]
        if rest:
            self._chunks.appendleft(rest)
            self._unread += len(rest)
        return data[:end]

    def abort(self) -> None:
        """End the connection at once; `lost` says when it has ended."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._opened.add(self)
        transport.set_write_buffer_limits(high=2 * _PIECE, low=_PIECE)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        """Keep what came, and no more of it than a reader is behind."""
        self._chunks.append(data)
        self._unread += len(data)
        if self._unread > _UNREAD and not self._is_paused:
            self._is_paused = True
            self._wire.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """End as the other side does."""
        self._is_over = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Know that nothing will come any more, and why."""
        self._is_over = True
        self._error = exc
        self._opened.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.lost.set()
        self._wake()

    def pause_writing(self) -> None:
        """Wait with the rest of a body."""
        self._may_write = False

    def resume_writing(self) -> None:
        """Go on with it."""
        self._may_write = True
        self._wake()

    @property
    def _wire(self) -> asyncio.Transport:
        assert self._transport is not None  # it is open
        return self._transport

    async def _can_send(self) -> bool:
        """Wait until more can be sent; return False where the other side wants no more."""
        while not (self._may_write or self.has_news):
            await self._wait()
        return not self.has_news

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        self._deadline = loop.time() + self.patience
        # One timer sees many waits to their end: one for each would cost more than the rest here.
        if self._timer is None or self._timer.when() > self._deadline:
            self._time_out_at(self._deadline)
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _time_out_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._lose_patience)

    def _lose_patience(self) -> None:
        self._timer = None
        if self._waiting is None or self._waiting.done():
            return
        if asyncio.get_running_loop().time() < self._deadline:
            self._time_out_at(self._deadline)
        else:
            self._waiting.set_exception(TimeoutError(f"nothing came in {self.patience} s"))


async def _addresses(host: str, port: int) -> Sequence[AddrInfoType]:
    try:
        family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # No thread is asked, all of which may be busy.
    return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]
