"""The page's examples for FastAPI, SQLAlchemy and SQLModel, served as they are written."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI, UploadFile
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from openviper.storage import FileSystemStorage, default_storage
from tests.db.uploads import names, png
from tests.docs.page import example, module_of
from tests.http.serving import serving

EXAMPLES = (
    "from openviper.http.response import JSONResponse\n"
    "from openviper.storage import default_storage\n",
    example("api = FastAPI("),
    example("class Invoice(SQLModel, table=True)"),
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:  # Any: of the page's text
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("database"))
        with module_of("mypage_elsewhere", *EXAMPLES) as module:
            yield module


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[FileSystemStorage]:
    made = FileSystemStorage(tmp_path, "/media/")
    default_storage.configure(made)
    yield made
    default_storage.configure(None)


def rows(page: Any, statement: sa.Select[Any]) -> list[Any]:
    async def found() -> list[Any]:
        async with AsyncSession(page.engine) as session:
            rows = list(await session.scalars(statement))
        await page.engine.dispose()
        return rows

    return asyncio.run(found())


def test_report_is_uploaded_through_fastapi(page: Any, storage: FileSystemStorage) -> None:
    with serving(page.api) as url:
        files = {"file": ("../../q 1.pdf", b"%PDF" * 100_000)}
        answer = httpx2.post(f"{url}/reports", data={"title": "Q1"}, files=files)
        assert answer.status_code == 201, answer.text
    [report] = rows(page, sa.select(page.Report))
    assert re.fullmatch(r"reports/q 1-[0-9a-f]{16}\.pdf", report.file)
    assert answer.json() == {"url": default_storage.url(report.file)}
    assert asyncio.run(report.file.read()) == b"%PDF" * 100_000
    assert asyncio.run(names(storage)) == [report.file]


def test_report_that_is_refused_leaves_nothing(page: Any, storage: FileSystemStorage) -> None:
    before = len(rows(page, sa.select(page.Report)))
    field = b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nt\r\n'
    file = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a\0"\r\n\r\nx\r\n'
    with serving(page.api) as url:
        large = httpx2.post(
            f"{url}/reports", data={"title": "t"}, files={"file": ("a", bytes((10 << 20) + 1))}
        )
        named = httpx2.post(
            f"{url}/reports",
            content=field + file + b"--B--\r\n",
            headers={"content-type": "multipart/form-data; boundary=B"},
        )
    assert (large.status_code, large.json()) == (
        400,
        {"detail": f"the file has over {10 << 20} bytes, which is the most"},
    )
    assert named.status_code == 400
    assert "can't be used" in named.json()["detail"]
    assert asyncio.run(names(storage)) == []
    assert len(rows(page, sa.select(page.Report))) == before


def invoices(page: Any) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with page.engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all)
        yield
        await page.engine.dispose()

    api = FastAPI(lifespan=lifespan, exception_handlers=page.refusals)

    @api.post("/invoices", response_model=page.Invoice)
    async def upload(scan: UploadFile, letter: UploadFile | None = None) -> object:
        invoice = page.Invoice(scan=scan, letter=letter)
        async with AsyncSession(page.engine, expire_on_commit=False) as session, session.begin():
            session.add(invoice)
        return invoice

    return api


def test_invoice_of_sqlmodel_is_uploaded_and_answered(
    page: Any, storage: FileSystemStorage
) -> None:
    api = invoices(page)
    with serving(api) as url:
        files = {"scan": ("scan.png", png(4, 3)), "letter": ("letter.txt", b"Dear")}
        answer = httpx2.post(f"{url}/invoices", files=files)
        assert answer.status_code == 200, answer.text
        fake = httpx2.post(f"{url}/invoices", files={"scan": ("scan.png", b"<svg/>")})
    assert fake.status_code == 400
    assert "no PNG" in fake.json()["detail"]
    [invoice] = rows(page, sa.select(page.Invoice))
    assert (invoice.scan.width, invoice.scan.height) == (4, 3)
    assert asyncio.run(invoice.letter.read()) == b"Dear"
    assert answer.json() == {"id": 1, "scan": invoice.scan, "letter": invoice.letter}
    assert asyncio.run(names(storage)) == sorted([invoice.scan, invoice.letter])
    schema = api.openapi()["components"]["schemas"]["Invoice"]["properties"]
    assert schema["scan"]["type"] == "string"
