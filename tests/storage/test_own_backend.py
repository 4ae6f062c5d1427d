"""A backend of five methods, as the File Storage page has it, behind `default_storage`."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from openviper.conf import settings
from openviper.storage import (
    Capabilities,
    Content,
    DeleteResult,
    FileInfo,
    ImproperlyConfiguredError,
    Storage,
    TooLargeError,
    UnsupportedOperationError,
    default_storage,
    storages,
)

PAGE = """
from openviper.storage.base import Storage

class S3Storage(Storage):
    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    async def save(self, name: str, content: bytes) -> str:
        # Upload to S3 ...
        return name

    async def delete(self, name: str) -> None:
        # Delete from S3 ...
        pass

    def url(self, name: str) -> str:
        return f"https://{self.bucket}.s3.amazonaws.com/{name}"

    async def exists(self, name: str) -> bool:
        # Check S3 ...
        return False

    async def size(self, name: str) -> int:
        return 0
"""
KEEPING = """

class KeepingStorage(S3Storage):
    async def save(self, name: str, content: bytes) -> str:
        self.kept = content
        return name


class QuotedStorage(S3Storage):
    async def save(self, name: str, content: "bytes") -> str:
        self.kept = content
        return name


class TypedStorage(S3Storage):
    async def save(self, name: str, content: bytes, *, content_type: str | None = None) -> str:
        self.kept = content, content_type
        return name


class AnyStorage(S3Storage):
    async def save(self, name, content, **keywords):
        self.kept = content, keywords
        return name
"""


@pytest.fixture(autouse=True)
def _myproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = tmp_path / "myproject"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "storage.py").write_text(PAGE + KEEPING, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("myproject", "myproject.storage"):
        sys.modules.pop(name, None)


@pytest.fixture
def use() -> Iterator[Callable[..., Any]]:  # Any: a class that no type checker sees
    """Select a class of the module by the settings, and return its instance."""
    with ExitStack() as stack:

        def select(name: str = "S3Storage", **more: object) -> Any:
            chosen = {
                "DEFAULT_FILE_STORAGE": f"myproject.storage.{name}",
                "STORAGE_OPTIONS": {"bucket": "b"},
                "STORAGES": {},
            }
            stack.enter_context(settings.override(**{**chosen, **more}))
            return storages["default"]

        yield select


async def unread() -> AsyncIterator[bytes]:
    for reading in ("the content was read",):
        raise AssertionError(reading)
    yield b""


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    for position in range(0, len(data), 2):
        yield data[position : position + 2]


async def test_the_page_works_as_it_is_written(use: Callable[..., Any]) -> None:
    storage = use()
    assert storage.bucket == "b"
    assert default_storage.current() is storage
    assert await default_storage.save("a.txt", b"content") == "a.txt"
    assert default_storage.url("a.txt") == "https://b.s3.amazonaws.com/a.txt"
    assert await default_storage.exists("a.txt") is False
    assert await default_storage.size("a.txt") == 0
    await default_storage.delete("a.txt")


async def test_what_follows_from_the_five_works(use: Callable[..., Any]) -> None:
    use()
    assert await default_storage.stat("a.txt") == FileInfo(name="a.txt", size=0)
    results = await default_storage.delete_many(["a.txt", "b.txt"])
    assert results == [DeleteResult(name="a.txt"), DeleteResult(name="b.txt")]
    assert default_storage.capabilities == Capabilities()
    async with default_storage:
        pass
    await default_storage.aclose()
    with pytest.raises(UnsupportedOperationError, match="S3Storage"):
        await default_storage.put("a.txt", unread())


@pytest.mark.parametrize("name", ["KeepingStorage", "QuotedStorage"])
@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "file", "path", "chunks"])
async def test_save_is_handed_bytes_of_any_content(
    use: Callable[..., Any], name: str, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "content"
    path.write_bytes(b"content")
    contents: dict[str, Content] = {
        "bytes": b"content",
        "bytearray": bytearray(b"content"),
        "memoryview": memoryview(b"content"),
        "file": io.BytesIO(b"content"),
        "path": path,
        "chunks": chunks(b"content"),
    }
    storage = use(name)
    assert await default_storage.save("a.txt", contents[kind]) == "a.txt"
    assert type(storage.kept) is bytes
    assert storage.kept == b"content"


@pytest.mark.parametrize("content", ["text", io.StringIO("text"), [b"bytes"], 42, None])
async def test_what_is_no_content_is_refused(use: Callable[..., Any], content: Any) -> None:
    storage = use("KeepingStorage")
    with pytest.raises(TypeError):
        await default_storage.save("a.txt", content)
    assert not hasattr(storage, "kept")


@pytest.mark.parametrize(
    "keywords",
    [
        {"content_type": "text/plain"},
        {"if_exists": "overwrite"},
        {"metadata": {"key": "x"}},
        {"checksum": f"md5:{'0' * 32}"},
    ],
)
async def test_keywords_that_save_lacks_are_refused_before_the_content_is_read(
    use: Callable[..., Any], keywords: Any
) -> None:
    storage = use("KeepingStorage")
    [keyword] = keywords
    with pytest.raises(UnsupportedOperationError, match=rf"KeepingStorage\.save.*{keyword}"):
        await default_storage.save("a.txt", unread(), **keywords)
    assert not hasattr(storage, "kept")


async def test_keywords_that_say_nothing_are_left_out(use: Callable[..., Any]) -> None:
    storage = use("KeepingStorage")
    await default_storage.save("a.txt", b"x", if_exists="rename", content_type=None, metadata=None)
    assert storage.kept == b"x"


async def test_keywords_that_save_has_are_passed(use: Callable[..., Any]) -> None:
    storage = use("TypedStorage")
    await default_storage.save("a.txt", chunks(b"content"), content_type="text/plain")
    assert storage.kept == (b"content", "text/plain")


async def test_save_without_annotations_gets_the_content_itself(use: Callable[..., Any]) -> None:
    storage = use("AnyStorage")
    content = chunks(b"content")
    await default_storage.save("a.txt", content, if_exists="error", cache_control="private")
    assert storage.kept == (content, {"if_exists": "error", "cache_control": "private"})


async def test_content_over_the_buffer_is_too_large(use: Callable[..., Any]) -> None:
    storage = use("KeepingStorage", STORAGE_MAX_BUFFER=7)
    await default_storage.save("a.txt", chunks(b"content"))
    assert storage.kept == b"content"
    with pytest.raises(TooLargeError, match="STORAGE_MAX_BUFFER") as caught:
        await default_storage.save("a.txt", chunks(b"content!"))
    assert caught.value.name == "a.txt"
    assert storage.kept == b"content"


async def test_no_more_than_the_buffer_is_read(use: Callable[..., Any]) -> None:
    use("KeepingStorage", STORAGE_MAX_BUFFER=10)
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 4
            yield b"1234"

    with pytest.raises(TooLargeError):
        await default_storage.save("a.txt", endless())
    assert given == 12


def test_options_that_the_class_lacks_are_named(use: Callable[..., Any]) -> None:
    with pytest.raises(ImproperlyConfiguredError, match=r"bucket"):
        use(STORAGES={"default": "myproject.storage.S3Storage"})


def test_it_is_a_storage(use: Callable[..., Any]) -> None:
    assert isinstance(use(), Storage)
