"""Metadata and headers: kept on every path, any text, nothing unsafe (catalogue 1.5)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

from openviper.storage.testing.contents import bytes_of, chunks_of, failing_after
from openviper.storage.testing.expect import fails, same
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.types import FileInfo, WriteOptions

ATTRIBUTES: WriteOptions = {
    "content_type": "text/x-check; charset=utf-8",
    "cache_control": "private, max-age=60",
    "content_disposition": "attachment; filename=\"a b.txt\"; filename*=UTF-8''%C3%BC.txt",
    "content_encoding": "identity",
    "metadata": {"colour": "blue", "n_1": "1"},
}
VALUES = {
    "empty": "",
    "latin": "Zürich – größer",
    "other": "日本語 العربية 🎉",
    "percent": "100% %41 %zz %",
    "plus": "a+b c&d=e;f,g",
    "quotes": "\"double\" 'single' `back` \\ / <tag>",
    "encoded_word": "=?UTF-8?B?w7w=?=",
    "inner": "two  spaces",
    "outer": "  around  ",
    "space": " ",
    "nfd": "u\u0308",
}
BAD_KEYS = ("", "Upper", "with-dash", "with space", "1st", "_x", "ümlaut", "a" * 65, "a.b", "a\n")
NOT_HEADERS = ("line\r\nSet-Cookie: a=b", "line\nbreak", "nul\0", "ümlaut", " outer ", "")


@check("metadata.kept-from-bytes", "M08", requires=("metadata", "put"))
async def kept_from_bytes(target: Target) -> None:
    """All attributes given with bytes are kept, by save and by put."""
    await target.storage.save("saved.bin", b"x", **ATTRIBUTES)
    put = await target.storage.put("put.bin", b"x", **ATTRIBUTES)
    _assert_attributes(put, "what put returned")
    for name in ("saved.bin", "put.bin"):
        _assert_attributes(await (await target.another()).stat(name), name)


@check("metadata.kept-from-small-streams", "M08", requires=("metadata",))
async def kept_from_small_streams(target: Target) -> None:
    """All attributes given with a generator are kept, also where it gives nothing."""
    for name, content in (("a.bin", b"x"), ("empty.bin", b"")):
        await target.storage.save(name, chunks_of(content), **ATTRIBUTES)
        _assert_attributes(await target.storage.stat(name), name)


@check("metadata.kept-from-large-streams", "M08", requires=("metadata", "put"))
async def kept_from_large_streams(target: Target) -> None:
    """All attributes given with large content are kept, from a generator and from bytes."""
    content = bytes_of(target.large)
    await target.storage.save("a.bin", chunks_of(content), **ATTRIBUTES)
    await target.storage.put("b.bin", content, **ATTRIBUTES)
    for name in ("a.bin", "b.bin"):
        _assert_attributes(await target.storage.stat(name), name)


@check("metadata.kept-from-writers", "M08", requires=("metadata", "put"))
async def kept_from_writers(target: Target) -> None:
    """All attributes given to open are kept, and the writer shows them."""
    async with target.storage.open("a.bin", "wb", **ATTRIBUTES) as writer:
        await writer.write(b"x")
    assert writer.info is not None, "expected writer.info after the block, got None"
    _assert_attributes(writer.info, "writer.info")
    _assert_attributes(await target.storage.stat("a.bin"), "stat")


@check("metadata.kept-under-another-name", "M08", "S02", requires=("metadata",))
async def kept_under_another_name(target: Target) -> None:
    """All attributes are kept where a taken name made the storage choose another."""
    for content in (b"x", chunks_of(bytes_of(target.large))):
        await target.storage.save("a.bin", b"taken", if_exists="overwrite")
        name = await target.storage.save("a.bin", content, **ATTRIBUTES)
        assert name != "a.bin", "expected another name for a taken one"
        _assert_attributes(await target.storage.stat(name), name)


@check("metadata.any-text-round-trips", "M10", requires=("metadata",))
async def any_text_round_trips(target: Target) -> None:
    """Values of any script, with quotes, percent signs and spaces come back exactly."""
    await target.storage.save("a.bin", b"x", metadata=VALUES)
    found = (await (await target.another()).stat("a.bin")).metadata
    same(dict(found or {}), VALUES, "metadata in stat")


@check("metadata.any-text-round-trips-large", "M10", "M08", requires=("metadata",))
async def any_text_round_trips_large(target: Target) -> None:
    """Values of any script come back exactly from a large file too."""
    await target.storage.save("a.bin", chunks_of(bytes_of(target.large)), metadata=VALUES)
    found = (await target.storage.stat("a.bin")).metadata
    same(dict(found or {}), VALUES, "metadata in stat")


@check("metadata.bad-keys-are-refused", "M09", requires=("metadata",))
async def bad_keys_are_refused(target: Target) -> None:
    """A key that some service would change or refuse is a ValueError before any I/O."""
    for key in (*BAD_KEYS, "openviper_mine"):
        call = target.storage.save("a.bin", failing_after(b""), metadata={key: "x"})
        await fails(ValueError, call, doing=f"the metadata key {key!r}")
    await target.storage.save("a.bin", b"x", metadata={"a" * 64: "x", "a_1": "y"})


@check("metadata.control-characters-are-refused", "M10", requires=("metadata",))
async def control_characters_are_refused(target: Target) -> None:
    """A value with a control character is a ValueError before any I/O."""
    for value in ("a\r\nb", "a\nb", "a\0b", "\t", "\x7f", "\x85", "\ud800"):
        call = target.storage.save("a.bin", failing_after(b""), metadata={"key": value})
        await fails(ValueError, call, doing=f"the metadata value {value!r}")


@check("metadata.only-text-is-taken", "M09", requires=("metadata",))
async def only_text_is_taken(target: Target) -> None:
    """Keys and values that are no text, and what is no mapping, are TypeErrors."""
    wrong: tuple[Any, ...] = ({"key": 1}, {"key": b"x"}, {1: "x"}, [("key", "x")], "key")
    for metadata in wrong:
        call = target.storage.save("a.bin", failing_after(b""), metadata=metadata)
        await fails(TypeError, call, doing=f"metadata={metadata!r}")


@check("metadata.headers-hold-no-line-breaks", "M08", requires=("metadata",))
async def headers_hold_no_line_breaks(target: Target) -> None:
    """What HTTP would break at or change in a header is a ValueError before any I/O."""
    for field in ("cache_control", "content_disposition", "content_encoding", "content_type"):
        for value in NOT_HEADERS:
            options = cast("WriteOptions", {field: value})
            call = target.storage.save("a.bin", failing_after(b""), **options)
            await fails(ValueError, call, doing=f"{field}={value!r}")


@check("type.malformed-is-refused", "M07", requires=("metadata",))
async def malformed_is_refused(target: Target) -> None:
    """A content type that is none is a ValueError before the content is read."""
    for value in ("text", "text/", "/plain", "te xt/plain", "", "text/plain\r\nX: y"):
        call = target.storage.save("a.txt", failing_after(b""), content_type=value)
        await fails(ValueError, call, doing=f"content_type={value!r}")


@check("metadata.unknown-keywords-are-refused", "M08")
async def unknown_keywords_are_refused(target: Target) -> None:
    """A keyword that no write takes is a TypeError before the content is read."""
    options = cast("WriteOptions", {"content_typo": "text/plain"})

    async def save() -> str:  # Python itself may refuse the call
        return await target.storage.save("a.bin", failing_after(b""), **options)

    await fails(TypeError, save(), doing="save(content_typo=…)")


@check("metadata.limit-is-held", "M13", "P04", requires=("metadata",))
async def limit_is_held(target: Target) -> None:
    """Metadata of the declared size is kept, and one byte more is a ValueError."""
    room = target.storage.capabilities.max_metadata_bytes - len("key")
    value = "v" * room
    await target.storage.save("small.bin", b"x", metadata={"key": value})
    await target.storage.save(
        "large.bin", chunks_of(bytes_of(target.large)), metadata={"key": value}
    )
    for name in ("small.bin", "large.bin"):
        same(dict((await target.storage.stat(name)).metadata or {}), {"key": value}, name)
    call = target.storage.save("a.bin", failing_after(b""), metadata={"key": f"{value}v"})
    await fails(ValueError, call, doing="one byte over the limit")


@check("metadata.overwriting-clears-the-old", "M11", "S12", requires=("metadata",))
async def overwriting_clears_the_old(target: Target) -> None:
    """A file that is overwritten or saved anew has nothing of the old attributes."""
    for content in (b"new", chunks_of(bytes_of(target.large))):
        await target.storage.save("a.txt", b"old", if_exists="overwrite", **ATTRIBUTES)
        await target.storage.save("a.txt", content, if_exists="overwrite")
        _assert_plain(await target.storage.stat("a.txt"), "after overwriting")
    await target.storage.save("b.txt", b"old", **ATTRIBUTES)
    await target.storage.delete("b.txt")
    await target.storage.save("b.txt", b"new")
    _assert_plain(await target.storage.stat("b.txt"), "after deleting and saving")


@check("metadata.is-a-copy", "M12", "C12", requires=("metadata",))
async def is_a_copy(target: Target) -> None:
    """Neither the caller's mapping nor one that was returned is the stored one."""
    given = {"key": "stored"}
    await target.storage.save("a.bin", b"x", metadata=given)
    given["key"] = "changed"
    returned = (await target.storage.stat("a.bin")).metadata
    with suppress(TypeError):  # read-only: as good as a copy
        cast("dict[str, str]", returned)["key"] = "changed"
    found = (await target.storage.stat("a.bin")).metadata
    same(dict(found or {}), {"key": "stored"}, "metadata after both were changed")


@check("metadata.own-keys-are-hidden", "M08", requires=("metadata", "put", "list"))
async def own_keys_are_hidden(target: Target) -> None:
    """What the storage keeps for itself is not among the metadata that it shows."""
    put = await target.storage.put("a.bin", b"x", metadata={"mine": "x"})
    stat = await target.storage.stat("a.bin")
    same(dict(put.metadata or {}), {"mine": "x"}, "metadata from put")
    same(dict(stat.metadata or {}), {"mine": "x"}, "metadata in stat")
    for info in [info async for info in target.storage.files()]:
        shown = dict(info.metadata or {"mine": "x"})  # a listing need not show any
        same(shown, {"mine": "x"}, "metadata in a listing")


def _assert_attributes(info: FileInfo, what: str) -> None:
    for field, expected in ATTRIBUTES.items():
        found = getattr(info, field)
        if field == "metadata":
            found = dict(found or {})
        same(found, expected, f"{field} of {what}")


def _assert_plain(info: FileInfo, when: str) -> None:
    same(info.content_type, "text/plain", f"content_type {when}")
    for field in ("cache_control", "content_disposition", "content_encoding"):
        same(getattr(info, field), None, f"{field} {when}")
    same(dict(info.metadata or {}), {}, f"metadata {when}")
