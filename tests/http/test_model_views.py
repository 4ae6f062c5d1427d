"""The model of the page in a view of the page: form and file in, a row with its file out."""

from __future__ import annotations

from pathlib import Path

import pytest

from openviper.app import OpenViper
from openviper.conf import settings
from openviper.db import create_tables, fields
from openviper.db.models import Model
from openviper.http.request import Request
from openviper.http.response import JSONResponse
from openviper.routing.router import Router
from openviper.storage import default_storage

router = Router()


class PageDocument(Model):
    class Meta:
        table_name = "page_documents"

    title = fields.CharField(max_length=255)
    file = fields.FileField(upload_to="documents/")


@router.post("/documents")
async def upload_doc(request: Request) -> JSONResponse:
    form = await request.form()
    uploaded = (await request.files()).get("file")
    doc = PageDocument(title=form["title"], file=uploaded)
    await doc.save()
    return JSONResponse({"url": default_storage.url(doc.file)}, status_code=201)


@router.get("/documents")
async def list_docs(request: Request) -> JSONResponse:
    found = await PageDocument.objects.all()
    return JSONResponse([{"title": doc.title, "file": doc.file} for doc in found])


@router.get("/files")
async def list_files(request: Request) -> JSONResponse:
    return JSONResponse({info.name: info.size async for info in default_storage.files()})


@pytest.mark.parametrize(
    ("title", "sent", "status", "stored"),
    [
        ("Report", ("../../etc/passwd", b"words"), 201, 1),
        ("x" * 300, ("a.txt", b"words"), 400, 0),
        (None, ("a.txt", b"words"), 400, 0),
        ("Report", None, 400, 0),
    ],
)
def test_a_row_and_its_file_come_together_or_not_at_all(
    tmp_path: Path, title: str | None, sent: tuple[str, bytes] | None, status: int, stored: int
) -> None:
    app = OpenViper()
    app.include_router(router)
    app.on_startup(create_tables)
    database = f"sqlite+aiosqlite:///{tmp_path}/db.sqlite3"
    with settings.override(DATABASE_URL=database), app.test_client() as client:
        reply = client.post(
            "/documents",
            data={} if title is None else {"title": title},
            files={} if sent is None else {"file": sent},
        )
        assert reply.status_code == status, reply.text
        rows = client.get("/documents").json()
        files = client.get("/files").json()
    assert len(rows) == len(files) == stored
    if stored:
        assert files == {rows[0]["file"]: len(b"words")}
        assert reply.json() == {"url": f"/media/{rows[0]['file']}"}
    else:
        assert reply.json()["error"]
