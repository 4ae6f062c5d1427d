"""A multipart body means the same, in whatever pieces it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.datastructures import UploadFile as StarletteFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser

from openviper.http import Limits
from openviper.http.multipart import MultipartReader
from openviper.storage import MemoryStorage

TYPE = "multipart/form-data; boundary=B"

# What a boundary begins with is what a parser may stumble over.
contents = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n--", b"\r\n--B", b"-", b"x" * 99, b"\0"]))
parts = st.lists(st.tuples(st.sampled_from(["a", "ä"]), st.none() | st.just("f"), contents))
cuts = st.lists(st.integers(1, 40), min_size=1)


def body_of(chosen: list[tuple[str, str | None, list[bytes]]]) -> bytes:
    body = b""
    for name, filename, content in chosen:
        about = f'name="{name}"' + (f'; filename="{filename}"' if filename else "")
        # A boundary inside would end the part.
        text = b"".join(content).replace(b"\r\n--B", b"\r\n--C")
        text = text if filename else text.hex().encode()
        body += f"--B\r\nContent-Disposition: form-data; {about}\r\n\r\n".encode() + text + b"\r\n"
    return body + b"--B--\r\n"


async def cut(body: bytes, sizes: list[int]) -> AsyncGenerator[bytes, None]:
    start, turn = 0, 0
    while start < len(body):
        size = sizes[turn % len(sizes)]
        yield body[start : start + size]
        start, turn = start + size, turn + 1


async def read_whole(reader: MultipartReader) -> list[tuple[str, bytes]]:
    return [(part.field, b"".join([c async for c in part])) async for part in reader.files()]


async def save_all(reader: MultipartReader, storage: MemoryStorage) -> None:
    async for part in reader.files():
        await part.save(storage, "name")


@given(chosen=parts.filter(bool), sizes=cuts)
async def test_pieces_do_not_matter_and_starlette_reads_the_same(
    chosen: list[tuple[str, str | None, list[bytes]]], sizes: list[int]
) -> None:
    body = body_of(chosen)
    reader = MultipartReader(TYPE, cut(body, sizes), limits=Limits())
    files = await read_whole(reader)
    parser = MultiPartParser(Headers({"content-type": TYPE}), cut(body, [len(body)]))
    form = await parser.parse()
    theirs = form.multi_items()
    assert reader.fields == [(k, v) for k, v in theirs if isinstance(v, str)]
    assert files == [(k, await v.read()) for k, v in theirs if isinstance(v, StarletteFile)]
    await form.close()


@given(chosen=parts.filter(bool), sizes=cuts, data=st.data())
async def test_body_cut_anywhere_is_refused_and_leaves_nothing(
    chosen: list[tuple[str, str | None, list[bytes]]], sizes: list[int], data: st.DataObject
) -> None:
    body = body_of(chosen)
    short = body[: data.draw(st.integers(0, len(body) - len("--\r\n")))]
    storage = MemoryStorage()
    reader = MultipartReader(TYPE, cut(short, sizes), limits=Limits())
    with pytest.raises(HTTPException) as caught:
        await save_all(reader, storage)
    assert caught.value.status_code == 400
    assert [info async for info in storage.files()] == []


async def test_file_that_cannot_be_taken_back_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class KeepingStorage(MemoryStorage):
        async def delete(self, name: str) -> None:
            raise OSError("no")

    one = body_of([("a", "f", [b"x"])])[: -len("--\r\n")] + b"\r\n"
    reader = MultipartReader(TYPE, cut(one, [50]), limits=Limits())
    with pytest.raises(HTTPException, match="truncated"):
        await save_all(reader, KeepingStorage())
    [record] = caplog.records
    assert "could not delete 'name'" in record.getMessage()
