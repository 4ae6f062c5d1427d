"""Send HTTP requests over aiohttp: no wait is endless, and what is sent is never copied whole."""

from __future__ import annotations

import asyncio
import random
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from typing import TypeAlias, TypeVar
from urllib.request import getproxies

import aiohttp
from aiohttp import ClientResponse, ClientTimeout, DummyCookieJar
from yarl import URL

from openviper.storage.driver import NotSentError
from openviper.storage.errors import StorageError, StorageTimeoutError, UnavailableError
from openviper.storage.shield import to_the_end
from openviper.storage.types import Buffer

__all__ = [
    "PIECE",
    "Body",
    "Exchange",
    "Feed",
    "beginning_of",
    "classify",
    "in_pieces",
    "is_passing",
    "new_session",
    "retried",
]

T = TypeVar("T")

PIECE = 256 << 10
"""Bytes handed to the connection at a time: it may copy them. A reply may be twice that ahead."""

_AT_ONCE = 64 << 10
_WORDS = 4096


def new_session(*, connections: int = 100) -> aiohttp.ClientSession:
    """Return a session that leaves replies as they are and has up to so many connections."""
    return aiohttp.ClientSession(
        auto_decompress=False,
        connector=aiohttp.TCPConnector(limit=connections),
        cookie_jar=DummyCookieJar(),
        read_bufsize=PIECE,  # at its own 64 KiB, large replies stop and go a third slower
        # Else it says that even nothing is of some type, which no signature has in it.
        skip_auto_headers=("Content-Type",),
        # Else aiohttp looks in the environment, and for a .netrc, in a thread each time.
        trust_env=bool(getproxies()),
    )


def classify(error: Exception) -> type[StorageError] | None:
    """Return what an exception of aiohttp means; None for one that is not of the connection."""
    if isinstance(error, TimeoutError):
        return StorageTimeoutError
    if isinstance(error, aiohttp.ClientConnectorError):
        return NotSentError
    if isinstance(error, aiohttp.ClientError | ConnectionError):
        return UnavailableError
    return None


def _hide_address(error: aiohttp.ClientOSError) -> None:
    """Take the address, which may be a permission, out of what is said of a broken upload.

    https://github.com/aio-libs/aiohttp/blob/v3.14.5/aiohttp/client_reqrep.py#L1597
    """
    if not isinstance(error, aiohttp.ClientConnectorError):
        error.strerror = "the request's body could not be sent"
        error.args = (error.errno, error.strerror)


def is_passing(error: Exception) -> bool:
    """Tell whether a connection failed in a way that another may not."""
    passing = aiohttp.ClientConnectionError | aiohttp.ClientPayloadError
    return isinstance(error, passing | TimeoutError | ConnectionError)


async def retried(
    attempt: Callable[[], Awaitable[T]],
    *,
    attempts: int,
    longest_pause: float,
    passing: Callable[[Exception], bool],
) -> T:
    """Try until it works, fails for good, or has failed often enough.

    Between two attempts are 0.5 to 1 s after the first, and twice that each time up to
    `longest_pause`. An attempt that may have been carried out is not forgotten for a later one
    that was certainly not: its error is raised.
    """
    doubt: Exception | None = None
    number = 1
    while True:
        try:
            return await attempt()
        except Exception as error:
            if classify(error) is not NotSentError:
                doubt = error
            if not passing(error) or number == attempts:
                if doubt is None or doubt is error:
                    raise
                raise doubt  # noqa: B904 - it came before
        longest = min(2.0 ** (number - 1), longest_pause)
        await asyncio.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        number += 1


class Exchange:
    """Send requests of one session, whose loop is the running one."""

    def __init__(self, session: aiohttp.ClientSession, *, patience: float) -> None:
        """Take the session, and the seconds that each wait for the other side may last."""
        self._session = session
        self._patience = patience
        self._limits = ClientTimeout(total=None, sock_connect=patience, sock_read=patience)

    def body(
        self, buffers: Sequence[Buffer], *, stream: AsyncGenerator[Buffer, None] | None = None
    ) -> AbstractAsyncContextManager[Body]:
        """Give what a request shall send: all of `buffers`, or what comes out of `stream`, once.

        It is good for one request, which must be over before it is left.
        """
        if stream is not None:
            return self._fed(stream, None)
        size = sum(map(len, buffers))
        if size <= _AT_ONCE:
            return nullcontext(b"".join(buffers) if buffers else None)
        return self._fed(in_pieces(buffers, PIECE), size)

    @asynccontextmanager
    async def _fed(
        self, chunks: AsyncGenerator[Buffer, None], size: int | None
    ) -> AsyncIterator[Body]:
        async with asyncio.timeout(None) as patience:
            feed = Feed(chunks, patience, self._patience, size)
            try:
                yield feed
            finally:
                await to_the_end(feed.aclose())

    async def begin(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: Body = None,
        *,
        patience: float | None = None,
    ) -> ClientResponse:
        """Send one request and return the beginning of the reply, which the caller closes.

        `patience` is in seconds, for each wait for the reply.
        """
        if isinstance(body, Feed) and body.size is not None:
            headers = {**headers, "Content-Length": str(body.size)}
        limits = self._limits
        if patience is not None:
            limits = ClientTimeout(total=None, sock_connect=self._patience, sock_read=patience)
        try:
            return await self._session.request(
                method, url, headers=headers, data=body, timeout=limits, allow_redirects=False
            )
        except aiohttp.ClientOSError as error:
            _hide_address(error)
            raise


async def beginning_of(response: ClientResponse) -> bytes:
    """Return the first words of a refusal, and end it, with what is still being sent."""
    try:
        async with response:
            return await response.content.read(_WORDS)
    except aiohttp.ClientOSError as error:
        _hide_address(error)
        raise


class Feed:
    """Give a body to aiohttp piece by piece, and lose patience if nobody takes it."""

    def __init__(
        self,
        chunks: AsyncGenerator[Buffer, None],
        patience: asyncio.Timeout,
        seconds: float,
        size: int | None,
    ) -> None:
        self.size = size
        self._chunks = chunks
        self._patience = patience
        self._seconds = seconds
        self._idle = asyncio.Event()
        self._idle.set()
        self._over = False

    def __aiter__(self) -> AsyncIterator[Buffer]:
        return self

    async def __anext__(self) -> Buffer:
        if self._over:
            raise ConnectionAbortedError("nobody waits for the answer")
        self._patience.reschedule(None)  # the source may take its time
        self._idle.clear()
        try:
            chunk = await anext(self._chunks)
        finally:
            self._idle.set()
        if not self._over:
            self._patience.reschedule(asyncio.get_running_loop().time() + self._seconds)
        return chunk

    async def aclose(self) -> None:
        """Close the source, once nobody is in it."""
        self._over = True
        await self._idle.wait()
        await self._chunks.aclose()


Body: TypeAlias = bytes | Feed | None
"""What a request may send."""


async def in_pieces(
    buffers: AsyncIterator[memoryview] | Sequence[Buffer], size: int
) -> AsyncGenerator[memoryview, None]:
    """Cut what is longer than `size`."""
    async with aclosing(_each(buffers)) as each:
        async for view in each:
            for position in range(0, len(view), size):
                yield view[position : position + size]


async def _each(
    buffers: AsyncIterator[memoryview] | Sequence[Buffer],
) -> AsyncGenerator[memoryview, None]:
    if isinstance(buffers, Sequence):
        for buffer in buffers:
            yield memoryview(buffer)
        return
    try:
        async for buffer in buffers:
            yield buffer
    finally:
        if isinstance(buffers, AsyncGenerator):
            await buffers.aclose()
