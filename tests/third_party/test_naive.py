"""The table of docs/backends.md: what the suite finds in `examples/backends/naive_s3.py`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from servers import Server
from tests.third_party.findings import NaiveS3, message, shown

SHOWN = shown()
ITS_FAULTS = (
    "content.kinds-give-identical-files",
    "error.missing-file-is-not-found",
    "name.save-makes-names-safe",
    "name.unsafe-is-refused-by-every-method",
    "race.saves-of-bytes-are-distinct",
    "race.instances-are-distinct",
    "read.stream-gives-small-chunks",
    "stat.missing-file-is-not-found",
    "url.path-is-the-name",
)


@pytest.fixture(scope="session")
def naive(server: Callable[[str], Server]) -> NaiveS3:
    return NaiveS3(server("moto"))


@pytest.mark.parametrize("check", SHOWN)
def test_page_shows_what_is_found(check: str, naive: NaiveS3) -> None:
    cell = naive.run(check)
    assert cell.word == "FAIL"
    if not check.startswith(("race.", "life.")):  # where luck has a word in what comes first
        assert message(cell) == SHOWN[check]


def test_known_faults_are_among_them() -> None:
    assert set(ITS_FAULTS) <= set(SHOWN)
