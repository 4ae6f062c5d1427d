"""How a write ends where replies are lost, rivals are faster, and names are taken."""

from __future__ import annotations

import pytest

from openviper.storage.attributes import Attributes
from openviper.storage.driver import NotSentError, Write
from openviper.storage.errors import (
    AlreadyExistsError,
    NameConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    UnavailableError,
)
from openviper.storage.types import FileInfo
from tests.storage.faults import LossyDriver, PlainDriver, VendorError, chunks_of, storage_on


def rival() -> Write:
    return Write(
        attributes=Attributes(metadata={"openviper_write_id": "a rival's"}),
        content_type="text/plain",
        write_id="a rival's",
    )


async def place_rival(driver: PlainDriver, name: str = "a.txt") -> None:
    await driver.memory.put(name, memoryview(b"the rival's"), rival())


class SilentDriver(LossyDriver):
    """Fail every look with the errors given, from the first write on."""

    def __init__(self, *errors: Exception, look: Exception, commits: bool = True) -> None:
        super().__init__(*errors, commits=commits)
        self.look = look

    async def head(self, key: str) -> FileInfo:
        if self.puts:
            raise self.look
        return await super().head(key)


@pytest.mark.parametrize("meaning", [AlreadyExistsError, UnavailableError, PreconditionFailedError])
@pytest.mark.parametrize("mode", ["rename", "error", "overwrite"])
async def test_lost_reply_of_our_own_write_is_a_success(
    meaning: type[StorageError], mode: str
) -> None:
    driver = LossyDriver(VendorError(meaning))
    storage = storage_on(driver)
    assert await storage.save("a.txt", b"ours", if_exists=mode) == "a.txt"  # type: ignore[arg-type]
    assert await storage.read("a.txt") == b"ours"
    assert driver.puts == 1


async def test_lost_reply_of_a_put_gives_the_info_without_our_own_key() -> None:
    storage = storage_on(LossyDriver(VendorError(UnavailableError)))
    info = await storage.put("a.txt", b"ours", metadata={"key": "value"})
    assert (info.name, info.size) == ("a.txt", 4)
    assert info.metadata == {"key": "value"}


async def test_lost_reply_of_a_replacement_by_etag_is_a_success() -> None:
    driver = LossyDriver()
    storage = storage_on(driver)
    first = await storage.put("a.txt", b"old")
    driver.errors.append(VendorError(PreconditionFailedError))
    second = await storage.put("a.txt", b"new", if_match=first.etag)
    assert second.etag != first.etag
    assert await storage.read("a.txt") == b"new"


async def test_object_of_a_rival_is_never_taken_for_ours() -> None:
    driver = LossyDriver(VendorError(AlreadyExistsError), commits=False)
    await place_rival(driver)
    with pytest.raises(AlreadyExistsError):
        await storage_on(driver).put("a.txt", b"ours", if_none_match=True)
    assert await storage_on(driver).read("a.txt") == b"the rival's"


async def test_object_without_an_id_is_never_taken_for_ours() -> None:
    driver = LossyDriver(VendorError(UnavailableError), commits=False)
    foreign = Write(attributes=Attributes(), content_type="text/plain", write_id="")
    await driver.memory.put("a.txt", memoryview(b"foreign"), foreign)
    with pytest.raises(UnavailableError):
        await storage_on(driver).put("a.txt", b"ours")


async def test_rename_goes_on_to_the_next_name_where_a_rival_was_faster() -> None:
    driver = LossyDriver(VendorError(AlreadyExistsError), commits=False)
    await place_rival(driver)
    storage = storage_on(driver)
    name = await storage.save("a.txt", b"ours")
    assert name.startswith("a_")
    assert await storage.read(name) == b"ours"
    assert await storage.read("a.txt") == b"the rival's"


async def test_each_name_has_a_write_id_of_its_own() -> None:
    seen: list[str] = []

    class Watching(PlainDriver):
        async def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
            seen.append(write.write_id)
            return await super().put(key, data, write)

    driver = Watching()
    await place_rival(driver)
    await storage_on(driver).save("a.txt", b"ours")
    assert len(set(seen)) == 2


@pytest.mark.parametrize("mode", ["rename", "error"])
async def test_outcome_that_cannot_be_learnt_says_so_and_names_the_write_id(mode: str) -> None:
    driver = SilentDriver(VendorError(UnavailableError), look=VendorError(UnavailableError))
    with pytest.raises(OutcomeUnknownError, match="compare the write id") as raised:
        await storage_on(driver).save("a.txt", b"ours", if_exists=mode)  # type: ignore[arg-type]
    stored = (await driver.memory.head("a.txt")).metadata or {}
    assert raised.value.write_id == stored["openviper_write_id"]
    assert (raised.value.name, raised.value.backend) == ("a.txt", "plain")
    assert driver.puts == 1


@pytest.mark.parametrize("look", [NotFoundError, PermissionDeniedError])
async def test_error_stands_where_nothing_of_ours_is_found(look: type[StorageError]) -> None:
    vendor = VendorError(UnavailableError)
    driver = SilentDriver(vendor, look=VendorError(look), commits=False)
    with pytest.raises(UnavailableError, match="could not store") as raised:
        await storage_on(driver).put("a.txt", b"ours")
    assert raised.value.__cause__ is vendor


async def test_request_that_was_never_sent_is_not_looked_for() -> None:
    look = AssertionError("nothing can have happened")
    driver = SilentDriver(VendorError(NotSentError), look=look, commits=False)
    with pytest.raises(UnavailableError):
        await storage_on(driver).put("a.txt", b"ours")


async def test_conflict_of_names_is_final() -> None:
    look = AssertionError("a conflict is no lost reply")
    driver = SilentDriver(VendorError(NameConflictError), look=look, commits=False)
    with pytest.raises(NameConflictError):
        await storage_on(driver).save("a.txt", b"ours")
    assert driver.puts == 1


async def test_driver_that_loses_no_reply_is_not_asked_again() -> None:
    driver = SilentDriver(VendorError(UnavailableError), look=AssertionError(), commits=False)
    driver.may_lose_replies = False
    with pytest.raises(UnavailableError):
        await storage_on(driver).put("a.txt", b"ours")


async def test_other_errors_are_final() -> None:
    driver = LossyDriver(VendorError(PermissionDeniedError), commits=False)
    with pytest.raises(PermissionDeniedError):
        await storage_on(driver).save("a.txt", b"ours")
    assert driver.puts == 1


async def test_missing_file_of_a_named_version_is_a_failed_precondition() -> None:
    driver = LossyDriver(VendorError(NotFoundError), commits=False)
    with pytest.raises(PreconditionFailedError):
        await storage_on(driver).put("a.txt", b"ours", if_match="an etag")


async def test_backend_that_reports_every_name_as_taken_is_given_up() -> None:
    driver = LossyDriver(*(VendorError(AlreadyExistsError) for _ in range(200)), commits=False)
    driver.may_lose_replies = False
    with pytest.raises(AlreadyExistsError, match="100 names"):
        await storage_on(driver).save("a.txt", b"ours")
    assert driver.puts == 100


async def test_look_before_spares_sending_a_stream_in_vain() -> None:
    driver = PlainDriver()
    await place_rival(driver)
    storage = storage_on(driver)
    with pytest.raises(AlreadyExistsError, match=r"could not store 'a\.txt'"):
        await storage.save("a.txt", chunks_of(b"never read"), if_exists="error")
    assert driver.puts == 0
    name = await storage.save("a.txt", chunks_of(b"read once"))
    assert driver.puts == 1
    assert await storage.read(name) == b"read once"


@pytest.mark.parametrize("mode", ["skip", None, "RENAME"])
async def test_unknown_mode_is_refused_before_anything(mode: object) -> None:
    driver = PlainDriver()
    with pytest.raises(ValueError, match="if_exists is"):
        await storage_on(driver).save("a.txt", b"x", if_exists=mode)  # type: ignore[arg-type]
    assert driver.puts == 0


async def test_move_that_cannot_delete_names_both_files() -> None:
    class Keeping(PlainDriver):
        async def _refuse(self, key: str, *, if_match: str | None = None) -> None:
            raise VendorError(PermissionDeniedError)

        def __init__(self) -> None:
            super().__init__()
            self.delete = self._refuse

    storage = storage_on(Keeping())
    await storage.put("a", b"x")
    with pytest.raises(PermissionDeniedError, match="'a' was copied to 'b'"):
        await storage.move("a", "b")
    assert await storage.read("a") == await storage.read("b") == b"x"


async def test_move_deletes_only_the_version_that_was_copied() -> None:
    class Busy(PlainDriver):
        async def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
            if key == "b":
                await place_rival(self, "a")
            return await super().put(key, data, write)

    storage = storage_on(Busy())
    await storage.put("a", b"x")
    with pytest.raises(PreconditionFailedError, match="both are there"):
        await storage.move("a", "b")
    assert await storage.read("a") == b"the rival's"
    assert await storage.read("b") == b"x"


async def test_move_of_what_somebody_deleted_meanwhile_succeeds() -> None:
    class Busy(PlainDriver):
        async def put(self, key: str, data: memoryview, write: Write) -> FileInfo:
            await self.memory.delete("a")
            return await super().put(key, data, write)

    driver = Busy()
    await place_rival(driver, "a")
    assert await storage_on(driver).move("a", "b") == "b"
    assert await storage_on(driver).read("b") == b"the rival's"
