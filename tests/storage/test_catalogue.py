"""Every point of the contract has a check or a reason, and every capability both sides."""

from __future__ import annotations

import dataclasses

from openviper.storage import MemoryStorage
from openviper.storage.testing import CHECKS, Cell, Subject, Target, run_check
from openviper.storage.testing.catalogue import POINTS, SHOULD, STARRED, UNTESTED, why
from openviper.storage.testing.checks import capabilities
from openviper.storage.types import Capabilities


def test_every_point_has_a_check_or_a_reason() -> None:
    checked = {point for check in CHECKS.values() for point in check.points}
    assert POINTS.keys() - checked - UNTESTED.keys() == set(), "neither a check nor a reason"
    assert checked & UNTESTED.keys() == set(), "a check came: delete the reason"
    assert checked <= POINTS.keys(), "points that the catalogue does not know"


def test_every_check_says_its_point_and_its_fact() -> None:
    assert [check.id for check in CHECKS.values() if not check.points or not check.summary] == []


def test_the_catalogue_is_whole() -> None:
    assert len(POINTS) == 164
    assert len(STARRED) == 40
    assert STARRED | SHOULD | UNTESTED.keys() <= POINTS.keys()


def test_every_capability_is_checked() -> None:
    fields = {field.name for field in dataclasses.fields(Capabilities)}
    seen = {*capabilities.SUPPORTS, *capabilities.NUMBERS, *capabilities.FLAGS, "max_size"}
    assert seen == fields


def test_a_failure_says_what_was_done_expected_and_got_and_why_it_matters() -> None:
    cell = _failing_cell()
    assert cell.word == "FAIL"
    for text in (
        "reading back: expected b'what was saved', got b'something else'",
        "What was saved is read back.",
        why(("R01",)),
    ):
        assert text in cell.reason
    assert cell.error is not None
    assert why(("R01",)) in cell.error.__notes__[0]


def _failing_cell() -> Cell:
    async def fact(_: Target) -> None:
        """What was saved is read back."""
        raise AssertionError("reading back: expected b'what was saved', got b'something else'")

    check = dataclasses.replace(CHECKS["read.bytes-are-exact"], run=fact)
    subject = Subject(name="memory", make=lambda location: MemoryStorage(location=location))
    return run_check(check, subject)
