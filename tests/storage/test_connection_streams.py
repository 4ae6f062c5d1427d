"""Bodies of unknown length, over connections that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from openviper.storage.backends.http_pool import Pool
from openviper.storage.testing.proxy import Exchange, FaultProxy

NOWHERE = "http://127.0.0.1:1"
LARGE = bytes(range(256)) * 3000


async def chunks_of(*chunks: bytes) -> AsyncGenerator[memoryview, None]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield memoryview(chunk)


async def without_end(given: list[int]) -> AsyncGenerator[memoryview, None]:
    while True:
        given.append(1)
        yield memoryview(LARGE)
        await asyncio.sleep(0)


async def refuse(exchange: Exchange) -> None:
    """Answer before the body is read, and let the client find out."""
    exchange._writer.write(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
    await exchange.client_gone()


@pytest.mark.parametrize(
    "chunks", [(), (b"",), (b"a", b"", b"bc"), (LARGE,), (b"x", LARGE, LARGE, b"y")]
)
async def test_a_stream_arrives_whole_and_its_connection_is_kept(chunks: tuple[bytes, ...]) -> None:
    arrived: list[bytes] = []

    async def keep(exchange: Exchange) -> None:
        arrived.append(await exchange.read())
        await exchange.answer(200, b"kept")

    async with FaultProxy(NOWHERE) as proxy:
        proxy.inject(keep, times=None)
        pool = Pool(proxy.url, patience=10, limit=1)
        for _ in range(2):
            async with (
                aclosing(chunks_of(*chunks)) as stream,
                await pool.begin("POST", "/", {"host": "h"}, stream=stream) as response,
            ):
                assert await response.read() == b"kept"
        await pool.aclose()
        assert len(proxy._connections) <= 1
    assert arrived == [b"".join(chunks)] * 2


async def test_a_stream_that_is_refused_is_not_read_to_its_end() -> None:
    given: list[int] = []
    async with FaultProxy(NOWHERE) as proxy:
        proxy.inject(refuse)
        pool = Pool(proxy.url, patience=10, limit=1)
        async with (
            aclosing(without_end(given)) as stream,
            await pool.begin("POST", "/", {"host": "h"}, stream=stream) as response,
        ):
            assert response.status == 413
        await pool.aclose()
    assert given


async def test_a_stream_that_breaks_ends_its_request() -> None:
    ended = asyncio.Event()

    async def breaking() -> AsyncGenerator[memoryview, None]:
        yield memoryview(b"begun")
        raise LookupError("the source")

    async def take(exchange: Exchange) -> None:
        try:
            await exchange.read()
        finally:
            ended.set()

    async with FaultProxy(NOWHERE) as proxy:
        proxy.inject(take)
        pool = Pool(proxy.url, patience=10, limit=1)
        async with aclosing(breaking()) as stream:
            with pytest.raises(LookupError, match="the source"):
                await pool.begin("POST", "/", {"host": "h"}, stream=stream)
        async with asyncio.timeout(10):
            await ended.wait()
        await pool.aclose()


async def test_a_request_may_have_a_patience_of_its_own() -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.5)
        await exchange.answer(204)

    async with FaultProxy(NOWHERE) as proxy:
        proxy.inject(slow, times=None)
        pool = Pool(proxy.url, patience=0.1, limit=1)
        async with await pool.begin("PUT", "/", {"host": "h"}, patience=60) as response:
            assert response.status == 204
        with pytest.raises(TimeoutError):
            await pool.begin("PUT", "/", {"host": "h"})
        await pool.aclose()
