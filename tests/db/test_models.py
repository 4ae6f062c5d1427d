"""Models are mapped classes, with what the framework's users expect of them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import assert_type

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import (
    IntegrityError,
    MultipleResultsFound,
    NoResultFound,
    StatementError,
)
from sqlalchemy.orm import InstrumentedAttribute

from openviper import db
from openviper.conf import settings
from openviper.db import FieldFile, ImageFile, fields, transaction
from openviper.db.models import Model, Query
from openviper.exceptions import ImproperlyConfigured, ValidationError
from openviper.storage import Storage
from tests.db.uploads import Document, Note, Photo, Upload, names


class Stamped(Model):
    class Meta:
        abstract = True

    key = fields.UUIDField(primary_key=True, default=uuid.uuid4)
    file = fields.FileField("stamped", null=True, max_size=3)


class Everything(Stamped):
    class Meta(Stamped.Meta):
        table_name = "everything"

    flag = fields.BooleanField(default=False)
    number = fields.IntegerField(default=1, index=True)
    real = fields.FloatField(null=True)
    price = fields.DecimalField(max_digits=8, decimal_places=2, default=Decimal(0))
    day = fields.DateField(null=True)
    data = fields.JSONField(default=dict)
    at = fields.DateTimeField(null=True)
    changed = fields.DateTimeField(auto_now=True)


class Unnamed(Model):
    text = fields.TextField(null=True)


async def notes(*texts: str) -> None:
    for text in texts:
        await Note(text=text).save()


async def texts(query: Query[Note]) -> list[str]:
    return [note.text for note in await query.all()]


def test_the_types_are_those_of_the_values() -> None:
    def check(document: Document, note: Note, photo: Photo) -> None:
        assert_type(document.title, str)
        assert_type(document.file, FieldFile)
        assert_type(note.file, FieldFile | None)
        assert_type(note.document_id, int | None)
        assert_type(photo.image, ImageFile | None)
        assert_type(Document.title, InstrumentedAttribute[str])

    assert callable(check)


async def test_a_saved_row_has_a_key_and_is_found() -> None:
    document = Document(title="a", file=Upload("a.txt"))
    assert document.pk is None
    await document.save()
    found = await Document.objects.get(pk=document.pk)
    assert (found.pk, found.title, found.file) == (1, "a", document.file)
    assert_type(found, Document)


async def test_models_are_mapped_classes() -> None:
    await notes("a", "b")
    async with transaction() as session:
        found = await session.scalars(sa.select(Note.text).order_by(Note.text))
        assert list(found) == ["a", "b"]


def test_an_unknown_value_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="nope"):
        Document(nope=1)


def test_a_model_without_meta_has_its_own_name() -> None:
    assert Unnamed.__tablename__ == "unnamed"


async def test_every_field_gives_back_what_it_was_given() -> None:
    at = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    row = Everything(real=0.5, price=Decimal("1.20"), day=date(2026, 1, 2), data={"a": [1]}, at=at)
    await row.save()
    found = await Everything.objects.get(key=row.key)
    assert (found.flag, found.number, found.real, found.price) == (False, 1, 0.5, Decimal("1.20"))
    assert (found.day, found.data, found.at) == (date(2026, 1, 2), {"a": [1]}, at)
    assert found.changed.tzinfo is UTC
    assert found.pk == row.key


async def test_auto_now_is_set_by_each_update() -> None:
    row = Everything()
    await row.save()
    before = row.changed
    row.number = 2
    await row.save()
    await row.refresh()
    assert row.changed > before


async def test_a_datetime_without_a_zone_is_refused() -> None:
    with pytest.raises(StatementError, match="without a time zone"):
        await Everything(at=datetime(2026, 1, 2)).save()  # noqa: DTZ001 - the point


async def test_a_field_of_an_abstract_base_keeps_its_options() -> None:
    with pytest.raises(ValueError, match="over 3 bytes"):
        await Everything(file=Upload("a.txt", b"four")).save()


async def test_queries_filter_order_and_slice() -> None:
    await notes("a", "b", "c", "d")
    assert await texts(Note.objects) == ["d", "c", "b", "a"]  # Meta.ordering
    assert await texts(Note.objects.order_by("text").offset(1).limit(2)) == ["b", "c"]
    assert await texts(Note.objects.filter(Note.text > "b").exclude(text="d")) == ["c"]
    assert await Note.objects.filter(Note.text > "b").count() == 2
    assert await Note.objects.limit(3).count() == 3
    assert await Note.objects.filter(text="a").exists()
    assert not await Note.objects.filter(text="z").exists()
    first = await Note.objects.first()
    assert first is not None
    assert first.text == "d"
    assert await Note.objects.filter(text="z").first() is None


async def test_get_wants_exactly_one() -> None:
    await notes("a", "b")
    assert (await Note.objects.get(text="a")).text == "a"
    assert await Note.objects.get_or_none(text="z") is None
    with pytest.raises(NoResultFound):
        await Note.objects.get(text="z")
    with pytest.raises(MultipleResultsFound):
        await Note.objects.get()


async def test_an_unknown_attribute_is_named() -> None:
    with pytest.raises(ValueError, match=r"Note has no 'txt', only .*text"):
        await Note.objects.filter(txt="a").all()


async def test_objects_create_saves() -> None:
    note = await Note.objects.create(text="a")
    assert_type(note, Note)
    assert await Note.objects.count() == 1


async def test_a_query_deletes_rows_with_their_files(storage: Storage) -> None:
    for text in "abc":
        await Note.objects.create(text=text, file=Upload(f"{text}.txt"))
    assert await Note.objects.exclude(text="b").delete() == 2
    left = await Note.objects.get()
    assert await names(storage) == [left.file]


async def test_refresh_forgets_what_was_not_saved() -> None:
    note = await Note.objects.create(text="a")
    note.text = "b"
    await note.refresh()
    assert note.text == "a"
    assert (await Note.objects.get()).text == "a"


async def test_to_dict_gives_the_columns() -> None:
    note = await Note.objects.create(text="a", file=Upload("a.txt"))
    values = note.to_dict()
    assert set(values) == {"id", "text", "document_id", "file", "made"}
    assert values["file"] == note.file


async def test_a_foreign_key_is_held_by_sqlite_too() -> None:
    with pytest.raises(IntegrityError):
        await Note(text="a", document_id=7).save()


async def test_text_with_a_nul_is_refused_before_the_database(storage: Storage) -> None:
    with pytest.raises(ValidationError, match="title has a NUL character"):
        await Document(title="a\0b", file=Upload("a.txt")).save()
    with pytest.raises(ValidationError, match="text has a NUL character"):
        await Note(text="\0").save()
    assert await names(storage) == []


async def test_a_transaction_is_all_or_nothing() -> None:
    with pytest.raises(ZeroDivisionError):
        async with transaction():
            await notes("a", "b")
            assert await Note.objects.count() == 2
            raise ZeroDivisionError
    assert await Note.objects.count() == 0


async def test_a_cancelled_save_can_be_repeated() -> None:
    note = Note(text="a")
    task = asyncio.create_task(note.save())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if not await Note.objects.exists():
        await note.save()
    assert await Note.objects.count() == 1


async def test_a_file_in_a_transaction_of_its_own_setting(tmp_path: Path) -> None:
    with settings.override(DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path / 'other.db'}"):
        await db.create_tables()
        await Note.objects.create(text="elsewhere")
    assert await Note.objects.count() == 0


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "nosuch://me:s3cr3t@host/db",
        "sqlite+nosuch:///s3cr3t.db",
        "sqlite:///not-async-s3cr3t.db",
    ],
)
async def test_a_database_that_can_not_be_opened_is_a_setting_to_correct(url: str) -> None:
    with settings.override(DATABASE_URL=url), pytest.raises(ImproperlyConfigured) as caught:
        await Note.objects.count()
    assert "DATABASE_URL" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__context__ is None


def test_importing_storage_loads_no_database() -> None:
    code = "import sys, openviper.storage; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_a_missing_extra_is_named() -> None:
    code = "import sys; sys.modules['sqlalchemy'] = None; import openviper.db"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "pip install 'openviper-storage[db]'" in done.stderr
