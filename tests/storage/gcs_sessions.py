"""Upload sessions of Google Cloud Storage by the book, which no emulator has, and with faults."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from openviper.storage.testing.proxy import Exchange

__all__ = ["Sessions", "resource"]

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


def resource(name: str, data: bytes, metadata: object = None) -> bytes:
    """Return what the JSON interface says of an object."""
    updated = "2026-01-02T03:04:05.678Z"
    said = {"name": name, "size": str(len(data)), "generation": "7", "updated": updated}
    return json.dumps({**said, "metadata": metadata or {}}).encode()


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

    async def answer(self, exchange: Exchange) -> None:
        """Be the service."""
        method = exchange.request.method
        if method == "POST":
            self.metadata = json.loads(await exchange.read())["metadata"]
            address = f"http://{exchange.request.get('Host')}/session?upload_id=secret"
            await exchange.answer(200, headers={"Location": address})
        elif method == "GET":
            await self._found(exchange)
        elif method == "DELETE":
            self.cancelled += 1
            await exchange.answer(499)
        else:
            await self._part(exchange)

    async def _part(self, exchange: Exchange) -> None:
        asked = exchange.request.get("Content-Range")
        self.log.append(asked)
        body = await exchange.read()
        found = _CONTENT_RANGE.fullmatch(asked)
        assert found is not None
        fault = self.faults.pop(0) if body and self.faults else None
        if isinstance(fault, int):
            return await exchange.answer(fault)
        if body:
            assert int(found[1]) == len(self.kept)
            assert int(found[2]) + 1 == len(self.kept) + len(body)
        kept = {"half": len(body) // 2, "none": 0, "reset": 0}.get(fault or "", len(body))
        self.kept += body[:kept]
        if found[3] == str(len(self.kept)):
            self.stored = bytes(self.kept)
        if fault in ("lost", "reset"):
            return exchange.reset()
        return await exchange.answer(*self._state())

    def _state(self) -> tuple[int, bytes, Mapping[str, str]]:
        if self.stored is not None:
            return 200, resource("big", self.stored, self.metadata), {}
        return 308, b"", {"Range": f"bytes=0-{len(self.kept) - 1}"} if self.kept else {}

    async def _found(self, exchange: Exchange) -> None:
        if exchange.request.target.partition("?")[0].endswith("/o"):
            await exchange.answer(200, b'{"kind": "storage#objects"}')
        elif self.stored is None:
            await exchange.answer(404)
        else:
            await exchange.answer(200, resource("big", self.stored, self.metadata))
