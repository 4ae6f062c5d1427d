"""Hold an uploaded file: in memory while it is small, else in a file without a name."""

from __future__ import annotations

from collections.abc import AsyncIterable
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO

from openviper.storage.errors import InvalidNameError
from openviper.storage.names import sanitise
from openviper.storage.threads import in_file_thread

__all__ = ["UploadFile", "safe_filename", "spooled"]

MEMORY_BYTES = 1 << 20


class UploadFile:
    """Read an uploaded file. It is content for any storage's `save`, too.

    `filename` is safe as the last part of a name, `original_filename` is what the client sent.
    `content_type` is only what the client says.
    """

    def __init__(
        self, file: IO[bytes], *, filename: str, size: int, content_type: str | None = None
    ) -> None:
        self.file = file
        self.filename = safe_filename(filename)
        self.original_filename = filename
        self.content_type = content_type
        self.size = size

    async def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, or all that is left."""
        if self.size <= MEMORY_BYTES:
            return self.file.read(size)
        return await in_file_thread(partial(self.file.read, size))

    async def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position from the start (0), from here (1) or from the end (2)."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self.file.tell()

    def seekable(self) -> bool:
        """Tell that it can be read again: a storage needs no copy of its own."""
        return True

    async def close(self) -> None:
        """Let go of the content."""
        await in_file_thread(self.file.close)

    def __repr__(self) -> str:
        return f"<UploadFile {self.original_filename!r}, {self.size} bytes>"


async def spooled(
    chunks: AsyncIterable[bytes], *, filename: str, content_type: str | None
) -> UploadFile:
    """Return an `UploadFile` with all of `chunks`."""
    file: IO[bytes] = SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - the view's
    size = 0
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size <= MEMORY_BYTES:
                file.write(chunk)
            else:
                await in_file_thread(partial(file.write, chunk))
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return UploadFile(file, filename=filename, size=size, content_type=content_type)


def safe_filename(filename: str) -> str:
    """Return the last segment of what a client calls its file, made safe as `save` does it.

    Where nothing safe is left it is "upload"; a NUL is `InvalidNameError`.
    """
    leaf = filename.replace("\\", "/").rpartition("/")[2]
    try:
        return sanitise(leaf)
    except InvalidNameError:
        if "\0" in leaf:
            raise
        return "upload"
