"""Take uploads by the XML interface of Google Cloud Storage, which fake-gcs-server has not.

It has no PUT, so that one is handed on as an upload by the JSON interface, its condition and
attributes too. It answers 500 where a bucket is missing, and gives any version that is there
whatever was asked for. Everything else goes through as it is.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import urllib.error
import urllib.request
from multiprocessing.connection import Connection
from urllib.parse import unquote, urlencode, urlsplit

from openviper.storage.testing.proxy import Exchange, FaultProxy

__all__ = ["begin_front"]

_FIELDS = {
    "Content-Type": "contentType",
    "Cache-Control": "cacheControl",
    "Content-Disposition": "contentDisposition",
    "Content-Encoding": "contentEncoding",
}
_META = "x-goog-meta-"
_BOUNDARY = "between-the-parts-of-an-upload"


def begin_front(server: str) -> str:
    """Listen, in a process that ends with this one; return the address to use instead."""
    process = multiprocessing.get_context("spawn")
    told, tells = process.Pipe(duplex=False)
    process.Process(target=_run, args=(server, tells), daemon=True).start()
    url: str = told.recv()
    return url


def _run(server: str, tells: Connection) -> None:
    asyncio.run(_listen(server, tells))


async def _listen(server: str, tells: Connection) -> None:
    async with FaultProxy(server) as proxy:
        proxy.inject(lambda exchange: _serve(server, exchange), times=None)
        tells.send(proxy.url)
        await asyncio.get_running_loop().create_future()


async def _serve(server: str, exchange: Exchange) -> None:
    if exchange.request.method == "PUT":
        return await _upload(server, exchange)
    # The server has this interface only under its own name.
    exchange.request = exchange.request.having("Host", urlsplit(server).netloc)
    version = exchange.request.get("If-Match")
    async with exchange.sent() as reply:
        is_other = version != "" and reply.head.get("ETag") not in ("", version)
        if reply.head.status != 500 and not is_other:
            return await exchange.relay(reply)
        body = await reply.read()
    if is_other:
        return await exchange.answer(412)
    return await exchange.answer(404 if b"no bucket named" in body else 500, body)


async def _upload(server: str, exchange: Exchange) -> None:
    bucket, _, key = exchange.request.target.removeprefix("/").partition("/")
    asked = {"uploadType": "multipart", "name": unquote(key)}
    if generation := exchange.request.get("x-goog-if-generation-match"):
        asked["ifGenerationMatch"] = generation
    request = urllib.request.Request(
        f"{server}/upload/storage/v1/b/{unquote(bucket)}/o?{urlencode(asked)}",
        data=_parts(exchange, await exchange.read()),
        headers={"Content-Type": f"multipart/related; boundary={_BOUNDARY}"},
    )
    status, body = await asyncio.to_thread(_answered, request)
    if status != 200:
        return await exchange.answer(status, body)
    said = json.loads(body)
    there = {"ETag": f'"{said["etag"]}"', "x-goog-generation": said["generation"]}
    return await exchange.answer(200, headers=there)


def _parts(exchange: Exchange, body: bytes) -> bytes:
    fields = exchange.request.fields
    kept = {
        "metadata": {k[len(_META) :]: v for k, v in fields if k.lower().startswith(_META)},
        **{field: exchange.request.get(name) for name, field in _FIELDS.items()},
    }
    resource = json.dumps({name: value for name, value in kept.items() if value})
    head = (
        f"--{_BOUNDARY}\r\nContent-Type: application/json\r\n\r\n{resource}\r\n"
        f"--{_BOUNDARY}\r\nContent-Type: {kept['contentType']}\r\n\r\n"
    )
    return head.encode() + body + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _answered(request: urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
