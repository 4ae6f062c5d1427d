"""A proxy before PostgreSQL that breaks a connection around its COMMIT."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from sqlalchemy import URL

__all__ = ["CommitProxy", "Fault", "proxied"]

Fault = Literal["lose COMMIT", "lose its answer", "hold its answer"]


class CommitProxy:
    """Pass everything on but a COMMIT, or its answer, and break that connection.

    The clients speak without encryption, so that a COMMIT is seen. `committed` is set once the
    server has answered one; an answer that is held is lost when `lose` is set.
    """

    def __init__(self, host: str, port: int, fault: Fault) -> None:
        self.committed = asyncio.Event()
        self.lose = asyncio.Event()
        if fault == "lose its answer":
            self.lose.set()
        self._server = (host, port)
        self._fault = fault

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stand between one client and the server until one of them goes, or the fault is due."""
        from_server, to_server = await asyncio.open_connection(*self._server)
        asked = asyncio.Event()
        directions = [
            asyncio.create_task(self._ask(reader, to_server, asked)),
            asyncio.create_task(self._answer(from_server, writer, asked)),
        ]
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        for end in (writer, to_server):
            end.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            if b"COMMIT" in data:
                if self._fault == "lose COMMIT":
                    return
                asked.set()
            writer.write(data)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            if asked.is_set():
                self.committed.set()
                await self.lose.wait()
                return
            writer.write(data)


@asynccontextmanager
async def proxied(address: URL, fault: Fault) -> AsyncIterator[tuple[CommitProxy, URL]]:
    """Run a proxy before a database, and give it with the address to use."""
    proxy = CommitProxy(address.host or "", address.port or 5432, fault)
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        plain = {"ssl" if address.get_driver_name() == "asyncpg" else "sslmode": "disable"}
        yield proxy, address.set(host=host, port=port, query=plain)
