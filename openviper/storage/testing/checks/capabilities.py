"""What a storage declares it does, and all else it refuses (catalogue 1.16)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeAlias

from openviper.storage.adapt import call_save  # as default_storage calls it
from openviper.storage.base import Storage
from openviper.storage.errors import TooLargeError, UnsupportedOperationError
from openviper.storage.testing.contents import chunks_of, failing_after
from openviper.storage.testing.expect import fails, same
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.types import Content

Calls: TypeAlias = Mapping[str, Callable[[Storage, Content], Awaitable[object]]]
"""What a capability allows, on the file `a.txt` and the free names `new.txt` and `b.txt`."""

LARGEST = 64 << 20
"""Bytes that a check may send to see a limit held."""


async def _first(items: AsyncIterator[object]) -> object:
    try:
        return await anext(items, None)
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()


async def _streamed(storage: Storage) -> object:
    return await _first(storage.stream("a.txt"))


async def _listed(storage: Storage) -> object:
    return await _first(storage.files())


async def _opened(storage: Storage) -> None:
    async with storage.open("a.txt"):
        pass


async def _written(storage: Storage, name: str, *, create: bool = False) -> None:
    async with storage.open(name, "xb" if create else "wb") as writer:
        await writer.write(b"x")


async def _replaced(storage: Storage, content: Content) -> object:
    etag = (await storage.stat("a.txt")).etag
    return await storage.put("a.txt", content, if_match=etag or "none")


CALLS: dict[str, Calls] = {
    "read": {
        "read": lambda storage, _: storage.read("a.txt"),
        "stream": lambda storage, _: _streamed(storage),
        "open": lambda storage, _: _opened(storage),
    },
    "list": {
        "files": lambda storage, _: _listed(storage),
        "list_page": lambda storage, _: storage.list_page(),
        "listdir": lambda storage, _: storage.listdir(),
        "delete_prefix": lambda storage, _: storage.delete_prefix("b.txt"),
    },
    "put": {
        "put": lambda storage, content: storage.put("new.txt", content),
        "put over a file": lambda storage, content: storage.put("a.txt", content),
        "open to write": lambda storage, _: _written(storage, "new.txt"),
    },
    "create_only": {
        "put(if_none_match=True)": lambda storage, content: storage.put(
            "new.txt", content, if_none_match=True
        ),
        "open to create": lambda storage, _: _written(storage, "b.txt", create=True),
    },
    "replace_if_match": {"put(if_match=…)": _replaced},
    "copy": {
        "copy": lambda storage, _: storage.copy("a.txt", "b.txt"),
        "move": lambda storage, _: storage.move("a.txt", "moved.txt"),
    },
    "metadata": {
        "save with metadata": lambda storage, content: call_save(
            storage, "new.txt", content, metadata={"key": "x"}
        ),
        "save with a type": lambda storage, content: call_save(
            storage, "new.txt", content, content_type="text/plain"
        ),
    },
    "signed_get": {
        "signing for GET": lambda storage, _: storage.signed_url("a.txt"),
        "signing for HEAD": lambda storage, _: storage.signed_url("a.txt", method="HEAD"),
    },
    "signed_put": {
        "signing for PUT": lambda storage, _: storage.signed_url("new.txt", method="PUT"),
    },
    "signed_post": {"signing a form": lambda storage, _: storage.sign_upload("new.txt")},
    "upload_max_size": {
        "signing a form with a limit": lambda storage, _: storage.sign_upload("b.txt", max_size=9),
    },
}
SUPPORTS = tuple(CALLS)
"""Every capability that is a `Support`."""
NUMBERS = ("max_name_bytes", "max_metadata_bytes", "max_expires")
FLAGS = ("flat_namespace", "case_sensitive")


@check("capability.undeclared-is-unsupported", "P03", "E06", "U11")
async def undeclared_is_unsupported(target: Target) -> None:
    """What is not declared raises UnsupportedOperationError and touches nothing."""
    declared = target.storage.capabilities
    await target.storage.save("a.txt", b"content")
    for capability, calls in CALLS.items():
        if getattr(declared, capability) != "none":
            continue
        for what, call in calls.items():
            if what == "signing a form" and declared.signed_put != "none":
                continue  # a PUT may stand for it
            doing = f"{what} where {capability} is 'none'"
            done = call(target.storage, failing_after(b""))
            await fails(UnsupportedOperationError, done, doing=doing)
    same(await target.storage.size("a.txt"), 7, "the size of what was there")
    for name in ("b.txt", "new.txt", "moved.txt"):
        same(await target.storage.exists(name), False, f"exists({name!r})")


@check("capability.declared-is-supported", "P02")
async def declared_is_supported(target: Target) -> None:
    """What is declared is done: UnsupportedOperationError is a failure there."""
    for capability, calls in CALLS.items():
        if getattr(target.storage.capabilities, capability) == "none":
            continue
        for what, call in calls.items():
            await target.storage.delete_many(["a.txt", "b.txt", "new.txt", "moved.txt"])
            await target.storage.save("a.txt", b"content")
            try:
                await call(target.storage, chunks_of(b"new"))
            except UnsupportedOperationError as error:
                raise AssertionError(
                    f"{what} where {capability} is declared: expected that it is done, got {error}"
                ) from error


@check("capability.values-are-as-typed", "P01")
async def values_are_as_typed(target: Target) -> None:
    """Each capability is 'native', 'emulated' or 'none', a limit or a yes or no."""
    declared = target.storage.capabilities
    for field in SUPPORTS:
        found = getattr(declared, field)
        assert found in ("native", "emulated", "none"), f"{field}: got {found!r}"
    for field in NUMBERS:
        found = getattr(declared, field)
        assert isinstance(found, int), f"{field}: expected a number, got {found!r}"
        assert found > 0, f"{field}: expected over 0, got {found!r}"
    for field in FLAGS:
        found = getattr(declared, field)
        assert isinstance(found, bool), f"{field}: expected a bool, got {found!r}"
    most = declared.max_size
    assert most is None or most > 0, f"max_size: expected None or over 0, got {most!r}"


@check("capability.size-limit-is-held", "P04")
async def size_limit_is_held(target: Target) -> None:
    """A file of the declared largest size is stored, and one byte more is TooLargeError."""
    most = target.storage.capabilities.max_size
    if most is None or most > LARGEST:
        return  # nobody has so many bytes to spare for a check
    await target.storage.save("most.bin", b"x" * most)
    same(await target.storage.size("most.bin"), most, "the size of the largest file")
    for label, content in (("bytes", b"x" * (most + 1)), ("chunks", chunks_of(b"x" * (most + 1)))):
        await fails(
            TooLargeError, target.storage.save("more.bin", content), doing=f"one byte more, {label}"
        )
        same(await target.storage.exists("more.bin"), False, "exists() of what was too large")
