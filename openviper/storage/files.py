"""Files that are open: a reader over ranges, a writer that commits when its block ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from openviper.storage.content import as_bytes_view
from openviper.storage.errors import UnavailableError
from openviper.storage.shield import to_the_end
from openviper.storage.types import Buffer, FileInfo

__all__ = ["StorageReader", "StorageWriter", "writing"]

_CHUNK = 65536


class StorageReader:
    """Read one version of a stored file, from any position."""

    def __init__(
        self,
        fetch: Callable[[int], AbstractAsyncContextManager[AsyncIterator[bytes]]],
        *,
        size: int,
    ) -> None:
        self._fetch = fetch
        self._size = size
        self._position = 0
        self._open = AsyncExitStack()
        self._chunks: AsyncIterator[bytes] | None = None
        self._rest = memoryview(b"")

    async def read(self, n: int = -1) -> bytes:
        """Return the next `n` bytes, or all that is left; fewer only at the end.

        Where it fails or is cancelled, the position is as before, and it may be tried again.
        """
        start = self._position
        left = max(0, self._size - start)
        wanted = left if n < 0 else min(n, left)
        content = bytearray()
        try:
            while len(content) < wanted:
                content += await self._next(wanted - len(content))
        except BaseException:
            self._position = start
            await to_the_end(self._drop())
            raise
        return bytes(content)

    async def readinto(self, b: bytearray | memoryview) -> int:
        """Fill a buffer with the next bytes and return their number, 0 at the end."""
        view = memoryview(b).cast("B")
        block = await self.read(len(view))
        view[: len(block)] = block
        return len(block)

    async def seek(self, pos: int, whence: int = 0) -> int:
        """Move to a position from the start (0), from here (1) or from the end (2)."""
        if whence not in (0, 1, 2):
            raise ValueError(f"whence is 0, 1 or 2, not {whence!r}")
        target = pos + (0, self._position, self._size)[whence]
        if target < 0:
            raise ValueError("can't seek to before the start")
        if target != self._position:
            await self._drop()
            self._position = target
        return target

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._position

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while block := await self.read(_CHUNK):
            yield block

    async def aclose(self) -> None:
        """Release the connection or the file behind."""
        await self._drop()

    async def _next(self, most: int) -> memoryview:
        if not self._rest:
            if self._chunks is None:
                self._chunks = await self._open.enter_async_context(self._fetch(self._position))
            self._rest = memoryview(await anext(self._chunks, b""))
            if not self._rest:
                raise UnavailableError("the file ended before its size; open it again")
        taken, self._rest = self._rest[:most], self._rest[most:]
        self._position += len(taken)
        return taken

    async def _drop(self) -> None:
        self._chunks, self._rest = None, memoryview(b"")
        await self._open.aclose()


class StorageWriter:
    """Take bytes for a file that becomes visible, whole, when its block ends."""

    def __init__(self) -> None:
        self.info: FileInfo | None = None
        """What was stored, once the block has ended."""
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=1)
        self._storing: asyncio.Future[FileInfo] | None = None

    async def write(self, data: Buffer) -> int:
        """Take the next bytes and return their number; wait while the storage is behind."""
        view = as_bytes_view(data)
        await self._hand_over(data if isinstance(data, bytes) else bytes(view))
        return len(view)

    def start(self, storing: asyncio.Future[FileInfo]) -> None:
        """Watch the task that stores what `chunks` gives."""
        self._storing = storing
        storing.add_done_callback(lambda _: self._wake())

    async def finish(self) -> None:
        """Say that no more bytes come."""
        await self._hand_over(None)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Give what is written, as it comes."""
        while (chunk := await self._queue.get()) is not None:
            yield chunk

    async def _hand_over(self, item: bytes | None) -> None:
        if self._storing is None:
            raise ValueError("the writer is closed")
        if not self._storing.done():
            await self._queue.put(item)
        if self._storing.done():
            self._wake()  # the next of several that wait
            self._storing.result()  # raises what ended it

    def _wake(self) -> None:
        if self._queue.full():  # nobody takes it any more, and a write may wait
            self._queue.get_nowait()

    def stop(self) -> None:
        """Refuse further writes."""
        self._storing = None


@asynccontextmanager
async def writing(
    store: Callable[[AsyncIterator[bytes]], Awaitable[FileInfo]],
) -> AsyncGenerator[StorageWriter, None]:
    """Give a writer whose bytes `store` takes; cancel it where the block raises."""
    writer = StorageWriter()
    storing = asyncio.ensure_future(store(writer.chunks()))
    writer.start(storing)
    try:
        yield writer
        await writer.finish()
        writer.info = await storing
    except BaseException:
        storing.cancel()
        await to_the_end(asyncio.gather(storing, return_exceptions=True))
        raise
    finally:
        writer.stop()
