"""A contender that would win, if nobody looked."""

from __future__ import annotations

from benchmarks.contenders.by_hand import Blocking

__all__ = ["Lying"]


class Lying(Blocking):
    """Give bytes without reading any."""

    async def get(self, name: str) -> bytes:
        return bytes(await self.stat(name))
