"""What a killed process leaves is found again, and nothing else is touched."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from openviper import db
from openviper.db import FileType, pending_files, reap, transaction
from openviper.db.pending import Ledger, Note, ledger_of
from openviper.db.reaping import Reaped
from openviper.storage import (
    MemoryStorage,
    Storage,
    StorageTimeoutError,
    UnavailableError,
)
from tests.db.uploads import Base, Child, Document, Upload, names, notes

NOW = timedelta(0)


class Slow(Upload):
    """Be an upload that is under way until it is let go on."""

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self.begun, self.going_on = asyncio.Event(), asyncio.Event()

    async def read(self, size: int = -1) -> bytes:
        self.begun.set()
        await self.going_on.wait()
        return await super().read(size)


@pytest.fixture
def ledger(engine: AsyncEngine) -> Ledger:
    found = ledger_of(engine.sync_engine, db.Model.metadata)
    assert found is not None
    return found


async def leftover(storage: Storage, ledger: Ledger, name: str = "documents/a.txt") -> Note:
    """Leave what a process leaves that is killed after its upload."""
    note = Note(storage="default", name=name, table_name="test_documents", column_name="file")
    await ledger.add(note)
    await storage.save(name, b"left")
    return note


async def reaped(**options: timedelta | bool) -> list[Reaped]:
    return [found async for found in reap(**{"older_than": NOW, **options})]  # type: ignore[arg-type]


async def test_a_file_without_a_row_is_removed(storage: Storage, ledger: Ledger) -> None:
    note = await leftover(storage, ledger)
    assert await reaped() == [Reaped(note=note, outcome="removed")]
    assert (await names(storage), await notes()) == ([], [])


async def test_a_note_without_a_file_is_removed(ledger: Ledger) -> None:
    note = Note(storage="default", name="none", table_name="test_documents", column_name="file")
    await ledger.add(note)
    assert [found.outcome for found in await reaped()] == ["removed"]
    assert await notes() == []


async def test_a_file_that_a_row_has_is_kept(storage: Storage, ledger: Ledger) -> None:
    note = await leftover(storage, ledger)
    await Document(title="a", file=note.name).save()
    assert await reaped() == [Reaped(note=note, outcome="kept")]
    assert (await names(storage), await notes()) == ([note.name], [])


async def test_what_is_young_is_left_alone(storage: Storage, ledger: Ledger) -> None:
    note = await leftover(storage, ledger)
    assert await reaped(older_than=timedelta(seconds=60)) == []
    assert (await names(storage), await notes()) == ([note.name], [note])


async def test_a_dry_run_removes_nothing(storage: Storage, ledger: Ledger) -> None:
    note = await leftover(storage, ledger)
    assert await reaped(dry_run=True) == [Reaped(note=note, outcome="removed")]
    assert (await names(storage), await notes()) == ([note.name], [note])


async def test_an_upload_that_was_taken_for_a_leftover_is_not_saved(storage: Storage) -> None:
    upload = Slow("a.txt")
    saving = asyncio.create_task(Document(title="a", file=upload).save())
    await upload.begun.wait()
    assert [found.outcome for found in await reaped()] == ["removed"]
    upload.going_on.set()
    with pytest.raises(StorageTimeoutError, match="send it again"):
        await saving
    assert (await names(storage), await Document.objects.count()) == ([], 0)
    assert await notes() == []


async def test_a_file_whose_transaction_is_about_to_end_is_left_alone(storage: Storage) -> None:
    async with transaction() as session:
        document = Document(title="a", file=Upload("a.txt"))
        session.add(document)
        await session.flush()
        assert await asyncio.create_task(reaped()) == []
    assert await names(storage) == [document.file]


async def test_what_can_not_be_deleted_is_left_for_the_next_time(
    storage: Storage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = await leftover(storage, ledger)
    failure = UnavailableError("the network is down")

    async def fail(name: str) -> None:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(storage, "delete", fail)
        assert await reaped() == [Reaped(note=note, outcome="failed", error=failure)]
    assert await notes() == [note]
    assert await reaped() == [Reaped(note=note, outcome="removed")]


async def test_a_replaced_file_that_could_not_be_deleted_is_found(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = Document(title="a", file=Upload("old.txt"))
    await document.save()
    old = document.file

    async def fail(names: list[str]) -> None:
        raise UnavailableError("the network is down")

    document.file = Upload("new.txt")
    with monkeypatch.context() as patch:
        patch.setattr(storage, "delete_many", fail)
        await document.save()
    assert {note.name for note in await notes()} == {old}
    assert [found.outcome for found in await reaped()] == ["removed"]
    assert await names(storage) == [document.file]


async def test_a_storage_without_an_alias_is_known_by_its_column(engine: AsyncEngine) -> None:
    own = MemoryStorage()
    metadata = sa.MetaData()
    sa.Table("mine", metadata, sa.Column("file", FileType(storage=own)))
    pending_files(metadata)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    ledger = ledger_of(engine.sync_engine, metadata)
    assert ledger is not None
    await ledger.add(Note(storage="", name="a", table_name="mine", column_name="file"))
    await own.save("a", b"left")
    [unknown] = await reaped()
    assert unknown.outcome == "failed"
    assert "mine.file keeps its files in a storage that has no alias" in str(unknown.error)
    assert [f.outcome async for f in reap(engine, metadata, older_than=NOW)] == ["removed"]
    assert not await own.exists("a")


async def test_a_table_that_is_gone_is_told(ledger: Ledger) -> None:
    await ledger.add(Note(storage="default", name="a", table_name="x.gone", column_name="file"))
    [found] = await reaped()
    assert (found.outcome, "gone" in str(found.error)) == ("failed", True)
    await ledger.forget([found.note])


async def test_plain_models_are_noted_where_their_metadata_has_the_table(
    engine: AsyncEngine, storage: Storage
) -> None:
    upload = Slow("a.txt")
    async with AsyncSession(engine) as session:
        session.add(Child(file=upload))
        saving = asyncio.create_task(session.commit())
        await upload.begun.wait()
        assert [note.table_name for note in await notes()] == ["children"]
        upload.going_on.set()
        await saving
    assert (len(await names(storage)), await notes()) == (1, [])
    assert [found async for found in reap(engine, Base.metadata, older_than=NOW)] == []


async def test_notes_need_none_of_the_pools_connections(engine: AsyncEngine) -> None:
    small = create_async_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=1)
    async with AsyncSession(small) as session:
        session.add(Child(name="a"))
        await session.flush()
        session.add(Child(name="b", file=Upload("b.txt")))
        await session.commit()
    await small.dispose()


async def test_a_database_in_memory_has_no_notes_and_needs_none(storage: Storage) -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        session.add(Child(file=Upload("a.txt")))
        await session.commit()
    assert len(await names(storage)) == 1
    assert [found async for found in reap(engine, Base.metadata)] == []
    await engine.dispose()


async def test_looking_for_notes_makes_no_file(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/other.db")
    assert [found async for found in reap(engine, Base.metadata)] == []
    await engine.dispose()
    assert not list(tmp_path.glob("other*"))
