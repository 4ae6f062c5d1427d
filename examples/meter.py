"""What the demo shows: a bar while it waits, memory, and a table in the end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Bar", "Memory", "table"]

_WIDTH = 30
_STATUS = Path("/proc/self/status")


class Bar:
    """Draw progress in place on a terminal, in quarters elsewhere."""

    def __init__(self, label: str, total: int) -> None:
        self._label = label
        self._total = total
        self._drawn = -1
        self._steps = 100 if sys.stderr.isatty() else 4

    def update(self, done: int) -> None:
        """Draw how much is done, if that changed to the eye."""
        step = done * self._steps // self._total
        if step <= self._drawn:
            return
        self._drawn = step
        filled = "#" * (done * _WIDTH // self._total)
        end = "\r" if self._steps == 100 else "\n"
        line = (
            f"{self._label:<11}[{filled:<{_WIDTH}}] {done / 1e6:5.0f} of {self._total / 1e6:.0f} MB"
        )
        print(line, end=end, file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._steps == 100:
            print(file=sys.stderr)


class Memory:
    """Measure the peak of this process's memory above what it was (Linux; 0 elsewhere)."""

    def __init__(self) -> None:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak
        self._before = _kilobytes("VmRSS")

    def peak(self) -> int:
        """Return the bytes above the start at the highest point since."""
        return max(0, _kilobytes("VmHWM") - self._before) * 1024


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned columns, numbers to the right."""
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    lines = [_line(heads, widths), "  ".join("-" * width for width in widths)]
    return "\n".join([*lines, *(_line(row, widths) for row in rows)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = [
        cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width)
        for cell, width in zip(cells, widths, strict=True)
    ]
    return "  ".join(texts).rstrip()


def _kilobytes(field: str) -> int:
    with suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return 0
