"""Say what was expected and what came: checks also run where pytest rewrites no assert."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias, TypeVar

__all__ = ["Calls", "each_fails", "fails", "same", "same_bytes"]

E = TypeVar("E", bound=BaseException)

Calls: TypeAlias = Mapping[str, Callable[[], Awaitable[object]]]
"""What to do, by what to call it in a message."""


async def fails(kind: type[E], call: Awaitable[object], *, doing: str) -> E:
    """Return the error of `kind` that awaiting `call` raises; anything else is a failure."""
    try:
        result = await call
    except kind as error:
        return error
    except Exception as error:
        raise AssertionError(
            f"{doing}: expected {kind.__name__}, got {type(error).__name__}: {error}"
        ) from error
    raise AssertionError(f"{doing}: expected {kind.__name__}, got the result {result!r:.200}")


async def each_fails(kind: type[Exception], calls: Calls, what: str) -> None:
    """Fail unless each call, one after the other, raises an error of `kind`."""
    for label, call in calls.items():
        await fails(kind, call(), doing=f"{label} {what}")


def same(found: object, expected: object, what: str) -> None:
    """Fail unless two values are equal."""
    assert found == expected, f"{what}: expected {expected!r:.300}, got {found!r:.300}"


def same_bytes(found: bytes, expected: bytes, what: str) -> None:
    """Fail unless two contents are equal, and say where they part instead of showing them."""
    if found == expected:
        return
    pairs = enumerate(zip(found, expected, strict=False))
    differ = (position for position, (left, right) in pairs if left != right)
    first = next(differ, min(len(found), len(expected)))
    raise AssertionError(
        f"{what}: expected {len(expected)} bytes, got {len(found)}; they part at byte {first}"
    )
