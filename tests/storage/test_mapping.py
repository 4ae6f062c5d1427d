"""What leaves the one place where a driver's errors become ours."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from openviper.storage.backends.filesystem import FileSystemStorage
from openviper.storage.backends.memory import MemoryStorage
from openviper.storage.driver import (
    AmbiguousNotFoundError,
    NotSentError,
    UnknownCredentialsError,
)
from openviper.storage.errors import (
    ContainerNotFoundError,
    IntegrityError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    UnavailableError,
)
from openviper.storage.mapping import ContainerProbe, Guard, described
from openviper.storage.types import FileInfo, Page
from tests.storage.faults import PlainDriver, VendorError, chunks_of, storage_on


class ListingDriver(PlainDriver):
    """Raise or give a page in `list_page`, and count how often it is asked."""

    def __init__(self, outcome: Exception | None = None) -> None:
        super().__init__()
        self.outcome = outcome
        self.asked = 0
        self.list_page = self._list_page

    async def _list_page(self, prefix: str, **options: object) -> Page:
        self.asked += 1
        if self.outcome is not None:
            raise self.outcome
        return Page(files=(), prefixes=(), token=None)

    async def head(self, key: str) -> FileInfo:
        raise VendorError(AmbiguousNotFoundError)


def guard(driver: PlainDriver) -> Guard:
    return Guard(driver, "do", "a.txt", probe=ContainerProbe(driver))


async def test_vendor_error_becomes_ours_with_the_vendor_as_its_cause() -> None:
    vendor = VendorError(PermissionDeniedError)
    with pytest.raises(PermissionDeniedError, match=r"plain: could not do 'a.txt'") as raised:
        async with guard(PlainDriver()):
            raise vendor
    assert raised.value.__cause__ is vendor
    assert (raised.value.name, raised.value.backend) == ("a.txt", "plain")


@pytest.mark.parametrize(
    ("stand_in", "public"),
    [(NotSentError, UnavailableError), (UnknownCredentialsError, PermissionDeniedError)],
)
async def test_stand_in_never_leaves(
    stand_in: type[StorageError], public: type[StorageError]
) -> None:
    with pytest.raises(public) as raised:
        async with guard(PlainDriver()):
            raise VendorError(stand_in)
    assert type(raised.value) is public


async def test_wordless_error_of_the_tree_gets_words() -> None:
    with pytest.raises(PreconditionFailedError, match="not the version named"):
        async with guard(PlainDriver()):
            raise PreconditionFailedError


async def test_error_that_has_words_passes_as_itself() -> None:
    error = StorageError("it says everything", name="b")
    with pytest.raises(StorageError) as raised:
        async with guard(PlainDriver()):
            raise error
    assert raised.value is error


async def test_bug_stays_a_bug() -> None:
    with pytest.raises(ZeroDivisionError):
        async with guard(PlainDriver()):
            raise ZeroDivisionError


async def test_cancellation_passes_untouched() -> None:
    with pytest.raises(asyncio.CancelledError):
        async with guard(PlainDriver()):
            raise asyncio.CancelledError


async def test_group_is_unwrapped_to_its_first_error() -> None:
    with pytest.raises(UnavailableError):
        async with guard(PlainDriver()):
            raise ExceptionGroup("two", [ExceptionGroup("one", [VendorError(UnavailableError)])])


async def test_group_of_an_error_that_has_words_is_unwrapped() -> None:
    error = StorageError("it says everything", name="b")
    with pytest.raises(StorageError) as raised:
        async with guard(PlainDriver()):
            raise ExceptionGroup("one", [error])
    assert raised.value is error


@pytest.mark.parametrize("outcome", [None, VendorError(PermissionDeniedError)])
async def test_bare_404_is_the_file_where_listing_works_or_is_refused(
    outcome: Exception | None,
) -> None:
    driver = ListingDriver(outcome)
    storage = storage_on(driver)
    assert not await storage.exists("a.txt")
    with pytest.raises(NotFoundError) as raised:
        await storage.stat("a.txt")
    assert type(raised.value) is NotFoundError
    assert driver.asked == 1  # and remembered


@pytest.mark.parametrize(
    "outcome",
    [
        VendorError(ContainerNotFoundError),
        VendorError(AmbiguousNotFoundError),
        ContainerNotFoundError(),
    ],
)
async def test_bare_404_is_the_container_where_listing_finds_none(outcome: Exception) -> None:
    driver = ListingDriver(outcome)
    storage = storage_on(driver)
    for _ in range(2):  # never remembered: it may be created any time
        with pytest.raises(ContainerNotFoundError, match="bucket, container or root"):
            await storage.exists("a.txt")
    assert driver.asked == 2


@pytest.mark.parametrize("meaning", [UnavailableError, UnknownCredentialsError])
async def test_bare_404_that_cannot_be_decided_says_why(meaning: type[StorageError]) -> None:
    storage = storage_on(ListingDriver(VendorError(meaning)))
    with pytest.raises((UnavailableError, PermissionDeniedError), match="look for the container"):
        await storage.exists("a.txt")


async def test_bug_in_a_listing_stays_a_bug() -> None:
    with pytest.raises(ZeroDivisionError):
        await storage_on(ListingDriver(ZeroDivisionError())).exists("a.txt")


async def test_source_failure_reaches_the_caller_as_itself_where_a_vendor_wraps_it() -> None:
    failure = RuntimeError("mine")

    class Wrapping(PlainDriver):
        part_size, max_parts, max_concurrency = 1, 10, 1

        async def put_stream(self, key: str, chunks: object, write: object) -> FileInfo:
            try:
                async for _ in chunks:  # type: ignore[attr-defined]  # an iterator, to be short
                    pass
            except RuntimeError as error:
                raise VendorError(UnavailableError) from error
            raise AssertionError("it must fail")

    async def failing() -> object:
        yield b"x" * (1 << 20)
        raise failure

    with pytest.raises(RuntimeError) as raised:
        await storage_on(Wrapping()).put("a.txt", failing())  # type: ignore[arg-type]
    assert raised.value is failure


@pytest.mark.parametrize("backend", ["memory", "filesystem"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_wrong_checksum_names_the_file_and_the_backend(
    backend: str, streamed: bool, tmp_path: Path
) -> None:
    storage = MemoryStorage() if backend == "memory" else FileSystemStorage(tmp_path)
    content = chunks_of(b"x") if streamed else b"x"
    with pytest.raises(IntegrityError) as raised:
        await storage.save("a.txt", content, checksum="sha256:" + "0" * 64)
    assert (raised.value.name, raised.value.backend) == ("a.txt", backend)


async def test_error_of_another_storage_in_the_content_keeps_its_own_name() -> None:
    other = MemoryStorage()
    with pytest.raises(NotFoundError) as raised:
        await storage_on(PlainDriver()).save("a.txt", other.stream("missing.txt"))
    assert (raised.value.name, raised.value.backend) == ("missing.txt", "memory")


def test_every_error_has_words() -> None:
    def kinds(kind: type[StorageError]) -> list[type[StorageError]]:
        below = [k for k in kind.__subclasses__() if k.__module__.startswith("openviper.storage")]
        return [kind, *(deeper for one in below for deeper in kinds(one))]

    for kind in kinds(StorageError):
        if kind.__name__ != "SameFileError":  # raised with its words, before any driver
            assert str(described(kind, doing="do", name=None, backend="b")).startswith("b: could")
