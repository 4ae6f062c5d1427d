"""Names: pure functions, checked on a corpus and on whatever hypothesis thinks of."""

from __future__ import annotations

import unicodedata
from itertools import islice

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openviper.storage import MemoryStorage
from openviper.storage.errors import AlreadyExistsError, InvalidNameError
from openviper.storage.names import (
    MAX_NAME_BYTES,
    MAX_SEGMENT_BYTES,
    candidates,
    canonical,
    is_canonical,
    join,
    sanitise,
    unique,
)
from openviper.storage.testing.odd import EXACT, REFUSED, RESPELT

# Few characters, and those that matter: collisions and traps are where bugs are.
TROUBLE = st.text(
    st.sampled_from("ab./\\ :C%+~_é\u0301\u1100\u1161\u2126\u037e\u212a\0\n\x7f\u200b😀\ud800"),
    max_size=40,
)
NAMES = st.one_of(st.text(max_size=80), TROUBLE, st.text(min_size=200, max_size=600))


def canonical_or_none(name: str) -> str | None:
    try:
        return canonical(name)
    except InvalidNameError:
        return None


def sanitised_or_none(name: str) -> str | None:
    try:
        return sanitise(name)
    except InvalidNameError:
        return None


@given(NAMES)
@example("a\\b//./c/")
def test_canonical_twice_is_canonical_once(name: str) -> None:
    once = canonical_or_none(name)
    if once is not None:
        assert canonical(once) == once


@given(NAMES)
@example("docs/report.pdf")
def test_only_the_canonical_spelling_is_canonical(name: str) -> None:
    assert is_canonical(name) == (canonical_or_none(name) == name)


@given(NAMES)
def test_canonical_changes_nothing_but_separators(name: str) -> None:
    found = canonical_or_none(name)
    if found is not None:
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        assert found == "/".join(parts)
        assert not found.startswith("/")
        assert ".." not in found.split("/")


@given(NAMES)
@example("...")
@example("a. . .")
@example("C:\\C:\\x")
@example(".\u0301")
@example("x" * 250 + ".tar.gz" + " ." * 30)
@example("é" * 300 + ". .")
def test_sanitising_twice_is_sanitising_once(name: str) -> None:
    once = sanitised_or_none(name)
    if once is not None:
        assert sanitise(once) == once


@given(NAMES)
def test_what_is_sanitised_is_canonical_and_safe(name: str) -> None:
    found = sanitised_or_none(name)
    if found is None:
        return
    assert canonical(found) == found
    assert unicodedata.is_normalized("NFC", found)
    assert len(found.encode()) <= MAX_NAME_BYTES
    for segment in found.split("/"):
        assert len(segment.encode()) <= MAX_SEGMENT_BYTES
        assert segment[0] != "."
        assert segment[-1] not in ". "
        assert all(c in "_-. " or unicodedata.category(c)[0] in "LMN" for c in segment)


@given(NAMES, st.sampled_from(["", "media", "deep er/ünder", "é" * 100]))
def test_unique_names_fit_and_differ_and_keep_their_place(name: str, location: str) -> None:
    try:
        start = sanitise(name, location=location)
        first, second = unique(start, location=location), unique(start, location=location)
    except InvalidNameError:
        return  # there is nothing safe in it, or no room for 33 more bytes
    assert len({start, first, second}) == 3
    assert canonical(first, location=location) == first
    assert first.rpartition("/")[0] == start.rpartition("/")[0]
    assert len(join(location, first).encode()) <= MAX_NAME_BYTES


@pytest.mark.parametrize("name", EXACT)
def test_odd_name_is_canonical_as_it_is(name: str) -> None:
    assert canonical(name) == name


@pytest.mark.parametrize("name", REFUSED)
def test_unsafe_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError) as caught:
        canonical(name)
    assert caught.value.name == name
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("spelling", "name"), RESPELT.items())
def test_spelling_becomes_the_canonical_name(spelling: str, name: str) -> None:
    assert canonical(spelling) == name


def test_odd_names_stay_distinct() -> None:
    assert len({canonical(name) for name in EXACT}) == len(EXACT)


@pytest.mark.parametrize("name", [b"a", None, 1, ["a"], object()])
def test_name_of_another_type_is_a_type_error(name: str) -> None:
    for function in (canonical, sanitise):
        with pytest.raises(TypeError):
            function(name)


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("../../etc/passwd", "etc/passwd"),
        (".env", "_env"),
        ("...", "_"),
        ("a/../b", "a/b"),
        ("C:\\temp\\x.txt", "temp/x.txt"),
        ("C:x", "C_x"),
        (".openviper/x", "_openviper/x"),
        (".well-known/acme-challenge/t", "_well-known/acme-challenge/t"),
        ("name. . .", "name"),
        ("a\tb\r\nc", "a_b__c"),
        ("a\u00a0b", "a_b"),
        ("a/ /b", "a/b"),
        ("e\u0301", "\u00e9"),
        ("½ Ⅷ ٣.txt", "½ Ⅷ ٣.txt"),
        ("s" * 300 + ".txt", "s" * 251 + ".txt"),
        ("é" * 200, "é" * 127),
        ("x" * 300 + "." + "e" * 100, "x" * 255),
    ],
)
def test_save_makes_a_safe_name(given_name: str, expected: str) -> None:
    assert sanitise(given_name) == expected


@pytest.mark.parametrize("name", ["", "/", "..", "../..", "C:", "c:/", ".", " ", "a\0", "\0"])
def test_nothing_safe_left_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError):
        sanitise(name)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("a/report.tar.gz", "a/report.tar_{}.gz"),
        ("dir.d/x", "dir.d/x_{}"),
        ("Makefile", "Makefile_{}"),
        (".env", ".env_{}"),
    ],
)
def test_unique_part_goes_before_the_last_extension(name: str, shape: str) -> None:
    found = unique(name)
    before, _, after = shape.partition("{}")
    digits = found.removeprefix(before).removesuffix(after)
    assert found == f"{before}{digits}{after}"
    assert len(digits) == 32
    assert set(digits) <= set("0123456789abcdef")


def test_unique_part_is_kept_whole_at_the_limits() -> None:
    leaf = "é" * 120 + "abcde.tar.gz"
    found = unique(leaf)
    assert len(found.encode()) <= MAX_SEGMENT_BYTES
    assert found.endswith(".gz")
    assert len(found.rpartition("_")[2]) == 32 + len(".gz")


def test_no_room_for_a_unique_part_is_refused() -> None:
    name = "/".join(["d" * 200] * 5) + "/abcdefg.txt"
    with pytest.raises(InvalidNameError, match="no room"):
        unique(canonical(name))


def test_limits_count_the_location() -> None:
    location = "l" * 200
    fits = "/".join(["d" * 205] * 4)
    assert len(join(location, fits)) == MAX_NAME_BYTES
    assert canonical(fits, location=location) == fits
    with pytest.raises(InvalidNameError):
        canonical(f"{fits}d", location=location)


def test_plain_names_are_counted_with_a_location_of_any_script() -> None:
    location = "/".join(["😀" * 62] * 4)
    with pytest.raises(InvalidNameError):
        canonical("plain-name/" * 3 + "file.txt", location=location)


def test_candidates_begin_with_the_name_and_come_to_an_end() -> None:
    tried = candidates("a.txt")
    first = list(islice(tried, 100))
    assert first[0] == "a.txt"
    assert len(set(first)) == 100
    with pytest.raises(AlreadyExistsError) as caught:
        next(tried)
    assert caught.value.name == "a.txt"


@pytest.mark.parametrize("location", ["..", "a/../b", ".openviper", "a\0", "ends.", "l" * 300])
def test_unsafe_location_is_refused_when_it_is_given(location: str) -> None:
    with pytest.raises(InvalidNameError):
        MemoryStorage(location=location)


@pytest.mark.parametrize("location", ["", "/", "//", "\\"])
async def test_location_of_slashes_is_none(location: str) -> None:
    storage = MemoryStorage(location=location)
    assert await storage.save("a", b"x") == "a"
    assert storage.url("a") == "/media/a"
