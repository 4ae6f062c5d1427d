"""Write results as Markdown and JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from benchmarks.results import GroundResult, Start, median_rate
from benchmarks.work import Figures

__all__ = ["as_json", "as_markdown"]

LACKING = "–"


def as_json(result: GroundResult) -> str:
    """Return all rounds of all contenders."""
    told = {
        "machine": _machine(),
        "versions": result.versions,
        "failures": result.failures,
        "rows": {row: _plain(cells) for row, cells in result.rows.items()},
        "starts": _plain(result.starts),
    }
    return json.dumps(told, indent=1)


def _plain(cells: Mapping[str, Sequence[Figures | Start]]) -> dict[str, list[dict[str, object]]]:
    return {name: [asdict(each) for each in rounds] for name, rounds in cells.items()}


def as_markdown(result: GroundResult) -> str:
    """Return the tables."""
    parts = [
        f"# {result.ground.title}",
        f"Measured on {_machine()}; with {_versions(result)}. Rates and memory are medians of the "
        "rounds, ratios are medians of the rounds' ratios, processor times are means.",
        _ratios(result),
        _rates(result),
        _processors(result),
    ]
    if any(map(_is_stream, result.rows)):
        parts.append(_memory(result))
    if result.starts:
        parts.append(_starts(result))
    if result.failures:
        parts.append("\n".join(f"- failed: {at}: {why}" for at, why in result.failures.items()))
    return "\n\n".join(parts) + "\n"


def _machine() -> str:
    load = os.getloadavg()[1]
    return (
        f"{datetime.now(UTC):%d %B %Y}, {os.cpu_count()} cores (load {load:.1f}), "
        f"Python {platform.python_version()}, Linux {platform.release()}"
    )


def _versions(result: GroundResult) -> str:
    return ", ".join(f"{name} {version}" for name, version in result.versions.items())


def _ratios(result: GroundResult) -> str:
    lines: list[list[str]] = []
    for row, cells in result.rows.items():
        if ours := result.ours(row):
            line = [row, _short(median_rate(cells[ours]))]
            for other in (result.best(row, "peer"), result.best(row, "limit")):
                line += _compared(result, row, ours, other)
            lines.append(line)
    return _table(["a second", "openviper", "best peer", "of it", "limit", "of it"], lines)


def _compared(result: GroundResult, row: str, ours: str, other: str | None) -> list[str]:
    if other is None:
        return [LACKING, LACKING]
    rate = _short(median_rate(result.rows[row][other]))
    return [f"{other} {rate}", f"**{result.ratio(row, ours, other):.2f}**"]


def _rates(result: GroundResult) -> str:
    def cell(row: str, name: str) -> str:
        rate, ours = _short(median_rate(result.rows[row][name])), result.ours(row)
        if ours in (None, name):
            return rate
        return f"{rate} ({result.ratio(row, ours, name):.2f})"

    return _by_contender(result, "a second (openviper's to it)", result.rows, cell)


def _processors(result: GroundResult) -> str:
    def cell(row: str, name: str) -> str:
        rounds = result.rows[row][name]
        parts = [_each(rounds, lambda figures: figures.cpu)]
        if all(figures.server_cpu is not None for figures in rounds):
            parts.append(_each(rounds, lambda figures: figures.server_cpu or 0))
        return " + ".join(f"{part * 1e6:,.0f}" for part in parts)

    return _by_contender(result, "µs of processors each (+ the server's)", result.rows, cell)


def _each(rounds: Sequence[Figures], seconds: Callable[[Figures], float]) -> float:
    """Return the mean of all rounds: a server's time is told in steps of 10 ms."""
    return sum(map(seconds, rounds)) / sum(figures.count for figures in rounds)


def _memory(result: GroundResult) -> str:
    def cell(row: str, name: str) -> str:
        return f"{_median(figures.peak for figures in result.rows[row][name]) / 1024:,.0f}"

    return _by_contender(result, "peak, MiB above idle", filter(_is_stream, result.rows), cell)


def _starts(result: GroundResult) -> str:
    lines = [
        [
            name,
            f"{_median(start.imported for start in starts) * 1e3:,.0f}",
            f"{_median(start.first for start in starts) * 1e3:,.0f}",
        ]
        for name, starts in result.starts.items()
    ]
    return _table(["ms", "import", "first call"], lines)


def _by_contender(
    result: GroundResult, title: str, rows: Iterable[str], cell: Callable[[str, str], str]
) -> str:
    names = result.names()
    lines = [
        [row, *(cell(row, name) if name in result.rows[row] else LACKING for name in names)]
        for row in rows
    ]
    return _table([title, *names], lines)


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, rule, *lines])


def _is_stream(row: str) -> bool:
    return row.startswith("stream")


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _short(value: float) -> str:
    """Return three significant digits."""
    if value >= 100:
        digits = len(str(int(value))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"
