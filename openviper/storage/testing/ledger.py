"""Count what this process holds open, and fail where that has grown."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

__all__ = ["Ledger"]

POOLED = 4
"""Connections that a pool may keep over those of before: a call may need more the next time."""

PAUSE_SECONDS, TURNS = 0.01, 200
"""How often to look whether what was closed is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Hold what was open at one moment."""

    tasks: frozenset[asyncio.Task[Any]]  # Any: of whoever made them
    descriptors: int
    connections: int

    @classmethod
    def now(cls) -> Ledger:
        """Count what is open."""
        modes = _modes()
        return cls(
            tasks=frozenset(asyncio.all_tasks()),
            descriptors=len(modes),
            connections=sum(map(stat.S_ISSOCK, modes)),
        )

    def expect_no_more_in_use(self, doing: str) -> None:
        """Fail where there are tasks that were not there then, or more connections."""
        there = Ledger.now()
        tasks = there.tasks - self.tasks
        assert not tasks, f"{doing}: expected no task to be left, got {tasks}"
        more = there.connections - self.connections
        assert more <= POOLED, (
            f"{doing}: expected the connections to go back to the pool, got {more} more that are "
            "open: each call that leaves one brings the process nearer to its limit"
        )

    async def expect_no_more_open(self, doing: str) -> None:
        """Fail where there are more file descriptors than then, and stay."""
        more = 0
        for _ in range(TURNS):
            more = Ledger.now().descriptors - self.descriptors
            if more <= 0:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        assert more <= 0, f"{doing}: expected every descriptor to be closed, got {more} more"


def _modes() -> list[int]:
    """Return the mode of each open file descriptor."""
    modes: list[int] = []
    for fd in os.listdir("/dev/fd"):  # noqa: PTH208 - numbers, not paths
        with suppress(OSError):  # the one that listed them
            modes.append(os.fstat(int(fd)).st_mode)
    return modes
