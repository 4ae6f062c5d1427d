"""`storages`, `default_storage`, and what the settings may say."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openviper.conf import settings
from openviper.storage import (
    AzureStorage,
    Capabilities,
    FileSystemStorage,
    GCSStorage,
    ImproperlyConfiguredError,
    MemoryStorage,
    ObstoreStorage,
    S3Storage,
    Storage,
    default_storage,
    storages,
)

ACCOUNT = "https://account.blob.core.windows.net"


@pytest.fixture(autouse=True)
def _memory_by_default(tmp_path: Path) -> Iterator[None]:
    with settings.override(
        DEFAULT_FILE_STORAGE="memory", STORAGE_OPTIONS={}, STORAGES={}, MEDIA_ROOT=str(tmp_path)
    ):
        yield


@pytest.mark.parametrize(
    ("alias", "options", "kind"),
    [
        ("filesystem", {}, FileSystemStorage),
        ("memory", {}, MemoryStorage),
        ("s3", {"bucket": "b"}, S3Storage),
        ("gcs", {"bucket": "bucket"}, GCSStorage),
        ("azure", {"container": "container", "account_url": ACCOUNT}, AzureStorage),
        ("obstore", {"url": "s3://b"}, ObstoreStorage),
        ("openviper.storage.MemoryStorage", {"location": "x"}, MemoryStorage),
    ],
)
def test_aliases_and_paths_name_classes(
    alias: str, options: dict[str, Any], kind: type[Storage]
) -> None:
    with settings.override(DEFAULT_FILE_STORAGE=alias, STORAGE_OPTIONS=options):
        assert type(storages["default"]) is kind
        assert default_storage.current() is storages["default"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://bucket", S3Storage("bucket")),
        ("s3://bucket/", S3Storage("bucket")),
        ("s3://bucket/a/b%20c/", S3Storage("bucket", location="a/b c")),
        (
            "s3://bucket/a?region=eu-west-1&part_size=6291456&timeout=2.5&signed=true",
            S3Storage(
                "bucket",
                location="a",
                region="eu-west-1",
                part_size=6 << 20,
                timeout=2.5,
                signed=True,
            ),
        ),
        ("gs://bucket/prefix", GCSStorage("bucket", location="prefix")),
        ("gs://bucket?max_attempts=5", GCSStorage("bucket", max_attempts=5)),
        (
            f"az://container/prefix?account_url={ACCOUNT}",
            AzureStorage("container", location="prefix", account_url=ACCOUNT),
        ),
        ("file:///srv/media", FileSystemStorage("/srv/media")),
        ("file:///srv/a%20b?durable=false", FileSystemStorage("/srv/a b", durable=False)),
        ("file:///srv/media?file_mode=384", FileSystemStorage("/srv/media", file_mode=0o600)),
        ("file:relative", FileSystemStorage("relative")),
        ("obstore+s3://b/a?region=x", ObstoreStorage("s3://b/a?region=x")),
        ("obstore+file:///srv/media", ObstoreStorage("file:///srv/media")),
    ],
)
def test_urls_name_storages(url: str, expected: Storage) -> None:
    with settings.override(STORAGES={"default": url}):
        assert storages["default"] == expected


def test_memory_has_a_url_too() -> None:
    with settings.override(STORAGES={"plain": "memory:", "below": "memory:a/b"}):
        assert isinstance(storages["plain"], MemoryStorage)
        assert "location='a/b'" in repr(storages["below"])


def test_options_go_over_what_the_url_says() -> None:
    entry = {"BACKEND": "s3://bucket/a?region=one", "OPTIONS": {"region": "two"}}
    with settings.override(STORAGES={"default": entry}):
        assert storages["default"] == S3Storage("bucket", location="a", region="two")


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket?secret_key=hunter2",
        "s3://bucket?access_key=hunter2",
        "s3://bucket?session_token=hunter2",
        "s3://user:hunter2@bucket/a",
        "az://container?connection_string=AccountKey%3Dhunter2",
        "az://container?credential=hunter2",
        "gs://bucket?password=hunter2",
        "obstore+s3://bucket?secret_access_key=hunter2",
    ],
)
def test_secrets_in_urls_are_refused_and_not_repeated(url: str) -> None:
    refused = pytest.raises(ImproperlyConfiguredError, match="no secrets")
    with settings.override(STORAGES={"archive": url}), refused as caught:
        _ = storages["archive"]
    assert "hunter2" not in str(caught.value)
    assert "STORAGES['archive']" in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("s3://bucket?part_size=many", "S3Storage: part_size in the URL must be a whole number"),
        ("s3://bucket?signed=perhaps", "signed in the URL must be 1, 0, true or false"),
        ("s3://bucket?regoin=x", "its options are: bucket, location"),
        ("s3:///prefix", "s3: needs a name"),
        ("ftp://host/a", "no storage for URLs that begin with ftp"),
        ("file://host/path", "file:///absolute/path"),
        ("no.such.module.Storage", r"no\.such"),
        ("openviper.storage.NoSuchStorage", "NoSuchStorage"),
        ("openviper.storage.FileInfo", "not a subclass of openviper.storage.Storage"),
        ({"BACKEND": "s3"}, "S3Storage can't be made: .*bucket"),
        ({"BACKEND": "s3", "OPTIONS": {"bucket": "b", "buckte": 1}}, "buckte.*options are: bucket"),
        ({"BACKEND": "s3", "OPTIONS": {"bucket": "b", "part_size": 1}}, "S3Storage: .*part_size"),
        ({"BACKEND": "memory", "OPTION": {}}, "'BACKEND' and 'OPTIONS'"),
        ({"OPTIONS": {}}, "'BACKEND' and 'OPTIONS'"),
        (42, "'BACKEND' and 'OPTIONS'"),
    ],
)
def test_what_can_not_be_made_says_where_and_why(entry: object, message: str) -> None:
    refused = pytest.raises(ImproperlyConfiguredError, match=message)
    with settings.override(STORAGES={"archive": entry}), refused as caught:
        _ = storages["archive"]
    assert "STORAGES['archive']" in str(caught.value)


def test_unknown_alias_is_named_with_those_there_are() -> None:
    refused = pytest.raises(ImproperlyConfiguredError, match=r"'archiv'.*default, archive")
    with settings.override(STORAGES={"archive": "memory"}), refused:
        _ = storages["archiv"]


def test_unknown_options_of_the_default_are_named() -> None:
    refused = pytest.raises(ImproperlyConfiguredError, match=r"lokation.*location, base_url")
    with settings.override(STORAGE_OPTIONS={"lokation": "x"}), refused:
        _ = storages["default"]


def test_the_default_of_storages_wins() -> None:
    entry = {"BACKEND": "s3", "OPTIONS": {"bucket": "wins"}}
    with settings.override(STORAGES={"default": entry}, STORAGE_OPTIONS={"ignored": True}):
        assert storages["default"] == S3Storage("wins")


def test_storages_are_a_mapping_of_all_there_are() -> None:
    with settings.override(STORAGES={"archive": "memory", "default": "memory"}):
        assert sorted(storages) == ["archive", "default"]
        assert len(storages) == 2
    assert list(storages) == ["default"]


def test_the_same_instance_each_time() -> None:
    with settings.override(STORAGES={"archive": "memory"}):
        first = storages["archive"]
        assert storages["archive"] is first
        assert storages["default"] is not first


def test_all_threads_get_one_instance() -> None:
    found: list[Storage] = []
    begin = threading.Barrier(8)

    def get() -> None:
        begin.wait(10)
        found.append(storages["default"])

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_other_settings_make_other_instances_and_the_old_come_back() -> None:
    outer = storages["default"]
    with settings.override(MEDIA_URL="/other/"):
        assert storages["default"] is not outer
    assert storages["default"] is outer


async def test_storages_close_what_was_made() -> None:
    await storages["default"].save("a.txt", b"x")
    await storages.aclose()
    assert await storages["default"].read("a.txt") == b"x"


def test_default_storage_can_be_configured_and_taken_back() -> None:
    mine = MemoryStorage()
    default_storage.configure(mine)
    try:
        assert default_storage.current() is mine
        assert storages["default"] is not mine
    finally:
        default_storage.configure(None)
    assert default_storage.current() is storages["default"]


def test_overrides_nest_and_go_over_what_is_configured() -> None:
    configured, outer, inner = MemoryStorage(), MemoryStorage(), MemoryStorage()
    default_storage.configure(configured)
    try:
        with default_storage.override(outer) as given:
            assert given is outer
            with default_storage.override(inner):
                assert default_storage.current() is inner
            assert default_storage.current() is outer
        assert default_storage.current() is configured
    finally:
        default_storage.configure(None)


def test_an_override_ends_where_its_block_raises() -> None:
    with pytest.raises(LookupError), default_storage.override(MemoryStorage()):
        raise LookupError
    assert default_storage.current() is storages["default"]


async def test_overrides_are_of_their_task_and_those_it_starts() -> None:
    both_inside = asyncio.Barrier(2)

    async def work(storage: MemoryStorage) -> list[Storage]:
        with default_storage.override(storage):
            await both_inside.wait()
            started = await asyncio.create_task(_current())
            return [default_storage.current(), started]

    one, two = MemoryStorage(), MemoryStorage()
    found = await asyncio.gather(work(one), work(two))
    assert [[id(s) for s in pair] for pair in found] == [[id(one)] * 2, [id(two)] * 2]
    assert default_storage.current() is storages["default"]


async def _current() -> Storage:
    return default_storage.current()


def test_nothing_is_made_before_it_is_used() -> None:
    with settings.override(DEFAULT_FILE_STORAGE="no.such.Storage"):
        assert "default_storage" in repr(default_storage)
        with pytest.raises(ImproperlyConfiguredError, match="DEFAULT_FILE_STORAGE"):
            default_storage.url("a.txt")


async def test_default_storage_has_the_whole_contract() -> None:
    assert isinstance(default_storage, Storage)
    assert default_storage.capabilities == MemoryStorage().capabilities
    assert await default_storage.save("a/b.txt", b"1", metadata={"key": "x"}) == "a/b.txt"
    assert (await default_storage.put("c.txt", b"22")).size == 2
    assert (await default_storage.stat("a/b.txt")).metadata == {"key": "x"}
    assert await default_storage.exists("a/b.txt")
    assert await default_storage.size("c.txt") == 2
    assert default_storage.url("c.txt") == "/media/c.txt"
    assert await default_storage.read("c.txt") == b"22"
    assert [chunk async for chunk in default_storage.stream("c.txt")] == [b"22"]
    assert [info.name async for info in default_storage.files()] == ["a/b.txt", "c.txt"]
    assert len((await default_storage.list_page(limit=1)).files) == 1
    assert await default_storage.listdir() == (["a"], ["c.txt"])
    async with default_storage.open("d.txt", "xb") as writer:
        await writer.write(b"4")
    async with default_storage.open("d.txt") as reader:
        assert await reader.read() == b"4"
    assert await default_storage.copy("d.txt", "e.txt") == "e.txt"
    assert await default_storage.move("e.txt", "f.txt") == "f.txt"
    assert [result.ok for result in await default_storage.delete_many(["f.txt"])] == [True]
    assert await default_storage.delete_prefix("a") == []
    await default_storage.delete("d.txt")
    async with default_storage as entered:
        assert entered is default_storage
        assert await default_storage.listdir() == ([], ["c.txt"])


def test_default_storage_delegates_all_that_a_storage_has() -> None:
    public = {name for name in vars(Storage) if not name.startswith("_")}
    inherited = public - set(vars(type(default_storage)))
    assert not inherited - {"open_reader"}  # reached through open() of the storage itself


def test_capabilities_are_of_the_storage_that_is_meant() -> None:
    class Nothing(MemoryStorage):
        @property
        def capabilities(self) -> Capabilities:  # type: ignore[override]  # read only
            return Capabilities()

    with default_storage.override(Nothing()):
        assert default_storage.capabilities == Capabilities()
    assert default_storage.capabilities.put == "native"
