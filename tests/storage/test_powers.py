"""What a storage does with the powers that a driver has: streams, copies, signatures."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest

from openviper.storage.backends.memory import MemoryStorage
from openviper.storage.driver import SignRequest, Write
from openviper.storage.errors import (
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UnsupportedOperationError,
)
from openviper.storage.portable import PortableStorage
from openviper.storage.secrets import Secret, reveal
from openviper.storage.testing.contents import failing_after
from openviper.storage.types import Capabilities, FileInfo
from tests.storage.faults import PlainDriver, VendorError, cancelled_at, chunks_of, storage_on

MIB = 1 << 20


class StreamDriver(PlainDriver):
    """Take large content as one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.streams = 0

    async def put_stream(
        self, key: str, chunks: AsyncIterator[memoryview], write: Write
    ) -> FileInfo:
        self.streams += 1
        data = b"".join([bytes(chunk) async for chunk in chunks])
        return await self.memory.put(key, memoryview(data), write)


class CopyDriver(PlainDriver):
    """Copy by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.copies: list[Write] = []
        self.error: Exception | None = None

    async def copy(self, source: FileInfo, key: str, write: Write) -> FileInfo:
        self.copies.append(write)
        if self.error is not None:
            raise self.error
        async with self.memory.get(
            source.name, start=0, end=None, if_match=source.etag, chunk_size=MIB
        ) as download:
            data = b"".join([chunk async for chunk in download.chunks])
        return await self.memory.put(key, memoryview(data), write)


class SignDriver(PlainDriver):
    """Give back what it shall sign."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[SignRequest] = []

    async def signed_url(self, key: str, request: SignRequest) -> str:
        self.requests.append(request)
        return f"https://signed.example/{key}"


@pytest.mark.parametrize(
    ("size", "streams"), [(0, 0), (MIB - 1, 0), (MIB, 1), (MIB + 1, 1), (3 * MIB, 1)]
)
async def test_large_content_goes_as_one_stream(size: int, streams: int) -> None:
    driver = StreamDriver()
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    await storage_on(driver).put("a", chunks_of(content[:700_000], content[700_000:]))
    assert (driver.streams, driver.puts) == (streams, 1 - streams)
    assert await storage_on(driver).read("a") == content


class LimitedDriver(PlainDriver):
    """Declare a largest size, and neither conditions nor metadata."""

    capabilities = Capabilities(read="native", list="native", put="native", max_size=10)


@pytest.mark.parametrize(
    "wanted", [{"if_none_match": True}, {"if_match": "x"}, {"metadata": {"k": "x"}}]
)
async def test_what_a_driver_does_not_declare_is_refused_before_the_content_is_read(
    wanted: dict[str, Any],
) -> None:
    driver = LimitedDriver()
    with pytest.raises(UnsupportedOperationError, match="not among its capabilities"):
        await storage_on(driver).put("a", failing_after(b""), **wanted)
    assert driver.puts == 0


async def test_more_than_a_driver_declares_is_too_large() -> None:
    driver = LimitedDriver()
    storage = storage_on(driver)
    await storage.save("ten", chunks_of(b"x" * 10))
    with pytest.raises(TooLargeError):
        await storage.save("eleven", chunks_of(b"x" * 11))
    assert driver.puts == 1


async def test_copy_is_the_services_own_and_keeps_attributes() -> None:
    driver = CopyDriver()
    storage = storage_on(driver)
    await storage.put("a", b"x", content_type="x/y", metadata={"k": "v"}, cache_control="no-store")
    assert await storage.copy("a", "b") == "b"
    (write,) = driver.copies
    assert (write.content_type, write.attributes.cache_control) == ("x/y", "no-store")
    assert write.attributes.metadata == {"k": "v"}
    assert write.create
    name = await storage.copy("a", "b", if_exists="rename")
    assert name.startswith("b_")
    assert await storage.copy("a", "b", if_exists="overwrite") == "b"
    assert [write.create for write in driver.copies] == [True, True, True, False]


async def test_copy_of_what_is_missing_and_copy_that_fails() -> None:
    driver = CopyDriver()
    storage = storage_on(driver)
    with pytest.raises(NotFoundError) as raised:
        await storage.copy("a", "b")
    assert raised.value.name == "a"
    await storage.put("a", b"x")
    driver.error = VendorError(UnavailableError)
    with pytest.raises(UnavailableError, match="could not copy to 'b'"):
        await storage.copy("a", "b")


async def test_cancelled_copy_is_taken_back_where_it_created() -> None:
    for step in range(6):
        storage = storage_on(CopyDriver())
        await storage.put("a", b"x")
        done = await cancelled_at(storage.copy("a", "b"), step)
        assert await storage.exists("b") == (done is not None)


async def test_signed_request_says_what_is_allowed() -> None:
    driver = SignDriver()
    storage = storage_on(driver, location="in")
    assert await storage.signed_url("a") == "https://signed.example/in/a"
    await storage.signed_url("a", method="PUT", content_type="x/y", expires=5)
    await storage.signed_url("a", method="PUT", overwrite=True)
    await storage.signed_url("a", download_as="ü.txt")
    get, put, over, download = driver.requests
    assert (get.method, get.expires, get.create, get.content_disposition) == (
        "GET",
        900,
        False,
        None,
    )
    assert (put.create, put.content_type, put.expires) == (True, "x/y", 5)
    assert not over.create
    assert download.content_disposition == (
        "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%BC.txt"
    )


@pytest.mark.parametrize("expires", [0, -1, math.inf, math.nan, 604801])
async def test_wrong_expiry_is_refused(expires: float) -> None:
    with pytest.raises(ValueError, match="expires is"):
        await storage_on(SignDriver()).signed_url("a", expires=expires)


@pytest.mark.parametrize(
    "wrong", [{"method": "POST"}, {"content_type": "x/y\n"}, {"download_as": "a\r\nb"}]
)
async def test_what_no_header_holds_is_refused_before_signing(wrong: dict[str, Any]) -> None:
    driver = SignDriver()
    with pytest.raises(ValueError, match="method is|content_type|file name"):  # noqa: RUF043 - one of three
        await storage_on(driver).signed_url("a", **wrong)
    assert driver.requests == []


async def test_without_signatures_it_says_so() -> None:
    with pytest.raises(UnsupportedOperationError, match="signed_url"):
        await MemoryStorage().signed_url("a")
    with pytest.raises(UnsupportedOperationError, match="signed_url"):
        storage_on(PlainDriver(), signed=True).url("a")


async def test_both_conditions_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        await MemoryStorage().put("a", b"x", if_none_match=True, if_match="etag")


class Keyed(PortableStorage):
    def __init__(self, name: str, *, key: str | None = None) -> None:
        super().__init__(
            PlainDriver(),
            arguments={"name": name, "key": None if key is None else Secret(key)},
        )


def test_secrets_are_shown_nowhere() -> None:
    storage = Keyed("n", key="hunter2")
    assert repr(storage) == "Keyed(name='n', key='***')"
    assert "hunter2" not in f"{storage} {storage!r} {vars(storage)}"
    with pytest.raises(TypeError, match="credentials can't be pickled") as raised:
        pickle.dumps(storage)
    assert "hunter2" not in str(raised.value)


def test_storages_of_equal_arguments_are_equal_and_can_be_copied() -> None:
    storage = Keyed("n", key="hunter2")
    assert storage == Keyed("n", key="hunter2") == copy.copy(storage) == copy.deepcopy(storage)
    assert hash(storage) == hash(Keyed("n", key="hunter2"))
    assert storage != Keyed("n", key="other")
    assert storage != "n"
    assert pickle.loads(pickle.dumps(Keyed("n"))) == Keyed("n")


def test_secret_is_itself_and_no_other() -> None:
    secret = Secret("hunter2")
    assert (reveal(secret), reveal(None), str(secret)) == ("hunter2", None, "'***'")
    assert secret == Secret("hunter2") != Secret("other")
    assert secret != "hunter2"
    assert hash(secret) == hash(Secret("hunter2"))
    assert copy.copy(secret) is copy.deepcopy(secret) is secret


def test_memory_is_equal_to_itself_alone() -> None:
    storage = MemoryStorage()
    assert storage == storage != MemoryStorage()  # noqa: PLR0124 - that is the point
    assert copy.deepcopy(storage) is storage
    assert storage.capabilities.flat_namespace
    with pytest.raises(TypeError, match="lives in its process"):
        pickle.dumps(storage)
    assert MemoryStorage(base_url=None).url("a b") == "/a%20b"
