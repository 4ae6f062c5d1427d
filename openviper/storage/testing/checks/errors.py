"""Errors: one family, that says what and where (catalogue 1.10)."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Awaitable, Callable

from openviper.storage.errors import (
    AlreadyExistsError,
    InvalidNameError,
    NotFoundError,
    PreconditionFailedError,
    SameFileError,
    StorageError,
)
from openviper.storage.testing import expect, look
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target


@check("error.missing-file-is-not-found", "E01", "M01")
async def missing_file_is_not_found(target: Target) -> None:
    """What needs a missing file is `NotFoundError` and `FileNotFoundError`, with its name."""
    await target.storage.save("a/b", b"x")
    for name in ("missing", "a/missing", "a", "no/such/dir/ü f", "a/b/c"):
        for label, call in _reads(target, name).items():
            error = await expect.fails(NotFoundError, call(), doing=f"{label} of {name!r}")
            assert isinstance(error, FileNotFoundError), "it is no FileNotFoundError"
            expect.same(error.name, name, f"name in the error of {label}")
            assert name in str(error), f"the error of {label} does not say {name!r}: {error}"
            assert error.backend, f"the error of {label} does not say which backend"


@check("error.taken-name-is-file-exists", "E01", "S09", requires=("put", "create_only", "copy"))
async def taken_name_is_file_exists(target: Target) -> None:
    """A taken name is `AlreadyExistsError` and `FileExistsError`, with the name."""
    await target.storage.put("a", b"x")
    await target.storage.put("b", b"x")
    calls: expect.Calls = {
        "save": lambda: target.storage.save("a", b"y", if_exists="error"),
        "put": lambda: target.storage.put("a", b"y", if_none_match=True),
        "copy": lambda: target.storage.copy("b", "a"),
    }
    for label, call in calls.items():
        error = await expect.fails(AlreadyExistsError, call(), doing=label)
        assert isinstance(error, FileExistsError), f"the error of {label} is no FileExistsError"
        expect.same(error.name, "a", f"name in the error of {label}")


@check("error.messages-help", "E01")
async def messages_help(target: Target) -> None:
    """An error names the file, says nothing of paths or keys, and is not empty."""
    for error in await _errors(target):
        assert str(error), f"{error!r} says nothing"
        assert target.location not in str(error), f"it shows the location: {error}"
        if target.subject.folder is not None:
            folder = str(target.subject.folder(target.location))
            assert folder not in str(error), f"it shows a local path: {error}"


@check("error.has-its-cause", "E01", needs=("missing_container",))
async def has_its_cause(target: Target) -> None:
    """What the system or the service said is the error's `__cause__`, for whoever looks into it."""
    assert target.subject.missing_container is not None
    async with target.subject.missing_container() as storage:
        for label, call in (("stat", storage.stat), ("delete", storage.delete)):
            error = await expect.fails(StorageError, call("a"), doing=f"{label} in no container")
            cause = error.__cause__
            found = isinstance(cause, Exception) and not isinstance(cause, StorageError)
            assert found, f"{label}: expected the vendor's exception as cause, got {cause!r}"


@check("error.can-be-pickled-and-copied", "E08")
async def can_be_pickled_and_copied(target: Target) -> None:
    """An error that was pickled or copied is the same: its type, text, name and backend."""
    for error in await _errors(target):
        copies: tuple[StorageError, ...] = (
            pickle.loads(pickle.dumps(error)),  # noqa: S301 - made here
            copy.copy(error),
            copy.deepcopy(error),
        )
        for copied in copies:
            expect.same(type(copied), type(error), "type of the copy")
            expect.same(str(copied), str(error), "text of the copy")
            said = (copied.name, copied.backend)
            expect.same(said, (error.name, error.backend), "name and backend of the copy")


@check(
    "error.wrong-arguments-stay-builtin", "E06", "R04", requires=("read", "put", "metadata", "list")
)
async def wrong_arguments_stay_builtin(target: Target) -> None:
    """A wrong argument is a plain `ValueError` or `TypeError`, not an error of the storage."""
    calls: expect.Calls = {
        "an inverted range": lambda: target.storage.read("a", start=2, end=1),
        "a negative start": lambda: target.storage.read("a", start=-1),
        "a line break in an attribute": lambda: target.storage.put("a", b"", cache_control="a\nb"),
        "a metadata key": lambda: target.storage.put("a", b"", metadata={"Not-Portable": "x"}),
        "a checksum": lambda: target.storage.put("a", b"", checksum="sha256:short"),
        "a limit": lambda: target.storage.list_page(limit=0),
    }
    for label, call in calls.items():
        error = await expect.fails(ValueError, call(), doing=label)
        assert not isinstance(error, StorageError), f"{label} is {error!r}"


def _reads(target: Target, name: str) -> expect.Calls:
    storage = target.storage

    async def stream() -> None:
        async for _ in storage.stream(name):
            raise AssertionError(f"a chunk of {name!r} came")

    async def enter() -> None:
        async with storage.open(name):
            raise AssertionError(f"{name!r} was opened")

    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "size": lambda: storage.size(name),
        "stat": lambda: storage.stat(name),
    }
    if look.can(storage, "read"):
        calls |= {
            "read": lambda: storage.read(name),
            "read of a range": lambda: storage.read(name, start=1, end=2),
            "read of an empty range": lambda: storage.read(name, start=1, end=1),
            "stream": stream,
            "open": enter,
        }
    if look.can(storage, "copy"):
        calls |= {
            "copy": lambda: storage.copy(name, "copied"),
            "move": lambda: storage.move(name, "moved"),
        }
    return calls


async def _errors(target: Target) -> list[StorageError]:
    """Return errors of several kinds, each raised by the storage."""
    storage = target.storage
    await storage.save("a", b"x")
    found: list[StorageError] = [
        await expect.fails(NotFoundError, storage.size("missing"), doing="asking for the size"),
        await expect.fails(
            AlreadyExistsError, storage.save("a", b"y", if_exists="error"), doing="creating"
        ),
        await expect.fails(InvalidNameError, storage.stat(".."), doing="an unsafe name"),
    ]
    if look.can(storage, "read"):
        call: Awaitable[object] = storage.read("missing")
        found.append(await expect.fails(NotFoundError, call, doing="reading"))
    if look.can(storage, "copy"):
        call = storage.copy("a", "a")
        found.append(await expect.fails(SameFileError, call, doing="copying onto itself"))
    if look.can(storage, "replace_if_match"):
        call = storage.put("missing", b"y", if_match="etag")
        found.append(await expect.fails(PreconditionFailedError, call, doing="replacing"))
    return found
