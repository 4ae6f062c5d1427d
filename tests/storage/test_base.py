"""What follows from five methods, from `stream` and from `list_page`, by the contract alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import pytest

from openviper.storage import (
    AlreadyExistsError,
    Capabilities,
    DeleteResult,
    FileInfo,
    InvalidNameError,
    NotFoundError,
    Page,
    PermissionDeniedError,
    SameFileError,
    Storage,
    TooLargeError,
    UnsupportedOperationError,
)


class Five(Storage):
    """The five methods and nothing else, with a constructor that calls no super()."""

    def __init__(self, **files: bytes) -> None:
        self.kept = {name.replace("__", "/"): data for name, data in files.items()}

    async def save(self, name: str, content: bytes) -> str:  # type: ignore[override]  # as users do
        while name in self.kept:
            name = f"{name}_"
        self.kept[name] = content
        return name

    async def delete(self, name: str) -> None:
        if name == "locked":
            raise PermissionDeniedError("locked", name=name)
        self.kept.pop(name, None)

    async def exists(self, name: str) -> bool:
        return name in self.kept

    def url(self, name: str) -> str:
        return f"/{name}"

    async def size(self, name: str) -> int:
        if name not in self.kept:
            raise NotFoundError("missing", name=name)
        return len(self.kept[name])


class Streaming(Five):
    """With `stream`."""

    def __init__(self, **files: bytes) -> None:
        super().__init__(**files)
        self.open_streams = 0

    async def stream(
        self, name: str, *, start: int = 0, end: int | None = None, chunk_size: int = 65536
    ) -> AsyncIterator[bytes]:
        if name not in self.kept:
            raise NotFoundError("missing", name=name)
        self.open_streams += 1
        try:
            data = self.kept[name][start:end]
            for position in range(0, len(data), 3):
                yield data[position : position + 3]
        finally:
            self.open_streams -= 1


class Choosing(Streaming):
    """With `stream` and a `save` that knows what to do about taken names."""

    async def save(  # type: ignore[override]  # takes less than all there is
        self,
        name: str,
        content: bytes,
        *,
        if_exists: Literal["rename", "overwrite", "error"] = "rename",
    ) -> str:
        if if_exists == "error" and name in self.kept:
            raise AlreadyExistsError("taken", name=name)
        if if_exists == "overwrite":
            self.kept.pop(name, None)
        return await super().save(name, content)


class Listing(Five):
    """With `list_page`, two entries a page."""

    async def list_page(
        self,
        prefix: str = "",
        *,
        delimiter: Literal["/"] | None = None,
        limit: int = 1000,
        token: str | None = None,
    ) -> Page:
        below = sorted(name for name in self.kept if not prefix or _is_below(name, prefix))
        entries: dict[str, bool] = {}
        for name in below:
            rest = name[len(prefix) + 1 :] if prefix else name
            folder, slash, _ = rest.partition("/")
            whole = f"{prefix}/{folder}" if prefix else folder
            entries[whole if delimiter and slash else name] = bool(delimiter and slash)
        left = [entry for entry in entries if token is None or entry > token]
        page = left[:2]
        return Page(
            files=tuple(FileInfo(name=n, size=len(self.kept[n])) for n in page if not entries[n]),
            prefixes=tuple(n for n in page if entries[n]),
            token=page[-1] if len(left) > 2 else None,
        )


def _is_below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}/")


def test_five_methods_are_abstract() -> None:
    assert Storage.__abstractmethods__ == {"save", "delete", "exists", "url", "size"}


def test_a_class_without_one_of_them_can_not_be_made() -> None:
    class Four(Five):
        url = Storage.url

    with pytest.raises(TypeError, match="url"):
        Four()


async def test_stat_says_name_and_size() -> None:
    info = await Five(a__b=b"12345").stat("/a//b")
    assert info == FileInfo(name="a/b", size=5)


async def test_stat_of_a_missing_file_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        await Five().stat("missing")


async def test_stat_refuses_unsafe_names() -> None:
    with pytest.raises(InvalidNameError):
        await Five().stat("../a")


def test_capabilities_are_none() -> None:
    assert Five().capabilities == Capabilities()


async def test_it_closes_and_is_a_context() -> None:
    storage = Five()
    async with storage as entered:
        assert entered is storage
    await storage.aclose()


async def test_delete_many_gives_a_result_each() -> None:
    storage = Five(a=b"", locked=b"")
    results = await storage.delete_many(iter(["a", "locked", "missing"]))
    assert [result.name for result in results] == ["a", "locked", "missing"]
    assert [result.ok for result in results] == [True, False, True]
    assert isinstance(results[1].error, PermissionDeniedError)
    assert list(storage.kept) == ["locked"]


async def test_delete_many_takes_async_iterables() -> None:
    async def names() -> AsyncIterator[str]:
        yield "a"

    assert await Five(a=b"").delete_many(names()) == [DeleteResult(name="a")]


async def test_delete_many_refuses_one_text() -> None:
    with pytest.raises(TypeError, match=r"\[name\]"):
        await Five(a=b"").delete_many("a")


async def test_delete_many_lets_bugs_pass() -> None:
    class Broken(Five):
        async def delete(self, name: str) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Broken().delete_many(["a"])


CALLS: dict[str, Callable[[Storage], Any]] = {  # Any: each returns what it likes
    "put": lambda s: s.put("a", b""),
    "read": lambda s: s.read("a"),
    "copy": lambda s: s.copy("a", "b"),
    "move": lambda s: s.move("a", "b"),
    "list_page": lambda s: s.list_page(),
    "listdir": lambda s: s.listdir(),
    "delete_prefix": lambda s: s.delete_prefix("a"),
    "signed_url": lambda s: s.signed_url("a"),
    "sign_upload": lambda s: s.sign_upload("a"),
    "open to read": lambda s: _enter(s.open("a")),
    "open to write": lambda s: _enter(s.open("a", "wb")),
    "open to create": lambda s: _enter(s.open("a", "xb")),
    "stream": lambda s: _first(s.stream("a")),
    "files": lambda s: _first(s.files()),
}


@pytest.mark.parametrize("call", CALLS)
async def test_what_the_five_can_not_do_is_unsupported(call: str) -> None:
    storage = Five(a=b"x")

    async def run() -> None:
        await CALLS[call](storage)

    with pytest.raises(UnsupportedOperationError, match="Five"):
        await run()
    assert storage.kept == {"a": b"x"}


async def _enter(block: AbstractAsyncContextManager[object]) -> None:
    async with block:
        pass


async def _first(items: AsyncIterator[object]) -> None:
    async for _ in items:
        return


async def test_stream_gives_read() -> None:
    storage = Streaming(a=b"0123456789")
    assert await storage.read("a") == b"0123456789"
    assert await storage.read("a", start=2, end=7) == b"23456"


async def test_read_is_held_to_its_max_size() -> None:
    storage = Streaming(a=b"0123456789")
    assert await storage.read("a", max_size=10) == b"0123456789"
    with pytest.raises(TooLargeError):
        await storage.read("a", max_size=9)
    assert storage.open_streams == 0


async def test_stream_gives_open() -> None:
    storage = Streaming(a=b"0123456789")
    async with storage.open("a") as reader:
        assert await reader.read(4) == b"0123"
        await reader.seek(-2, 2)
        assert await reader.read() == b"89"
    assert storage.open_streams == 0


async def test_a_missing_file_does_not_open() -> None:
    with pytest.raises(NotFoundError):
        await _enter(Streaming().open("missing"))


def test_open_checks_its_mode() -> None:
    storage: Any = Streaming()  # Any: what is called here has no type
    with pytest.raises(ValueError, match="'ab'"):
        storage.open("a", "ab")
    with pytest.raises(TypeError, match="content_type"):
        storage.open("a", content_type="text/plain")


async def test_stream_gives_copy_through_save() -> None:
    storage = Streaming(a=b"0123456789")
    assert await storage.copy("a", "b") == "b"
    assert storage.kept == {"a": b"0123456789", "b": b"0123456789"}
    assert storage.open_streams == 0


async def test_stream_gives_move_through_save() -> None:
    storage = Streaming(a=b"0123456789")
    assert await storage.move("a", "b") == "b"
    assert storage.kept == {"b": b"0123456789"}


@pytest.mark.parametrize("kind", [Streaming, Choosing])
async def test_copy_to_a_taken_name_is_refused(kind: type[Streaming]) -> None:
    storage = kind(a=b"a", b=b"b")
    with pytest.raises(AlreadyExistsError):
        await storage.copy("a", "b")
    with pytest.raises(AlreadyExistsError):
        await storage.move("a", "b")
    assert storage.kept == {"a": b"a", "b": b"b"}


async def test_copy_that_lost_a_race_is_taken_back() -> None:
    class Racing(Streaming):
        async def exists(self, name: str) -> bool:
            return False

    storage = Racing(a=b"a", b=b"b")
    with pytest.raises(AlreadyExistsError):
        await storage.copy("a", "b")
    assert storage.kept == {"a": b"a", "b": b"b"}


@pytest.mark.parametrize("kind", [Streaming, Choosing])
async def test_copy_may_take_another_name(kind: type[Streaming]) -> None:
    assert await kind(a=b"a", b=b"b").copy("a", "b", if_exists="rename") == "b_"


async def test_copy_overwrites_where_save_can() -> None:
    storage = Choosing(a=b"a", b=b"b")
    assert await storage.copy("a", "b", if_exists="overwrite") == "b"
    assert storage.kept["b"] == b"a"


async def test_copy_does_not_overwrite_where_save_can_not() -> None:
    storage = Streaming(a=b"a", b=b"b")
    with pytest.raises(UnsupportedOperationError, match="if_exists"):
        await storage.copy("a", "b", if_exists="overwrite")
    assert storage.kept == {"a": b"a", "b": b"b"}
    assert storage.open_streams == 0


async def test_copy_of_a_missing_file_is_not_found() -> None:
    storage = Streaming(b=b"b")
    with pytest.raises(NotFoundError):
        await storage.copy("missing", "c")
    assert storage.kept == {"b": b"b"}


@pytest.mark.parametrize("spelling", ["a/b", "/a//b", "a\\b"])
async def test_copy_and_move_onto_itself_are_refused(spelling: str) -> None:
    storage = Streaming(a__b=b"x")
    with pytest.raises(SameFileError):
        await storage.copy("a/b", spelling)
    with pytest.raises(SameFileError):
        await storage.move("a/b", spelling)
    assert storage.kept == {"a/b": b"x"}


async def test_list_page_gives_files() -> None:
    storage = Listing(a=b"", b__1=b"", b__2=b"", bc=b"", d=b"")
    assert [info.name async for info in storage.files()] == ["a", "b/1", "b/2", "bc", "d"]
    assert [info.name async for info in storage.files("b")] == ["b/1", "b/2"]


async def test_files_start_after_a_name() -> None:
    storage = Listing(a=b"", b__1=b"", b__2=b"", bc=b"", d=b"")
    assert [i.name async for i in storage.files(start_after="b/1")] == ["b/2", "bc", "d"]
    assert [i.name async for i in storage.files(start_after="/b//3")] == ["bc", "d"]


async def test_list_page_gives_listdir() -> None:
    storage = Listing(z=b"", a__1=b"", a__b__2=b"", a__c__3=b"", y__1=b"", b=b"")
    assert await storage.listdir() == (["a", "y"], ["b", "z"])
    assert await storage.listdir("a") == (["b", "c"], ["1"])
    assert await storage.listdir("z") == ([], [])


async def test_list_page_gives_delete_prefix() -> None:
    storage = Listing(a__1=b"", a__2=b"", a__3=b"", ab=b"", locked=b"")
    assert await storage.delete_prefix("a") == []
    assert sorted(storage.kept) == ["ab", "locked"]


async def test_delete_prefix_returns_failures_only() -> None:
    storage = Listing(a=b"", locked=b"", z=b"")
    failures = await storage.delete_prefix("", everything=True)
    assert [failure.name for failure in failures] == ["locked"]
    assert list(storage.kept) == ["locked"]


async def test_delete_prefix_wants_everything_said() -> None:
    storage = Listing(a=b"")
    with pytest.raises(ValueError, match="everything=True"):
        await storage.delete_prefix("")
    assert list(storage.kept) == ["a"]
