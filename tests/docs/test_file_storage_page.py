"""The File Storage page, served by a real server: its own words, and real uploads."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest

from openviper import Limits
from openviper.conf import settings
from openviper.storage import default_storage
from tests.http.serving import serving

PAGE = Path(__file__).parents[2] / "docs" / "file-storage.md"


def example(*needles: str) -> str:
    """Return the one example of the page that has all of `needles`."""
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    [found] = [text for text in examples if all(needle in text for needle in needles)]
    return str(found)


VIEWS = (
    example("async def upload_file"),
    example("app = OpenViper()"),
    example("async def titled"),
    example("async def large"),
)
BACKEND = example("class S3Storage(Storage)")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:  # Any: a module made of the page's text
    module = ModuleType("mypage")
    monkeypatch.setitem(sys.modules, "mypage", module)
    for text in (BACKEND, *VIEWS):
        exec(compile(text, str(PAGE), "exec"), vars(module))
    return module


@pytest.fixture(params=["filesystem", "memory"])
def media(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    chosen = {"DEFAULT_FILE_STORAGE": request.param, "MEDIA_ROOT": str(tmp_path)}
    with settings.override(**chosen):
        yield request.param


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


def test_upload_is_stored_and_its_url_given(url: str) -> None:
    sent = {"file": ("report 1.txt", b"content", "text/plain")}
    assert httpx2.post(f"{url}/upload", files=sent).json() == {
        "path": "uploads/report 1.txt",
        "url": "/media/uploads/report%201.txt",
    }
    assert stored("uploads/report 1.txt") == b"content"
    again = httpx2.post(f"{url}/upload", files=sent).json()["path"]
    assert re.fullmatch(r"uploads/report 1_[0-9a-f]{32}\.txt", again)
    assert sorted(names()) == ["uploads/report 1.txt", again]


def test_upload_without_a_file_is_refused(url: str) -> None:
    empty = b'--B\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--B--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=B"}
    for answer in (
        httpx2.post(f"{url}/upload", data={"file": "text"}),
        httpx2.post(f"{url}/upload"),
        httpx2.post(f"{url}/upload", content=empty, headers=headers),
    ):
        assert (answer.status_code, answer.json()) == (400, {"error": "No file provided"})
    assert names() == []


def test_hostile_filename_stays_in_its_folder(url: str) -> None:
    sent = {"file": ("../../etc/passwd", b"x")}
    assert httpx2.post(f"{url}/upload", files=sent).json()["path"] == "uploads/passwd"
    assert names() == ["uploads/passwd"]


def test_form_and_streams_of_the_page(url: str) -> None:
    files = {"file": ("a.bin", b"x" * 100_000)}
    assert httpx2.post(f"{url}/titled", data={"title": "t"}, files=files).json() == {
        "title": "t",
        "size": 100_000,
    }
    answer = httpx2.post(f"{url}/titled", files=files)
    assert (answer.status_code, answer.json()) == (400, {"error": "the form has no field 'title'"})
    assert httpx2.post(f"{url}/large", files=files).json() == ["large/a.bin"]
    assert stored("large/a.bin") == b"x" * 100_000


def test_backend_of_the_page_serves_the_same_views(page: Any) -> None:
    given: list[bytes] = []
    plain = page.S3Storage.save

    async def save(self: object, name: str, content: bytes) -> str:
        given.append(content)
        return str(await plain(self, name, content))

    page.S3Storage.save = save
    chosen = {"DEFAULT_FILE_STORAGE": "mypage.S3Storage", "STORAGE_OPTIONS": {"bucket": "b"}}
    with settings.override(**chosen), serving(page.app) as url:
        sent = {"file": ("a.txt", b"content")}
        assert httpx2.post(f"{url}/upload", files=sent).json() == {
            "path": "uploads/a.txt",
            "url": "https://b.s3.amazonaws.com/uploads/a.txt",
        }
        assert httpx2.post(f"{url}/large", files=sent).json() == ["large/a.txt"]
    assert given == [b"content", b"content"]


def test_limits_of_the_page_are_those_of_the_code() -> None:
    text, limits = PAGE.read_text(), Limits()
    assert f"| `max_body_size` | {(limits.max_body_size or 0) >> 20} MiB" in text
    assert f"| `max_field_size` | {limits.max_field_size >> 20} MiB" in text
    assert f"| {limits.max_files}, {limits.max_fields} |" in text
    assert limits.max_file_size is None
