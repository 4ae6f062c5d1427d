"""The mutants: storages that each break one point of the contract, and who must notice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from openviper.storage import FileSystemStorage, MemoryStorage, S3Storage, Storage
from openviper.storage.testing import CHECKS, Cell, Check, Subject, run_check
from openviper.storage.testing.target import Make, made
from servers import Server
from tests.integration import subjects
from tests.integration.raw import FileSystemRaw

__all__ = [
    "DEAR",
    "MUTANTS",
    "REFERENCES",
    "SECRET",
    "Disk",
    "Mutant",
    "but",
    "checks_of",
    "failures",
    "mutant",
    "subject_of",
]

SECRET = "hunter2-hunter2"  # what the mutants would be given, and must not show

DEAR = frozenset({"pages.over-a-thousand-files", "race.processes-are-distinct", "signed.expires"})
"""Checks that take seconds: run only where a mutant is to be found by them."""

K = TypeVar("K", bound=type[Storage])


class Disk(FileSystemStorage):
    """Be what the mutants on disk are made of."""

    @property
    def root(self) -> Path:
        return Path(str(self._arguments["location"]))


REFERENCES: tuple[type[Storage], ...] = (MemoryStorage, Disk)
"""What is mutated: all checks pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """Describe one wrong storage."""

    id: str
    kind: type[Storage]
    """Its docstring says what it does wrong."""
    points: tuple[str, ...]
    """What it breaks: `("S03",)`."""
    found_by: tuple[str, ...]
    """Checks that must fail it."""

    @property
    def summary(self) -> str:
        return (self.kind.__doc__ or "").partition("\n")[0]


MUTANTS: dict[str, Mutant] = {}


def mutant(id: str, *points: str, found_by: str | tuple[str, ...]) -> Callable[[K], K]:  # noqa: A002 - what it is
    """Register a storage that breaks `points`."""

    def register(kind: K) -> K:
        if id in MUTANTS:
            raise ValueError(f"there is a mutant {id!r} already")
        found = (found_by,) if isinstance(found_by, str) else found_by
        MUTANTS[id] = Mutant(id=id, kind=kind, points=points, found_by=found)
        return kind

    return register


def subject_of(kind: type[Storage], root: Path, server: Callable[[str], Server]) -> Subject:
    """Describe a kind of storage: on an S3 server, below the folder `root`, or in memory."""
    if issubclass(kind, S3Storage):
        subject = subjects.subject("versitygw", server)
        return dataclasses.replace(subject, make=partial(_on_s3, kind, subject.make))
    if issubclass(kind, FileSystemStorage):
        return Subject(
            name="disk",
            make=partial(_on_disk, kind, root),
            crosses_processes=True,
            folder=root.joinpath,
            raw=partial(FileSystemRaw, str(root)),
            missing_container=partial(kind, str(root / "no/such/root"), "/media/"),
            secrets=(SECRET,),
        )
    make = partial(_in_memory, kind)
    return Subject(name="memory", make=make, shares_instances=False, secrets=(SECRET,))


def but(options: dict[str, Any], **changes: Any) -> dict[str, Any]:  # Any: options of any method
    """Return options with some of them changed."""
    return {**options, **changes}


def checks_of(mutant: Mutant) -> list[Check]:
    """Return the checks of the points that a mutant breaks."""
    return [
        check
        for check in CHECKS.values()
        if check.id in mutant.found_by
        or (check.id not in DEAR and not set(mutant.points).isdisjoint(check.points))
    ]


def failures(checks: list[Check], subject: Subject) -> dict[str, Cell]:
    """Run checks and return the cells of those that failed, by check."""
    cells = (run_check(check, subject) for check in checks)
    return {cell.check: cell for cell in cells if cell.word == "FAIL"}


def _in_memory(kind: Callable[..., Storage], location: str) -> Storage:
    return kind(location=location)


def _on_disk(kind: Callable[..., Storage], root: Path, location: str) -> Storage:
    folder = root / location
    folder.mkdir(parents=True, exist_ok=True)
    return kind(str(folder), "/media/", durable=False)


async def _on_s3(kind: type[Storage], make: Make, location: str) -> Storage:
    storage = await made(make(location))
    storage.__class__ = kind  # the mutants of S3 only override methods
    return storage
