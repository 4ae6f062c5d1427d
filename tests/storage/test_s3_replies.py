"""Pages of a listing: what is in them does not depend on how they are written."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openviper.storage import FileInfo
from openviper.storage.backends.s3_replies import page_of, refusal_in
from openviper.storage.errors import UnavailableError

TIME = "2026-11-26T10:00:00.000Z"
MODIFIED = datetime(2026, 11, 26, 10, tzinfo=UTC)

keys = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), max_size=5)


def usual(key: str, etag: str = "&quot;v1&quot;") -> str:
    """Write an entry as AWS does."""
    return (
        f"<Contents><Key>{key}</Key><LastModified>{TIME}</LastModified><ETag>{etag}</ETag>"
        "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
        "<Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


def other(key: str) -> str:
    """Write an entry as nobody does, and could."""
    return (
        f"<Contents><Size>7</Size><ETag>&quot;v1&quot;</ETag><Key>{key}</Key>"
        f"<Owner><ID>x</ID></Owner><LastModified>{TIME}</LastModified></Contents>"
    )


def listing(*entries: str, encoding: str = "url") -> bytes:
    """Write a page."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>'
        f"<EncodingType>{encoding}</EncodingType><IsTruncated>false</IsTruncated>"
        f"{''.join(entries)}</ListBucketResult>"
    ).encode()


@given(keys)
def test_entries_of_any_form_are_the_same(names: list[str]) -> None:
    expected = tuple(FileInfo(name=n, size=7, modified=MODIFIED, etag="v1") for n in names)
    for write in (usual, other):
        assert page_of(listing(*(write(quote_plus(n)) for n in names))).files == expected


@given(keys)
def test_keys_may_be_written_in_xml(names: list[str]) -> None:
    found = page_of(listing(*(usual(escape(n)) for n in names), encoding="")).files
    assert sorted(info.name for info in found) == sorted(names)


def test_spaces_between_elements_count_for_nothing() -> None:
    spaced = listing(usual("a")).replace(b"><", b">\n  <")
    assert page_of(spaced) == page_of(listing(usual("a")))


@pytest.mark.parametrize("etag", ["v1", '"v1"', "&#34;v1&#34;", "&#x22;v1&#x22;"])
def test_etags_may_be_quoted_in_any_way(etag: str) -> None:
    assert page_of(listing(usual("a", etag))).files[0].etag == "v1"


def test_entry_in_a_comment_is_none() -> None:
    assert page_of(listing(f"<!-- {usual('a')} -->", usual("b"))).files == (
        FileInfo(name="b", size=7, modified=MODIFIED, etag="v1"),
    )


@pytest.mark.parametrize(
    "body",
    [
        usual("a").encode(),
        listing(usual("a"))[:-5],
        listing(usual("a").replace("Size", "Length")),
        listing(usual("a").replace(TIME, "yesterday")),
        listing(usual("a").replace("</Key>", "</Name>")),
        listing(usual("a")).replace(b"<Name>", b"<Name>\xff"),
        listing(usual("a")).replace(b"ListBucketResult", b"Error"),
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + listing(usual("a")),
    ],
)
def test_what_is_no_whole_listing_is_none(body: bytes) -> None:
    with pytest.raises(UnavailableError, match="something else answered"):
        page_of(body)


PAGE = listing(usual("a"), usual("b"))


@pytest.mark.parametrize(
    "body", [b"", PAGE, b"\n" + PAGE + b"\n", b"<!-- x -->" + PAGE[PAGE.index(b"<L") :], b"<a/>"]
)
def test_whole_document_is_no_refusal(body: bytes) -> None:
    assert refusal_in("ListObjectsV2", {}, body) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<Error><Code>SlowDown</Code></Error>", "SlowDown"),
        (b'  <?xml version="1.0"?>\n<Error ><Code>SlowDown</Code></Error>', "SlowDown"),
        (b'<e:Error xmlns:e="x"><Code>SlowDown</Code></e:Error>', "SlowDown"),
        (PAGE[:-1], "500"),
        (PAGE + b"<", "500"),
        (PAGE.replace(b"<Name>", b"<Error>", 1)[:-20], "500"),
        (b"<html><body>Log in<br></body></html>", "500"),
        (b" " * (1 << 20) + b"<Error><Code>SlowDown</Code></Error>", "SlowDown"),
    ],
)
def test_refusal_or_half_a_document_is_one(body: bytes, code: str) -> None:
    refused = refusal_in("ListObjectsV2", {}, body)
    assert refused is not None
    assert refused.response["Error"]["Code"] == code
