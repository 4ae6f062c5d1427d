"""Keep a file with each row, in FastAPI with plain SQLAlchemy.

    $ pip install 'openviper-storage[db]' fastapi python-multipart uvicorn
    $ uvicorn examples.fastapi_sqlalchemy:app
    $ curl -F title=Report -F file=@report.pdf http://127.0.0.1:8000/documents

Files go to ./media, or where OPENVIPER_DEFAULT_FILE_STORAGE says.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import quote

from fastapi import FastAPI, Form, Request, UploadFile
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy import String
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from openviper.db import FieldFile, FileType
from openviper.storage import InvalidNameError, TooLargeError, default_storage


class Base(DeclarativeBase):
    """Be the base of all tables."""


class Document(Base):
    """Be a row that has a file: stored with it, and deleted with it."""

    __tablename__ = "documents"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    file: Mapped[FieldFile] = mapped_column(FileType("documents/%Y", max_size=10 << 20))


engine = create_async_engine("sqlite+aiosqlite:///documents.sqlite3")
Session = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Make the tables; close the storage and the database in the end."""
    async with default_storage:
        try:
            async with engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
            yield
        finally:
            await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/documents", status_code=201)
async def upload(
    title: Annotated[str, Form(min_length=1, max_length=200)], file: UploadFile
) -> dict[str, object]:
    """Store a row and its file: both, or neither."""
    document = Document(title=title, file=file)
    async with Session.begin() as session:
        session.add(document)
    return {"id": document.id, "title": document.title, "file": document.file}


@app.get("/documents/{key}/file")
async def download(key: int) -> StreamingResponse:
    """Give the file back, never to be shown inline."""
    async with Session() as session:
        file = (await session.get_one(Document, key)).file
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename)}",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(file.storage.stream(file), headers=headers)


@app.delete("/documents/{key}", status_code=204)
async def delete(key: int) -> None:
    """Delete the row, and with the commit its file."""
    async with Session.begin() as session:
        await session.delete(await session.get_one(Document, key))


@app.exception_handler(NoResultFound)
async def no_such_document(_: Request, __: Exception) -> JSONResponse:
    """Answer for a row that is not there."""
    return JSONResponse({"detail": "there is no such document"}, status_code=404)


@app.exception_handler(InvalidNameError)
@app.exception_handler(TooLargeError)
async def refused(_: Request, error: Exception) -> JSONResponse:
    """Say why a file is not taken: a NUL in its name, or more bytes than `max_size`."""
    return JSONResponse({"detail": str(error)}, 413 if isinstance(error, TooLargeError) else 400)
