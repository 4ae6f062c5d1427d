"""The kit's proxy: what passes is as it was, and a fault is what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from openviper.storage.testing import faults
from openviper.storage.testing.proxy import Exchange, Fault, FaultProxy

MIB = 1 << 20
HELLO = b"hello from the server " * 1000


class Server:
    """Do what the path says, and keep note of what came."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.first_piece = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return await getattr(self, request.path[1:])(request)  # type: ignore[no-any-return]

    async def echo(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.Response(body=self.bodies[-1], headers={"X-Path": request.raw_path})

    async def hello(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.Response(body=HELLO)

    async def chunked(self, request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        reply.enable_chunked_encoding()
        await reply.prepare(request)
        async for piece in request.content.iter_any():
            await reply.write(piece)
        await reply.write_eof()
        return reply

    async def endless(self, request: web.Request) -> web.Response:
        await request.content.readany()
        self.first_piece.set()
        return web.Response(status=403)

    async def elsewhere(self, request: web.Request) -> web.Response:
        return web.Response(headers={"Location": f"http://{request.headers['At']}/echo"})


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def url(server: Server) -> AsyncIterator[str]:
    app = web.Application(client_max_size=64 * MIB)
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "http://{}:{}".format(*runner.addresses[0])
    await runner.cleanup()


@pytest.fixture
async def proxy(url: str) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(url) as proxy:
        yield proxy


@pytest.fixture
async def session(proxy: FaultProxy) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(proxy.url) as session:
        yield session


async def pieces(number: int) -> AsyncIterator[bytes]:
    for count in range(number):
        yield bytes([count]) * MIB


@asynccontextmanager
async def connected(
    proxy: FaultProxy,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
    yield reader, writer
    writer.close()
    await writer.wait_closed()


async def test_what_passes_is_as_it_was(
    proxy: FaultProxy, session: aiohttp.ClientSession, server: Server
) -> None:
    async with session.post(URL("/echo?a=%2F&b", encoded=True), data=b"body") as reply:
        assert (reply.status, await reply.read()) == (200, b"body")
        assert reply.headers["X-Path"] == "/echo?a=%2F&b"
    async with session.put("/chunked", data=pieces(5)) as reply:
        assert await reply.read() == b"".join([piece async for piece in pieces(5)])
    async with session.head("/hello") as reply:
        assert reply.headers["Content-Length"] == str(len(HELLO))
    assert [request.method for request in proxy.requests] == ["POST", "PUT", "HEAD"]
    assert proxy.requests[0].target == "/echo?a=%2F&b"
    assert proxy.requests[0].get("content-LENGTH") == "4"


async def test_connections_are_kept(proxy: FaultProxy) -> None:
    async with connected(proxy) as (reader, writer):
        for body in (b"one", b"", b"three"):
            head = f"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            said = await reader.readuntil(b"\r\n\r\n")
            assert said.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len(body)) == body


async def test_client_that_waits_for_100_is_told_to_go_on(proxy: FaultProxy) -> None:
    head = b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    for fault in (None, faults.answer(503)):
        if fault is not None:
            proxy.inject(fault)
        async with connected(proxy) as (reader, writer):
            writer.write(head)
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"body")
            assert (await reader.readline()).split()[1] == (b"503" if fault else b"200")


async def test_bodies_are_not_gathered(
    proxy: FaultProxy, session: aiohttp.ClientSession, server: Server
) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"first"
        await server.first_piece.wait()  # for ever, if the proxy waited for the whole of it
        yield b"last"

    async with session.put("/endless", data=source()) as reply:
        assert reply.status == 403


async def test_address_of_the_server_in_a_reply_becomes_the_proxys(
    proxy: FaultProxy, session: aiohttp.ClientSession, url: str
) -> None:
    headers = {"At": url.removeprefix("http://")}
    async with session.get("/elsewhere", headers=headers, allow_redirects=False) as reply:
        assert reply.headers["Location"] == f"{proxy.url}/echo"


async def test_fault_is_for_the_nth_that_matches(
    proxy: FaultProxy, session: aiohttp.ClientSession
) -> None:
    injection = proxy.inject(
        faults.answer(418), when=lambda request: request.method == "PUT", nth=2, times=2
    )
    statuses = []
    for method in ("PUT", "GET", "PUT", "GET", "PUT", "PUT"):
        async with session.request(method, "/echo") as reply:
            statuses.append(reply.status)
    assert statuses == [200, 200, 418, 200, 418, 200]
    assert injection.fired == 2
    proxy.clear()
    assert proxy.requests == []


async def test_answer_is_what_was_given(
    proxy: FaultProxy, session: aiohttp.ClientSession, server: Server
) -> None:
    proxy.inject(faults.answer(507, b"full", {"X-Code": "1"}), times=None)
    for _ in range(2):
        async with session.put("/echo", data=b"body") as reply:
            assert (reply.status, await reply.read(), reply.headers["X-Code"]) == (
                507,
                b"full",
                "1",
            )
    assert server.bodies == []


@pytest.mark.parametrize(
    ("fault", "arrives"),
    [
        (faults.reset, False),
        (faults.reset_in_request, False),
        (faults.lose_reply, True),
        (faults.cut_reply, True),
        (faults.reset_in_reply, True),
    ],
)
async def test_broken_connection_is_seen_as_one(
    proxy: FaultProxy,
    session: aiohttp.ClientSession,
    server: Server,
    fault: Fault,
    arrives: bool,
) -> None:
    proxy.inject(fault, times=None)
    for method in ("PUT", "HEAD"):
        with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)):
            async with session.request(method, "/hello", data=bytes(MIB)) as reply:
                await reply.read()
    proxy.clear()
    assert bool(server.bodies) is arrives
    async with session.get("/hello") as reply:
        assert await reply.read() == HELLO


async def test_reply_that_is_cut_has_its_right_length(proxy: FaultProxy) -> None:
    proxy.inject(faults.cut_reply)
    async with connected(proxy) as (reader, writer):
        writer.write(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert f"Content-Length: {len(HELLO)}\r\n".encode() in head
        assert await reader.read() == HELLO[: len(HELLO) // 2]


@pytest.mark.parametrize(("fault", "arrives"), [(faults.hold_reply, 1), (faults.say_nothing, 0)])
async def test_client_that_is_not_answered_gives_up(
    proxy: FaultProxy, session: aiohttp.ClientSession, server: Server, fault: Fault, arrives: int
) -> None:
    proxy.inject(fault)
    with pytest.raises(TimeoutError):
        await session.put("/hello", data=b"x", timeout=aiohttp.ClientTimeout(total=0.3))
    assert len(server.bodies) == arrives


async def test_slow_reply_is_a_whole_one(proxy: FaultProxy, session: aiohttp.ClientSession) -> None:
    proxy.inject(faults.drip, times=None)
    async with session.get("/hello") as reply:
        assert await reply.read() == HELLO
    async with session.put("/chunked", data=b"chunks") as reply:
        assert await reply.read() == b"chunks"


async def test_fault_may_be_any_function(proxy: FaultProxy, session: aiohttp.ClientSession) -> None:
    async def say_what_was_sent(exchange: Exchange) -> None:
        await exchange.answer(201, (await exchange.read())[::-1])

    proxy.inject(say_what_was_sent)
    async with session.put("/echo", data=b"abc") as reply:
        assert (reply.status, await reply.read()) == (201, b"cba")


async def test_connections_are_refused_when_it_is_said(
    proxy: FaultProxy, session: aiohttp.ClientSession
) -> None:
    proxy.refuse_connections()
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get("/echo")


async def test_server_that_is_not_there_is_a_closed_connection() -> None:
    async with FaultProxy("http://127.0.0.1:1") as proxy, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.get(proxy.url)


@pytest.mark.parametrize("address", ["https://127.0.0.1:1", "http://127.0.0.1", "127.0.0.1:1"])
def test_only_addresses_of_http_servers_are_taken(address: str) -> None:
    with pytest.raises(ValueError, match="http://host:port"):
        FaultProxy(address)
