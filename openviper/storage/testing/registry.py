"""The checks: small async functions, one fact each, in the order of their sections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from openviper.storage.testing.target import Target

__all__ = ["CHECKS", "Check", "Level", "check"]

CheckFunction: TypeAlias = "Callable[[Target], Awaitable[None]]"

Level: TypeAlias = Literal["MUST", "SHOULD"]

CHECKS: dict[str, Check] = {}
"""Every check by its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Hold one fact that every storage must show."""

    id: str
    """Section and fact: `save.taken-name-gets-another`."""
    points: tuple[str, ...]
    """Of the catalogue of contract points: `("S02",)`."""
    requires: tuple[str, ...]
    """Capabilities without which there is nothing to check."""
    needs: tuple[str, ...]
    """Fields of `Subject` without which it can't be looked at: `("raw",)`."""
    level: Level
    """MUST hold for a storage to conform; a new check is SHOULD for one minor release."""
    since: str
    """The version of the suite that brought it."""
    run: CheckFunction

    @property
    def summary(self) -> str:
        """Return the fact as a sentence."""
        return (self.run.__doc__ or "").partition("\n")[0]


def check(
    id: str,  # noqa: A002 - what it is
    *points: str,
    requires: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    level: Level = "MUST",
    since: str = "0.1",
) -> Callable[[CheckFunction], CheckFunction]:
    """Put a function into the registry; its docstring's first line is the fact."""

    def register(run: CheckFunction) -> CheckFunction:
        if id in CHECKS:
            raise ValueError(f"there is a check {id!r} already")
        CHECKS[id] = Check(
            id=id,
            points=points,
            requires=requires,
            needs=needs,
            level=level,
            since=since,
            run=run,
        )
        return run

    return register
