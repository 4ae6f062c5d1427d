"""Listings that go on: tokens, limits and what a page may hold."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest

from openviper.storage.backends.memory import MemoryStorage
from openviper.storage.pages import Cursor, read_token, write_token
from tests.storage.faults import PlainDriver, storage_on

NAMES = ["a", "a/1", "a/2", "a/3"]


async def filled(*names: str) -> MemoryStorage:
    storage = MemoryStorage()
    for name in names:
        await storage.put(name, b"x")
    return storage


@pytest.mark.parametrize("inner", [None, "", "a/ü 'b'", "x" * 2000])
def test_token_gives_back_what_went_in(inner: str | None) -> None:
    token = write_token(Cursor(token=inner, begun=True), listing="a\n/")
    assert read_token(token, listing="a\n/") == Cursor(token=inner, begun=True)
    assert token.isascii()


def test_no_token_is_the_beginning() -> None:
    assert read_token(None, listing="a") == Cursor(token=None, begun=False)


@pytest.mark.parametrize(
    "foreign", ["", "x", "ü", "a b", "AAAA", base64.urlsafe_b64encode(b"12345678").decode()]
)
def test_text_that_is_no_token_is_refused(foreign: str) -> None:
    with pytest.raises(ValueError, match="not a token of this listing"):
        read_token(foreign, listing="a")


def test_token_of_another_listing_is_refused() -> None:
    token = write_token(Cursor(token="t", begun=True), listing="a\n/")
    for other in ("b\n/", "a\n", ""):
        with pytest.raises(ValueError, match="not a token of this listing"):
            read_token(token, listing=other)


def test_changed_token_is_refused() -> None:
    token = write_token(Cursor(token="key", begun=True), listing="a")
    changed = ("A" if token[-6] != "A" else "B").join((token[:-6], token[-5:]))
    with pytest.raises(ValueError, match="not a token"):
        read_token(changed, listing="a")


def test_token_that_is_no_text_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        read_token(b"bytes", listing="a")  # type: ignore[arg-type]


def test_token_is_valid_in_another_process() -> None:
    token = write_token(Cursor(token="key", begun=True), listing="a")
    script = (
        "import sys; from openviper.storage.pages import read_token; "
        "print(read_token(sys.argv[1], listing='a').token)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, token], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "key\n"


async def test_pages_of_one_give_every_name_once_with_the_own_file_first() -> None:
    storage = await filled("foo", "foo/a", "foo/b/c", "foobar", "fo")
    found: list[str] = []
    token: str | None = None
    while True:
        page = await storage.list_page("foo", limit=1, token=token)
        assert len(page.files) <= 1
        found += [info.name for info in page.files]
        token = page.token
        if token is None:
            break
    assert found == ["foo", "foo/a", "foo/b/c"]


@pytest.mark.parametrize(
    ("limit", "pages"),
    [(2, [["a", "a/1"], ["a/2", "a/3"]]), (3, [["a", "a/1", "a/2"], ["a/3"]]), (9, [NAMES])],
)
async def test_own_file_has_its_place_on_a_full_page(limit: int, pages: list[list[str]]) -> None:
    storage = await filled(*NAMES)
    found = [page := await storage.list_page("a", limit=limit)]
    while page.token is not None:
        found.append(page := await storage.list_page("a", limit=limit, token=page.token))
    assert [[info.name for info in page.files] for page in found] == pages


async def test_token_of_one_prefix_is_refused_for_another() -> None:
    storage = await filled("a/1", "a/2", "b/1")
    token = (await storage.list_page("a", limit=1)).token
    for prefix, delimiter in (("b", None), ("a", "/"), ("", None)):
        with pytest.raises(ValueError, match="token"):
            await storage.list_page(prefix, delimiter=delimiter, token=token)  # type: ignore[arg-type]


async def test_directories_stand_at_their_place() -> None:
    storage = await filled("a/1", "a-b", "a.b", "a0", "b/1")
    page = await storage.list_page(delimiter="/")
    assert [info.name for info in page.files] == ["a-b", "a.b", "a0"]
    assert page.prefixes == ("a", "b")
    first = await storage.list_page(delimiter="/", limit=3)
    assert ([info.name for info in first.files], first.prefixes) == (["a-b", "a.b"], ("a",))


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "2", None])
async def test_wrong_limit_is_refused(limit: object) -> None:
    with pytest.raises(ValueError, match="limit is"):
        await MemoryStorage().list_page(limit=limit)  # type: ignore[arg-type]


async def test_other_delimiters_are_refused() -> None:
    with pytest.raises(ValueError, match="delimiter is"):
        await MemoryStorage().list_page(delimiter="-")  # type: ignore[arg-type]


async def test_keys_that_are_no_names_are_not_shown() -> None:
    from openviper.storage.attributes import Attributes
    from openviper.storage.driver import Write

    driver = PlainDriver()
    write = Write(attributes=Attributes(), content_type="x/y", write_id="id")
    for key in ("a", "marker/", "a//b", "../up", "dot.", ".openviper/tmp/x", "d/x"):
        await driver.memory.put(key, memoryview(b""), write)
    storage = storage_on(driver)
    assert [info.name async for info in storage.files()] == ["a", "d/x"]
    assert await storage.listdir() == (["a", "d", "marker"], ["a"])


async def test_start_after_is_a_name_and_not_given_again() -> None:
    storage = await filled("a", "b", "c/d", "e")
    assert [info.name async for info in storage.files(start_after="b")] == ["c/d", "e"]
    assert [info.name async for info in storage.files("c", start_after="c/d")] == []
