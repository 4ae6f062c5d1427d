"""Write a matrix down: for a terminal, as Markdown, as JSON or as a page of HTML.

The JSON is one object:

    {"kit": "0.1.0",                                    the version of the suite
     "checks": [{"id": "save.taken-name-gets-another", "level": "MUST",
                 "fact": "…"}],                         in the order of their ids
     "backends": [{"name": "TestSwift", "server": "Swift 2.33",
                   "passed": 210, "run": 211, "declared": 215,    MUST checks
                   "conforming": false, "verdict": "NOT (1 FAIL, 4 no-raw)",
                   "cells": {"save.taken-name-gets-another": {"word": "FAIL", "reason": "…"}}}]}

Every backend has a cell for every check. The words are those of `MEANINGS`.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

from openviper import __version__
from openviper.storage.testing.matrix import Column, Matrix, Remark
from openviper.storage.testing.page import CONFORMING, render_page
from openviper.storage.testing.runner import MEANINGS

__all__ = ["Format", "format_of", "render", "write"]

Format: TypeAlias = Literal["txt", "json", "md", "html"]


WIDTH = 100
INDENT = "    "


def format_of(file: str) -> Format:
    """Return the format that a file's suffix names; `ValueError` where it names none."""
    suffix = Path(file).suffix.removeprefix(".")
    for known in RENDERERS:
        if suffix == known:
            return known
    raise ValueError(f"{file!r} ends in none of {', '.join(f'.{known}' for known in RENDERERS)}")


def write(matrix: Matrix, file: str) -> None:
    """Write a matrix to a file in the format of its suffix, its folder made where need be."""
    text = render(matrix, format_of(file))
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text + "\n", encoding="utf-8")


def render(matrix: Matrix, form: Format) -> str:
    """Return a matrix as text of this format."""
    return RENDERERS[form](matrix)


def _text(matrix: Matrix) -> str:
    """Return a table of fixed width, without the checks that nobody ran."""
    run = [row.check for row in matrix.rows if any(row.check in c.cells for c in matrix.columns)]
    table = [
        ["check", *(column.subject for column in matrix.columns)],
        *([check, *(column.word(check) for column in matrix.columns)] for check in run),
        ["MUST passed/run/declared", *map(_sums, matrix.columns)],
    ]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *map(str.center, line[1:], widths[1:])]).rstrip()
        for line in table
    ]
    rule = "-" * max(map(len, lines))
    left = len(matrix.rows) - len(run)
    return "\n".join(
        [
            *lines[:-1],
            *([f"({left} more checks were not run)"] if left else []),
            rule,
            lines[-1],
            *map(_text_of, matrix.remarks),
            *(f"{_title(column)}: {column.verdict}" for column in matrix.columns),
        ]
    )


def _text_of(remark: Remark) -> str:
    head = f"{remark.word}: {', '.join(remark.checks)} on {', '.join(remark.subjects)}"
    lines = textwrap.wrap(head, WIDTH, subsequent_indent=INDENT, break_on_hyphens=False)
    return "\n".join([*lines, textwrap.indent(remark.reason, INDENT)])


def _markdown(matrix: Matrix) -> str:
    """Return a table, each check on a line with what it shows, and the reasons below it."""
    head = ["check", *map(_title, matrix.columns)]
    rows = [
        [f"`{row.check}` {row.fact}", *(column.word(row.check) for column in matrix.columns)]
        for row in matrix.rows
    ]
    sums = ["MUST passed / run / declared", *map(_sums, matrix.columns)]
    verdicts = ["verdict", *(column.verdict for column in matrix.columns)]
    table = [head, ["---", *[":-:"] * len(matrix.columns)], verdicts, sums, *rows]
    return "\n".join(
        [
            "# Storage conformance",
            "",
            CONFORMING,
            "",
            *(f"- `{word}`: {meaning}" for word, meaning in MEANINGS.items()),
            "",
            *(f"| {' | '.join(map(_escaped, cells))} |" for cells in table),
            "",
            *(
                f"- **{remark.word}** on {', '.join(remark.subjects)}: {_escaped(remark.reason)}: "
                + ", ".join(f"`{check}`" for check in remark.checks)
                for remark in matrix.remarks
            ),
        ]
    )


def _json(matrix: Matrix) -> str:
    found = {
        "kit": __version__,
        "checks": [{"id": row.check, "level": row.level, "fact": row.fact} for row in matrix.rows],
        "backends": [_backend(column) for column in matrix.columns],
    }
    return json.dumps(found, indent=1, ensure_ascii=False)


def _backend(column: Column) -> dict[str, object]:
    cells = {row.check: column.cells.get(row.check) for row in column.rows}
    return {
        "name": column.subject,
        "server": column.server,
        "passed": column.passed,
        "run": column.run,
        "declared": column.declared,
        "conforming": column.conforming,
        "verdict": column.verdict,
        "cells": {
            check: {"word": column.word(check), "reason": cell.reason if cell else ""}
            for check, cell in cells.items()
        },
    }


def _title(column: Column) -> str:
    return f"{column.subject} ({column.server})" if column.server else column.subject


def _sums(column: Column) -> str:
    return f"{column.passed}/{column.run}/{column.declared}"


def _escaped(text: str) -> str:
    """Return a text for one cell or line of Markdown."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


RENDERERS: dict[Format, Callable[[Matrix], str]] = {
    "txt": _text,
    "json": _json,
    "md": _markdown,
    "html": render_page,
}
