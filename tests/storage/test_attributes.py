"""Attributes: what is refused before anything is sent, and metadata that survives ASCII."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openviper.storage.attributes import (
    DEFAULT_CONTENT_TYPE,
    MAX_METADATA_BYTES,
    WRITE_ID,
    Attributes,
    attributes_from,
    check_options,
    decode_metadata,
    encode_metadata,
    guess_content_type,
    visible_metadata,
)
from openviper.storage.types import WriteOptions

VALUES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60)


def test_nothing_said_is_plain() -> None:
    found = attributes_from({})
    assert found == Attributes()
    assert found.is_plain()
    assert attributes_from({"content_type": None, "metadata": None}).is_plain()
    assert attributes_from({"metadata": {}}).is_plain()
    assert not attributes_from({"cache_control": "no-store"}).is_plain()


def test_attributes_are_kept_as_given() -> None:
    given_options: WriteOptions = {
        "content_type": "text/plain; charset=utf-8",
        "cache_control": "public, max-age=60",
        "content_disposition": "attachment; filename*=UTF-8''%C3%BC.txt",
        "content_encoding": "gzip",
        "metadata": {"key": "välue", "k2_": ""},
    }
    found = attributes_from(given_options)
    for name, value in given_options.items():
        assert getattr(found, name) == value


def test_metadata_is_copied() -> None:
    metadata = {"key": "value"}
    found = attributes_from({"metadata": metadata})
    metadata["key"] = "changed"
    assert found.metadata == {"key": "value"}


@pytest.mark.parametrize(
    "name", ["content_type", "cache_control", "content_disposition", "content_encoding"]
)
@pytest.mark.parametrize("value", ["", " x/y", "x/y ", "x/y\r\nSet-Cookie: a", "x/y\0", "x/ü"])
def test_header_value_that_http_would_change_is_a_value_error(name: str, value: str) -> None:
    options: Any = {name: value}  # Any: the key is a parameter of the test
    with pytest.raises(ValueError, match=name):
        attributes_from(options)


@pytest.mark.parametrize("value", ["text", "/", "text/", "/plain", "text plain/x", "a/b/c"])
def test_malformed_content_type_is_a_value_error(value: str) -> None:
    with pytest.raises(ValueError, match="content_type"):
        attributes_from({"content_type": value})


@pytest.mark.parametrize(
    "key", ["", "Key", "KEY", "1a", "a-b", "a b", "ä", "_a", "a" * 65, "openviper_x", "a\n"]
)
def test_metadata_key_that_some_service_changes_is_a_value_error(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        attributes_from({"metadata": {key: "value"}})


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "\0", "\x7f", "tab\t", "\x85", "\ud800"])
def test_control_character_in_a_metadata_value_is_a_value_error(value: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        attributes_from({"metadata": {"key": value}})


@pytest.mark.parametrize("metadata", [{"key": 1}, {1: "value"}, [("key", "value")], "text"])
def test_metadata_of_another_type_is_a_type_error(metadata: Mapping[str, str]) -> None:
    with pytest.raises(TypeError):
        attributes_from({"metadata": metadata})


@pytest.mark.parametrize("value", ["x", "é"])
def test_metadata_is_limited_as_it_is_encoded(value: str) -> None:
    room = MAX_METADATA_BYTES - len("key")
    fits = value * (room // len(encode_metadata({"key": value})["key"]))
    assert attributes_from({"metadata": {"key": fits}}).metadata["key"] == fits
    with pytest.raises(ValueError, match="1500"):
        attributes_from({"metadata": {"key": fits + value}})


def test_unknown_keyword_is_a_type_error() -> None:
    options: Any = {"content_type": "a/b", "colour": "red"}  # Any: wrong on purpose
    with pytest.raises(TypeError, match="colour"):
        check_options(options)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), VALUES, max_size=4))
@example({"a": "100%", "b": "%41", "c": " outer  ", "d": "   ", "e": "+", "f": "\"'\\"})
@example({"a": "=?UTF-8?B?w7w=?=", "b": "\u00a0", "c": "\u3000x\u3000", "d": "é e\u0301 😀"})
def test_metadata_survives_printable_ascii(metadata: dict[str, str]) -> None:
    encoded = encode_metadata({**metadata, WRITE_ID: "0f"})
    for value in encoded.values():
        assert value.isascii()
        assert value.isprintable()
        assert value.strip() == value
    found = decode_metadata(encoded)
    assert {key: value for key, value in found.items() if key != WRITE_ID} == metadata


@given(VALUES)
def test_ascii_text_stays_readable_in_metadata(value: str) -> None:
    if value.isascii() and value.isprintable() and "%" not in value and value == value.strip():
        assert encode_metadata({"key": value}) == {"key": value}


def test_metadata_of_others_is_not_decoded() -> None:
    assert decode_metadata({"Key": "100%25", "b": "%zz"}) == {"key": "100%25", "b": "%zz"}


def test_own_keys_are_hidden_and_the_rest_is_read_only() -> None:
    found: Any = visible_metadata({"key": "value", WRITE_ID: "0f", "openviper_x": "y"})
    assert dict(found) == {"key": "value"}
    with pytest.raises(TypeError):
        found["key"] = "changed"
    assert visible_metadata(None) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", "text/plain"),
        ("A.TXT", "text/plain"),
        ("a/b.d/photo.JPeG", "image/jpeg"),
        ("x.js", "text/javascript"),
        ("x.md", "text/markdown"),
        ("x.webp", "image/webp"),
        ("x.json", "application/json"),
        ("archive.tar.gz", "application/gzip"),
        ("page.html.br", "application/x-brotli"),
        ("Makefile", DEFAULT_CONTENT_TYPE),
        ("no.such_extension", DEFAULT_CONTENT_TYPE),
        (".txt", DEFAULT_CONTENT_TYPE),
        ("data:text/html,x", DEFAULT_CONTENT_TYPE),
        ("http://host/x.png", "image/png"),
        ("a?b=c.png", "image/png"),
    ],
)
def test_content_type_is_guessed_from_the_name(name: str, expected: str) -> None:
    assert guess_content_type(name) == expected


@given(st.text(max_size=60).filter(lambda t: not any(unicodedata.category(c) == "Cs" for c in t)))
def test_any_name_has_a_valid_type(name: str) -> None:
    attributes_from({"content_type": guess_content_type(name)})
