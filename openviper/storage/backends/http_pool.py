"""Speak HTTP/1.1 to one host over connections that are kept, at a third of aiohttp's cost.

It is what requests to object storage need and no more: replies as they are, no redirects, no
cookies, no compression. What is not HTTP as it should be ends the connection.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from base64 import b64encode
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from openviper.storage.backends.http_connection import Connection
from openviper.storage.backends.http_errors import NotConnectedError

__all__ = ["Pool", "Response"]

_WORDS = 4096
# Less than the 20 s after which S3 closes what is idle: a request could cross with that.
_IDLE = 12.0
_EMPTY = frozenset({204, 304})
_SAFE = ("GET", "HEAD")
_STATUS = re.compile(r"HTTP/1\.([01]) ([1-5]\d\d)(?: |$)")
_HEX = re.compile(rb"[0-9A-Fa-f]{1,15}")


class Pool:
    """Keep connections to one origin, for the running loop."""

    def __init__(
        self, origin: str, *, patience: float, limit: int, trusted: ssl.SSLContext | None = None
    ) -> None:
        """Take `http://host:port` or `https://…`; nothing is connected yet.

        `patience` is in seconds, for each wait for the other side; of more than `limit`
        requests at once some wait for their turn. The environment's proxies are used, and
        `trusted` says whose certificates are good, where the system should not.
        """
        parts = urlsplit(origin)
        is_tls = parts.scheme == "https"
        self._tls = (trusted or ssl.create_default_context()) if is_tls else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if is_tls else 80)
        self._proxy = _proxy_of(parts)
        self._patience = patience
        self._free = asyncio.Semaphore(limit)
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        # A proxy is told the whole address, and who asks; inside a tunnel the host itself is asked.
        told = self._proxy is not None and not is_tls
        self._address = origin if told else ""
        self._extra = _authorization(self._proxy) if self._proxy and told else ""

    async def begin(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: memoryview | None = None,
        *,
        stream: AsyncGenerator[memoryview, None] | None = None,
        patience: float | None = None,
    ) -> Response:
        """Send one request and return the beginning of the reply, which the caller closes.

        `stream` is a body in place of `body`; it may take its time, and the caller closes it.
        `patience` is for this request's waits.

        After a `ConnectionError` or `TimeoutError` it is not known what the other side did;
        after a `NotConnectedError` it is: nothing. A GET or a HEAD whose kept connection breaks
        goes to the next one.
        """
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if lines.count("\n") > len(headers):
            raise ValueError("a header field has a line break in it")
        if stream is not None:
            lines += "transfer-encoding: chunked\r\n"
        elif body is not None or method in ("PUT", "POST"):
            lines += f"content-length: {0 if body is None else len(body)}\r\n"
        head = f"{method} {self._address}{target} HTTP/1.1\r\n{lines}{self._extra}\r\n".encode()
        while True:
            lease = _Lease(self, await self._connection())
            lease.connection.patience = patience or self._patience
            try:
                if stream is not None:
                    sent = await lease.connection.send_stream(head, stream)
                else:
                    sent = await lease.connection.send(head, body)
                lease.is_last = not sent
                return await _begun(lease, has_body=method != "HEAD")
            except ConnectionError:
                lease.break_off()
                # The other side may have closed what rested just before it was asked.
                if method not in _SAFE or not lease.connection.rests_since:
                    raise
            except BaseException:
                lease.break_off()
                raise

    async def aclose(self) -> None:
        """End all connections, whatever is under way on them."""
        closing = list(self._open)
        for connection in closing:
            connection.abort()
        for connection in closing:
            await connection.lost.wait()

    def give_back(self, connection: Connection, *, is_last: bool) -> None:
        """Take a connection after an exchange, for another unless it `is_last`."""
        self._free.release()
        if is_last or connection.has_news:
            connection.abort()
        else:
            connection.rests_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
            while self._idle and self._idle[0].rests_since <= connection.rests_since - _IDLE:
                self._idle.popleft().abort()

    async def _connection(self) -> Connection:
        await self._free.acquire()
        try:
            now = asyncio.get_running_loop().time()
            while self._idle:
                connection = self._idle.pop()
                if not connection.has_news and now - connection.rests_since < _IDLE:
                    return connection
                connection.abort()
            return await self._connected()
        except BaseException:
            self._free.release()
            raise

    async def _connected(self) -> Connection:
        connection = Connection(self._patience, self._open)
        try:
            async with asyncio.timeout(self._patience):
                await self._connect(connection)
        except BaseException as error:
            connection.abort()
            if not isinstance(error, OSError | UnicodeError):  # a TimeoutError is the one
                raise
            raise NotConnectedError(f"no connection to {self._host}:{self._port}") from error
        return connection

    async def _connect(self, connection: Connection) -> None:
        if self._proxy is None:
            await connection.open(self._host, self._port, self._tls)
            return
        is_tls = self._proxy.scheme == "https"
        port = self._proxy.port or (443 if is_tls else 80)
        trusted = ssl.create_default_context() if is_tls else None
        await connection.open(self._proxy.hostname or "", port, trusted)
        if self._tls is not None:
            await self._tunnel(connection, _authorization(self._proxy))
            await connection.start_tls(self._host, self._tls)

    async def _tunnel(self, connection: Connection, authorization: str) -> None:
        there = f"{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"
        head = f"CONNECT {there} HTTP/1.1\r\nhost: {there}\r\n{authorization}\r\n"
        await connection.send(head.encode(), None)
        status, _, _ = _parsed(await connection.until(b"\r\n\r\n"))
        if not 200 <= status < 300:
            raise ConnectionRefusedError(f"the proxy answers {status}")


class Response:
    """Hold a reply whose body is still to come; closing it frees its connection."""

    def __init__(self, lease: _Lease, status: int, headers: dict[str, str], left: _Left) -> None:
        self.status = status
        self.headers = headers
        """Names in lower case."""
        self._lease = lease
        self._left = left

    async def piece(self) -> bytes:
        """Return the next bytes, `b""` at the end; `ConnectionError` where it ends early."""
        data = await self._left.piece(self._lease.connection)
        if self._left.is_over:
            self._lease.end()
        return data

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Give the body as it comes."""
        while data := await self.piece():
            yield data

    async def read(self) -> bytes:
        """Return the whole body."""
        pieces: list[bytes] = []
        while data := await self.piece():
            pieces.append(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def words(self) -> bytes:
        """Return the beginning of a refusal's body, which says why, and close it."""
        data = b""
        async with self:
            while len(data) < _WORDS and (more := await self.piece()):
                data += more
        return data

    async def __aenter__(self) -> Self:
        """Begin: nothing to do."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the connection; one that has more of this to come is ended."""
        self._lease.break_off()


class _Left:
    """Know what is left of a body: so many bytes, chunks, or what comes until the end."""

    def __init__(self, size: int | None, *, is_chunked: bool = False) -> None:
        self.is_over = size == 0 and not is_chunked
        self.is_endless = size is None
        """Whether only the end of the connection is its end."""
        self._size = size
        self._is_chunked = is_chunked

    async def piece(self, connection: Connection) -> bytes:
        if self._is_chunked and self._size == 0:
            self._size = await _next_chunk(connection)
            self.is_over = self._size == 0
        if self.is_over:
            return b""
        data = await connection.received(self._size)
        if self._size is None:
            self.is_over = not data
            return data
        if not data:
            raise ConnectionError(f"a reply ended {self._size} bytes early")
        self._size -= len(data)
        if self._size == 0 and self._is_chunked:
            await _end_of_chunk(connection)
        elif self._size == 0:
            self.is_over = True
        return data


class _Lease:
    """Hold a connection for one exchange."""

    def __init__(self, pool: Pool, connection: Connection) -> None:
        self.connection = connection
        self.is_last = False
        self._pool = pool
        self._is_over = False

    def end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._pool.give_back(self.connection, is_last=self.is_last)

    def break_off(self) -> None:
        self.is_last = True
        self.end()


async def _begun(lease: _Lease, *, has_body: bool) -> Response:
    status, headers, is_last = _parsed(await lease.connection.until(b"\r\n\r\n"))
    while status < 200:
        if status == 101:
            raise ConnectionError("a reply changes the protocol")
        status, headers, is_last = _parsed(await lease.connection.until(b"\r\n\r\n"))
    lease.is_last |= is_last
    left = _framing(headers) if has_body and status not in _EMPTY else _Left(0)
    lease.is_last |= left.is_endless
    if left.is_over:
        lease.end()
    return Response(lease, status, headers, left)


def _parsed(head: bytes) -> tuple[int, dict[str, str], bool]:
    """Return the status and the fields of a reply, and whether the connection ends after it."""
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    status = _STATUS.match(first)
    if status is None:
        raise ConnectionError("a reply is not of HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ConnectionError("a reply has a line in its head that is no field")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    keeps = headers.get("connection", "").lower()
    is_last = keeps == "close" or (status[1] == "0" and keeps != "keep-alive")
    return int(status[2]), headers, is_last


def _framing(headers: Mapping[str, str]) -> _Left:
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise ConnectionError(f"the body of a reply is {coding!r} and {length!r} bytes long")
        return _Left(0, is_chunked=True)
    if length is None:
        return _Left(None)
    if not (length.isascii() and length.isdecimal()):
        raise ConnectionError(f"the body of a reply is {length!r} bytes long")
    return _Left(int(length))


async def _next_chunk(connection: Connection) -> int:
    size = (await connection.until(b"\r\n")).partition(b";")[0].strip()
    if not _HEX.fullmatch(size):
        raise ConnectionError(f"a chunk of a reply is {size!r} bytes long")
    if count := int(size, 16):
        return count
    while await connection.until(b"\r\n"):
        pass  # trailers
    return 0


async def _end_of_chunk(connection: Connection) -> None:
    if await connection.until(b"\r\n"):
        raise ConnectionError("a chunk of a reply is longer than it said")


def _proxy_of(origin: SplitResult) -> SplitResult | None:
    proxy = getproxies().get(origin.scheme)
    if not proxy or proxy_bypass(origin.netloc):
        return None
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _authorization(proxy: SplitResult) -> str:
    if proxy.username is None:
        return ""
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"proxy-authorization: Basic {b64encode(pair.encode()).decode()}\r\n"
