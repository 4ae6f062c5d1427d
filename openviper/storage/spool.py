"""Keep content that can be read only once, so that it can be sent again."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import IO

from openviper.storage.errors import StorageFullError
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
        try:
            await self._append_to_file(kept)
        except OSError as error:
            raise StorageFullError(
                "could not keep content in the spool folder for sending it again: make room "
                "there, choose another by spool_dir, or refuse that by spool=False"
            ) from error

    async def replay(self) -> AsyncGenerator[bytes, None]:
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

    async def _append_to_file(self, chunk: bytes) -> None:
        file = self._file
        if file is None:
            file = await in_file_thread(self._new_file, undo=lambda made: made.close())
            self._file = file
        chunks, self._chunks = [*self._chunks, chunk], []
        await in_file_thread(partial(file.writelines, chunks))

    def _new_file(self) -> IO[bytes]:
        return tempfile.TemporaryFile(dir=self._directory)


def _read_at(file: IO[bytes], position: int) -> bytes:
    file.seek(position)
    block = file.read(_BLOCK)
    file.seek(0, 2)
    return block
