"""What the suite finds in `examples/backends/naive_s3.py`, as a table for docs/backends.md.

`python -m tests.third_party.findings` runs the suite and writes the table between its marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from examples.backends.naive_s3 import S3Storage
from openviper.storage import Storage
from openviper.storage.testing import CHECKS, Cell, StorageConformance
from servers import Server, start
from servers.buckets import create_s3_bucket

__all__ = ["NaiveS3", "message", "shown"]

PAGE = Path(__file__).parents[2] / "docs/backends.md"
MARKS = "<!-- findings: begin -->\n", "<!-- findings: end -->\n"
LONGEST = 140
SLOW = ("delete-many.more-names", "machine.", "race.processes")
"""Checks of thousands of requests, for each of which it opens a client."""


class NaiveS3(StorageConformance):
    """Run the suite on the naive storage, in a bucket of its own."""

    __test__ = False

    def __init__(self, there: Server) -> None:
        self.server = f"moto {there.version}"
        self._bucket = create_s3_bucket(there)
        self._options = {
            "endpoint_url": there.url,
            "aws_access_key_id": there.credentials["access_key"],
            "aws_secret_access_key": there.credentials["secret_key"],
            "region_name": there.credentials["region"],
        }

    def make_storage(self, location: str) -> Storage:
        return S3Storage(self._bucket, location, **self._options)


def message(cell: Cell) -> str:
    """Return the first line of what a failure says, without what differs from run to run."""
    line = cell.reason.partition("\n")[0]
    line = re.sub(r"openviper-[0-9a-f]{12}/check-[0-9a-f]{12}", "location", line)
    line = re.sub(r"test-[0-9a-f]{12}", "bucket", line)
    line = re.sub(r"\b0x[0-9a-f]+", "0x…", line)
    line = re.sub(r"_[0-9a-f]{7}\b", "_…", line)
    line = line if len(line) <= LONGEST else f"{line[:LONGEST].rpartition(' ')[0]} …"
    return line.replace("|", "\\|").replace("<", "&lt;")


def table(cells: Iterable[Cell]) -> str:
    """Return the failures as lines of Markdown, below how many there are."""
    run = [cell for cell in cells if cell.word in ("ok", "FAIL")]
    rows = [f"| `{cell.check}` | {message(cell)} |" for cell in run if cell.word == "FAIL"]
    count = f"{len(rows)} of the {len(run)} checks that it calls for fail:"
    return "\n".join([count, "", "| check | what came |", "|---|---|", *rows, ""])


def shown() -> dict[str, str]:
    """Return the messages that the page has, by check."""
    text = PAGE.read_text(encoding="utf-8").partition(MARKS[0])[2].partition(MARKS[1])[0]
    return dict(re.findall(r"^\| `(.+?)` \| (.*) \|$", text, re.MULTILINE))


def main() -> None:
    """Run the suite and write the page."""
    running = start("moto")
    try:
        suite = NaiveS3(running.server)
        cells = [suite.run(check) for check in CHECKS if not check.startswith(SLOW)]
    finally:
        running.stop()
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    PAGE.write_text(f"{before}{MARKS[0]}{table(cells)}{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
