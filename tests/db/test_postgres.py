"""What PostgreSQL does otherwise than SQLite: locks, refusals, and connections that are lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from openviper import db
from openviper.conf import settings
from openviper.db import transaction
from openviper.storage import Storage
from tests.db.commit_proxy import CommitProxy, Fault, proxied
from tests.db.places import on_postgres
from tests.db.uploads import Document, Note, Upload, held, names, notes, saved

pytestmark = on_postgres

WAITING = sa.text(
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE NOT granted AND datname = current_database()"
)
PATIENCE = 60.0  # seconds for what happens at once, unless something is wrong


async def until_somebody_waits(engine: AsyncEngine) -> None:
    """Return once a transaction waits for a lock."""
    async with asyncio.timeout(PATIENCE), engine.connect() as connection:
        while not await connection.scalar(WAITING):
            await connection.rollback()


def state(error: pytest.ExceptionInfo[DBAPIError]) -> str | None:
    """Return the code that the server gave an error."""
    code: str | None = getattr(error.value.orig, "sqlstate", None)
    return code


async def refuse_commits(engine: AsyncEngine, code: str) -> None:
    """Let each COMMIT fail that inserted a document, with this SQLSTATE."""
    function = f"BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END"
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $${function}$$"
        )
        await connection.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER refusing AFTER INSERT ON test_documents "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
        )


async def every_row_has_its_file_and_every_file_its_row(storage: Storage) -> bool:
    rows = await Document.objects.all()
    return sorted(await names(storage)) == sorted(row.file.name for row in rows)


# What the server refuses


async def test_a_transaction_that_failed_unnoticed_commits_nothing(storage: Storage) -> None:
    """PostgreSQL answers its COMMIT with a ROLLBACK, and no driver takes that for an error."""
    document = await saved()
    old = document.file.name
    with pytest.raises(DBAPIError) as caught:
        async with transaction() as session:
            document.file = Upload("new.txt", b"new")
            await document.save()
            with pytest.raises(DBAPIError, match="division by zero"):
                await session.execute(sa.text("SELECT 1/0"))
    assert state(caught) == "25P02"
    assert await names(storage) == [old]
    assert (await Document.objects.get()).file == old


@pytest.mark.parametrize("code", ["P0001", "22023", "23514"])
async def test_a_trigger_that_refuses_a_commit_leaves_no_file_and_it_can_be_repeated(
    engine: AsyncEngine, storage: Storage, code: str
) -> None:
    await refuse_commits(engine, code)
    document = Document(title="a", file=Upload("a.txt", b"again"))
    with pytest.raises(DBAPIError, match="refused"):
        await document.save()
    assert await names(storage) == []
    async with engine.begin() as connection:
        await connection.exec_driver_sql("DROP TRIGGER refusing ON test_documents")
    await document.save()
    assert await document.file.read() == b"again"
    assert await names(storage) == [document.file]


@pytest.mark.parametrize("code", ["40003", "53100", "XX000"])
async def test_an_answer_that_may_come_after_the_commit_keeps_the_file_and_says_so(
    engine: AsyncEngine, storage: Storage, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    await refuse_commits(engine, code)
    with pytest.raises(DBAPIError, match="refused"):
        await Document(title="a", file=Upload("a.txt")).save()
    (kept,) = await names(storage)
    assert f"outcome of a commit is unknown, so no file was deleted; new: {kept}" in caplog.text


async def test_a_commit_that_can_not_be_serialized_leaves_no_file_and_can_be_repeated(
    engine: AsyncEngine, storage: Storage
) -> None:
    strict = engine.execution_options(isolation_level="SERIALIZABLE")
    upload = Upload("second.txt", b"second")
    document = Document(title="second", file=upload)
    async with (
        AsyncSession(strict) as first,
        AsyncSession(strict, expire_on_commit=False) as second,
    ):
        for session in (first, second):
            await session.scalars(sa.select(Document))
        first.add(Document(title="first", file=Upload("first.txt")))
        second.add(document)
        await first.flush()
        await second.flush()
        await first.commit()
        with pytest.raises(DBAPIError) as caught:
            await second.commit()
        await second.rollback()
    assert state(caught) == "40001"
    assert await every_row_has_its_file_and_every_file_its_row(storage)
    assert held(document) is upload
    await document.save()
    assert await document.file.read() == b"second"


async def test_a_replacement_of_what_changed_meanwhile_leaves_the_file_of_the_other(
    engine: AsyncEngine, storage: Storage
) -> None:
    key = (await saved()).pk
    strict = engine.execution_options(isolation_level="REPEATABLE READ")
    async with AsyncSession(strict) as session:
        outdated = await session.get_one(Document, key)
        newer = await Document.objects.get()
        newer.file = Upload("newer.txt")
        await newer.save()
        outdated.file = Upload("outdated.txt")
        with pytest.raises(DBAPIError) as caught:
            await session.commit()
    assert state(caught) == "40001"
    assert await names(storage) == [newer.file]


async def test_a_transaction_that_can_not_see_its_note_commits(
    engine: AsyncEngine, storage: Storage
) -> None:
    strict = engine.execution_options(isolation_level="REPEATABLE READ")
    async with AsyncSession(strict, expire_on_commit=False) as session:
        await session.scalars(sa.select(Document))  # from here on it sees what there was then
        document = Document(title="a", file=Upload("a.txt"))
        session.add(document)
        await session.flush()
        assert len(await notes()) == 1
        await session.commit()
    assert (await names(storage), await notes()) == ([document.file], [])


async def test_a_commit_in_two_phases_decides_over_the_files_too(
    engine: AsyncEngine, storage: Storage
) -> None:
    key, old = (document := await saved()).pk, document.file
    async with AsyncSession(engine, twophase=True, expire_on_commit=False) as session:
        document = await session.get_one(Document, key)
        document.file = Upload("new.txt")
        await session.flush()
        await session.rollback()
        assert await names(storage) == [old]
        document = await session.get_one(Document, key)
        document.file = Upload("new.txt")
        await session.commit()
        assert await names(storage) == [document.file]
        assert document.file != old


# Locks


async def test_a_row_may_be_referred_to_while_its_file_is_replaced(storage: Storage) -> None:
    """Each holds the row of the document that the other is about to change: no deadlock."""
    document = await saved()
    both = asyncio.Barrier(2)

    async def note_and_replace(text: str) -> None:
        mine = await Document.objects.get()
        async with transaction():
            await Note.objects.create(text=text, document_id=mine.pk)
            await both.wait()
            mine.file = Upload(f"{text}.txt")
            await mine.save()

    await asyncio.gather(note_and_replace("a"), note_and_replace("b"))
    assert await Note.objects.count() == 2
    assert document.file not in await names(storage)
    assert await every_row_has_its_file_and_every_file_its_row(storage)


async def test_a_deadlock_leaves_each_row_its_file(storage: Storage) -> None:
    await saved("a")
    await saved("b")
    both = asyncio.Barrier(2)

    async def replace(*titles: str) -> None:
        async with transaction() as session:
            await session.execute(sa.text("SET LOCAL deadlock_timeout = '10ms'"))
            for title in titles:
                document = await Document.objects.get(title=title)
                document.file = Upload(f"{titles}.txt")
                await document.save()
                if title == titles[0]:
                    await both.wait()

    ended = await asyncio.gather(replace("a", "b"), replace("b", "a"), return_exceptions=True)
    assert [getattr(e.orig, "sqlstate", "") for e in ended if isinstance(e, DBAPIError)] == [
        "40P01"
    ]
    assert await every_row_has_its_file_and_every_file_its_row(storage)


async def test_a_cancellation_while_a_row_is_locked_keeps_the_old_file(
    engine: AsyncEngine, storage: Storage
) -> None:
    old = (await saved()).file
    document = await Document.objects.get()
    async with engine.begin() as other:
        await other.execute(sa.select(Document.id).with_for_update())  # type: ignore[attr-defined]
        document.file = Upload("new.txt")
        task = asyncio.create_task(document.save())
        await until_somebody_waits(engine)
        assert len(await names(storage)) == 2
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await names(storage) == [old]
    assert (await Document.objects.get()).file == old


# Connections that are lost


@asynccontextmanager
async def faulty(engine: AsyncEngine, fault: Fault) -> AsyncIterator[CommitProxy]:
    """Use the database through connections that break."""
    async with proxied(engine.url, fault) as (proxy, address):
        with settings.override(DATABASE_URL=address.render_as_string(hide_password=False)):
            yield proxy
            await (await db.engine()).dispose()


async def test_a_connection_lost_before_the_commit_is_no_doubt(
    engine: AsyncEngine, storage: Storage
) -> None:
    document = await saved()
    old = document.file.name
    with pytest.raises(DBAPIError):
        async with transaction() as session:
            document.file = Upload("new.txt")
            await document.save()
            backend = await session.scalar(sa.text("SELECT pg_backend_pid()"))
            async with engine.connect() as connection:
                await connection.execute(sa.select(sa.func.pg_terminate_backend(backend)))
    assert await names(storage) == [old]
    assert (await Document.objects.get()).file == old


@pytest.mark.parametrize("fault", ["lose COMMIT", "lose its answer"])
async def test_a_connection_lost_at_the_commit_keeps_both_files_and_says_so(
    engine: AsyncEngine, storage: Storage, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    document = await saved()
    old = document.file.name
    async with faulty(engine, fault):
        document.file = Upload("new.txt", b"new")
        with pytest.raises(DBAPIError):
            await document.save()
    found = (await Document.objects.get()).file
    assert await found.read() == (b"old" if fault == "lose COMMIT" else b"new")
    kept = await names(storage)
    assert len(kept) == 2
    assert old in kept
    assert "outcome of a commit is unknown" in caplog.text
    assert [name for name in kept if name not in caplog.text] == []


async def test_a_cancellation_in_the_commit_keeps_the_files_and_says_so(
    engine: AsyncEngine, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    document = await saved()
    old = document.file.name
    async with faulty(engine, "hold its answer") as proxy:
        document.file = Upload("new.txt", b"new")
        task = asyncio.create_task(document.save())
        async with asyncio.timeout(PATIENCE):
            await proxy.committed.wait()
        task.cancel()
        proxy.lose.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    found = (await Document.objects.get()).file
    assert await found.read() == b"new"
    assert sorted(await names(storage)) == sorted([old, found.name])
    assert "outcome of a commit is unknown" in caplog.text


# Values


async def test_moments_are_in_utc_whatever_the_zone_of_the_connection() -> None:
    async with transaction() as session:
        await session.execute(sa.text("SET LOCAL TIME ZONE 'Asia/Tokyo'"))
        note = await Note.objects.create(text="a")
        made = note.made
        await note.refresh()
    assert (note.made, note.made.tzinfo) == (made, UTC)
