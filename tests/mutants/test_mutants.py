"""The checks themselves are checked: each wrong storage is found, and the right ones pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openviper.storage import MemoryStorage, Storage
from openviper.storage.testing import CHECKS, Cell, Subject
from openviper.storage.testing.catalogue import STARRED
from openviper.storage.testing.checks.capabilities import SUPPORTS
from openviper.storage.types import Support
from servers import Server
from tests.mutants import honest
from tests.mutants.around import Declaring
from tests.mutants.everything import MUTANTS
from tests.mutants.registry import DEAR, REFERENCES, checks_of, failures, subject_of
from tests.mutants.table import WITHOUT_MUTANT

CHEAP = [check for check in CHECKS.values() if check.id not in DEAR]

DERIVED = {
    "copy.odd-names": "copying through `save` makes the target's name safe",
    "odd.copied-and-moved": "the same",
    "reader.reads-one-version": "a reader made of `stream` alone can't tell versions apart",
}
"""What a storage can't hold that leaves copying and opening to the base class."""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_found(
    name: str,
    tmp_path: Path,
    server: Callable[[str], Server],
    record_property: Callable[[str, object], None],
) -> None:
    mutant = MUTANTS[name]
    failed = failures(checks_of(mutant), subject_of(mutant.kind, tmp_path, server))
    alive = set(mutant.found_by) - failed.keys()
    record_property("mutant", (name, not alive))
    assert not alive, f"{mutant.kind.__name__} ({mutant.summary}) passed {', '.join(alive)}"


@pytest.mark.parametrize("kind", REFERENCES)
def test_without_a_mutation_all_checks_pass(
    kind: type[Storage], tmp_path: Path, server: Callable[[str], Server]
) -> None:
    failed = failures(CHEAP, subject_of(kind, tmp_path, server))
    assert not failed, failed


@pytest.mark.parametrize("kind", honest.KINDS)
def test_who_declares_less_and_holds_it_passes(kind: type[Storage]) -> None:
    failed = _failures(kind)
    known = DERIVED if kind is honest.Putting else {}
    assert failed.keys() == known.keys(), failed


@pytest.mark.parametrize("capability", SUPPORTS)
def test_a_capability_is_neither_declared_nor_kept_to_oneself_wrongly(capability: str) -> None:
    lacking = {kind.missing[0]: kind for kind in honest.LACKING}
    boasting = _declaring(lacking.get(capability, MemoryStorage), capability, "native")
    assert _failures(boasting, "capability.declared-is-supported")
    if capability in lacking:
        modest = _declaring(MemoryStorage, capability, "none")
        assert _failures(modest, "capability.undeclared-is-unsupported")


def test_who_knows_one_case_holds_that() -> None:
    assert not _failures(honest.OneCase, "odd.case-is-a-collision", "odd.case-is-kept")


def test_mutants_name_checks_that_there_are() -> None:
    named = {check for mutant in MUTANTS.values() for check in mutant.found_by}
    assert named <= CHECKS.keys(), named - CHECKS.keys()


def test_mutants_are_found_by_checks_of_their_points() -> None:
    astray = [
        (mutant.id, check)
        for mutant in MUTANTS.values()
        for check in mutant.found_by
        if set(CHECKS[check].points).isdisjoint(mutant.points)
    ]
    assert not astray


def test_every_starred_point_has_a_mutant_or_a_reason() -> None:
    broken = {point for mutant in MUTANTS.values() for point in mutant.points}
    assert STARRED - broken == WITHOUT_MUTANT.keys()


def _declaring(kind: type[MemoryStorage], capability: str, support: Support) -> type[Storage]:
    """Return a kind of storage that says something else of one capability."""

    return type("Lying", (Declaring, kind), {"declared": {capability: support}})


def _failures(kind: type[Storage], *checks: str) -> dict[str, Cell]:
    subject = Subject(
        name=kind.__name__, make=lambda location: _made(kind, location), shares_instances=False
    )
    return failures([CHECKS[check] for check in checks] or CHEAP, subject)


def _made(kind: Callable[..., Storage], location: str) -> Storage:
    return kind(location=location)
