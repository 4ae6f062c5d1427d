"""Keep content that can be read only once, so that it can be sent again."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import IO

from openviper.storage.threads import in_file_thread
from openviper.storage.types import Buffer

__all__ = ["Spool"]

MEMORY_BYTES = 16 << 20
_BLOCK = 1 << 20


class Spool:
    """Hold chunks in memory up to 16 MiB, beyond that in a file without a name."""

    def __init__(self, directory: str | Path | None = None) -> None:
        self._directory = directory
        self._chunks: list[bytes] = []
        self._size = 0
        self._file: IO[bytes] | None = None

    async def append(self, chunk: Buffer) -> None:
        """Keep a copy of one more chunk."""
        kept = bytes(chunk)
        self._size += len(kept)
        if self._file is None and self._size <= MEMORY_BYTES:
            self._chunks.append(kept)
            return
        file = self._file
        if file is None:
            file = self._file = await in_file_thread(self._new_file)
        chunks, self._chunks = [*self._chunks, kept], []
        await in_file_thread(partial(file.writelines, chunks))

    async def replay(self) -> AsyncIterator[bytes]:
        """Give what was kept, from its beginning."""
        for chunk in tuple(self._chunks):
            yield chunk
        file, position = self._file, 0
        while file is not None and position < self._size:
            block = await in_file_thread(partial(_read_at, file, position))
            position += len(block)
            yield block

    async def aclose(self) -> None:
        """Let go of what was kept."""
        file, self._file, self._chunks = self._file, None, []
        if file is not None:
            await in_file_thread(file.close)

    def _new_file(self) -> IO[bytes]:
        return tempfile.TemporaryFile(dir=self._directory)


def _read_at(file: IO[bytes], position: int) -> bytes:
    file.seek(position)
    block = file.read(_BLOCK)
    file.seek(0, 2)
    return block
