"""Run all contenders of a ground side by side, one at a time, round after round."""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import IO, Any

from benchmarks.contender import Place
from benchmarks.environments import ROOT, command
from benchmarks.places import Site
from benchmarks.results import GroundResult, Start
from benchmarks.roster import Entry
from benchmarks.work import Figures, Work
from servers.cache import say

__all__ = ["Measuring"]

PATIENCE = 600.0
"""Seconds for the longest piece of work."""


class ContenderError(Exception):
    """Say what a contender failed at."""


class LackingError(Exception):
    """Say which operation a library does not have."""


class Process:
    """Hold a contender's process, which answers line by line."""

    def __init__(self, entry: Entry, place: Place, log: IO[bytes]) -> None:
        self.entry = entry
        self._process = subprocess.Popen(
            command(entry),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        self._place = place

    def greet(self) -> tuple[str, Start]:
        """Return the version of its library, and how it began."""
        hello = self._exchange(self._place)
        return hello["version"], Start(imported=hello["import"], first=hello["first"])

    def check(self) -> None:
        """Have it show that it does what it says."""
        self._exchange({"operation": "check"})

    def do(self, work: Work) -> Figures:
        """Have one piece of work done."""
        return Figures(**self._exchange(work.as_json()))

    def close(self) -> None:
        """Let it end by itself, or end it."""
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _exchange(self, asked: dict[str, Any]) -> dict[str, Any]:  # Any: values of JSON
        asks, answers = self._process.stdin, self._process.stdout
        assert asks is not None  # pipes, by construction
        assert answers is not None
        with suppress(BrokenPipeError):  # its end is noticed below
            asks.write(json.dumps(asked).encode() + b"\n")
            asks.flush()
        if not select.select([answers], [], [], PATIENCE)[0]:
            raise ContenderError(f"no answer in {PATIENCE:g} s")
        answer: dict[str, Any] = json.loads(answers.readline() or b'{"error": "it has ended"}')
        if "error" in answer:
            raise ContenderError(answer["error"])
        if "lacks" in answer:
            raise LackingError(answer["lacks"])
        return answer


class Measuring:
    """Fill the result of one ground."""

    def __init__(
        self,
        site: Site,
        result: GroundResult,
        *,
        rounds: int,
        log: IO[bytes],
        warm_ups: int = 2,
    ) -> None:
        """Count `rounds` after `warm_ups`: one opens what stays open, one finds the pace."""
        self._site = site
        self._result = result
        self._rounds = rounds
        self._log = log
        self._warm_ups = warm_ups

    def starts(self, entries: Sequence[Entry]) -> None:
        """Measure how processes begin, one after the other, in fresh ones each round."""
        for _ in range(self._rounds):
            for entry in entries:
                if entry.operations is not None:
                    continue  # it is another way to use a library that is here already
                with self._failing(entry, "start"), self._running(entry) as process:
                    start = self._greeted(process)
                    self._result.starts.setdefault(entry.name, []).append(start)

    def rates(self, entries: Sequence[Entry], plan: Sequence[Sequence[Work]]) -> None:
        """Measure all works, each in rounds."""
        with ExitStack() as stack:
            processes: list[Process] = []
            for entry in entries:
                with self._failing(entry, "check"):
                    process = stack.enter_context(self._running(entry))
                    self._greeted(process)
                    process.check()
                    processes.append(process)
            for works in plan:
                say(f"{self._result.ground.name}: {', '.join(work.row for work in works)}")
                self._row_by_row(processes, works)

    def _greeted(self, process: Process) -> Start:
        self._result.versions[process.entry.name], start = process.greet()
        return start

    def _row_by_row(self, processes: Sequence[Process], works: Sequence[Work]) -> None:
        failed: set[str] = set()
        for number in range(self._warm_ups + self._rounds):
            counts = number >= self._warm_ups
            # In another order each time: nobody always comes after the same one.
            for process in random.Random(number).sample(processes, len(processes)):  # noqa: S311
                name = process.entry.name
                if name not in failed and not self._turn(process, works, counts=counts):
                    failed.add(name)
        for work in works:
            for name in failed:
                self._result.rows.get(work.row, {}).pop(name, None)

    def _turn(self, process: Process, works: Sequence[Work], *, counts: bool) -> bool:
        """Do works that follow each other; tell whether to go on with this contender's."""
        return all(self._slice(process, work, counts=counts) for work in works)

    def _slice(self, process: Process, work: Work, *, counts: bool) -> bool:
        """Do one work once; tell whether it did not fail."""
        entry = process.entry
        if entry.operations is not None and work.operation not in entry.operations:
            return True
        before = self._site.cpu()
        with self._failing(entry, work.row) as failing, suppress(LackingError):
            figures = process.do(work)
            after = self._site.cpu()
            used = None if before is None or after is None else after - before
            if counts:
                cells = self._result.rows.setdefault(work.row, {})
                cells.setdefault(entry.name, []).append(replace(figures, server_cpu=used))
        return not failing()

    @contextmanager
    def _running(self, entry: Entry) -> Iterator[Process]:
        process = Process(entry, self._site.place(entry.name), self._log)
        try:
            yield process
        finally:
            process.close()

    @contextmanager
    def _failing(self, entry: Entry, where: str) -> Iterator[Callable[[], bool]]:
        """Note a failure and go on without."""
        has_failed = False
        try:
            yield lambda: has_failed
        except ContenderError as error:
            has_failed = True
            say(f"{entry.name} failed at {where}: {error}")
            self._result.failures[f"{entry.name}, {where}"] = str(error)
