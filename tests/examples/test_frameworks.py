"""Each example is run as its docstring says, and used as a browser uses it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from examples.serving import serving
from tests.examples.media import stored

CONTENT = bytes(range(256)) * 5000  # more than any of them keeps in memory
NO_FILE = b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nT\r\n--B--\r\n'
NUL = (
    b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nT\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a\0b"\r\n\r\nx\r\n--B--\r\n'
)
MULTIPART = {"content-type": "multipart/form-data; boundary=B"}


@pytest.fixture
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx2.Client]:
    with (
        serving("uvicorn", f"examples.{request.param}:app", folder=tmp_path) as url,
        httpx2.Client(base_url=url, timeout=30) as client,
    ):
        yield client


def is_download(answer: httpx2.Response) -> bool:
    return (
        answer.headers["content-disposition"].startswith("attachment")
        and answer.headers["x-content-type-options"] == "nosniff"
    )


@pytest.mark.parametrize("client", ["plain_starlette", "litestar_app"], indirect=True)
def test_files_come_back_and_bad_requests_store_nothing(
    client: httpx2.Client, tmp_path: Path
) -> None:
    for body in (NO_FILE, NUL):
        assert client.post("/files", content=body, headers=MULTIPART).status_code == 400
    assert stored(tmp_path / "media") == []

    for filename in ("../../a é.bin", "../../a é.bin"):
        sent = client.post("/files", files={"file": (filename, CONTENT)})
        assert sent.status_code == 201, sent.text
    names = stored(tmp_path / "media")
    assert len(names) == 2
    for name in names:
        assert name.startswith("uploads/")
        answer = client.get(f"/files/{name}")
        assert answer.content == CONTENT
        assert int(answer.headers["content-length"]) == len(CONTENT)
        assert is_download(answer)
    assert client.get("/files/uploads/none").status_code == 404
    assert client.get("/files/%00").status_code == 400


@pytest.mark.parametrize("client", ["fastapi_sqlalchemy"], indirect=True)
def test_documents_come_and_go_with_their_files(client: httpx2.Client, tmp_path: Path) -> None:
    for body, status in ((NO_FILE, 422), (NUL, 400)):
        assert client.post("/documents", content=body, headers=MULTIPART).status_code == status
    large = {"file": ("a.bin", bytes((10 << 20) + 1))}
    assert client.post("/documents", data={"title": "T"}, files=large).status_code == 413
    assert (stored(tmp_path / "media"), rows(tmp_path)) == ([], 0)

    file = {"file": ("../../a é.bin", CONTENT)}
    document = client.post("/documents", data={"title": "T"}, files=file).json()
    assert stored(tmp_path / "media") == [document["file"]]
    answer = client.get(f"/documents/{document['id']}/file")
    assert answer.content == CONTENT
    assert is_download(answer)
    assert answer.headers["content-disposition"].endswith("''a%20%C3%A9.bin")

    assert client.delete(f"/documents/{document['id']}").status_code == 204
    assert (stored(tmp_path / "media"), rows(tmp_path)) == ([], 0)
    assert client.get(f"/documents/{document['id']}/file").status_code == 404


def rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "documents.sqlite3")) as database:
        return int(database.execute("SELECT count(*) FROM documents").fetchone()[0])
