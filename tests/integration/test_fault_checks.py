"""The checks of failing servers can fail: each defect here is found, and said in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from openviper.storage import Storage
from openviper.storage.backends.gcs_emulator import EmulatorDriver
from openviper.storage.backends.s3_writes import PartsUpload
from openviper.storage.errors import StorageError
from openviper.storage.testing import CHECKS, Subject, run_check


def reason_of_failure(check: str, subject: Subject, make: Callable[[Storage], None]) -> str:
    """Run a check on storages that `make` has broken, and return how it failed."""
    access = subject.faults
    assert access is not None

    def broken(url: str, location: str, timeout: float) -> Storage:
        storage = access.make(url, location, timeout)
        make(storage)
        return storage

    faults = dataclasses.replace(access, make=broken)
    cell = run_check(CHECKS[check], dataclasses.replace(subject, faults=faults))
    assert cell.word == "FAIL"
    return cell.reason


def driver_of(storage: Storage) -> EmulatorDriver:
    driver = storage._place.driver  # type: ignore[attr-defined]  # what GCSStorage has
    assert isinstance(driver, EmulatorDriver)
    return driver


def leaks_its_vendors_errors(storage: Storage) -> None:
    meaning = driver_of(storage).classify

    def classify(error: Exception) -> type[StorageError] | None:
        found = meaning(error)
        return None if type(error).__name__ == "RefusedError" and "403" in str(error) else found

    driver_of(storage).classify = classify  # type: ignore[method-assign]


def forgets_that_replies_get_lost(storage: Storage) -> None:
    driver_of(storage).may_lose_replies = False


@pytest.mark.parametrize(
    ("defect", "check", "words"),
    [
        (leaks_its_vendors_errors, "fault.refused-for-good", "which is no StorageError"),
        (forgets_that_replies_get_lost, "fault.reply-lost", "one failure is to be survived"),
        (forgets_that_replies_get_lost, "lost.creation-is-known-as-ours", "name of the save"),
    ],
)
def test_defect_is_found(
    defect: Callable[[Storage], None],
    check: str,
    words: str,
    subject_of: Callable[[str], Subject],
) -> None:
    assert words in reason_of_failure(check, subject_of("gcs"), defect)


def test_upload_that_is_left_open_is_found(
    subject_of: Callable[[str], Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def abort(self: PartsUpload) -> None:
        """Leave everything as it is."""

    monkeypatch.setattr(PartsUpload, "abort", abort)
    cell = run_check(CHECKS["fault.refused-for-good"], subject_of("versitygw"))
    assert "an upload was left open" in cell.reason
