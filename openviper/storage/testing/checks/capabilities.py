"""What a storage says that it can't do, it refuses (catalogue 1.16)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from openviper.storage.adapt import call_save  # as default_storage calls it
from openviper.storage.base import Storage
from openviper.storage.errors import UnsupportedOperationError
from openviper.storage.testing.contents import failing_after
from openviper.storage.testing.expect import fails, same
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target

Calls = dict[str, Callable[[Storage], Awaitable[object]]]


async def _first(items: AsyncIterator[object]) -> object:
    async for item in items:
        return item
    return None


async def _streamed(storage: Storage) -> object:
    return await _first(storage.stream("a.txt"))


async def _opened(storage: Storage) -> None:
    async with storage.open("a.txt"):
        pass


CALLS: dict[str, Calls] = {
    "read": {
        "read": lambda storage: storage.read("a.txt"),
        "stream": _streamed,
        "open": _opened,
    },
    "list": {
        "files": lambda storage: _first(storage.files()),
        "list_page": lambda storage: storage.list_page(),
        "listdir": lambda storage: storage.listdir(),
        "delete_prefix": lambda storage: storage.delete_prefix("a.txt"),
    },
    "put": {
        "put": lambda storage: storage.put("new.txt", failing_after(b"")),
        "put over a file": lambda storage: storage.put("a.txt", failing_after(b"")),
    },
    "copy": {
        "copy": lambda storage: storage.copy("a.txt", "b.txt"),
        "move": lambda storage: storage.move("a.txt", "b.txt"),
    },
    "metadata": {
        "save with metadata": lambda storage: call_save(
            storage, "new.txt", failing_after(b""), metadata={"key": "x"}
        ),
        "save with a type": lambda storage: call_save(
            storage, "new.txt", failing_after(b""), content_type="text/plain"
        ),
    },
}


@check("capability.undeclared-is-unsupported", "P03", "E06")
async def undeclared_is_unsupported(target: Target) -> None:
    """What is not declared raises UnsupportedOperationError and touches nothing."""
    await target.storage.save("a.txt", b"content")
    for capability, calls in CALLS.items():
        if getattr(target.storage.capabilities, capability) == "none":
            for what, call in calls.items():
                doing = f"{what} where {capability} is 'none'"
                await fails(UnsupportedOperationError, call(target.storage), doing=doing)
    same(await target.storage.size("a.txt"), 7, "the size of what was there")
    for name in ("b.txt", "new.txt"):
        same(await target.storage.exists(name), False, f"exists({name!r})")


@check("capability.values-are-as-typed", "P01")
async def values_are_as_typed(target: Target) -> None:
    """Each capability is 'native', 'emulated' or 'none', a limit or a yes or no."""
    declared = target.storage.capabilities
    for field in (*CALLS, "create_only", "replace_if_match", "signed_get", "signed_put"):
        found = getattr(declared, field)
        assert found in ("native", "emulated", "none"), f"{field}: got {found!r}"
    for field in ("max_name_bytes", "max_metadata_bytes", "max_expires"):
        found = getattr(declared, field)
        assert isinstance(found, int), f"{field}: expected a number, got {found!r}"
        assert found > 0, f"{field}: expected over 0, got {found!r}"
    for field in ("flat_namespace", "case_sensitive"):
        found = getattr(declared, field)
        assert isinstance(found, bool), f"{field}: expected a bool, got {found!r}"
