"""Make docs/images/gallery.png: run the gallery, put pictures in, and look at it.

$ python -m examples.gallery.screenshot
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, FilePayload, sync_playwright

from examples.gallery.pictures import LANDSCAPES
from examples.serving import serving

__all__ = ["chromium"]

PLACE = Path(__file__).parents[2] / "docs" / "images" / "gallery.png"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the Chromium of this machine, without a window; `CHROMIUM` says where another is."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        raise FileNotFoundError(
            "there is no Chromium: `apt-get install chromium`, or name one in CHROMIUM"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        try:
            yield browser
        finally:
            browser.close()


def main() -> None:
    """Take the picture, with one upload that was taken and one that was refused."""
    drawing: FilePayload = {"name": "drawing.png", "mimeType": "image/png", "buffer": b"<svg/>"}
    *others, newest = photos()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("examples.gallery", folder=Path(folder)) as url,
        chromium() as browser,
    ):
        page = browser.new_page(viewport={"width": 1200, "height": 400})
        page.goto(url)
        page.set_input_files("#picker", others)
        page.locator("#photos li").nth(len(others) - 1).wait_for()
        page.set_input_files("#picker", [newest, drawing])
        page.locator(".refused").wait_for()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=PLACE, full_page=True)


def photos() -> list[FilePayload]:
    """Return all landscapes as files to choose."""
    return [
        {"name": name, "mimeType": "image/png", "buffer": landscape.png()}
        for name, landscape in LANDSCAPES.items()
    ]


if __name__ == "__main__":
    main()
