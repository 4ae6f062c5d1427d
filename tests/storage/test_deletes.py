"""Deleting many: in requests of many keys, or side by side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from openviper.storage.errors import (
    InvalidNameError,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
)
from tests.storage.faults import PlainDriver, VendorError, nothing_left, storage_on


class BatchDriver(PlainDriver):
    """Delete three keys in a request; fail for those given, or as a whole."""

    max_batch = 3

    def __init__(self, **failures: Exception) -> None:
        super().__init__()
        self.failures = failures
        self.broken: Exception | None = None
        self.requests: list[list[str]] = []

    async def delete_batch(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        self.requests.append(list(keys))
        if self.broken is not None:
            raise self.broken
        for key in keys:
            if key not in self.failures:
                await self.memory.delete(key)
        return {key: self.failures[key] for key in keys if key in self.failures}


async def names(*given: str) -> AsyncIterator[str]:
    for name in given:
        yield name


async def test_batches_are_of_distinct_keys_and_results_of_each_name_in_order() -> None:
    driver = BatchDriver()
    storage = storage_on(driver, location="in")
    for name in "abcd":
        await storage.put(name, b"x")
    results = await storage.delete_many(["a", "./a", "../b", "b", "c", "d", "missing"])
    assert [result.name for result in results] == ["a", "./a", "../b", "b", "c", "d", "missing"]
    assert [result.ok for result in results] == [True, True, False, True, True, True, True]
    assert isinstance(results[2].error, InvalidNameError)
    assert driver.requests == [["in/a"], ["in/b", "in/c", "in/d"], ["in/missing"]]
    assert [info async for info in storage.files()] == []


async def test_failure_of_one_key_is_that_of_its_name() -> None:
    driver = BatchDriver(b=VendorError(PermissionDeniedError), c=VendorError(NotFoundError))
    results = await storage_on(driver).delete_many(names("a", "b", "c"))
    assert [type(result.error) for result in results] == [
        type(None),
        PermissionDeniedError,
        type(None),
    ]
    assert results[1].error is not None
    assert (results[1].error.name, results[1].error.backend) == ("b", "plain")


async def test_failed_request_is_the_failure_of_all_in_it_and_the_next_is_tried() -> None:
    driver = BatchDriver()
    driver.broken = VendorError(UnavailableError)
    results = await storage_on(driver).delete_many(["a", "b", "c", "d"])
    assert [type(result.error) for result in results] == [UnavailableError] * 4
    assert len(driver.requests) == 2


async def test_bug_in_a_batch_stays_a_bug() -> None:
    driver = BatchDriver(a=ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await storage_on(driver).delete_many(["a"])


async def test_side_by_side_each_ends_on_its_own() -> None:
    class Refusing(PlainDriver):
        def __init__(self) -> None:
            super().__init__()
            self.delete = self._delete

        async def _delete(self, key: str, *, if_match: str | None = None) -> None:
            if key == "b":
                raise VendorError(PermissionDeniedError)
            if key == "c":
                raise VendorError(NotFoundError)

    results = await storage_on(Refusing()).delete_many(f"{name}" for name in "abcd")
    assert [result.ok for result in results] == [True, False, True, True]


async def test_one_name_is_not_its_letters() -> None:
    with nothing_left(), pytest.raises(TypeError, match="iterable of names"):
        await storage_on(BatchDriver()).delete_many("abc")


async def test_names_that_fail_half_way_close_their_generator() -> None:
    async def failing() -> AsyncIterator[str]:
        yield "a"
        raise ZeroDivisionError

    for driver in (BatchDriver(), PlainDriver()):
        with nothing_left(), pytest.raises(ZeroDivisionError):
            await storage_on(driver).delete_many(failing())


async def test_no_names_ask_nothing() -> None:
    driver = BatchDriver()
    assert await storage_on(driver).delete_many([]) == []
    assert await storage_on(driver).delete_prefix("a") == []
    assert driver.requests == []


async def test_delete_prefix_returns_the_failures_alone() -> None:
    driver = BatchDriver(**{"p/b": VendorError(PermissionDeniedError)})
    storage = storage_on(driver)
    for name in ("p/a", "p/b", "pq"):
        await storage.put(name, b"x")
    (failed,) = await storage.delete_prefix("p")
    assert (failed.name, failed.ok) == ("p/b", False)
    assert [info.name async for info in storage.files()] == ["p/b", "pq"]
    with pytest.raises(ValueError, match="everything=True"):
        await storage.delete_prefix("")
