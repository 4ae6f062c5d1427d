"""Mutants that do not end well: failures, cancellation, leftovers (catalogue 1.11)."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from openviper.storage import FileInfo, MemoryStorage
from openviper.storage.types import Content
from tests.mutants.registry import Disk, mutant


async def _kept(content: AsyncIterable[Any], kept: bytearray) -> AsyncIterator[bytes]:
    async for chunk in content:
        kept += chunk
        yield chunk


@mutant("fail.part-of-the-content-stays", "X01", found_by="fail.source-failure-leaves-nothing")
class PartOfTheContentStays(MemoryStorage):
    """Store what came before the source failed."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        kept = bytearray()
        try:
            given = _kept(content, kept) if inspect.isasyncgen(content) else content
            return await super().save(name, given, **options)
        except Exception:
            await super().save(name, bytes(kept))
            raise


@mutant("fail.old-file-is-lost", "X01", found_by="fail.source-failure-keeps-the-old-file")
class OldFileIsLost(MemoryStorage):
    """Empty the file that is to be replaced before its new content is there."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        if await self.exists(name):
            await super().put(name, b"")
        return await super().put(name, content, **options)


@mutant("fail.temporary-file-stays", "X01", found_by="fail.source-failure-leaves-nothing")
class TemporaryFileStays(Disk):
    """Leave a hidden file where a save fails."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        try:
            return await super().save(name, content, **options)
        except Exception:
            left = self.root / ".openviper/tmp/left-behind"
            left.parent.mkdir(parents=True, exist_ok=True)
            left.write_bytes(b"")
            raise


@mutant("fail.instance-stays-broken", "X08", found_by="fail.storage-works-after-failures")
class InstanceStaysBroken(MemoryStorage):
    """Never recover from a failed save."""

    _broken = False

    async def save(self, name: str, content: Content, **options: Any) -> str:
        if self._broken:
            raise RuntimeError("broken by an earlier failure")
        try:
            return await super().save(name, content, **options)
        except Exception:
            self._broken = True
            raise


@mutant("fail.task-is-left", "X08", "Y04", found_by="fail.storage-works-after-failures")
class TaskIsLeft(MemoryStorage):
    """Leave a task running after a failed save."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        try:
            return await super().save(name, content, **options)
        except Exception:
            self._left = asyncio.ensure_future(asyncio.sleep(600))
            raise


@mutant("fail.thread-is-left", "X08", "Y04", found_by="fail.storage-works-after-failures")
class ThreadIsLeft(MemoryStorage):
    """Leave a thread running after a failed save."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        try:
            return await super().save(name, content, **options)
        except Exception:
            threading.Thread(target=threading.Event().wait, args=(5,), daemon=True).start()
            raise


@mutant("fail.descriptor-is-left", "X08", "Y04", found_by="fail.nothing-stays-open")
class DescriptorIsLeft(Disk):
    """Leave a file open after a failed save."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        try:
            return await super().save(name, content, **options)
        except Exception:
            self._left = os.open(self.root, os.O_RDONLY)
            raise

    def __del__(self) -> None:  # for the tests that come after: the checks looked before
        if hasattr(self, "_left"):
            os.close(self._left)


@mutant("cancel.is-swallowed", "X03", found_by="cancel.while-the-source-waits")
class CancellationIsSwallowed(MemoryStorage):
    """Return as if nothing had happened."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        try:
            return await super().save(name, content, **options)
        except asyncio.CancelledError:
            return name


@mutant("cancel.is-wrapped", "X03", found_by="cancel.by-timeout")
class CancellationIsWrapped(MemoryStorage):
    """Turn the cancellation into an error of the storage."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        try:
            return await super().save(name, content, **options)
        except asyncio.CancelledError as error:
            raise RuntimeError("the save was interrupted") from error


@mutant("cancel.part-of-the-content-stays", "X02", found_by="cancel.while-the-source-waits")
class CancelledPartStays(MemoryStorage):
    """Store what came before the cancellation."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        kept = bytearray()
        try:
            given = _kept(content, kept) if inspect.isasyncgen(content) else content
            return await super().put(name, given, **options)
        except asyncio.CancelledError:
            await super().put(name, bytes(kept))
            raise


@mutant("cancel.is-published-later", "X02", found_by="cancel.while-the-source-waits")
class IsPublishedLater(MemoryStorage):
    """Go on in the background where the caller is gone."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        self._storing = asyncio.ensure_future(super().save(name, content, **options))
        return await asyncio.shield(self._storing)


@mutant("cancel.clean-up-is-cancelled-too", "X04", found_by="cancel.every-await-of-save")
class CleanUpIsCancelledToo(Disk):
    """Clean up only where nobody cancels a second time."""

    async def save(self, name: str, content: Content, **options: Any) -> str:
        left = self.root / ".openviper/tmp/left-behind"
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"")
        try:
            return await super().save(name, content, **options)
        finally:
            await asyncio.sleep(0.01)
            left.unlink()


@mutant("writer.commits-what-failed", "R13", "X01", found_by="writer.aborts-on-an-exception")
class WriterCommitsWhatFailed(MemoryStorage):
    """Store what was written before the block raised, as a file object's close does."""

    async def put(self, name: str, content: Content, **options: Any) -> FileInfo:
        kept = bytearray()
        try:
            return await super().put(name, _kept(content, kept), **options)  # type: ignore[arg-type]
        except asyncio.CancelledError:
            if inspect.isasyncgen(content):
                await asyncio.shield(super().put(name, bytes(kept)))
            raise
