"""What the page says against stored XSS holds: scripts in uploads are downloaded, not run."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from openviper import OpenViper, Router
from openviper.http.request import Request
from openviper.storage import MemoryStorage, default_storage

PAGE = Path(__file__).parents[2] / "docs" / "file-storage.md"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def app_of_the_recipe() -> OpenViper:
    section = PAGE.read_text().partition("## What users upload must not run")[2].partition("\n## ")
    examples = re.findall(r"^```python\n(.*?)^```", section[0], re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    router = Router()
    names: dict[str, Any] = {  # Any: the names of a module
        "router": router,
        "Request": Request,
        "default_storage": default_storage,
    }
    for text in examples:
        exec(compile(text, str(PAGE), "exec"), names)
    app = OpenViper()
    app.include_router(router)
    return app


def test_a_script_in_an_upload_is_downloaded() -> None:
    storage = MemoryStorage()
    with default_storage.override(storage), app_of_the_recipe().test_client() as client:
        for name, content, shown in (
            ("a.svg", SVG, "attachment"),
            ("a.html", b"<script>", "attachment"),
            ("a.png", b"\x89PNG\r\n\x1a\n", "inline"),
        ):
            url = client.post("/attachments", files={"file": (name, content)}).json()["url"]
            saved = asyncio.run(storage.stat(f"attachments/{name}"))
            assert saved.content_disposition == "attachment"
            answer = client.get(url)
            assert answer.content == content
            assert answer.headers["content-disposition"] == shown
            assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.get("/media/none").status_code == 404
