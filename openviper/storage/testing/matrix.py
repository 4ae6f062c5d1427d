"""Show every check on every backend in one table."""

from __future__ import annotations

from collections.abc import Iterable

from openviper.storage.testing.runner import Cell

__all__ = ["render_matrix"]


def render_matrix(cells: Iterable[Cell], *, servers: dict[str, str] | None = None) -> str:
    """Return a table of checks by backends, the sums below it and the reasons below them."""
    rows: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        rows.setdefault(cell.check, {})[cell.subject] = cell
    subjects = sorted({subject for row in rows.values() for subject in row})
    if not subjects:
        return "no checks were run"
    first = max(len(name) for name in [*rows, "check"])
    widths = [max(len(subject), len("excused")) for subject in subjects]
    lines = [_line("check", subjects, first, widths)]
    lines += [
        _line(name, [_word(row.get(subject)) for subject in subjects], first, widths)
        for name, row in sorted(rows.items())
    ]
    lines.append("-" * len(lines[0]))
    lines.append(_line("ok / of", [_sum(rows, s) for s in subjects], first, widths))
    lines += [f"{subject}: {servers[subject]}" for subject in subjects if servers]
    return "\n".join([*lines, *_reasons(rows)])


def _line(head: str, words: list[str], first: int, widths: list[int]) -> str:
    cells = (word.center(width) for word, width in zip(words, widths, strict=True))
    return f"{head:<{first}}  {'  '.join(cells)}".rstrip()


def _word(cell: Cell | None) -> str:
    return "not run" if cell is None else cell.word


def _sum(rows: dict[str, dict[str, Cell]], subject: str) -> str:
    words = [row[subject].word for row in rows.values() if subject in row]
    return f"{words.count('ok')}/{len(words)}"


def _reasons(rows: dict[str, dict[str, Cell]]) -> list[str]:
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for name, row in sorted(rows.items()):
        for cell in row.values():
            if cell.word != "ok":
                grouped.setdefault((cell.word, name, cell.reason), []).append(cell.subject)
    return [
        f"{word}: {name} on {', '.join(subjects)}: {reason}"
        for (word, name, reason), subjects in grouped.items()
    ]
