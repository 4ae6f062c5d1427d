"""The state machines find what is wrong, and say by which steps."""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Literal

import pytest

from openviper.storage import Storage
from openviper.storage.backends.memory import MemoryDriver, MemoryStorage
from openviper.storage.driver import Write
from openviper.storage.names import unique
from openviper.storage.portable import PortableStorage
from openviper.storage.testing import CHECKS, Subject, run_check
from openviper.storage.testing.stateful import PagingMachine, machine_of
from openviper.storage.types import Capabilities, Content, FileInfo, IfExists, Page
from tests.storage.faults import storage_on


class RacyStorage(MemoryStorage):
    """Look whether a name is free, and then write."""

    async def save(
        self, name: str, content: Content, *, if_exists: IfExists = "rename", **attributes: Any
    ) -> str:
        if if_exists == "rename":
            while await self.exists(name):
                name = unique(name)
            await asyncio.sleep(0)
            if_exists = "overwrite"
        return await super().save(name, content, if_exists=if_exists, **attributes)


class ForgetfulStorage(MemoryStorage):
    """Drop the attributes of what comes as a stream."""

    async def save(
        self, name: str, content: Content, *, if_exists: IfExists = "rename", **attributes: Any
    ) -> str:
        if not isinstance(content, bytes):
            attributes = {}
        return await super().save(name, content, if_exists=if_exists, **attributes)


class FoldingDriver(MemoryDriver):
    """Take `A` for `a`."""

    async def head(self, key: str) -> FileInfo:
        return await super().head(key.casefold())

    def _commit(self, key: str, data: bytes, write: Write) -> FileInfo:
        return replace(super()._commit(key.casefold(), data, write), name=key)

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        await super().delete(key.casefold(), if_match=if_match)


class EagerStorage(MemoryStorage):
    """Make a replaced file visible in two steps."""

    async def put(
        self,
        name: str,
        content: Content,
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
        **attributes: Any,
    ) -> FileInfo:
        if isinstance(content, AsyncIterator) and not if_none_match and if_match is None:
            content = b"".join([chunk async for chunk in content])
            await super().put(name, b"partly")
            await asyncio.sleep(0)
        return await super().put(
            name, content, if_none_match=if_none_match, if_match=if_match, **attributes
        )


class OffsetStorage(MemoryStorage):
    """Count files instead of remembering where a page ended."""

    async def list_page(
        self,
        prefix: str = "",
        *,
        delimiter: Literal["/"] | None = None,
        limit: int = 1000,
        token: str | None = None,
    ) -> Page:
        page = await super().list_page(prefix, delimiter=delimiter)
        begin = int(token or 0)
        files = page.files[begin : begin + limit]
        more = begin + limit < len(page.files)
        return Page(files=files, prefixes=(), token=str(begin + limit) if more else None)


class FiveMethods(Storage):
    """Have nothing but what is abstract."""

    capabilities = Capabilities(flat_namespace=True)

    def __init__(self, *, location: str) -> None:
        self.behind = MemoryStorage(location=location)

    async def save(
        self, name: str, content: Content, *, if_exists: IfExists = "rename", **attributes: Any
    ) -> str:
        return await self.behind.save(name, content, if_exists=if_exists, **attributes)

    async def delete(self, name: str) -> None:
        await self.behind.delete(name)

    async def exists(self, name: str) -> bool:
        return await self.behind.exists(name)

    def url(self, name: str) -> str:
        return self.behind.url(name)

    async def size(self, name: str) -> int:
        return await self.behind.size(name)


def folding(location: str) -> PortableStorage:
    return storage_on(FoldingDriver(), location=location)


def subject(make: Callable[..., Storage]) -> Subject:
    return Subject(
        name="broken",
        make=lambda location: make(location=location),
        shares_instances=False,
        part_size=1000,
    )


@pytest.mark.parametrize(
    ("make", "check", "step"),
    [
        (RacyStorage, "machine.storage", "save_together("),
        (ForgetfulStorage, "machine.storage", "streamed=True"),
        (folding, "machine.storage", "name='A'"),
        (EagerStorage, "machine.storage", "cancel("),
        (OffsetStorage, "machine.paging", "go_on("),
    ],
    ids=["racy", "forgetful", "folding", "eager", "offset"],
)
def test_broken_storage_is_found_and_the_steps_are_told(
    make: Callable[..., Storage], check: str, step: str
) -> None:
    cell = run_check(CHECKS[check], subject(make))
    assert cell.word == "FAIL"
    assert step in cell.reason, cell.reason


def test_storage_of_five_methods_is_asked_for_no_more() -> None:
    assert run_check(CHECKS["machine.storage"], subject(FiveMethods)).reason == ""
    assert run_check(CHECKS["machine.paging"], subject(FiveMethods)).word == "cap-"


def test_machine_gives_a_test_case() -> None:
    described = replace(subject(OffsetStorage), profile="remote")
    case = machine_of(described, PagingMachine).TestCase
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert len(result.failures) == result.testsRun == 1
