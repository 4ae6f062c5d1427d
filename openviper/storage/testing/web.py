"""Ask a server over HTTP as anybody would: no SDK, no credentials."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Answer", "ask"]

SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold what a server answered."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


async def ask(
    url: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send exactly this request and return the answer, whatever its status."""
    return await asyncio.to_thread(_ask, url, method, body, dict(headers or {}))


def _ask(url: str, method: str, body: bytes | None, headers: dict[str, str]) -> Answer:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        # Not urllib.request: it adds a content type of its own to what has a body.
        connection.request(method, f"{parts.path}?{parts.query}", body, headers)
        reply = connection.getresponse()
        return Answer(
            status=reply.status,
            headers={name.lower(): value for name, value in reply.getheaders()},
            body=reply.read(),
        )
    finally:
        connection.close()
