"""Show which mutants were found, by whom, and which starred points have none."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from openviper.storage.testing.catalogue import POINTS, STARRED
from tests.mutants.everything import MUTANTS

__all__ = ["WITHOUT_MUTANT", "score", "stars", "table"]

WITHOUT_MUTANT: Mapping[str, str] = {
    "K07": "neither memory nor disk copies by a service: the fault proxy delays and breaks one",
}
"""Starred points that no mutant breaks, with the reason."""


def score(found: Mapping[str, bool]) -> str:
    """Return how many mutants were found, and the names of those that were not."""
    line = f"{sum(found.values())}/{len(found)} mutants found"
    alive = sorted(name for name, was_found in found.items() if not was_found)
    return f"{line}; alive: {', '.join(alive)}" if alive else line


def table(failed: Mapping[str, Collection[str]]) -> str:
    """Return a line for each mutant: what it does, and which checks failed it."""
    width = max(map(len, failed))
    return "\n".join(
        f"{name:<{width}}  {', '.join(MUTANTS[name].points):<9} {_verdict(name, checks)}\n"
        f"{'':<{width}}  {MUTANTS[name].summary}"
        for name, checks in failed.items()
    )


def stars() -> str:
    """Return how many mutants break each starred point, or why none does."""
    numbers = {
        point: sum(point in mutant.points for mutant in MUTANTS.values()) for point in POINTS
    }
    return "\n".join(
        f"{point} ★  {numbers[point] or WITHOUT_MUTANT.get(point, 'NONE'):<3} {POINTS[point]}"
        for point in POINTS
        if point in STARRED
    )


def _verdict(name: str, checks: Collection[str]) -> str:
    missed = [check for check in MUTANTS[name].found_by if check not in checks]
    if missed:
        return f"ALIVE: {', '.join(missed)} passed"
    others = len(checks) - len(MUTANTS[name].found_by)
    more = f" and {others} more" if others else ""
    return f"found by {', '.join(MUTANTS[name].found_by)}{more}"
