"""The suite for a backend of one's own: a class to subclass, whose items pytest runs."""

from __future__ import annotations

import dataclasses
import functools
import uuid
from collections.abc import Awaitable, Callable
from typing import ClassVar

from openviper.storage.base import Storage
from openviper.storage.testing.places import SharedPlaceError, clear, prove_apart
from openviper.storage.testing.registry import CHECKS
from openviper.storage.testing.runner import Cell, run_check
from openviper.storage.testing.target import Profile, Subject

__all__ = ["StorageConformance"]


class StorageConformance:
    """Run every check of the suite on a backend, each as one pytest item.

        class TestSwift(StorageConformance):
            async def make_storage(self, location):
                return SwiftStorage(container="ci", location=location)

    The items are `TestSwift::test_storage[save.taken-name-gets-another]` and so on. They are
    plain functions with an event loop each, so no plugin for async tests is needed and none is
    in the way. Fixtures reach `make_storage` as they reach any test class: by an autouse
    fixture that sets an attribute. Tests of one's own are further methods.

    A check that needs more than `make_storage` finds it in an attribute or a method of the name
    of a field of `Subject`, which says what it is:

    - `server = "Swift 2.33"` and `profile = "remote"` (or "local", "long")
    - `raw(self, location)`, a `RawAccess` around the storage, to see what it hides
    - `async fetch(self, url)`, the bytes that an unauthenticated GET gives
    - `faults`, how its requests are led through a fault proxy
    - `missing_container(self)`, `wrong_credentials(self)`, `nobody_listens(self)`, storages that
      are made wrong on purpose; `secrets`, what must never be shown
    - `expected_failures = {"list.order": "vendor's ticket 123"}`, which fail if they pass
    - `inapplicable = {"wrong_credentials": "there are none"}`, where there is no such thing

    What is missing is in the matrix (`no-raw`, `no-proxy`, `not run`), and forbids CONFORMING.

    Only random new locations are touched. If `make_storage` ignores its location nothing is
    run. Files that a check leaves are deleted one by one where the storage can list them;
    nothing else ever is.
    """

    __test__ = False

    _refusals: ClassVar[dict[type[StorageConformance], str]] = {}
    """Why nothing is run, by class, or "" where it is safe: found out once a process."""

    def __init_subclass__(cls) -> None:
        """Have a subclass of any name collected, unless its body says `__test__ = False`."""
        super().__init_subclass__()
        if "test_storage" in vars(cls):
            raise TypeError(
                f"{cls.__name__}.test_storage is the suite's and can't be redefined: name what "
                "is known to fail in expected_failures"
            )
        cls.__test__ = vars(cls).get("__test__", True)

    def make_storage(self, location: str) -> Storage | Awaitable[Storage]:
        """Return a new storage at a location, on the same server each time; may be async."""
        raise NotImplementedError(f"{type(self).__name__} has no make_storage(self, location)")

    def subject(self, *, profile: Profile | None = None) -> Subject:
        """Return the backend as the suite sees it, in a place that no other process has."""
        names = (field.name for field in dataclasses.fields(Subject))
        given = {name: getattr(self, name) for name in names if hasattr(self, name)}
        given = {"name": type(self).__name__, **given, "make": self.make_storage}
        if profile is not None:
            given["profile"] = profile
        outer, own = given.get("nested"), _own_place()
        return Subject(**{**given, "nested": f"{outer}/{own}" if outer else own})

    def run(self, check: str, *, profile: Profile | None = None) -> Cell:
        """Run one check in a place of its own and empty that.

        Raises `SharedPlaceError` where `make_storage` gives no place of one's own.
        """
        subject = self.subject(profile=profile)
        if refusal := self._refusal(subject):
            raise SharedPlaceError(refusal)
        try:
            return run_check(CHECKS[check], subject)
        finally:
            clear(subject)

    def test_storage(
        self,
        storage_check: str,
        storage_profile: Profile | None,
        settle_storage_cell: Callable[[Cell], None],
    ) -> None:
        """Run one check, as the item of its id."""
        __tracebackhide__ = True
        settle_storage_cell(self.run(storage_check, profile=storage_profile))

    # Collected whatever `python_functions` says.
    test_storage.__test__ = True  # type: ignore[attr-defined]  # pytest's own mark

    def _refusal(self, subject: Subject) -> str:
        kind = type(self)
        if kind not in self._refusals:
            try:
                prove_apart(subject)
                self._refusals[kind] = ""
            except SharedPlaceError as error:
                self._refusals[kind] = str(error)
        return self._refusals[kind]


@functools.cache
def _own_place() -> str:
    return f"openviper-{uuid.uuid4().hex[:12]}"
