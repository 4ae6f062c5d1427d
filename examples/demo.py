"""Store real files on a disk, S3, GCS and Azure with the same lines: `make demo`.

The servers are real ones on this machine (`servers/`); what can't be had is named, and the
filesystem runs all the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import struct
import sys
import tempfile
import threading
import time
import urllib.request
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from examples.meter import Bar, Memory, table
from openviper.conf import settings
from openviper.storage import StorageError, default_storage, storages
from servers import Server, ServerUnavailable, create_gcs_bucket, start
from servers.buckets import create_azure_container, create_s3_bucket

STREAM_BYTES = 200_000_000
BLOCK = 256 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Hold what the demo stored once, and how it went."""

    name: str
    sha256: str
    seconds: float
    peak: int


async def store_everything(bar: Bar) -> list[Stored]:
    """Save a text twice, an image and a stream: nothing here knows where they go."""
    text = Path(__file__).parents[1] / "LICENSE"
    results = []
    for name, content in (
        ("documents/licence.txt", text),
        ("documents/licence.txt", text),  # taken now: it gets a name of its own
        ("images/gradient.png", gradient(256)),
        ("streams/200 MB.bin", noise(STREAM_BYTES)),
    ):
        memory, started = Memory(), time.perf_counter()
        saved = await default_storage.save(name, content, progress=bar.update)
        seconds = time.perf_counter() - started
        results.append(
            Stored(name=saved, sha256=await read_back(saved), seconds=seconds, peak=memory.peak())
        )
    return results


async def read_back(name: str) -> str:
    """Stream a file and return its SHA-256."""
    digest = hashlib.sha256()
    async for chunk in default_storage.stream(name):
        digest.update(chunk)
    return digest.hexdigest()


def gradient(side: int) -> bytes:
    """Return a PNG of red over green."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    rows = b"".join(
        b"\0" + b"".join(bytes((x * 255 // side, y * 255 // side, 96)) for x in range(side))
        for y in range(side)
    )
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


async def noise(size: int) -> AsyncIterator[bytes]:
    """Give bytes without end in sight, as an upload does."""
    block = hashlib.shake_256(b"openviper").digest(BLOCK)
    for position in range(0, size, BLOCK):
        yield block[: min(BLOCK, size - position)]


async def expected() -> dict[str, str]:
    """Return the SHA-256 of what is stored, by the folder that it goes to."""
    digest = hashlib.sha256()
    async for chunk in noise(STREAM_BYTES):
        digest.update(chunk)
    licence = (Path(__file__).parents[1] / "LICENSE").read_bytes()
    return {
        "documents": hashlib.sha256(licence).hexdigest(),
        "images": hashlib.sha256(gradient(256)).hexdigest(),
        "streams": digest.hexdigest(),
    }


async def show(backend: str, hashes: dict[str, str]) -> list[list[str]]:
    """Store everything on the default storage, prove it, and return rows of the table."""
    with Bar(backend, STREAM_BYTES) as bar:
        stored = await store_everything(bar)
    first, second = stored[0].name, stored[1].name
    assert first != second, f"one name for two files: {first}"
    rows = []
    for one in stored:
        assert one.sha256 == hashes[one.name.partition("/")[0]], f"{one.name} came back changed"
        size = await default_storage.size(one.name)
        speed = f"{size / one.seconds / 1e6:,.0f}" if size > 1_000_000 else ""
        url, fetched = await fetch(one)
        rows.append([backend, one.name, url, fetched, f"{size:,}", speed, f"{one.peak / 1e6:.0f}"])
    return rows


async def fetch(stored: Stored) -> tuple[str, str]:
    """GET a file by its URL, signed where the service signs, and return URL and verdict."""
    url = default_storage.url(stored.name)
    signs = default_storage.capabilities.signed_get == "native"
    address = await default_storage.signed_url(stored.name) if signs else url
    found = await asyncio.to_thread(sha256_of, address)
    assert found == stored.sha256, f"{url} served something else"
    return url, "signed" if signs else "plain"


def sha256_of(url: str) -> str:
    """Return the SHA-256 of what a URL gives."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=60) as reply:  # noqa: S310 - of our own servers
        while block := reply.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def web_server(folder: str) -> Iterator[str]:
    """Serve a folder as a web server would serve MEDIA_ROOT, and give its address."""
    handler = partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files and say nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's word
        """Keep the table clean."""


def options_for(server: Server) -> dict[str, Any]:
    """Return the STORAGES entry that reaches a server, its bucket made."""
    if server.name == "gcs":
        options = {"bucket": create_gcs_bucket(server, "demo"), "api_root": server.url}
        return {"BACKEND": "gcs", "OPTIONS": options}
    if server.name == "azurite":
        container = create_azure_container(server, "demo")
        text = server.credentials["connection_string"]
        return {"BACKEND": "azure", "OPTIONS": {"container": container, "connection_string": text}}
    options = {"bucket": create_s3_bucket(server, "demo"), "endpoint_url": server.url}
    return {"BACKEND": "s3", "OPTIONS": {**options, **server.credentials}}


def reach(stack: ExitStack) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Start the servers and return the STORAGES there are, and why others are not."""
    found: dict[str, dict[str, Any]] = {}
    missing = []
    for alias, kind in (("s3", "versitygw"), ("gcs", "gcs"), ("azure", "azurite")):
        try:
            running = start(kind)
        except ServerUnavailable as error:
            missing.append(f"{alias}: {error}")
            continue
        stack.callback(running.stop)
        found[alias] = options_for(running.server)
    return found, missing


async def main() -> None:
    """Run the same lines on every storage that can be had."""
    hashes = await expected()
    rows = []
    failed = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="openviper-demo-"))
        address = stack.enter_context(web_server(folder))
        reachable, missing = reach(stack)
        stack.enter_context(
            settings.override(MEDIA_ROOT=folder, MEDIA_URL=address, STORAGES=reachable)
        )
        for backend in ("filesystem", *reachable):
            with settings.override(DEFAULT_FILE_STORAGE=backend):  # the one thing that changes
                try:
                    rows += await show(backend, hashes)
                except StorageError as error:
                    failed.append(f"{backend}: {error}")
                await storages.aclose()
    heads = ["backend", "name returned", "url", "fetched", "bytes", "MB/s", "peak MB over idle"]
    print(table(heads, rows))
    print("\nEvery file was read back and fetched by its URL; each SHA-256 is that of the source.")
    for line in missing:
        print(f"not available, so not shown: {line}", file=sys.stderr)
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    asyncio.run(main())
