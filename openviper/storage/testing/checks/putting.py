"""Putting: exact names, conditions, writers that commit or abort (catalogue 1.2 and 1.4)."""

from __future__ import annotations

from openviper.storage.errors import AlreadyExistsError, PreconditionFailedError
from openviper.storage.testing import expect, look
from openviper.storage.testing.contents import FailingError, bytes_of, chunks_of
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target


@check("put.returns-what-is-stored", "S01", requires=("put", "metadata"))
async def returns_what_is_stored(target: Target) -> None:
    """`put` returns the file as `stat` sees it then, small and large."""
    large, other = bytes_of(target.large), await target.another()
    for name, source, content in (("small.txt", b"x", b"x"), ("l.bin", chunks_of(large), large)):
        info = await target.storage.put(name, source, metadata={"key": "value"})
        there = await other.stat(name)
        expect.same((info.name, info.size), (name, len(content)), "name and size returned")
        assert info.etag, f"put({name!r}) returned no etag"
        expect.same(info.etag, there.etag, f"etag of {name!r} from put, and from stat")
        expect.same(info.content_type, there.content_type, "content type from put, and from stat")
        expect.same(dict(info.metadata or {}), {"key": "value"}, "metadata returned")
        await look.content(target.storage, name, content)


@check("put.keeps-names-exactly", "N07", requires=("put",))
async def keeps_names_exactly(target: Target) -> None:
    """`put` changes no character of a canonical name where `save` would."""
    for name in (".env", "a+b & c.txt", "x/.hidden/ y", "q?.txt"):
        info = await target.storage.put(name, name.encode())
        expect.same(info.name, name, "name returned")
        await look.content(target.storage, name, name.encode())


@check("put.replaces", "S07", requires=("put", "metadata"))
async def replaces(target: Target) -> None:
    """`put` replaces what is there, content and metadata, and gives it another etag."""
    large = bytes_of(target.large)
    first = await target.storage.put("a", b"first", metadata={"old": "yes"})
    second = await target.storage.put("a", chunks_of(large))
    third = await target.storage.put("a", b"third")
    etags = {first.etag, second.etag, third.etag}
    expect.same(len(etags), 3, f"distinct etags of three contents, {etags}")
    expect.same(dict(third.metadata or {}), {}, "metadata after being replaced without any")
    await look.content(target.storage, "a", b"third")
    await look.nothing_but(target, ["a"])


@check("put.if-none-match-creates-only", "S09", requires=("put", "create_only"))
async def if_none_match_creates_only(target: Target) -> None:
    """`put(if_none_match=True)` creates, and is `AlreadyExistsError` on what exists."""
    storage, large = target.storage, bytes_of(target.large)
    await storage.put("small", b"old", if_none_match=True)
    await storage.put("large", chunks_of(large), if_none_match=True)
    calls: expect.Calls = {
        "small": lambda: storage.put("small", b"new", if_none_match=True),
        "small stream": lambda: storage.put("small", chunks_of(b"new"), if_none_match=True),
        "large bytes": lambda: storage.put("small", large, if_none_match=True),
        "large stream": lambda: storage.put("small", chunks_of(large), if_none_match=True),
    }
    await expect.each_fails(AlreadyExistsError, calls, "put with if_none_match over a file")
    await look.content(storage, "small", b"old")
    await look.content(storage, "large", large)
    await look.nothing_but(target, ["large", "small"])


@check("put.if-match-replaces-that-version", "S09", requires=("replace_if_match", "list"))
async def if_match_replaces_that_version(target: Target) -> None:
    """`put(if_match=etag)` replaces the version with that etag, from put, stat or a listing."""
    storage, large = target.storage, bytes_of(target.large)
    first = await storage.put("a", b"first")
    second = await storage.put("a", chunks_of(large), if_match=first.etag)
    expect.same((await storage.stat("a")).etag, second.etag, "etag in stat after put")
    await storage.put("a", b"third", if_match=(await storage.stat("a")).etag)
    (listed,) = [info async for info in storage.files()]
    await storage.put("a", b"fourth", if_match=listed.etag)
    await look.content(storage, "a", b"fourth")


@check("put.if-match-refuses-other-versions", "S09", requires=("replace_if_match",))
async def if_match_refuses_other_versions(target: Target) -> None:
    """`put(if_match=…)` of another version is `PreconditionFailedError`, small and large."""
    storage, large = target.storage, bytes_of(target.large)
    old = (await storage.put("a", b"first")).etag
    await storage.put("a", b"second")
    calls: expect.Calls = {
        "small": lambda: storage.put("a", b"third", if_match=old),
        "small stream": lambda: storage.put("a", chunks_of(b"third"), if_match=old),
        "large stream": lambda: storage.put("a", chunks_of(large), if_match=old),
    }
    await expect.each_fails(PreconditionFailedError, calls, "put over a newer version")
    await look.content(storage, "a", b"second")
    await look.nothing_but(target, ["a"])


@check("put.if-match-on-missing-file-fails", "S09", requires=("replace_if_match",))
async def if_match_on_missing_file_fails(target: Target) -> None:
    """`put(if_match=…)` where there is no file is `PreconditionFailedError`, small and large."""
    storage, large = target.storage, bytes_of(target.large)
    etag = (await storage.put("a", b"first")).etag
    await storage.delete("a")
    calls: expect.Calls = {
        "small": lambda: storage.put("a", b"second", if_match=etag),
        "large stream": lambda: storage.put("a", chunks_of(large), if_match=etag),
        "in a new directory": lambda: storage.put("b/c", b"second", if_match=etag),
    }
    await expect.each_fails(PreconditionFailedError, calls, "put over a missing file")
    await look.nothing_but(target)


@check(
    "put.conditions-exclude-each-other", "S09", requires=("put", "create_only", "replace_if_match")
)
async def conditions_exclude_each_other(target: Target) -> None:
    """Both conditions together are `ValueError` before anything is stored."""
    call = target.storage.put("a", b"x", if_none_match=True, if_match="etag")
    await expect.fails(ValueError, call, doing="put(if_none_match=True, if_match=…)")
    await look.nothing_but(target)


@check("writer.commits-when-its-block-ends", "R13", "S11", requires=("put", "metadata"))
async def commits_when_its_block_ends(target: Target) -> None:
    """`open("wb")` shows nothing until its block ends, and then all; `info` is the file."""
    piece, other = bytes_of(100_000), await target.another()
    for count in (0, 1, target.large // len(piece) + 2):
        name = f"{count}.bin"
        async with target.storage.open(name, "wb", metadata={"key": "value"}) as writer:
            for _ in range(count):
                expect.same(await writer.write(piece), len(piece), "bytes that write() took")
            expect.same(await other.exists(name), False, "exists() inside the block")
        await look.content(other, name, piece * count)
        there = await target.storage.stat(name)
        assert writer.info is not None, "writer.info is None after the block"
        expect.same(writer.info.etag, there.etag, "etag in writer.info, and in stat()")
        expect.same(dict(writer.info.metadata or {}), {"key": "value"}, "metadata")


@check("writer.replaces", "R13", "S07", requires=("put",))
async def writer_replaces(target: Target) -> None:
    """`open("wb")` replaces a file when its block ends; until then the old one is read."""
    await target.storage.put("a", b"old")
    async with target.storage.open("a", "wb") as writer:
        await writer.write(bytearray(b"ne"))
        await writer.write(memoryview(b"w"))
        await look.content(target.storage, "a", b"old")
    await look.content(target.storage, "a", b"new")


@check("writer.aborts-on-an-exception", "R13", "X01", requires=("put",))
async def aborts_on_an_exception(target: Target) -> None:
    """An exception in the block of `open("wb")` gets out as itself, and nothing changes."""
    await target.storage.put("old", b"old")
    for name in ("new", "old"):
        for size in (0, 100, target.large):
            failure = FailingError(f"after {size} bytes of {name!r}")
            error = await expect.fails(
                FailingError, _write(target, name, bytes_of(size), failure), doing="the block"
            )
            assert error is failure, "another exception came out than was raised"
    await look.content(target.storage, "old", b"old")
    await look.nothing_but(target, ["old"])


@check("writer.xb-creates-only", "R13", "S09", requires=("put", "create_only"))
async def xb_creates_only(target: Target) -> None:
    """`open("xb")` creates a file, and is `AlreadyExistsError` where there is one."""
    await _write(target, "a", b"first", mode="xb")
    for size in (0, 100, target.large):
        call = _write(target, "a", bytes_of(size), mode="xb")
        await expect.fails(AlreadyExistsError, call, doing=f"open('xb') with {size} bytes")
    await look.content(target.storage, "a", b"first")
    await look.nothing_but(target, ["a"])


@check("writer.is-closed-after-its-block", "R13", requires=("put",))
async def is_closed_after_its_block(target: Target) -> None:
    """Writing after the block is `ValueError`, and text never is content."""
    async with target.storage.open("a", "wb") as writer:
        await writer.write(b"content")
        text: bytes = "text"  # type: ignore[assignment] # wrong on purpose
        await expect.fails(TypeError, writer.write(text), doing="writing text")
    await expect.fails(ValueError, writer.write(b"more"), doing="writing after the block")
    await look.content(target.storage, "a", b"content")


@check("writer.unknown-mode-is-refused", "R13")
async def unknown_mode_is_refused(target: Target) -> None:
    """A mode that is not "rb", "wb" or "xb" is `ValueError`."""
    for mode in ("r", "w", "ab", "r+b", ""):
        try:
            target.storage.open("a", mode)  # type: ignore[call-overload] # wrong on purpose
        except ValueError:
            continue
        raise AssertionError(f"open() took the mode {mode!r}")


async def _write(
    target: Target, name: str, data: bytes, failure: Exception | None = None, mode: str = "wb"
) -> None:
    opened = target.storage.open(name, "xb" if mode == "xb" else "wb")
    async with opened as writer:
        async for chunk in chunks_of(data):
            await writer.write(chunk)
        if failure is not None:
            raise failure
