"""Run every mutant and print who found it: `python -m tests.mutants [--whole] [name …]`.

`--whole` runs all checks on each mutant, not only those of the points that it breaks, and so
shows what else a mistake is found by.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from openviper.storage.testing import CHECKS
from servers import Server, start
from tests.mutants.everything import MUTANTS
from tests.mutants.registry import DEAR, checks_of, failures, subject_of
from tests.mutants.table import score, stars, table


def main() -> int:
    """Return 1 where a mutant stays alive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", action="store_true", help="run all checks on each mutant")
    parser.add_argument("name", nargs="*", help="a part of the names of the mutants to run")
    asked = parser.parse_args()
    names = [name for name in MUTANTS if not asked.name or any(n in name for n in asked.name)]
    with ExitStack() as stack:
        failed = {name: _failed(name, stack, whole=asked.whole) for name in names}
    print(table(failed), stars(), sep="\n\n")
    found = {name: failed[name] >= set(MUTANTS[name].found_by) for name in names}
    print(f"\n{score(found)}")
    return 0 if all(found.values()) else 1


def _failed(name: str, stack: ExitStack, *, whole: bool) -> set[str]:
    mutant = MUTANTS[name]
    cheap = [check for check in CHECKS.values() if check.id not in DEAR]
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))

    def server(kind: str) -> Server:
        started = start(kind)
        stack.callback(started.stop)
        return started.server

    subject = subject_of(mutant.kind, folder, server)
    return set(failures(cheap if whole else checks_of(mutant), subject))


if __name__ == "__main__":
    raise SystemExit(main())
