"""Run one check on one backend, and look after it for what it left behind."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, NamedTuple, TypeAlias

from openviper.storage.testing import look
from openviper.storage.testing.catalogue import why
from openviper.storage.testing.registry import Check, Level
from openviper.storage.testing.target import Profile, Subject, Target

__all__ = ["MEANINGS", "Cell", "Word", "run_check"]

Word: TypeAlias = Literal[
    "FAIL", "XPASS", "known", "not run", "no-raw", "no-proxy", "n/a", "cap-", "ok"
]
"""How a check ended."""

MEANINGS: dict[Word, str] = {
    "FAIL": "it was run and failed",
    "XPASS": "it passed, and was expected to fail",
    "known": "it fails as expected, or fails by luck on this server",
    "not run": "nobody ran it, or something that it needs was not given",
    "no-raw": "it needs raw access around the storage, which was not given",
    "no-proxy": "it needs a way through a fault proxy, which was not given",
    "n/a": "there is no such thing here",
    "cap-": "the storage does not declare the capability",
    "ok": "it was run and passed",
}
"""What the words mean, the worst first."""

CHECK_SECONDS: dict[Profile, float] = {"local": 120.0, "remote": 300.0, "long": 3600.0}

WITHOUT: dict[str, Word] = {"raw": "no-raw", "faults": "no-proxy"}
"""Words for the fields of a subject that many checks need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Say how one check ended on one backend, and why."""

    check: str
    level: Level
    fact: str
    """What the check shows, as a sentence."""
    subject: str
    server: str
    word: Word
    reason: str = ""
    error: BaseException | None = None

    def as_record(self) -> dict[str, str]:
        """Return all but the error, as what JSON can hold."""
        record = dataclasses.asdict(dataclasses.replace(self, error=None))
        del record["error"]
        return record

    @property
    def breaks(self) -> bool:
        """Tell whether the whole run has failed by this."""
        return self.word == "XPASS" or (self.word == "FAIL" and self.level == "MUST")


def run_check(check: Check, subject: Subject) -> Cell:
    """Run a check in an event loop of its own; nothing it raises gets out but interrupts."""
    end = _end_without_running(check, subject) or _end_of_run(check, subject)
    return Cell(
        check=check.id,
        level=check.level,
        fact=check.summary,
        subject=subject.name,
        server=subject.server,
        word=end.word,
        reason=end.reason,
        error=end.error,
    )


class _End(NamedTuple):
    word: Word
    reason: str = ""
    error: BaseException | None = None


def _end_without_running(check: Check, subject: Subject) -> _End | None:
    if check.id in subject.excuses:
        return _End("known", subject.excuses[check.id])
    for need in check.needs:
        given: object = getattr(subject, need)
        if given is False:
            return _End("n/a", f"{need} is False")
        if given is None and need in subject.inapplicable:
            return _End("n/a", subject.inapplicable[need])
        if given is None:
            return _End(WITHOUT.get(need, "not run"), f"no `{need}` was given")
    return None


def _end_of_run(check: Check, subject: Subject) -> _End:
    expected = subject.expected_failures.get(check.id)
    try:
        with asyncio.Runner() as runner:
            missing = runner.run(_run(check, subject))
    except Exception as error:  # noqa: BLE001 - a failure, whatever it is
        if expected is not None:
            return _End("known", expected, error)
        error.add_note(f"{check.summary}\n{why(check.points)}".rstrip())
        reason = "\n".join([f"{type(error).__name__}: {error}", *error.__notes__])
        return _End("FAIL", reason, error.with_traceback(_trace_of_check(error)))
    if missing:
        return _End("cap-", f"not declared: {', '.join(missing)}")
    if expected is not None:
        return _End("XPASS", f"it passed, and was expected to fail: {expected}")
    return _End("ok")


def _trace_of_check(error: Exception) -> TracebackType | None:
    """Return an error's trace without what runs the check."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code is not _run.__code__:
        trace = trace.tb_next
    return trace.tb_next if trace is not None else None


async def _run(check: Check, subject: Subject) -> list[str]:
    """Run a check, or return which capabilities it would need."""
    threads = set(threading.enumerate())
    async with Target(subject) as target:
        missing = [name for name in check.requires if not look.can(target.storage, name)]
        if missing:
            return missing
        async with asyncio.timeout(CHECK_SECONDS[subject.profile]):
            await check.run(target)
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
