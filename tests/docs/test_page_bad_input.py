"""What bad input gets from the page's views, over a real socket: a 4xx, and nothing stays."""

from __future__ import annotations

import logging
import re
import socket
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from openviper.conf import settings
from openviper.storage import FileSystemStorage, default_storage
from tests.db.uploads import png
from tests.docs.page import example, module_of
from tests.http.serving import left_in, serving, wait_for

EXAMPLES = (
    example("async def upload_file"),
    example("app = OpenViper()"),
    example("async def upload_doc(", "class Document(Model)"),
    example("async def upload_photo", "class Photo(Model)"),
    example("app.on_startup(create_tables)"),
    "from openviper.http import Limits\n",
    example("async def upload_large_docs"),
)
PNG = png(4, 3)
TYPE = "multipart/form-data; boundary=B"
END = b"--B--\r\n"
TITLE = b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nReport\r\n'


@dataclass(frozen=True, slots=True)
class View:
    """Know where a view is, what it calls its file, and where it stores it."""

    path: str
    field: str
    folder: str

    def file(self, filename: bytes, content: bytes = PNG) -> bytes:
        """Return the part of a file, whatever its name brings along."""
        about = b'name="%s"; filename="%s"' % (self.field.encode(), filename)
        return b"--B\r\nContent-Disposition: form-data; " + about + b"\r\n\r\n" + content + b"\r\n"


UPLOAD = View("/upload", "file", "uploads")
DOCUMENT = View("/documents", "file", "documents")
PHOTO = View("/photos", "image", "photos")
STREAMED = View("/documents/large", "file", "documents")
VIEWS = (UPLOAD, DOCUMENT, PHOTO, STREAMED)
SPOOLING = (UPLOAD, DOCUMENT, PHOTO)


class Counted:
    """Be an app that counts the requests it is done with, also those of clients that left."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.done = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            self.done += scope["type"] == "http"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("database") / "page.db"
    with settings.override(DATABASE_URL=f"sqlite+aiosqlite:///{path}"):
        yield path


@pytest.fixture(scope="module")
def app(database: Path) -> Iterator[Counted]:
    with module_of("mypage_bad_input", *EXAMPLES) as page:
        yield Counted(page.app)


@pytest.fixture(scope="module")
def url(app: Counted) -> Iterator[str]:
    with serving(app) as url:
        yield url


@pytest.fixture(autouse=True)
def media(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "media"
    folder.mkdir()
    default_storage.configure(FileSystemStorage(folder, "/media/"))
    yield folder
    default_storage.configure(None)


@pytest.fixture(autouse=True)
def rows(database: Path, url: str) -> Callable[[], int]:
    """Count the rows of all models, from none."""
    tables = ("documents", "photos")
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for table in tables:
            connection.execute(f"DELETE FROM {table}")

    def count() -> int:
        with closing(sqlite3.connect(database)) as connection:
            counts = [connection.execute(f"SELECT count(*) FROM {name}") for name in tables]
            return sum(found for [[found]] in counts)

    return count


def post(url: str, view: View, body: bytes) -> httpx2.Response:
    return httpx2.post(url + view.path, content=body, headers={"content-type": TYPE})


def assert_next_is_served(url: str, view: View, tmp_path: Path) -> None:
    assert post(url, view, TITLE + view.file(b"good.png") + END).status_code in (200, 201)
    assert len(left_in(tmp_path)) == 1


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.path)
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"../../etc/passwd", "passwd"),
        (b"..\\\\..\\\\boot.ini", "boot"),
        (b"e" * 300, "e" * 200),
        (b"a\nb.png", "a_b"),
        (b"a\r\nX-Evil: y.png", "_a"),
        ("gnp\u202egpj.exe".encode(), "gnp_gpj"),
        (b"<script>.png", "_script_"),
    ],
    ids=["parents", "backslashes", "long", "LF", "CRLF", "RTL override", "markup"],
)
def test_hostile_filename_stays_in_its_folder(
    url: str, view: View, sent: bytes, kept: str, tmp_path: Path
) -> None:
    answer = post(url, view, TITLE + view.file(sent) + END)
    assert answer.status_code in (200, 201), answer.text
    assert "x-evil" not in answer.headers
    [path] = left_in(tmp_path)
    assert path.parent == tmp_path / "media" / view.folder
    assert re.fullmatch(r"[\w.-]+", path.name)
    assert path.name.startswith(kept)
    assert path.read_bytes() == PNG


NO_FILE = "No file provided|there is no file"
REFUSED: dict[str, tuple[tuple[View, ...], Callable[[View], bytes], str]] = {
    "a NUL": (VIEWS, lambda view: view.file(b"a\0.png") + END, "a filename contains a NUL"),
    "a NUL, last": (
        VIEWS,
        lambda view: view.file(b"a.png") + view.file(b"a\0.png") + END,
        "a filename contains a NUL",
    ),
    "an empty file input": (SPOOLING, lambda view: view.file(b"", b"") + END, NO_FILE),
    "no file": (SPOOLING, lambda _: END, NO_FILE),
    "no boundary at the end": (VIEWS, lambda view: view.file(b"a.png"), "truncated"),
    "a part cut short": (VIEWS, lambda view: view.file(b"a.png") + view.file(b"b")[:-9], "trunc"),
    "a head cut short": (VIEWS, lambda view: view.file(b"a.png") + b"--B\r\nConte", "truncated"),
    "an SVG": ((PHOTO,), lambda view: view.file(b"a.png", b"<svg/>") + END, "this is no PNG"),
    "HTML": ((PHOTO,), lambda view: view.file(b"a.png", b"<!doctype html>") + END, "is no PNG"),
    "no image": ((PHOTO,), lambda view: view.file(b"a.png", b"") + END, "this is no PNG"),
    "a bomb": (
        (PHOTO,),
        lambda view: view.file(b"a.png", bomb()) + END,
        "the image is 100000x100000, over 50000000 pixels",
    ),
}


def bomb() -> bytes:
    """Return a PNG that says it has 10 billion pixels."""
    return PNG.replace(struct.pack(">II", 4, 3), struct.pack(">II", 100_000, 100_000), 1)


@pytest.mark.parametrize(
    ("view", "body", "why"),
    [
        pytest.param(view, TITLE + body(view), why, id=f"{view.path}-{name}")
        for name, (views, body, why) in REFUSED.items()
        for view in views
    ],
)
def test_bad_request_is_400_that_says_why_and_leaves_nothing(
    url: str, view: View, body: bytes, why: str, tmp_path: Path, rows: Callable[[], int]
) -> None:
    answer = post(url, view, body)
    assert answer.status_code == 400
    assert re.search(why, answer.json()["error"])
    assert left_in(tmp_path) == []
    assert rows() == 0
    assert_next_is_served(url, view, tmp_path)


def close(client: socket.socket) -> None:
    client.close()


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def stop_sending(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("hang_up", [close, reset, stop_sending])
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.path)
def test_client_that_hangs_up_leaves_nothing(
    app: Counted,
    url: str,
    view: View,
    hang_up: Callable[[socket.socket], None],
    tmp_path: Path,
    rows: Callable[[], int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = app.done
    sent = TITLE + view.file(b"a.png") + view.file(b"b.png", bytes(3 << 20))[:-9]
    head = (
        f"POST {view.path} HTTP/1.1\r\nHost: t\r\nContent-Type: {TYPE}\r\nContent-Length: {4 << 20}"
    )
    with (
        caplog.at_level(logging.INFO),
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as client,
    ):
        client.sendall(head.encode() + b"\r\n\r\n" + sent)
        hang_up(client)
        wait_for(lambda: app.done == done + 1)
    assert left_in(tmp_path) == []
    assert rows() == 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert_next_is_served(url, view, tmp_path)
