"""Write a file under one name, or under the first free one, and know how it ended."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TypeAlias

from openviper.storage.attributes import WRITE_ID, Attributes, guess_content_type
from openviper.storage.content import Source
from openviper.storage.driver import NotSentError, Staged, Stager, Write
from openviper.storage.errors import (
    AlreadyExistsError,
    NameConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    ThrottledError,
    UnavailableError,
)
from openviper.storage.place import Place
from openviper.storage.shield import to_the_end
from openviper.storage.transfer import Uploader
from openviper.storage.types import FileInfo

__all__ = ["Step", "Writer"]

Step: TypeAlias = Callable[[str, Write], Awaitable[FileInfo]]
"""Make something visible under a key: an upload, the commit of staged content, a copy."""


class Writer:
    """Carry out writes in one place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._driver = place.driver
        self._stager = place.driver if isinstance(place.driver, Stager) else None
        self._uploader = Uploader(place.driver)

    @property
    def sends_again(self) -> bool:
        """Tell whether another name needs the content once more."""
        return self._stager is None

    async def write(
        self,
        names: Iterator[str],
        *,
        source: Source,
        attributes: Attributes,
        create: bool,
        if_match: str | None = None,
    ) -> FileInfo:
        """Store `source` under the first of `names` that is free for it."""
        run = partial(
            self.run, source=source, attributes=attributes, create=create, if_match=if_match
        )
        if self._stager is not None and source.buffer is None:
            first = next(names)
            async with self._staged(self._stager, first, source) as step:
                return await run(chain((first,), names), step=step)
        return await run(
            names,
            step=lambda key, write: self._uploader.upload(
                key, source=source, write=write, undo=self.undo(key, write)
            ),
            rewind=source.rewind,
            look_first=create and source.buffer is None,
        )

    async def run(
        self,
        names: Iterator[str],
        *,
        step: Step,
        attributes: Attributes,
        create: bool,
        doing: str = "store",
        source: Source | None = None,
        if_match: str | None = None,
        rewind: Callable[[], Awaitable[bool]] | None = None,
        look_first: bool = False,
    ) -> FileInfo:
        """Try a step under each of `names` until one is free; return what is there then.

        A name is passed over only where `create` finds it taken; any other error is final.
        `look_first` spares content that would be sent in vain; it never decides.
        """
        taken: StorageError | None = None
        used = False
        for name in names:
            if look_first and await self._is_taken(name):
                taken = self._place.error(AlreadyExistsError, doing, name)
                continue
            if used and rewind is not None and not await rewind():
                break
            used = True
            write = _write(name, attributes, create=create, if_match=if_match)
            try:
                return await self._attempt(name, step, write, doing=doing, source=source)
            except NameConflictError:
                raise
            except AlreadyExistsError as error:
                taken = error
        assert taken is not None  # there was a name to try
        raise taken

    def undo(self, key: str, write: Write) -> Callable[[FileInfo], Awaitable[object]] | None:
        """Take back a creation whose caller was cancelled and so never learnt of it."""
        if not write.create:
            return None
        return lambda info: self._driver.delete(key, if_match=info.etag)

    async def _is_taken(self, name: str) -> bool:
        try:
            await self._place.head(name)
        except (NotFoundError, PermissionDeniedError):
            return False
        return True

    async def _attempt(
        self, name: str, step: Step, write: Write, *, doing: str, source: Source | None
    ) -> FileInfo:
        try:
            async with self._place.guard(doing, name, source=source):
                info = await step(self._place.key(name), write)
        except NotFoundError as error:
            if write.if_match is None:
                raise
            raise self._place.error(PreconditionFailedError, doing, name) from error.__cause__
        except (AlreadyExistsError, PreconditionFailedError, UnavailableError) as error:
            info = await self._settled(name, write, error)
        return info if info.name == name else replace(info, name=name)

    async def _settled(self, name: str, write: Write, error: StorageError) -> FileInfo:
        """Return what is stored where an error was only a lost reply; else raise it."""
        cause = error.__cause__
        if not self._driver.may_lose_replies or isinstance(error, NameConflictError):
            raise error
        if isinstance(cause, Exception) and self._driver.classify(cause) is NotSentError:
            raise error
        try:
            info = await self._place.head(name)
        except (NotFoundError, PermissionDeniedError):
            raise error from cause
        except UnavailableError:
            raise OutcomeUnknownError(
                f"{self._driver.backend}: could not learn whether {name!r} was stored: the "
                "service does not answer; stat() it later and compare the write id",
                name=name,
                backend=self._driver.backend,
                write_id=write.write_id,
            ) from cause
        if (info.metadata or {}).get(WRITE_ID) == write.write_id:
            return info
        if write.create and isinstance(error, ThrottledError):
            # Of many that create one name a service may only throttle those that lose.
            raise self._place.error(AlreadyExistsError, "store", name) from cause
        raise error from cause

    @asynccontextmanager
    async def _staged(self, stager: Stager, name: str, source: Source) -> AsyncIterator[Step]:
        """Give the step that makes `source` visible, which is stored once for all names."""
        async with (
            self._place.guard("store", name, source=source),
            aclosing(source.chunks()) as chunks,
        ):
            staged = await stager.stage(chunks)
        try:
            yield lambda key, write: self._commit(staged, key, write)
        finally:
            await to_the_end(staged.discard())

    async def _commit(self, staged: Staged, key: str, write: Write) -> FileInfo:
        return await to_the_end(staged.commit(key, write), undo=self.undo(key, write))


def _write(name: str, attributes: Attributes, *, create: bool, if_match: str | None) -> Write:
    return Write(
        attributes=attributes,
        content_type=attributes.content_type or guess_content_type(name),
        write_id=os.urandom(16).hex(),
        create=create,
        if_match=if_match,
    )
