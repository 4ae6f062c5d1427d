"""Services on 127.0.0.1 that fail the way Google Cloud Storage can, which no emulator does."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

__all__ = ["Lossy", "Sessions", "answering", "serving"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_HOP = frozenset({"connection", "content-length", "transfer-encoding", "date"})


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Serve every path by `handler` and give the address."""
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
        # A client that gave up in the middle of a body only now sees its connection end.
        await asyncio.sleep(0.05)


def answering(statuses: Iterator[int], asked: list[web.Request] | None = None) -> Handler:
    """Answer with one status after the other, and with the resource of an object."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if asked is not None:
            asked.append(request)
        await request.read()
        return web.json_response(resource("a", b""), status=next(statuses))

    return handler


def resource(name: str, data: bytes, metadata: object = None) -> dict[str, object]:
    """Return what the JSON interface says of an object."""
    updated = "2026-01-02T03:04:05.678Z"
    said = {"name": name, "size": str(len(data)), "generation": "7", "updated": updated}
    return {**said, "metadata": metadata or {}}


def hang_up(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@dataclass
class Lossy:
    """Lose the first answers to requests of one method, or refuse those requests; pass the rest."""

    upstream: str
    method: str
    losses: int
    status: int | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.method == self.method and self.losses and self.status:
            self.losses -= 1
            return web.Response(status=self.status)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        url = URL(f"{self.upstream}{request.raw_path}", encoded=True)
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, headers=headers, data=io.BytesIO(body)) as reply,
        ):
            content = await reply.read()
        if request.method == self.method and self.losses:
            self.losses -= 1
            return hang_up(request)
        return web.Response(status=reply.status, body=content, content_type="application/json")


@dataclass
class Sessions:
    """Take uploads in sessions by the book, but for what `faults` says of each part.

    https://cloud.google.com/storage/docs/performing-resumable-uploads
    A fault is "lost" (kept, no answer), "reset" (not kept, no answer), "half" (half of it
    kept), "none" (nothing of it kept) or a status.
    """

    faults: list[str | int | None] = field(default_factory=list)
    stored: bytes | None = None
    cancelled: int = 0
    log: list[str] = field(default_factory=list)
    kept: bytearray = field(default_factory=bytearray)
    metadata: object = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            self.metadata = json.loads(await request.read())["metadata"]
            session = request.url.with_query(upload_id="secret")
            return web.Response(headers={"Location": str(session)})
        if request.method == "GET":
            return self._found(request.path)
        if request.method == "DELETE":
            self.cancelled += 1
            return web.Response(status=499)
        return await self._part(request)

    async def _part(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers["Content-Range"]
        self.log.append(asked)
        body = await request.read()
        found = _CONTENT_RANGE.fullmatch(asked)
        assert found is not None
        fault = self.faults.pop(0) if body and self.faults else None
        if isinstance(fault, int):
            return web.Response(status=fault)
        if body:
            assert int(found[1]) == len(self.kept)
            assert int(found[2]) + 1 == len(self.kept) + len(body)
        kept = {"half": len(body) // 2, "none": 0, "reset": 0}.get(fault or "", len(body))
        self.kept += body[:kept]
        if found[3] == str(len(self.kept)):
            self.stored = bytes(self.kept)
        return hang_up(request) if fault in ("lost", "reset") else self._state()

    def _state(self) -> web.Response:
        if self.stored is not None:
            return web.json_response(resource("big", self.stored, self.metadata))
        arrived = {"Range": f"bytes=0-{len(self.kept) - 1}"} if self.kept else {}
        return web.Response(status=308, headers=arrived)

    def _found(self, path: str) -> web.Response:
        if path.endswith("/o"):
            return web.json_response({})
        if self.stored is None:
            return web.Response(status=404)
        return web.json_response(resource("big", self.stored, self.metadata))


async def never(request: web.Request) -> web.StreamResponse:
    """Take a request and say nothing."""
    await asyncio.sleep(60)
    return web.Response()
