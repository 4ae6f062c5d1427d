"""Addresses and the names in headers, without any storage."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest

from openviper.storage import FileSystemStorage, MemoryStorage
from openviper.storage.urls import attachment, join_url


@pytest.mark.parametrize(
    ("base", "key", "url"),
    [
        ("/media/", "a/b.txt", "/media/a/b.txt"),
        ("/media", "a/b.txt", "/media/a/b.txt"),
        ("/", "a.txt", "/a.txt"),
        ("https://cdn.example", "a.txt", "https://cdn.example/a.txt"),
        ("https://cdn.example/x/", "a b.txt", "https://cdn.example/x/a%20b.txt"),
        ("https://cdn.example/x?v=1", "a.txt", "https://cdn.example/x/a.txt?v=1"),
        ("https://cdn.example/x", "ü", "https://cdn.example/x/%C3%BC"),
        ("//cdn.example/x", "a#b?c", "//cdn.example/x/a%23b%3Fc"),
    ],
)
def test_a_key_goes_to_the_end_of_the_base_path(base: str, key: str, url: str) -> None:
    assert join_url(base, key) == url


@pytest.mark.parametrize(
    "key", ["//evil/x", "http://evil/x", "@evil", ":80/x", "?x", "#x", "%2F.."]
)
def test_a_key_never_changes_the_host(key: str) -> None:
    parts = urlsplit(join_url("https://cdn.example/x/", key))
    assert (parts.scheme, parts.netloc) == ("https", "cdn.example")
    assert unquote(parts.path) == f"/x/{key}"
    assert (parts.query, parts.fragment) == ("", "")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.txt", "attachment; filename=\"a.txt\"; filename*=UTF-8''a.txt"),
        ("a b.txt", "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
        ('a"b\\c%.txt', "attachment; filename=\"a_b_c_.txt\"; filename*=UTF-8''a%22b%5Cc%25.txt"),
        ("ü.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%BC.txt"),
        ("a;b=c/d", "attachment; filename=\"a;b=c/d\"; filename*=UTF-8''a%3Bb%3Dc%2Fd"),
    ],
)
def test_a_name_to_save_under_has_both_forms(name: str, header: str) -> None:
    assert attachment(name) == header


@pytest.mark.parametrize("name", ["a\r\nX: y", "a\n", "\0", "a\x7f"])
def test_control_characters_are_no_name_to_save_under(name: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        attachment(name)


@pytest.mark.parametrize("base", ["/files/", "https://cdn.example/a", "https://cdn.example/?v=1"])
def test_a_storage_takes_a_base_of_ones_own(base: str) -> None:
    for storage in (MemoryStorage(base_url=base), FileSystemStorage("x", base_url=base)):
        assert storage.url("/a b//c.txt") == join_url(base, "a b/c.txt")


def test_the_location_is_in_the_address_once() -> None:
    storage = MemoryStorage(location="/in/side/", base_url="https://cdn.example/")
    assert storage.url("a.txt") == "https://cdn.example/in/side/a.txt"
