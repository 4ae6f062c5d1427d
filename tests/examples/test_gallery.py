"""The gallery in a real browser: uploads, refusals and deletions, as somebody sees them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Dialog, FilePayload, Page, expect

from examples.gallery.pictures import LANDSCAPES
from examples.gallery.screenshot import chromium
from examples.serving import serving
from tests.examples.media import stored

PHOTO = replace(LANDSCAPES["moonrise.png"], width=240, height=160).png()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
expect.set_options(timeout=30_000)  # milliseconds: for machines with much to do
REFUSED = "Failed to load resource: the server responded with a status of"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the gallery keeps what it has."""
    return tmp_path / "gallery"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with serving("examples.gallery", folder=tmp_path) as url:
        yield url


@pytest.fixture
def complaints() -> list[str]:
    """Collect what the browser complains about: a script's errors, what its policy forbids."""
    return []


@pytest.fixture
def page(url: str, complaints: list[str]) -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        expect(page.locator("#count")).to_have_text("No photos")
        yield page


def file(name: str, content: bytes = PHOTO) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def kept(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names in the database and those of the files."""
    with closing(sqlite3.connect(folder / "db.sqlite3")) as database:
        rows = [str(name) for (name,) in database.execute("SELECT image FROM photos")]
    return sorted(rows), sorted(stored(folder / "media"))


def test_a_photo_is_chosen_seen_and_deleted(
    page: Page, folder: Path, complaints: list[str]
) -> None:
    page.set_input_files("#picker", [file("night-sky.png"), file("other.png")])
    for name in ("night-sky.png", "other.png"):
        expect(page.get_by_role("progressbar", name=name)).to_have_js_property("value", 1)
    expect(page.locator("#uploads .done")).to_have_count(2)
    expect(page.locator("#count")).to_have_text("2 photos")

    page.reload()
    image = page.get_by_role("img", name="night sky")
    expect(image).to_have_js_property("naturalWidth", 240)
    expect(image).to_be_visible()
    facts = page.locator("#photos li", has=image).locator(".facts")
    expect(facts).to_have_text(f"240 × 160 · {len(PHOTO) / 1000:.2g} kB")
    rows, files = kept(folder)
    assert rows == files
    assert len(rows) == 2

    def answer(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.accept()

    page.on("dialog", answer)
    page.get_by_role("button", name="Delete night-sky.png").press("Enter")
    expect(page.locator("#count")).to_have_text("1 photo")
    expect(image).to_have_count(0)
    expect(page.get_by_role("button", name="Delete other.png")).to_be_focused()
    rows, files = kept(folder)
    assert rows == files
    assert [name for name in rows if "night-sky" in name] == []
    assert complaints == ["Delete night-sky.png?"]


def test_a_photo_is_dropped_on_the_page(page: Page, folder: Path, complaints: list[str]) -> None:
    transfer = page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.png"));
            return transfer;
        }""",
        list(PHOTO),
    )
    drop = page.locator("#drop")
    drop.dispatch_event("dragover", {"dataTransfer": transfer})
    expect(drop).to_have_class("over")
    drop.dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.get_by_role("progressbar", name="dropped.png")).to_have_js_property("value", 1)
    expect(page.get_by_role("img", name="dropped")).to_have_js_property("naturalWidth", 240)
    expect(drop).not_to_have_class("over")
    rows, files = kept(folder)
    assert rows == files
    assert len(rows) == 1
    assert complaints == []


@pytest.mark.parametrize(
    ("content", "status", "why"),
    [
        (SVG, 400, "image: this is no PNG, JPEG, GIF, WebP, AVIF or BMP image"),
        (PHOTO + bytes(10 << 20), 413, "the file is too large"),
    ],
)
def test_what_is_refused_says_why_and_leaves_nothing(
    page: Page, folder: Path, complaints: list[str], content: bytes, status: int, why: str
) -> None:
    page.set_input_files("#picker", file("fake.png", content))
    expect(page.locator("#uploads .refused .message")).to_have_text(why)
    expect(page.locator("#photos li")).to_have_count(0)
    assert kept(folder) == ([], [])
    assert [text[: len(REFUSED) + 4] for text in complaints] == [f"{REFUSED} {status}"]


def test_the_page_and_its_images_can_run_nothing(url: str, folder: Path) -> None:
    page = httpx2.get(url, timeout=30)
    assert page.headers["x-content-type-options"] == "nosniff"
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy

    sent = httpx2.post(f"{url}/photos", files={"file": ("é +%.html", PHOTO, "text/html")}).json()
    image = httpx2.get(url + sent["src"])
    assert (image.content, image.headers["content-type"]) == (PHOTO, "image/png")
    assert image.headers["x-content-type-options"] == "nosniff"
    assert image.headers["content-security-policy"].startswith("sandbox; default-src 'none';")

    (folder / "media" / "drawing.svg").write_bytes(SVG)
    assert httpx2.get(f"{url}/images/drawing.svg").status_code == 404


def test_without_chromium_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="apt-get install chromium"), chromium():
        pass
