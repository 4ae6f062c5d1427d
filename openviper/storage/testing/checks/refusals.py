"""What goes wrong around the files: container, credentials, network (catalogue E03, E04, M03)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from openviper.storage.base import Storage
from openviper.storage.errors import (
    ContainerNotFoundError,
    PermissionDeniedError,
    StorageError,
    UnavailableError,
)
from openviper.storage.testing import look
from openviper.storage.testing.contents import bytes_of, chunks_of
from openviper.storage.testing.expect import fails
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target

SECONDS = 10.0


@check("container.missing-is-no-missing-file", "M03", "E04", needs=("missing_container",))
async def missing_is_no_missing_file(target: Target) -> None:
    """A missing bucket, container or root is ContainerNotFoundError for all that looks there."""
    await _all_fail(ContainerNotFoundError, target.subject.missing_container, _looks)


@check("container.missing-is-not-emptied", "E04", needs=("missing_container",))
async def missing_is_not_emptied(target: Target) -> None:
    """Deleting in a missing bucket, container or root does not pretend success."""
    await _all_fail(ContainerNotFoundError, target.subject.missing_container, _deletes)


@check("container.missing-takes-no-files", "E04", needs=("missing_container",))
async def missing_takes_no_files(target: Target) -> None:
    """A write to a missing container is ContainerNotFoundError, unless it makes the container."""
    for what, content in (("small", b"x"), ("large", bytes_of(target.large))):
        async with _made(target.subject.missing_container) as storage:
            try:
                await storage.save(f"{what}.bin", chunks_of(content))
            except ContainerNotFoundError:
                continue
            await look.content(storage, f"{what}.bin", content)
            await storage.delete(f"{what}.bin")


@check("credentials.wrong-ones-are-denied", "M03", "E03", needs=("wrong_credentials",))
async def wrong_ones_are_denied(target: Target) -> None:
    """With wrong credentials everything is PermissionDeniedError, and nothing is not found."""
    await target.storage.save("a.txt", b"x")
    for calls in (_looks, _deletes, _writes):
        await _all_fail(PermissionDeniedError, target.subject.wrong_credentials, calls)


@check("credentials.no-error-shows-them", "U12", "E01", needs=("wrong_credentials",))
async def no_error_shows_them(target: Target) -> None:
    """No error, and none behind it, shows the credentials."""
    async with _made(target.subject.wrong_credentials) as storage:
        error = await fails(StorageError, storage.read("a.txt"), doing="read")
    shown: BaseException | None = error
    while shown is not None:
        for secret in target.subject.secrets:
            assert secret not in f"{shown!r} {shown}", "expected no credential in an error"
        shown = shown.__cause__ or shown.__context__


@check("network.nobody-listens", "M03", "E02", needs=("nobody_listens",))
async def nobody_listens(target: Target) -> None:
    """Where nobody listens everything is UnavailableError within ten seconds."""
    begin = time.monotonic()
    make = target.subject.nobody_listens
    await _all_fail(UnavailableError, make, lambda s: _looks(s) | _deletes(s) | _writes(s))
    took = time.monotonic() - begin
    assert took < SECONDS, f"expected errors within {SECONDS} s, got them after {took:.1f} s"


@check("network.url-needs-none", "U01", needs=("nobody_listens",))
async def url_needs_none(target: Target) -> None:
    """A URL is given where nobody listens."""
    async with _made(target.subject.nobody_listens) as storage:
        url = storage.url("a.txt")
    assert url.endswith("/a.txt"), f"expected …/a.txt, got {url!r}"


def _looks(storage: Storage) -> dict[str, Awaitable[object]]:
    return {
        "exists": storage.exists("a.txt"),
        "size": storage.size("a.txt"),
        "stat": storage.stat("a.txt"),
        "read": storage.read("a.txt"),
        "copy": storage.copy("a.txt", "b.txt"),
        "move": storage.move("a.txt", "b.txt"),
        "files": look.names(storage),
        "list_page": storage.list_page("dir", delimiter="/"),
        "listdir": storage.listdir(),
    }


def _deletes(storage: Storage) -> dict[str, Awaitable[object]]:
    return {
        "delete": storage.delete("a.txt"),
        "delete_many": _first_error(storage),
        "delete_prefix": storage.delete_prefix("dir"),
    }


def _writes(storage: Storage) -> dict[str, Awaitable[object]]:
    return {
        "save": storage.save("new.txt", b"x"),
        "put": storage.put("new.txt", b"x"),
        "put creating only": storage.put("new.txt", chunks_of(b"x"), if_none_match=True),
    }


async def _first_error(storage: Storage) -> None:
    """Delete two files and raise what the first one's result holds."""
    results = await storage.delete_many(["a.txt", "b.txt"])
    if results[0].error is not None:
        raise results[0].error


async def _all_fail(
    kind: type[StorageError],
    make: Callable[[], Storage] | None,
    calls: Callable[[Storage], dict[str, Awaitable[object]]],
) -> None:
    async with _made(make) as storage:
        named = calls(storage)
        await asyncio.gather(*(fails(kind, call, doing=what) for what, call in named.items()))


def _made(make: Callable[[], Storage] | None) -> Storage:
    assert make is not None, "expected a subject that can make such a storage"
    return make()
