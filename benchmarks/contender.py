"""What every contender does: the same few operations, as a user of its library writes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, ClassVar, TypeAlias

__all__ = ["Contender", "Place"]

Place: TypeAlias = dict[str, Any]  # Any: values of JSON
"""Where to work: a folder, or a server with a bucket; and options of the contender."""


class Contender(ABC):
    """Work in a place of its own, in a process of its own.

    The library is imported with the module or in `__init__`, which makes what needs no running
    loop. A library that can't do an operation leaves it out.
    """

    distribution: ClassVar[str | None] = None
    """The package whose version is told; None is Python's own."""

    @abstractmethod
    def __init__(self, place: Place) -> None:
        """Keep the place."""

    async def open(self) -> None:
        """Make what lives in a loop, once; `put` may still be what connects."""

    async def close(self) -> None:
        """Close what was opened."""

    @abstractmethod
    async def put(self, name: str, data: bytes) -> None:
        """Write a file under a name that is free."""

    @abstractmethod
    async def get(self, name: str) -> bytes:
        """Return a file's bytes."""

    @abstractmethod
    async def stat(self, name: str) -> int:
        """Return a file's size."""

    @abstractmethod
    async def delete(self, name: str) -> None:
        """Remove a file."""

    async def names(self, folder: str) -> list[str]:
        """Return the names of all files in a folder, with it or without."""
        raise NotImplementedError

    async def stream_in(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Write a file of unknown length from chunks of 64 KiB."""
        raise NotImplementedError

    def stream_out(self, name: str) -> AsyncIterator[bytes]:
        """Give a file in chunks of 64 KiB, or what the library gives nearest to it."""
        raise NotImplementedError
