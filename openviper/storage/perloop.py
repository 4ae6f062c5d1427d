"""Keep one client per event loop, opened on first use and closed with the loop."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from openviper.storage.shield import to_the_end

__all__ = ["PerLoop"]

C = TypeVar("C")


@dataclass(eq=False, slots=True)
class _Slot(Generic[C]):
    """Hold what one loop has opened."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    lifetime: AsyncGenerator[C, None] | None = None
    client: C | None = None


class PerLoop(Generic[C]):
    """Open a client for each loop that asks for one, and close it there.

    `connect` yields the client once and closes it after that. A loop closes its generators
    before it ends (`loop.shutdown_asyncgens`, which `asyncio.run` calls) and when nobody
    refers to them any more, so a client never outlives its loop or its storage. A loop
    closes all of them at once, so there must not be one inside another, as there is with
    `@asynccontextmanager`.
    """

    def __init__(self, connect: Callable[[], AsyncGenerator[C, None]]) -> None:
        self._connect = connect
        self._guard = threading.Lock()
        self._slots: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Slot[C]] = (
            weakref.WeakKeyDictionary()
        )

    async def get(self) -> C:
        """Return the running loop's client, opened now if it is the first to ask."""
        slot = self._slot()
        if slot.client is not None:
            return slot.client
        async with slot.lock:
            if slot.client is None:
                lifetime = self._connect()
                slot.client = await to_the_end(anext(lifetime), undo=lambda _: lifetime.aclose())
                slot.lifetime = lifetime
            return slot.client

    async def aclose(self) -> None:
        """Close the running loop's client; the next use opens another."""
        slot = self._slot()
        async with slot.lock:
            lifetime, slot.lifetime, slot.client = slot.lifetime, None, None
            if lifetime is not None:
                await to_the_end(lifetime.aclose())

    def _slot(self) -> _Slot[C]:
        loop = asyncio.get_running_loop()
        with self._guard:
            slot = self._slots.get(loop)
            if slot is None:
                self._forget_closed_loops()
                slot = self._slots[loop] = _Slot()
            return slot

    def _forget_closed_loops(self) -> None:
        """Let go of loops that their own clients refer to."""
        for loop in [loop for loop in self._slots if loop.is_closed()]:
            del self._slots[loop]
