"""Uploads as a web framework gives them, and the models that take them."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from openviper.db import (
    FieldFile,
    FileType,
    ImageFile,
    ImageType,
    Model,
    engine,
    fields,
    pending,
    pending_files,
)
from openviper.storage import Storage


class Upload:
    """Be what Starlette's and FastAPI's `UploadFile` are to a storage."""

    def __init__(self, filename: str | None, data: bytes = b"data") -> None:
        self.filename = filename
        self._file = io.BytesIO(data)

    async def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    async def seek(self, offset: int) -> None:
        self._file.seek(offset)


class Part:
    """Be a part of a body that is read straight from the socket: once."""

    def __init__(self, filename: str, *chunks: bytes) -> None:
        self.filename = filename
        self._chunks = list(chunks)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._chunks:
            yield self._chunks.pop(0)


class Stalling(Part):
    """Give a chunk, say so, and never another."""

    def __init__(self, filename: str) -> None:
        super().__init__(filename, b"begun")
        self.begun = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"begun"
        self.begun.set()
        await asyncio.Event().wait()


class Document(Model):
    class Meta:
        table_name = "test_documents"  # the README has "documents"

    title = fields.CharField(max_length=255, unique=True)
    file = fields.FileField(upload_to="documents/")


class Note(Model):
    class Meta:
        table_name = "test_notes"
        ordering = ("-text",)

    text = fields.TextField()
    document_id = fields.ForeignKey("test_documents.id", null=True)
    file = fields.FileField(upload_to="notes/%Y", null=True, max_size=100)
    made = fields.DateTimeField(auto_now_add=True)


class Photo(Model):
    class Meta:
        table_name = "test_photos"

    image = fields.ImageField(upload_to="photos", null=True, max_pixels=10_000)


class Base(DeclarativeBase):
    """Be the base of a user who knows SQLAlchemy and nothing of openviper."""


pending_files(Base.metadata)


class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    children: Mapped[list[Child]] = relationship(cascade="all, delete-orphan")


class Child(Base):
    __tablename__ = "children"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("parents.id"))
    name: Mapped[str | None] = mapped_column(unique=True)
    file: Mapped[FieldFile | None] = mapped_column(FileType("plain"), deferred=True)
    image: Mapped[ImageFile | None] = mapped_column(ImageType("plain"))


def png(width: int, height: int) -> bytes:
    """Return a PNG of this size, black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes((width + 7) // 8)) * height)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def saved(title: str = "a", data: bytes = b"old") -> Document:
    """Return a document that is in the database, with its file."""
    document = Document(title=title, file=Upload("old.txt", data))
    await document.save()
    return document


async def names(storage: Storage) -> list[str]:
    """Return the names of all files."""
    return [info.name async for info in storage.files()]


async def notes() -> list[pending.Note]:
    """Return what is noted in the database of files that may have no row."""
    ledger = pending.ledger_of((await engine()).sync_engine, Model.metadata)
    assert ledger is not None
    return await ledger.notes(before=datetime.max.replace(tzinfo=UTC))


def held(document: Document) -> object:
    """Return what the attribute holds, which before a save is the upload itself."""
    return document.file
