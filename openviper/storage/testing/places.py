"""Make sure that checks work in places of their own, and empty these after them."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from openviper.storage.base import Storage
from openviper.storage.testing import expect, look
from openviper.storage.testing.target import Subject, Target, made

__all__ = ["SharedPlaceError", "clear", "prove_apart"]

SECONDS = 60.0


class SharedPlaceError(Exception):
    """Say why it is not safe to run checks: they might meet files that are not theirs."""


def prove_apart(subject: Subject) -> None:
    """Raise `SharedPlaceError` unless two new locations are empty and don't see each other.

    It saves one file in each under a random name and deletes it again, and nothing else.
    """
    try:
        asyncio.run(_prove_apart(subject))
    except AssertionError as error:
        raise SharedPlaceError(
            f"{subject.name}: make_storage does not keep to its location ({error}). "
            "No check was run: it might have met files that are not its own. "
            "Give the location to the storage, as a folder or as the beginning of its keys."
        ) from error
    except Exception as error:
        raise SharedPlaceError(
            f"{subject.name}: a file could not be saved, looked for and deleted in a new "
            f"location ({type(error).__name__}: {error}). No check was run."
        ) from error


async def _prove_apart(subject: Subject) -> None:
    async with (
        asyncio.timeout(SECONDS),
        Target(subject) as one,
        Target(subject) as other,
        _probe(one.storage) as here,
        _probe(other.storage) as there,
    ):
        await _expect_only(one.storage, here, there)
        await _expect_only(other.storage, there, here)


@asynccontextmanager
async def _probe(storage: Storage) -> AsyncIterator[str]:
    """Save a file for a while, and give its name."""
    name = await storage.save(f"probe-{uuid.uuid4().hex}.txt", b"probe")
    try:
        yield name
    finally:
        await storage.delete(name)


async def _expect_only(storage: Storage, own: str, foreign: str) -> None:
    expect.same(await storage.exists(own), True, "exists() of a file that was saved")
    expect.same(await storage.exists(foreign), False, "exists() of one saved in another location")
    if look.can(storage, "list"):
        page = await storage.list_page(limit=10)
        expect.same([info.name for info in page.files], [own], "files in a new location")


def clear(subject: Subject) -> None:
    """Delete what is listed under `subject.nested`, file by file, and its folder where it has one.

    Only for a place that nobody else has, of a subject that was proven apart. A storage that
    can't list keeps its files; one that fails at this has failed a check already.
    """
    with suppress(Exception):
        asyncio.run(_delete_files(subject))
    if subject.folder is not None:
        shutil.rmtree(subject.folder(subject.nested), ignore_errors=True)


async def _delete_files(subject: Subject) -> None:
    async with asyncio.timeout(SECONDS), await made(subject.make(subject.nested)) as storage:
        await storage.delete_many(await look.names(storage))
