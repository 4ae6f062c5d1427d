"""The File Storage page, served by a real server: its own words, and real uploads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
import pytest

from openviper import Limits
from openviper.conf import settings
from openviper.storage import default_storage
from tests.db.uploads import png
from tests.docs.page import PAGE, example, module_of
from tests.docs.promised import DOCUMENT, UPLOAD
from tests.http.serving import serving

BACKEND = example("class S3Storage(Storage)")
VIEWS = (
    example("async def upload_file"),
    example("app = OpenViper()"),
    example("async def upload_doc(", "class Document(Model)"),
    example("async def upload_photo", "class Photo(Model)"),
    example("app.on_startup(create_tables)"),
    example("async def titled"),
    example("async def large"),
    example("async def upload_large_docs"),
)


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:  # Any: a module made of the page's text
    with module_of("mypage", BACKEND, *VIEWS) as module:
        yield module


@pytest.fixture
def url(page: Any, media: str) -> Iterator[str]:
    with serving(page.app) as url:
        yield url


def stored(name: str) -> bytes:
    return asyncio.run(default_storage.read(name))


def names() -> list[str]:
    async def listed() -> list[str]:
        return [info.name async for info in default_storage.files()]

    return asyncio.run(listed())


def is_at(url: str, name: str, content: bytes) -> bool:
    """Tell whether a URL is that of a stored file; a service is asked for it."""
    if url.startswith("/media/"):
        return unquote(url) == f"/media/{name}" and stored(name) == content
    return unquote(urlsplit(url).path).endswith(f"/{name}") and httpx2.get(url).content == content


def test_examples_are_those_that_were_promised() -> None:
    text = PAGE.read_text()
    assert f"```python\n{UPLOAD}```" in text
    assert f"```python\n{DOCUMENT}```" in text


def test_upload_is_stored_and_its_url_given(url: str) -> None:
    sent = {"file": ("report 1.txt", b"content", "text/plain")}
    answer = httpx2.post(f"{url}/upload", files=sent).json()
    assert answer["path"] == "uploads/report 1.txt"
    assert is_at(answer["url"], "uploads/report 1.txt", b"content")
    assert stored("uploads/report 1.txt") == b"content"
    again = httpx2.post(f"{url}/upload", files=sent).json()["path"]
    assert re.fullmatch(r"uploads/report 1_[0-9a-f]{32}\.txt", again)
    assert sorted(names()) == ["uploads/report 1.txt", again]


def test_document_is_a_row_and_its_file(page: Any, url: str) -> None:
    files = {"file": ("../../é 1.pdf", b"%PDF" * 100_000)}
    answer = httpx2.post(f"{url}/documents", data={"title": "Report"}, files=files)
    assert answer.status_code == 201, answer.text
    document = asyncio.run(page.Document.objects.get(title="Report"))
    assert re.fullmatch(r"documents/é 1-[0-9a-f]{16}\.pdf", document.file)
    assert is_at(answer.json()["url"], document.file, b"%PDF" * 100_000)
    assert names() == [document.file]
    asyncio.run(document.delete())
    assert names() == []


def test_document_that_is_refused_leaves_nothing(page: Any, url: str) -> None:
    files = {"file": ("a.txt", b"x")}
    for answer in (
        httpx2.post(f"{url}/documents", data={"title": "x" * 300}, files=files),
        httpx2.post(f"{url}/documents", files=files),
        httpx2.post(f"{url}/documents", data={"title": "x"}),
    ):
        assert answer.status_code == 400
        assert "title" in answer.json()["error"] or "file" in answer.json()["error"]
    assert names() == []
    assert asyncio.run(page.Document.objects.count()) == 0


def test_photo_is_a_row_with_the_size_of_its_image(page: Any, url: str) -> None:
    sent = {"image": ("cat.html", png(40, 30))}
    answer = httpx2.post(f"{url}/photos", files=sent)
    assert answer.status_code == 201, answer.text
    image = asyncio.run(page.Photo.objects.get()).image
    assert re.fullmatch(r"photos/cat-40x30-[0-9a-f]{16}\.png", image)
    assert (answer.json()["width"], answer.json()["height"]) == (40, 30)
    assert is_at(answer.json()["url"], image, png(40, 30))
    assert names() == [image]


def test_form_and_streams_of_the_page(page: Any, url: str) -> None:
    content = b"x" * 100_000
    files = {"file": ("a.bin", content)}
    assert httpx2.post(f"{url}/titled", data={"title": "t"}, files=files).json() == {
        "title": "t",
        "size": 100_000,
    }
    assert httpx2.post(f"{url}/large", files=files).json() == ["large/a.bin"]
    assert stored("large/a.bin") == content
    [there] = httpx2.post(f"{url}/documents/large", files=files).json()
    document = asyncio.run(page.Document.objects.get(title="a.bin"))
    assert is_at(there, document.file, content)


@pytest.mark.parametrize("path", ["/large", "/documents/large"])
def test_truncated_stream_leaves_nothing(page: Any, url: str, path: str) -> None:
    head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head + b"x" * (1 << 20) + b"\r\n" + head + b"x" * (9 << 20)
    headers = {"content-type": "multipart/form-data; boundary=B"}
    answer = httpx2.post(url + path, content=body, headers=headers, timeout=60)
    assert answer.status_code == 400
    assert "truncated" in answer.json()["error"]
    assert names() == []
    assert asyncio.run(page.Document.objects.count()) == 0


def test_backend_of_the_page_serves_the_same_views(
    page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bytes] = []
    plain = page.S3Storage.save

    async def save(self: object, name: str, content: bytes) -> str:
        given.append(content)
        return str(await plain(self, name, content))

    monkeypatch.setattr(page.S3Storage, "save", save)
    chosen = {"DEFAULT_FILE_STORAGE": "mypage.S3Storage", "STORAGE_OPTIONS": {"bucket": "b"}}
    database = f"sqlite+aiosqlite:///{tmp_path}/page.db"
    with settings.override(DATABASE_URL=database, **chosen), serving(page.app) as url:
        sent = {"file": ("a.txt", b"content")}
        assert httpx2.post(f"{url}/upload", files=sent).json() == {
            "path": "uploads/a.txt",
            "url": "https://b.s3.amazonaws.com/uploads/a.txt",
        }
        assert httpx2.post(f"{url}/large", files=sent).json() == ["large/a.txt"]
        answer = httpx2.post(f"{url}/documents", data={"title": "t"}, files=sent)
        document = asyncio.run(page.Document.objects.get())
        assert answer.json() == {"url": f"https://b.s3.amazonaws.com/{document.file}"}
        assert document.file.startswith("documents/a-")
    assert given == [b"content"] * 3
    assert {type(content) for content in given} == {bytes}


def test_limits_of_the_page_are_those_of_the_code() -> None:
    text, limits = PAGE.read_text(), Limits()
    assert f"| `max_body_size` | {(limits.max_body_size or 0) >> 20} MiB" in text
    assert f"| `max_field_size` | {limits.max_field_size >> 20} MiB" in text
    assert f"| {limits.max_files}, {limits.max_fields} |" in text
    assert limits.max_file_size is None
