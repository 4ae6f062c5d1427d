"""Show a matrix as one page of HTML that needs no other file."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from openviper import __version__
from openviper.storage.testing.matrix import Column, Matrix, Remark, Row
from openviper.storage.testing.runner import MEANINGS, Word

__all__ = ["CONFORMING", "render_page"]

STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: separate; border-spacing: 0; width: 100% }
th, td { border-bottom: 1px solid #8883; padding: .3rem .6rem; text-align: center }
th:first-child, td:first-child { text-align: left }
thead th { background: Canvas; position: sticky; top: 0; vertical-align: bottom }
tbody tr:hover { background: #8881 }
small { display: block; font-weight: normal; opacity: .75 }
dl { columns: 20rem; font-size: .9em } dl div { break-inside: avoid }
dt { float: left; min-width: 5rem } dd { margin: 0 0 .2rem 5rem }
code { font-size: .9em }
pre { overflow-x: auto; white-space: pre-wrap }
details { border-left: 4px solid #8888; margin: .5rem 0; padding: .2rem .8rem }
summary { cursor: pointer }
.ok { color: #1a7f37 } .fail { color: #cf222e; font-weight: bold }
.known { color: #9a6700 } .quiet { opacity: .6 }
details.fail { border-color: #cf222e; color: inherit; font-weight: inherit }
details.known { border-color: #9a6700; color: inherit } details.quiet { opacity: 1 }
"""

CONFORMING = f"""\
Every check of openviper-storage {__version__} on every storage that was tried. One is CONFORMING
where each check at level MUST was run and passed, but for those of capabilities that it does not
declare (`cap-`) and of things that there are not (`n/a`)."""

KINDS = {"ok": "ok", "FAIL": "fail", "XPASS": "fail", "known": "known"}
"""Classes of the style by word; the others are quiet."""


def render_page(matrix: Matrix) -> str:
    """Return the page: verdicts, failures and other reasons, and every check."""
    head = "".join(map(_head, matrix.columns))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Storage conformance</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Storage conformance</h1>
<p>{CONFORMING}</p>
<dl>{"".join(map(_meaning, MEANINGS))}</dl>
<table>
<thead><tr><th>Verdict</th><th>MUST passed / run / declared</th></tr></thead>
<tbody>
{_lines(map(_verdict, matrix.columns))}
</tbody>
</table>
<h2>Why</h2>
{_lines(map(_remark, matrix.remarks))}
<h2>Checks</h2>
<table>
<thead><tr><th>check</th>{head}</tr></thead>
<tbody>
{_lines(_row(row, matrix.columns) for row in matrix.rows)}
</tbody>
</table>
</body>
</html>"""


def _lines(parts: Iterable[str]) -> str:
    return "\n".join(parts)


def _meaning(word: Word) -> str:
    kind = KINDS.get(word, "quiet")
    return f"<div><dt class={kind}>{word}</dt><dd>{MEANINGS[word]}</dd></div>"


def _head(column: Column) -> str:
    return f"<th>{escape(column.subject)}<small>{escape(column.server)}</small></th>"


def _verdict(column: Column) -> str:
    kind = "ok" if column.conforming else "fail"
    sums = f"{column.passed} / {column.run} / {column.declared}"
    return (
        f"<tr><td>{escape(column.subject)}: <span class={kind}>{escape(column.verdict)}</span>"
        f"<small>{escape(column.server)}</small></td><td>{sums}</td></tr>"
    )


def _remark(remark: Remark) -> str:
    kind = KINDS.get(remark.word, "quiet")
    unfolded = " open" if kind == "fail" else ""
    checks = ", ".join(f"<code>{escape(check)}</code>" for check in remark.checks)
    return (
        f"<details class={kind}{unfolded}><summary><b>{remark.word}</b> {checks} on "
        f"{escape(', '.join(remark.subjects))}</summary>"
        f"<pre>{escape(remark.reason)}</pre></details>"
    )


def _row(row: Row, columns: tuple[Column, ...]) -> str:
    level = "" if row.level == "MUST" else f" ({row.level})"
    return (
        f"<tr><td><code>{escape(row.check)}</code>{level}<small>{escape(row.fact)}</small></td>"
        f"{''.join(_word(column.word(row.check)) for column in columns)}</tr>"
    )


def _word(word: Word) -> str:
    return f"<td class={KINDS.get(word, 'quiet')}>{word}</td>"
