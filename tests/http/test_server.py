"""Uploads over a real server: sockets, chunks, and clients that misbehave."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from openviper import JSONResponse, Limits, OpenViper, Request
from openviper.storage import FileSystemStorage, MemoryStorage, default_storage
from tests.http.serving import left_in, serving, wait_for

MIB = 1 << 20
HEAD = b'--B\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n'
TAIL = b"\r\n--B--\r\n"
MULTIPART = {"content-type": "multipart/form-data; boundary=B"}


def make_app() -> OpenViper:
    app = OpenViper(limits=Limits(max_body_size=4 * MIB, max_file_size=2 * MIB))

    @app.post("/spooled")
    async def spooled(request: Request) -> JSONResponse:
        file = (await request.files())["file"]
        return JSONResponse([await default_storage.save(f"u/{file.filename}", file), file.size])

    @app.post("/streamed")
    async def streamed(request: Request) -> list[str]:
        return [
            await part.save(default_storage, f"u/{part.filename}")
            async for part in request.stream_files()
        ]

    @app.post("/body")
    async def body(request: Request) -> JSONResponse:
        return JSONResponse(len(await request.body()))

    return app


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(make_app()) as url:
        yield url


def names(storage: MemoryStorage) -> list[str]:
    async def listed() -> list[str]:
        return [info.name async for info in storage.files()]

    return asyncio.run(listed())


def chunked(*parts: bytes) -> Iterator[bytes]:
    yield from parts


@pytest.mark.parametrize("path", ["/spooled", "/streamed"])
@pytest.mark.parametrize("size", [0, 5, MIB + 7])
def test_upload_arrives_whole(url: str, path: str, size: int, storage: MemoryStorage) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    answer = httpx2.post(url + path, files={"file": ("é b.bin", content[:size])})
    assert answer.status_code == 200, answer.text
    assert answer.json()[0] == "u/é b.bin"
    assert asyncio.run(storage.read("u/é b.bin")) == content[:size]


def test_several_files_are_streamed_in_order(url: str, storage: MemoryStorage) -> None:
    files = [("file", (f"{n}.txt", bytes([n]) * 100_000)) for n in range(5)]
    assert httpx2.post(f"{url}/streamed", files=files).json() == [f"u/{n}.txt" for n in range(5)]
    assert asyncio.run(storage.read("u/3.txt")) == b"\x03" * 100_000


@pytest.mark.parametrize("path", ["/spooled", "/streamed", "/body"])
@pytest.mark.parametrize("length", [True, False])
def test_body_over_the_limit_is_413_and_leaves_nothing(
    url: str, path: str, length: bool, storage: MemoryStorage
) -> None:
    one = HEAD % (b"file", b"1") + b"1" * MIB
    body = [b"\r\n" * bool(n) + one for n in range(6)] + [TAIL]
    headers = MULTIPART | ({"content-length": str(sum(map(len, body)))} if length else {})
    answer = httpx2.post(url + path, content=chunked(*body), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (
        413,
        f"the body is over the limit of {4 * MIB} bytes",
    )
    assert names(storage) == []


@pytest.mark.parametrize("path", ["/spooled", "/streamed"])
def test_file_over_the_limit_is_413_and_leaves_nothing(
    url: str, path: str, storage: MemoryStorage
) -> None:
    files = [("file", ("small", b"x")), ("file", ("large", b"x" * (2 * MIB + 1)))]
    answer = httpx2.post(url + path, files=files)
    assert answer.status_code == 413
    assert answer.json() == {"error": f"the file 'file' is over the limit of {2 * MIB} bytes"}
    assert names(storage) == []


@pytest.mark.parametrize("path", ["/spooled", "/streamed"])
def test_truncated_body_is_400_and_leaves_nothing(
    url: str, path: str, storage: MemoryStorage
) -> None:
    body = HEAD % (b"file", b"1") + b"1" * 9 + b"\r\n" + HEAD % (b"file", b"2") + b"2" * 99
    answer = httpx2.post(url + path, content=body, headers=MULTIPART)
    assert answer.status_code == 400
    assert "truncated" in answer.json()["error"]
    assert names(storage) == []


@pytest.mark.parametrize("path", ["/spooled", "/streamed"])
def test_client_that_hangs_up_leaves_nothing(
    url: str, path: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FileSystemStorage(tmp_path / "media")
    default_storage.configure(storage)
    body = HEAD % (b"file", b"1") + b"1" * 9 + b"\r\n" + HEAD % (b"file", b"2") + b"2" * MIB
    with (
        caplog.at_level(logging.INFO),
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as client,
    ):
        client.sendall(
            f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {3 * MIB}\r\n"
            f"Content-Type: {MULTIPART['content-type']}\r\n\r\n".encode()
            + body
        )
        if path == "/streamed":
            wait_for((tmp_path / "media" / "u" / "1").exists)
    # The server has nobody to answer: that it is done shows on the disk.
    wait_for(lambda: not left_in(tmp_path / "media"))
    assert httpx2.post(f"{url}/body", content=b"x").json() == 1
    assert left_in(tmp_path / "media") == []
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
