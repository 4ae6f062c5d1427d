"""Fail unless docs/conformance.md says what runs of the suite have found; versions may differ."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

CELLS = re.compile(r"(?<!\\)\|")


def shown(page: str) -> dict[tuple[str, str], str]:
    """Return the words of the page's table by storage and check."""
    rows = [
        [cell.strip() for cell in CELLS.split(line)[1:-1]]
        for line in page.splitlines()
        if line.startswith("| ")
    ]
    names = [server.partition(" (")[0] for server in rows[0][1:]]
    checks = [row for row in rows if row[0].startswith("`")]
    return {
        (name, row[0].split("`")[1]): word
        for row in checks
        for name, word in zip(names, row[1:], strict=True)
    }


def main() -> None:
    """Compare the page with what the runs wrote as JSON."""
    page, *runs = map(Path, sys.argv[1:])
    told = shown(page.read_text(encoding="utf-8"))
    names = {name for name, _ in told}
    found = {
        (backend["name"], check): cell["word"]
        for run in runs
        for backend in json.loads(run.read_text(encoding="utf-8"))["backends"]
        if backend["name"] in names
        for check, cell in backend["cells"].items()
    }
    wrong = [key for key in sorted(told.keys() | found.keys()) if told.get(key) != found.get(key)]
    if wrong or not told:
        lines = [f"{' '.join(key)}: {told.get(key)}, now {found.get(key)}" for key in wrong]
        sys.exit("\n".join([*lines, f'{page} is not up to date: run "make matrix", commit it']))


if __name__ == "__main__":
    main()
