"""HTTP/1.1 as storage needs it: bodies to their ends, connections kept, nothing believed."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from openviper.storage.backends import http_pool
from openviper.storage.backends.http_errors import NotConnectedError
from openviper.storage.backends.http_pool import Pool
from tests.storage.certificates import certificate_for

LARGE = 16 << 20
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


class Script:
    """Answer each request with the next of some replies, written `size` bytes at a time.

    A connection ends after its first reply where `ends`.
    """

    def __init__(self, *replies: bytes, size: int = 1 << 20, ends: bool = False) -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.opened = 0
        self._replies = list(replies)
        self._size = size
        self._ends = ends

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        while await self._request(reader) and self._replies:
            reply = self._replies.pop(0)
            for start in range(0, len(reply), self._size):
                writer.write(reply[start : start + self._size])
                await writer.drain()
                await asyncio.sleep(0)
            if self._ends:
                return

    async def _request(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        self.heads.append(head)
        self.bodies.append(await reader.readexactly(int(length or 0)))
        return head


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Let a handler have each connection, until it returns or the client is gone."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def pool_at(
    origin: str, *, patience: float = 10.0, limit: int = 10, trusted: ssl.SSLContext | None = None
) -> AsyncIterator[Pool]:
    pool = Pool(origin, patience=patience, limit=limit, trusted=trusted)
    try:
        yield pool
    finally:
        await pool.aclose()


@asynccontextmanager
async def pool_of(
    handler: Handler, *, patience: float = 10.0, limit: int = 10
) -> AsyncIterator[Pool]:
    async with (
        serving(handler) as port,
        pool_at(f"http://127.0.0.1:{port}", patience=patience, limit=limit) as pool,
    ):
        yield pool


async def get(pool: Pool, method: str = "GET") -> tuple[int, bytes]:
    async with await pool.begin(method, "/a", {"host": "h"}) as response:
        return response.status, await response.read()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# Bodies


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (OK, (200, b"body")),
        (CHUNKED + b"3\r\nbod\r\n1;x=y\r\ny\r\n0\r\n\r\n", (200, b"body")),
        (CHUNKED + b"4\r\nbody\r\n000\r\nX-Sum: 1\r\nX: 2\r\n\r\n", (200, b"body")),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK,
            (200, b"body"),
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", (200, b"until the end")),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n", (404, b"")),
        (b"HTTP/1.1 204 None\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", (200, b"")),
    ],
    ids=range(8),
)
async def test_body_is_whole_however_it_comes(
    reply: bytes, expected: tuple[int, bytes], size: int
) -> None:
    ends = reply.endswith(b"the end")
    async with pool_of(Script(reply, size=size, ends=ends)) as pool:
        assert await get(pool) == expected


async def test_reply_to_a_head_has_no_body() -> None:
    script = Script(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", OK)
    async with pool_of(script) as pool:
        assert await get(pool, "HEAD") == (200, b"")
        assert await get(pool) == (200, b"body")
    assert script.opened == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nxxxxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nxxxxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nxxxxx",
        CHUNKED + b"-5\r\nxxxxx\r\n0\r\n\r\n",
        CHUNKED + b"3\r\nxxxxx\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + bytes(200 << 10),
    ],
    ids=range(11),
)
async def test_what_is_no_reply_is_an_error_and_ends_the_connection(reply: bytes) -> None:
    script = Script(reply, OK)
    async with pool_of(script) as pool:
        with pytest.raises(ConnectionError):
            await get(pool)
        assert await get(pool) == (200, b"body")
    assert script.opened == 2


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        CHUNKED + b"9\r\nhalf",
        CHUNKED + b"4\r\nhalf\r\n",
    ],
    ids=range(5),
)
async def test_reply_that_ends_early_is_an_error(reply: bytes) -> None:
    async with pool_of(Script(reply, ends=True)) as pool:
        with pytest.raises(ConnectionError):
            await get(pool)


@pytest.mark.parametrize("size", [0, 100, LARGE])
async def test_body_is_sent_with_its_length(size: int) -> None:
    script = Script(OK)
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    async with (
        pool_of(script) as pool,
        await pool.begin("PUT", "/a?b=c", {"host": "h", "x-y": "z"}, memoryview(body)) as response,
    ):
        assert await response.read() == b"body"
    assert script.bodies == [body]
    assert script.heads == [
        f"PUT /a?b=c HTTP/1.1\r\nhost: h\r\nx-y: z\r\ncontent-length: {size}\r\n\r\n".encode()
    ]


async def test_line_break_in_a_field_is_refused() -> None:
    async with pool_of(Script(OK)) as pool:
        with pytest.raises(ValueError, match="line break"):
            await pool.begin("GET", "/", {"host": "h", "x": "a\r\nb: c"})


async def test_refusal_is_heard_while_the_body_is_sent() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        await asyncio.sleep(60)

    async with (
        pool_of(refuse) as pool,
        await pool.begin("PUT", "/", {"host": "h"}, memoryview(bytes(4 * LARGE))) as response,
    ):
        assert (response.status, await response.read()) == (403, b"no")


async def test_what_is_not_read_is_not_taken_in() -> None:
    written = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * LARGE))
        for _ in range(8 * LARGE >> 16):
            writer.write(bytes(1 << 16))
            await writer.drain()
            written += 1 << 16
        await asyncio.sleep(60)

    async with pool_of(pour) as pool, await pool.begin("GET", "/", {"host": "h"}) as response:
        await asyncio.sleep(0.3)
        assert written < 2 * LARGE
        left = 8 * LARGE
        while data := await response.piece():
            left -= len(data)
        assert left == 0


# Connections


async def test_host_is_found_by_its_name() -> None:
    async with serving(Script(OK)) as port, pool_at(f"http://localhost:{port}") as pool:
        assert await get(pool) == (200, b"body")


async def test_connection_is_kept_for_the_next_request() -> None:
    script = Script(OK, OK, OK)
    async with pool_of(script) as pool:
        for _ in range(3):
            await get(pool)
    assert script.opened == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        OK + b"more",
    ],
)
async def test_connection_that_is_over_is_not_used_again(reply: bytes) -> None:
    script = Script(reply, OK)
    async with pool_of(script) as pool:
        assert await get(pool) == (200, b"body")
        assert await get(pool) == (200, b"body")
    assert script.opened == 2


async def test_connection_whose_reply_was_left_is_not_used_again() -> None:
    script = Script(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", OK)
    async with pool_of(script) as pool:
        async with await pool.begin("GET", "/", {"host": "h"}) as response:
            assert await response.piece() == b"half"
        assert await get(pool) == (200, b"body")
    assert script.opened == 2


async def test_connection_that_rested_too_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_pool, "_IDLE", 0.0)
    script = Script(OK, OK)
    async with pool_of(script) as pool:
        await get(pool)
        await get(pool)
    assert script.opened == 2


async def test_only_what_is_safe_is_sent_again_where_a_kept_connection_ends() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")  # and ends without an answer

    async with pool_of(once) as pool:
        for method in ("GET", "GET", "GET"):
            assert await get(pool, method) == (200, b"body")
        with pytest.raises(ConnectionError):
            await get(pool, "PUT")


async def test_new_connection_that_ends_is_no_reason_to_try_another() -> None:
    heads: list[bytes] = []

    async def end(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))

    async with pool_of(end) as pool:
        with pytest.raises(ConnectionError):
            await get(pool)
    assert len(heads) == 1


async def test_connection_of_a_cancelled_request_is_ended() -> None:
    ended = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.read()
        ended.set()

    async with pool_of(wait, limit=1) as pool:
        for _ in range(2):  # the second has the place of the first
            ended.clear()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(get(pool), 0.1)
            await asyncio.wait_for(ended.wait(), 5)


async def test_there_are_no_more_connections_than_allowed() -> None:
    script = Script(*[OK] * 20)
    async with pool_of(script, limit=3) as pool:
        await asyncio.gather(*(get(pool) for _ in range(20)))
    assert script.opened <= 3


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("body", [None, memoryview(bytes(4 * LARGE))])
async def test_silence_ends_the_wait(body: memoryview | None) -> None:
    async with pool_of(silence, patience=1.0) as pool:
        with pytest.raises(TimeoutError) as caught:
            await pool.begin("PUT", "/", {"host": "h"}, body)
    assert not isinstance(caught.value, ConnectionError)


async def test_silence_in_a_body_ends_the_wait() -> None:
    script = Script(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    async with pool_of(script, patience=1.0) as pool:
        with pytest.raises(TimeoutError):
            await get(pool)


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", f"http://{'a' * 70}.localhost:1"])
async def test_connection_that_cannot_be_made_is_said(origin: str) -> None:
    async with pool_at(origin) as pool:
        with pytest.raises(NotConnectedError):
            await get(pool)


# TLS, and proxies


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    file = folder / "server.pem"
    file.write_bytes(certificate_for("127.0.0.1"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=file)


async def test_tls_is_spoken_and_certificates_are_checked(tmp_path: Path) -> None:
    tls, trusted = contexts(tmp_path)
    script = Script(OK, OK)
    async with serving(script, tls) as port:
        async with pool_at(f"https://127.0.0.1:{port}", trusted=trusted) as pool:
            assert await get(pool) == (200, b"body")
            assert await get(pool) == (200, b"body")
        async with pool_at(f"https://127.0.0.1:{port}") as pool:
            with pytest.raises(NotConnectedError) as caught:
                await get(pool)
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert script.opened == 1


async def test_handshake_that_does_not_end_is_no_connection(tmp_path: Path) -> None:
    _, trusted = contexts(tmp_path)
    async with (
        serving(silence) as port,
        pool_at(f"https://127.0.0.1:{port}", trusted=trusted, patience=0.2) as pool,
    ):
        with pytest.raises(NotConnectedError):
            await get(pool)


async def test_proxy_is_asked_for_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(OK)
    async with serving(script) as port:
        monkeypatch.setenv("http_proxy", f"user:p%40ss@127.0.0.1:{port}")
        async with pool_at("http://files.test:9000") as pool:
            assert await get(pool) == (200, b"body")
    [head] = script.heads
    said = base64.b64encode(b"user:p@ss")
    assert head.startswith(b"GET http://files.test:9000/a HTTP/1.1\r\nhost: h\r\n")
    assert b"\r\nproxy-authorization: Basic %b\r\n" % said in head


async def test_hosts_without_proxy_are_reached_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with pool_of(Script(OK)) as pool:
        assert await get(pool) == (200, b"body")


class Tunnel:
    """Be a proxy that connects, or says that it doesn't."""

    def __init__(self, status: int) -> None:
        self.asked: list[bytes] = []
        self._status = status

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        writer.write(b"HTTP/1.1 %d Said\r\n\r\n" % self._status)
        if self._status != 200:
            return
        host, port = head.split(b" ")[1].decode().split(":")
        there, back = await asyncio.open_connection(host, int(port))
        try:
            await asyncio.gather(_pass(reader, back), _pass(there, writer))
        finally:
            back.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()


async def test_tls_goes_through_a_proxys_tunnel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, trusted = contexts(tmp_path)
    script, tunnel = Script(OK, OK), Tunnel(200)
    async with serving(script, tls) as port, serving(tunnel) as proxy:
        monkeypatch.setenv("https_proxy", f"http://u:p@127.0.0.1:{proxy}")
        async with pool_at(f"https://127.0.0.1:{port}", trusted=trusted) as pool:
            assert await get(pool) == (200, b"body")
            assert await get(pool) == (200, b"body")
    [asked] = tunnel.asked
    assert asked.startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % port)
    assert b"proxy-authorization: Basic dTpw\r\n" in asked
    assert not any(b"proxy" in head for head in script.heads)


async def test_proxy_that_refuses_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(Tunnel(407)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy}")
        async with pool_at("https://127.0.0.1:1") as pool:
            with pytest.raises(NotConnectedError):
                await get(pool)


async def test_reply_is_closed_twice_in_vain() -> None:
    script = Script(OK, OK)
    async with pool_of(script, limit=1) as pool:
        response = await pool.begin("GET", "/", {"host": "h"})
        await response.read()
        response.close()
        response.close()
        assert await get(pool) == (200, b"body")
    assert script.opened == 1
