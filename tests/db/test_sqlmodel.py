"""Files in the rows of SQLModel's classes, which are pydantic's models too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import make_transient
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from openviper.db import FieldFile, FileType, ImageFile, ImageType
from openviper.storage import Storage
from tests.db.uploads import Upload, names, png


class Letter(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    file: FieldFile = Field(sa_column=sa.Column(FileType("letters"), nullable=False))
    stamp: ImageFile | None = Field(default=None, sa_type=ImageType("stamps"))


class Shown(SQLModel):
    file: FieldFile
    stamp: ImageFile | None


@pytest.fixture
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    async with AsyncSession(engine, expire_on_commit=False) as session:
        yield session


async def saved(session: AsyncSession, letter: Letter) -> Letter:
    session.add(letter)
    await session.commit()
    return letter


def constructed(**values: Any) -> Letter:
    return Letter(**values)


def validated(**values: Any) -> Letter:
    return Letter.model_validate(values)


@pytest.mark.parametrize("make", [constructed, validated])
async def test_an_upload_is_stored_replaced_and_deleted_with_its_row(
    session: AsyncSession, storage: Storage, make: Any
) -> None:
    letter = await saved(session, make(file=Upload("a.txt", b"Dear"), stamp=Upload("s", png(2, 1))))
    assert letter.file.startswith("letters/a-")
    assert await letter.file.read() == b"Dear"
    assert letter.stamp is not None
    assert (letter.stamp.width, letter.stamp.height) == (2, 1)
    letter.file = Upload("b.txt", b"new")  # type: ignore[assignment]
    await saved(session, letter)
    assert sorted(await names(storage)) == [letter.file, letter.stamp]
    found = (await session.exec(select(Letter))).one()
    assert await found.file.read() == b"new"
    await session.delete(letter)
    await session.commit()
    assert await names(storage) == []


async def test_the_name_of_a_stored_file_is_validated_as_a_string(
    session: AsyncSession, storage: Storage
) -> None:
    await storage.save("here.txt", b"here")
    letter = await saved(session, validated(file="here.txt"))
    assert await letter.file.read() == b"here"
    with pytest.raises(ValidationError, match="valid string"):
        validated(file=3)


async def test_a_row_is_shown_with_its_files(session: AsyncSession) -> None:
    letter = await saved(session, constructed(file=Upload("a.txt")))
    shown = Shown.model_validate(letter, from_attributes=True)
    assert shown.file.url == letter.file.url
    assert shown.model_dump_json() == f'{{"file":"{letter.file}","stamp":null}}'
    assert Shown.model_json_schema()["properties"]["file"] == {"title": "File", "type": "string"}


async def test_a_row_that_is_added_a_second_time_gets_a_file_of_its_own(
    session: AsyncSession, storage: Storage
) -> None:
    letter = await saved(session, constructed(file=Upload("a.txt", b"same")))
    first = letter.file
    make_transient(letter)
    letter.id = None
    await saved(session, letter)
    assert letter.file != first
    assert await letter.file.read() == b"same"
    assert sorted(await names(storage)) == sorted([first, letter.file])


def test_pydantic_takes_a_file_for_a_string() -> None:
    adapter = TypeAdapter(FieldFile)
    assert adapter.dump_json(FieldFile("a.txt")) == b'"a.txt"'
    assert adapter.json_schema() == {"type": "string"}
    assert adapter.validate_json('"a.txt"') == "a.txt"
