"""What is known of a file: exists, size, type, times, etags (catalogue 1.5)."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta

from openviper.storage.base import Storage
from openviper.storage.errors import NotFoundError
from openviper.storage.testing.contents import bytes_of, chunks_of
from openviper.storage.testing.expect import fails, same
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.types import FileInfo


@check("stat.missing-file-is-not-found", "M01")
async def missing_file_is_not_found(target: Target) -> None:
    """The size and the stat of a missing file are NotFoundErrors that carry its name."""
    for name in ("missing.txt", "no/such/folder.txt"):
        for what, call in (("size", target.storage.size), ("stat", target.storage.stat)):
            error = await fails(NotFoundError, call(name), doing=f"{what} of {name!r}")
            same(error.name, name, f"the name of the error of {what}")


@check("stat.exists-is-a-bool", "M02")
async def exists_is_a_bool(target: Target) -> None:
    """The answer of exists is True for a file and False for none."""
    await target.storage.save("a/b.txt", b"x")
    assert await target.storage.exists("a/b.txt") is True, "expected True for a file"
    for name in ("a/c.txt", "b.txt", "a/b.tx", "a/b.txtt", "c"):
        found = await target.storage.exists(name)
        assert found is False, f"exists({name!r}): expected False, got {found!r}"


@check("stat.directory-is-not-a-file", "M02", requires=("read",))
async def directory_is_not_a_file(target: Target) -> None:
    """A name that is only the beginning of others does not exist and is not found."""
    await target.storage.save("dir/sub/a.txt", b"x")
    for name in ("dir", "dir/sub", "dir/"):
        await _assert_is_no_file(target.storage, name)


@check("stat.folder-marker-is-not-a-file", "M02", "L11", requires=("read",), needs=("raw",))
async def folder_marker_is_not_a_file(target: Target) -> None:
    """The marker that other tools put for an empty folder is not a file."""
    assert target.raw is not None
    await target.raw.put("empty/", b"")
    for name in ("empty", "empty/"):
        await _assert_is_no_file(target.storage, name)


@check("stat.modified-is-now-in-utc", "M04", requires=("metadata",))
async def modified_is_now_in_utc(target: Target) -> None:
    """The time of a file is aware, in UTC, close to now, and does not go back."""
    await target.storage.save("a.txt", b"1")
    first = (await target.storage.stat("a.txt")).modified
    await target.storage.save("a.txt", b"2", if_exists="overwrite")
    second = (await target.storage.stat("a.txt")).modified
    assert first is not None, "expected a time, got None"
    assert second is not None, "expected a time, got None"
    same(first.utcoffset(), timedelta(0), "the offset of the time")
    apart = abs(datetime.now(UTC) - first)
    assert apart < timedelta(minutes=2), f"expected about now, got {first}, {apart} apart"
    assert second >= first, f"expected no earlier time than {first}, got {second}"


@check("stat.put-stat-and-listing-agree", "M04", "M05", "L15", requires=("put", "list", "metadata"))
async def put_stat_and_listing_agree(target: Target) -> None:
    """What put returns, stat says and a listing shows is the same, small and large."""
    contents = {"small.bin": bytes_of(100), "large.bin": bytes_of(target.large)}
    for name, content in contents.items():
        put = await target.storage.put(name, chunks_of(content))
        stat = await (await target.another()).stat(name)
        [listed] = [info async for info in target.storage.files(name)]
        for info, whose in ((put, "put"), (listed, "a listing")):
            for field in ("name", "size", "etag"):
                found, expected = getattr(info, field), getattr(stat, field)
                same(found, expected, f"{field} of {name} from {whose}, beside stat")
        same(stat.size, len(content), f"size of {name}")
        _assert_same_time(listed.modified, stat.modified, f"{name} in a listing")
        if put.modified is not None:  # not every service says it
            _assert_same_time(put.modified, stat.modified, f"{name} from put")


@check("stat.etag-changes-with-content", "M05", requires=("put", "replace_if_match"))
async def etag_changes_with_content(target: Target) -> None:
    """An etag is a non-empty text without quotes, and another one for other content."""
    etags: list[str | None] = []
    for content in (b"one", b"two", bytes_of(target.large), bytes_of(target.large, seed=1)):
        etags.append((await target.storage.put("a.bin", chunks_of(content))).etag)
        same((await target.storage.stat("a.bin")).etag, etags[-1], "etag in stat, beside put's")
    for etag in etags:
        assert etag, f"expected an etag, got {etag!r}"
        assert '"' not in etag, f"expected no quotes, got {etag!r}"
    same(len(set(etags)), len(etags), "the number of different etags")


@check("stat.checksums-are-true", "M06", requires=("put", "list"))
async def checksums_are_true(target: Target) -> None:
    """A checksum that is shown is in lower-case hex and that of the content."""
    for size in (100, target.large):
        content = bytes_of(size)
        put = await target.storage.put("a.bin", chunks_of(content))
        stat = await target.storage.stat("a.bin")
        listed = [info async for info in target.storage.files("a.bin")]
        for info in (put, stat, *listed):
            _assert_checksums(info, content)


@check("type.guessed-from-the-name", "M07", requires=("metadata",))
async def guessed_from_the_name(target: Target) -> None:
    """A type that is not given is guessed from the name, else application/octet-stream."""
    guesses = {
        "a.txt": "text/plain",
        "photo.PNG": "image/png",
        "page.html": "text/html",
        "data.json": "application/json",
        "archive.tar.gz": "application/gzip",
        "Makefile": "application/octet-stream",
        "a.unknown-extension": "application/octet-stream",
    }
    await asyncio.gather(*(target.storage.save(name, b"x") for name in guesses))
    for name, expected in guesses.items():
        same((await target.storage.stat(name)).content_type, expected, f"type of {name!r}")


@check("type.guessed-for-large-files", "M07", requires=("metadata",))
async def guessed_for_large_files(target: Target) -> None:
    """The type of a large file from a generator is guessed from its name too."""
    for name, expected in (("a.pdf", "application/pdf"), ("raw", "application/octet-stream")):
        await target.storage.save(name, chunks_of(bytes_of(target.large)))
        same((await target.storage.stat(name)).content_type, expected, f"type of {name!r}")


async def _assert_is_no_file(storage: Storage, name: str) -> None:
    found = await storage.exists(name)
    assert found is False, f"exists({name!r}): expected False, got {found!r}"
    for what, call in (("stat", storage.stat), ("size", storage.size), ("read", storage.read)):
        await fails(NotFoundError, call(name), doing=f"{what} of {name!r}")


def _assert_same_time(found: datetime | None, expected: datetime | None, what: str) -> None:
    assert found is not None, f"modified of {what}: expected a time, got None"
    assert expected is not None, "modified in stat: expected a time, got None"
    # Headers say whole seconds, listings say more of them.
    apart = abs(found - expected)
    assert apart <= timedelta(seconds=1), f"modified of {what}: {found}, in stat {expected}"


def _assert_checksums(info: FileInfo, content: bytes) -> None:
    for algorithm, digits in info.checksums.items():
        if algorithm in hashlib.algorithms_available:
            expected = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
            same(digits, expected, f"{algorithm} of {len(content)} bytes")
        same(digits, digits.lower(), f"{algorithm} in lower case")
        bytes.fromhex(digits)
