"""Run the suite from a shell, with no test file: `python -m openviper.storage.testing TARGET`.

TARGET is `module:name`: a subclass of `StorageConformance`, or a function of a location that
returns a storage and may be async.

The exit status is 0 where nothing failed, 1 where a MUST check did or one passed that was known
to fail, and 2 where the suite could not be run. The verdict says more: a storage can have no
failures and not be CONFORMING, as not every check could be run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Iterator, Sequence
from typing import get_args

from openviper.conf.importing import import_string
from openviper.storage.base import Storage
from openviper.storage.testing import reports
from openviper.storage.testing.conformance import StorageConformance
from openviper.storage.testing.matrix import matrix_of
from openviper.storage.testing.places import SharedPlaceError
from openviper.storage.testing.registry import CHECKS
from openviper.storage.testing.runner import Cell
from openviper.storage.testing.target import Make, Profile

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    checks = [name for name in CHECKS if any(text in name for text in chosen.keyword or [""])]
    if not checks:
        parser.error(f"no check has {' or '.join(chosen.keyword)} in its id")
    if chosen.list:
        print("\n".join(f"{name}: {CHECKS[name].summary}" for name in checks))
        return 0
    if chosen.target is None:
        parser.error("name a storage to run the checks on, as module:name")
    try:
        suite = _suite(chosen.target)
    except Exception as error:  # noqa: BLE001 - whatever the user's module raises
        parser.error(f"cannot load {chosen.target}: {type(error).__name__}: {error}")
    try:
        cells = list(_progress(suite, checks, chosen.profile))
    except SharedPlaceError as error:
        print(error, file=sys.stderr)
        return 2
    _report(cells, chosen.matrix)
    return 1 if any(cell.breaks for cell in cells) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m openviper.storage.testing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("target", nargs="?", metavar="TARGET", help="module:name")
    add("-k", dest="keyword", action="append", metavar="TEXT", help="only checks with it in an id")
    add("--list", action="store_true", help="list the checks and run none")
    add(
        "--matrix",
        action="append",
        default=[],
        type=_matrix_file,
        metavar="FILE",
        help="write the table to FILE.json, .md, .html or .txt (repeatable)",
    )
    add("--profile", choices=get_args(Profile), help="how much is tried; long is everything")
    return parser


def _matrix_file(file: str) -> str:
    try:
        reports.format_of(file)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return file


def _suite(target: str) -> StorageConformance:
    found = import_string(target.replace(":", "."))
    if isinstance(found, type) and issubclass(found, StorageConformance):
        return found()
    return _Made(target, found)


class _Made(StorageConformance):
    """Run the suite on what a function makes."""

    __test__ = False

    def __init__(self, name: str, make: Make) -> None:
        self.name = name
        self._make = make

    def make_storage(self, location: str) -> Storage | Awaitable[Storage]:
        return self._make(location)


def _progress(
    suite: StorageConformance, checks: Sequence[str], profile: Profile | None
) -> Iterator[Cell]:
    """Run the checks, and print how each one ended."""
    for number, name in enumerate(checks, 1):
        cell = suite.run(name, profile=profile)
        print(f"{number:>4}/{len(checks)}  {cell.word:<8}  {name}", flush=True)
        yield cell


def _report(cells: Sequence[Cell], files: Sequence[str]) -> None:
    """Print the table with the reasons and the verdict, and write the files."""
    matrix = matrix_of(cells)
    print(f"\n{reports.render(matrix, 'txt')}")
    for file in files:
        reports.write(matrix, file)
        print(f"written to {file}")


if __name__ == "__main__":
    sys.exit(main())
