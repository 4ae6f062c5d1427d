"""Services on 127.0.0.1 that fail the way Azure can, which Azurite does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

__all__ = ["Copying", "Lossy", "Stopping", "answering", "not_reading", "serving", "silent"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HOP = frozenset({"connection", "content-length", "host", "transfer-encoding"})
_SAID = {"ETag": '"0x1"', "Last-Modified": "Wed, 25 Nov 2026 10:00:00 GMT"}


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Serve every path by `handler` and give the address of an account."""
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}/devstoreaccount1"
    finally:
        await runner.cleanup()


def answering(status: int, code: str | None, asked: list[str] | None = None) -> Handler:
    """Answer everything with one error, or with a success that says little."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if asked is not None:
            asked.append(request.method)
        await request.read()
        headers = {**_SAID, **({"x-ms-error-code": code} if code else {})}
        return web.Response(status=status, headers=headers)

    return handler


async def silent(request: web.Request) -> web.StreamResponse:
    """Take a request and say nothing."""
    await request.read()
    await asyncio.sleep(60)
    return web.Response()


async def not_reading(request: web.Request) -> web.StreamResponse:
    """Let a body stand in its socket."""
    await asyncio.sleep(60)
    return web.Response()


@dataclass
class Lossy:
    """Pass requests on to Azurite, and lose the first replies to those of one method."""

    upstream: str
    method: str
    losses: int
    status: int | None = None
    """What is said instead of the reply; None hangs up."""
    query: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        url = URL(f"{self.upstream}{request.raw_path}", encoded=True)
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, url, headers=headers, data=await request.read()
            ) as reply,
        ):
            content = await reply.read()
        if request.method == self.method and self.query in request.raw_path and self.losses:
            self.losses -= 1
            if self.status is not None:
                return web.Response(status=self.status)
            return _hang_up(request)
        dropped = _HOP - {"content-length"} if request.method == "HEAD" else _HOP
        kept = {k: v for k, v in reply.headers.items() if k.lower() not in dropped}
        return web.Response(status=reply.status, body=content, headers=kept)


@dataclass
class Stopping:
    """Serve one blob of `size` bytes, and break the first replies off in the middle."""

    size: int
    breaks: int
    ranges: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers["x-ms-range"]
        self.ranges.append(asked)
        start, end = (int(n) for n in asked.removeprefix("bytes=").split("-"))
        end = min(end, self.size - 1)
        reply = web.StreamResponse(
            status=206,
            headers={
                **_SAID,
                "Content-Length": str(end + 1 - start),
                "Content-Range": f"bytes {start}-{end}/{self.size}",
                "x-ms-blob-type": "BlockBlob",
            },
        )
        await reply.prepare(request)
        await reply.write(b"x" * ((end + 1 - start) // 2))
        if self.breaks:
            self.breaks -= 1
            assert request.transport is not None
            request.transport.close()
            return reply
        await reply.write(b"x" * (end + 1 - start - (end + 1 - start) // 2))
        return reply


@dataclass
class Copying:
    """Hold a source, and copy it slowly: each look at the copy takes the next of `states`."""

    states: list[str]
    aborted: int = 0
    deleted: str | None = None
    asked: Mapping[str, str] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        said = {**_SAID, "x-ms-blob-type": "BlockBlob", "Content-Type": "text/plain"}
        if request.method == "HEAD" and request.path.endswith("/src"):
            return web.Response(headers={**said, "Content-Length": "7"})
        if request.method == "HEAD":
            state = self.states[0] if len(self.states) == 1 else self.states.pop(0)
            told = {"x-ms-copy-id": "c1", "x-ms-copy-status": state, "Content-Length": "7"}
            return web.Response(headers={**said, **told})
        if request.query.get("comp") == "copy":
            self.aborted += 1
            self.states = ["aborted"]
            return web.Response(status=204)
        if request.method == "DELETE":
            self.deleted = request.headers["If-Match"]
            return web.Response(status=202)
        self.asked = dict(request.headers)
        pending = {"x-ms-copy-id": "c1", "x-ms-copy-status": "pending"}
        return web.Response(status=202, headers={**said, **pending})


def _hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
