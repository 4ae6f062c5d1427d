"""Run one check on one backend, and look after it for what it left behind."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Literal, TypeAlias

from openviper.storage.testing.catalogue import why
from openviper.storage.testing.registry import Check
from openviper.storage.testing.target import Subject, Target

__all__ = ["Cell", "Word", "run_check"]

Word: TypeAlias = Literal["ok", "FAIL", "excused", "cap-", "n/a", "not run"]

CHECK_SECONDS = {"local": 120.0, "remote": 120.0, "long": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Say how one check ended on one backend, and why."""

    check: str
    subject: str
    word: Word
    reason: str = ""
    error: BaseException | None = None


def run_check(check: Check, subject: Subject) -> Cell:
    """Run a check in an event loop of its own; nothing it raises gets out but interrupts."""
    if check.id in subject.excuses:
        return Cell(
            check=check.id, subject=subject.name, word="excused", reason=subject.excuses[check.id]
        )
    absent = [need for need in check.needs if getattr(subject, need) in (None, False)]
    if absent:
        reason = f"the subject has no {', '.join(absent)}"
        return Cell(check=check.id, subject=subject.name, word="n/a", reason=reason)
    try:
        with asyncio.Runner() as runner:
            missing = runner.run(_run(check, subject))
    except Exception as error:  # noqa: BLE001 - a failure, whatever it is
        error.add_note(f"{check.summary}\n{why(check.points)}")
        reason = "\n".join([f"{type(error).__name__}: {error}", *error.__notes__])
        return Cell(check=check.id, subject=subject.name, word="FAIL", reason=reason, error=error)
    if missing:
        reason = f"not declared: {', '.join(missing)}"
        return Cell(check=check.id, subject=subject.name, word="cap-", reason=reason)
    return Cell(check=check.id, subject=subject.name, word="ok")


async def _run(check: Check, subject: Subject) -> list[str]:
    """Run a check, or return which capabilities it would need."""
    threads = set(threading.enumerate())
    target = Target(subject)
    try:
        missing = [
            name
            for name in check.requires
            if getattr(target.storage.capabilities, name) in ("none", False)
        ]
        if missing:
            return missing
        async with asyncio.timeout(CHECK_SECONDS[subject.profile]):
            await check.run(target)
    finally:
        await target.aclose()
    await _assert_nothing_left(threads)
    return []


async def _assert_nothing_left(threads: set[threading.Thread]) -> None:
    await asyncio.sleep(0)
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not tasks, f"tasks were left running: {tasks}"
    # Pools keep idle threads: the file threads of openviper, the loop's own (asyncio_0 …).
    left = {t.name for t in set(threading.enumerate()) - threads}
    stray = sorted(name for name in left if not name.startswith(("openviper-files", "asyncio_")))
    assert not stray, f"threads were left running: {stray}"
