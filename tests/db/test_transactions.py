"""Files and rows live and die together, whatever ends a transaction."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.pool import QueuePool

from openviper.db import FieldFile, transaction
from openviper.storage import Storage
from tests.db.places import on_sqlite, plain
from tests.db.uploads import (
    Base,
    Child,
    Document,
    Note,
    Parent,
    Part,
    Stalling,
    Upload,
    held,
    names,
    saved,
)


class Failure(Exception):  # noqa: N818 - it is the test's own
    """Be what goes wrong in a test."""


async def test_a_committed_row_has_its_file(storage: Storage) -> None:
    document = await saved()
    assert await names(storage) == [document.file]
    assert await document.file.read() == b"old"


async def test_the_file_is_there_before_the_commit(storage: Storage) -> None:
    async with transaction() as session:
        session.add(Document(title="a", file=Upload("a.txt")))
        await session.flush()
        assert len(await names(storage)) == 1


async def test_a_replaced_file_goes_after_the_commit_and_not_before(storage: Storage) -> None:
    document = await saved()
    old = document.file
    async with transaction():
        document.file = Upload("new.txt", b"new")
        await document.save()
        assert await storage.exists(old)
    assert await names(storage) == [document.file]
    assert await document.file.read() == b"new"


async def test_a_replacement_that_is_rolled_back_keeps_the_old_file(storage: Storage) -> None:
    document = await saved()
    old = document.file
    with pytest.raises(Failure):
        async with transaction():
            document.file = Upload("new.txt")
            await document.save()
            raise Failure
    assert await names(storage) == [old]


async def test_a_file_set_to_none_goes(storage: Storage) -> None:
    note = Note(text="a", file=Upload("a.txt"))
    await note.save()
    note.file = None
    await note.save()
    assert await names(storage) == []
    assert (await Note.objects.get()).file is None


async def test_a_deleted_row_takes_its_file_along(storage: Storage) -> None:
    document = await saved()
    await document.delete()
    assert await names(storage) == []


async def test_a_deletion_that_is_rolled_back_keeps_the_file(storage: Storage) -> None:
    old = (await saved()).file
    with pytest.raises(Failure):
        async with transaction():
            await (await Document.objects.get()).delete()
            raise Failure
    assert await names(storage) == [old]


async def test_a_unique_violation_leaves_no_file_and_the_upload_for_a_retry(
    storage: Storage,
) -> None:
    first = await saved("taken")
    upload = Upload("b.txt", b"second")
    second = Document(title="taken", file=upload)
    with pytest.raises(IntegrityError):
        await second.save()
    assert await names(storage) == [first.file]
    assert held(second) is upload
    second.title = "free"
    await second.save()
    assert await second.file.read() == b"second"


async def test_a_stream_that_was_read_in_vain_is_not_stored_empty(storage: Storage) -> None:
    first = await saved("taken")
    second = Document(title="taken", file=Part("b.txt", b"second"))
    with pytest.raises(IntegrityError):
        await second.save()
    second.title = "free"
    with pytest.raises(ValueError, match="assign it anew"):
        await second.save()
    assert await names(storage) == [first.file]


async def test_a_failed_update_leaves_the_object_as_it_was(storage: Storage) -> None:
    await saved("taken")
    document = await saved("mine")
    upload = Upload("new.txt", b"new")
    document.title, document.file = "taken", upload
    with pytest.raises(IntegrityError):
        await document.save()
    assert (document.title, held(document)) == ("taken", upload)
    assert len(await names(storage)) == 2
    document.title = "free"
    await document.save()
    found = await Document.objects.get(title="free")
    assert (found.pk, await found.file.read()) == (document.pk, b"new")
    assert len(await names(storage)) == 2


async def test_a_savepoint_that_is_rolled_back_takes_its_files_along(storage: Storage) -> None:
    async with transaction() as session:
        outer = Document(title="outer", file=Upload("outer.txt"))
        await outer.save()
        with pytest.raises(Failure):
            async with transaction():
                await Document(title="inner", file=Upload("inner.txt")).save()
                async with transaction():
                    await Document(title="innermost", file=Upload("innermost.txt")).save()
                raise Failure
        assert await names(storage) == [outer.file]
        assert session.in_transaction()
    assert await names(storage) == [outer.file]
    assert await Document.objects.count() == 1


async def test_a_refused_savepoint_takes_its_file_along_and_the_transaction_goes_on(
    storage: Storage,
) -> None:
    first = await saved("taken")
    async with transaction():
        with pytest.raises(IntegrityError):
            async with transaction():
                await Document(title="taken", file=Upload("a.txt")).save()
        second = await saved("free")
    assert sorted(await names(storage)) == sorted([first.file, second.file])
    assert await Document.objects.count() == 2


async def test_a_replacement_in_a_savepoint_that_is_rolled_back_is_none(storage: Storage) -> None:
    document = await saved()
    old = document.file
    async with transaction():
        with pytest.raises(Failure):
            async with transaction():
                document.file = Upload("new.txt")
                await document.save()
                raise Failure
    assert await names(storage) == [old]


async def test_a_released_savepoint_ends_with_its_transaction(storage: Storage) -> None:
    document = await saved()
    old = document.file
    with pytest.raises(Failure):
        async with transaction():
            async with transaction():
                document.file = Upload("new.txt")
                await document.save()
            raise Failure
    assert await names(storage) == [old]
    async with transaction(), transaction():
        await (await Document.objects.get()).delete()
        assert await names(storage) == [old]
    assert await names(storage) == []


async def test_two_files_in_one_transaction_leave_the_last(storage: Storage) -> None:
    document = await saved()
    async with transaction():
        for text in (b"1", b"2"):
            document.file = Upload("new.txt", text)
            await document.save()
    assert await names(storage) == [document.file]
    assert await document.file.read() == b"2"


async def test_a_session_closed_without_commit_leaves_no_file(
    engine: AsyncEngine, storage: Storage
) -> None:
    async with AsyncSession(engine) as session:
        session.add(Document(title="a", file=Upload("a.txt")))
        await session.flush()
        assert len(await names(storage)) == 1
    assert await names(storage) == []


async def test_a_failing_listener_before_the_commit_leaves_no_file(
    engine: AsyncEngine, storage: Storage
) -> None:
    with pytest.raises(Failure):
        async with AsyncSession(engine) as session:
            session.add(Document(title="a", file=Upload("a.txt")))
            await session.flush()

            def fail(_: object) -> None:
                raise Failure

            event.listen(session.sync_session, "before_commit", fail)
            await session.commit()
    assert await names(storage) == []


async def test_a_flush_that_fails_after_our_part_stores_once(
    engine: AsyncEngine, storage: Storage
) -> None:
    failures = [Failure()]

    def fail(*_: object) -> None:
        if failures:
            raise failures.pop()

    async with AsyncSession(engine, expire_on_commit=False) as session:
        event.listen(session.sync_session, "before_flush", fail)
        document = Document(title="a", file=Part("a.txt", b"once"))
        session.add(document)
        with pytest.raises(Failure):
            await session.flush()
        await session.commit()
    assert await names(storage) == [document.file]
    assert await document.file.read() == b"once"


async def test_one_refused_upload_takes_the_others_of_its_flush_back(
    engine: AsyncEngine, storage: Storage
) -> None:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        upload = Upload("a.txt")
        good = Document(title="a", file=upload)
        bad = Note(text="b", file=Upload("b.txt", bytes(101)))
        session.add_all([good, bad])
        with pytest.raises(ValueError, match="over 100 bytes"):
            await session.flush()
        assert await names(storage) == []
        assert held(good) is upload
        session.expunge(bad)
        await session.commit()
    assert await names(storage) == [good.file]


async def test_a_cancellation_in_the_middle_of_an_upload_leaves_nothing(storage: Storage) -> None:
    upload = Stalling("a.txt")
    task = asyncio.create_task(Document(title="a", file=upload).save())
    await upload.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(storage) == []
    assert await Document.objects.count() == 0


async def test_a_cancellation_of_the_second_upload_takes_the_first_back(storage: Storage) -> None:
    stalling = Stalling("b.txt")

    async def save_two() -> None:
        async with transaction() as session:
            session.add_all(
                [Document(title="a", file=Upload("a.txt")), Document(title="b", file=stalling)]
            )

    task = asyncio.create_task(save_two())
    await stalling.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(storage) == []


async def test_a_cancellation_between_upload_and_commit_leaves_nothing(storage: Storage) -> None:
    uploaded = asyncio.Event()

    async def save() -> None:
        async with transaction() as session:
            session.add(Document(title="a", file=Upload("a.txt")))
            await session.flush()
            uploaded.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(save())
    await uploaded.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(storage) == []


async def test_concurrent_replacements_of_one_row_leave_one_file(storage: Storage) -> None:
    await saved()
    loaded = [await Document.objects.get() for _ in range(6)]

    async def replace(number: int, document: Document) -> None:
        document.file = Upload("new.txt", b"%d" % number)
        await document.save()

    await asyncio.gather(*(replace(n, document) for n, document in enumerate(loaded)))
    document = await Document.objects.get()
    assert await names(storage) == [document.file]
    assert await document.file.exists()


async def test_a_replacement_from_an_outdated_object_deletes_the_right_file(
    storage: Storage,
) -> None:
    """Two who loaded the same name: the second must not get a name that the first gave up."""
    document = await saved()
    first, second = await Document.objects.get(), await Document.objects.get()
    first.file = Upload("old.txt", b"first")
    await first.save()
    second.file = Upload("old.txt", b"second")
    await second.save()
    assert await names(storage) == [second.file]
    assert await second.file.read() == b"second"
    assert len({document.file, first.file, second.file}) == 3


async def test_a_replacement_and_a_deletion_at_once_leave_nothing(storage: Storage) -> None:
    await saved()
    mine, theirs = await Document.objects.get(), await Document.objects.get()
    theirs.file = Upload("new.txt", b"new")
    await theirs.save()
    await mine.delete()
    assert await names(storage) == []


async def test_who_replaces_and_who_deletes_at_once_leave_no_file_without_a_row(
    storage: Storage,
) -> None:
    for title in "abc":
        await saved(title)
        mine, theirs = (
            await Document.objects.get(title=title),
            await Document.objects.get(title=title),
        )
        theirs.file = Upload("new.txt")
        await asyncio.gather(mine.delete(), theirs.save(), return_exceptions=True)
    assert await names(storage) == []
    assert await Document.objects.count() == 0


async def test_an_old_file_that_was_never_loaded_goes_too(
    engine: AsyncEngine, storage: Storage
) -> None:
    async with AsyncSession(engine) as session, session.begin():
        session.add(Child(id=1, file=Upload("old.txt")))
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        child = await session.get_one(Child, 1)
        assert "file" not in vars(child)
        child.file = Upload("new.txt")  # type: ignore[assignment]  # a plain Mapped says FieldFile
    assert await names(storage) == [child.file]


async def test_orphans_and_cascades_take_their_files_along(
    engine: AsyncEngine, storage: Storage
) -> None:
    async with AsyncSession(engine) as session, session.begin():
        children = [Child(id=n, file=Upload(f"{n}.txt")) for n in range(3)]
        session.add(Parent(id=1, children=children))
    async with AsyncSession(engine) as session, session.begin():
        parent = (await session.scalars(_with_children())).one()
        parent.children.pop()
    assert len(await names(storage)) == 2
    async with AsyncSession(engine) as session, session.begin():
        await session.delete((await session.scalars(_with_children())).one())
    assert await names(storage) == []


def _with_children() -> sa.Select[Any]:
    statement: sa.Select[Any] = sa.select(Parent)
    return statement.options(selectinload(Parent.children))


async def test_a_bulk_delete_takes_its_files_along(engine: AsyncEngine, storage: Storage) -> None:
    for title in "abc":
        await saved(title)
    async with AsyncSession(engine) as session:
        await session.execute(sa.delete(Document).where(Document.title != "b"))
        await session.rollback()
        assert len(await names(storage)) == 3
        await session.execute(sa.delete(Document).where(Document.title != "b"))
        await session.commit()
    assert await names(storage) == [(await Document.objects.get()).file]


async def test_a_bulk_delete_may_have_parameters_or_no_condition(
    engine: AsyncEngine, storage: Storage
) -> None:
    for title in "abcd":
        await saved(title)
    by_title = sa.delete(Document).where(Document.title == sa.bindparam("given"))
    async with AsyncSession(engine) as session, session.begin():
        await session.execute(by_title, {"given": "a"})
    assert len(await names(storage)) == 3
    async with AsyncSession(engine) as session, session.begin():
        await session.execute(sa.delete(Document))
    assert await names(storage) == []


async def test_a_plain_session_inside_a_loop_deletes_no_row_with_a_file(
    engine: AsyncEngine, storage: Storage
) -> None:
    document = await saved()
    other = sa.create_engine(plain(engine.url))
    with Session(other) as session:
        session.delete(session.get_one(Document, document.pk))
        with pytest.raises(RuntimeError, match="use AsyncSession"):
            session.commit()
    other.dispose()
    assert await names(storage) == [(await Document.objects.get()).file]


async def test_no_connection_waits_for_an_upload(engine: AsyncEngine) -> None:
    assert isinstance(engine.pool, QueuePool)
    stalling = Stalling("a.txt")
    task = asyncio.create_task(Document(title="a", file=stalling).save())
    await stalling.begun.wait()
    assert engine.pool.checkedout() == 0
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_client_that_hangs_up_leaves_nothing(storage: Storage) -> None:
    class HangingUp(Part):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"begun"
            raise Failure

    with pytest.raises(Failure):
        await Document(title="a", file=HangingUp("a.txt")).save()
    assert await names(storage) == []
    assert await Document.objects.count() == 0


async def test_a_second_cancellation_does_not_stop_the_clean_up(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded, cleaning, cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()
    delete_many = type(storage).delete_many

    async def slowly(self: Storage, given: list[str]) -> Any:
        cleaning.set()
        await cancelled.wait()
        return await delete_many(self, given)

    async def save() -> None:
        async with transaction():
            await Document(title="a", file=Upload("a.txt")).save()
            uploaded.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(type(storage), "delete_many", slowly)
    task = asyncio.create_task(save())
    await uploaded.wait()
    task.cancel()
    await cleaning.wait()
    task.cancel()
    await asyncio.sleep(0)
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(storage) == []


async def test_a_session_goes_on_after_a_rollback(engine: AsyncEngine, storage: Storage) -> None:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        upload = Upload("a.txt", b"again")
        document = Document(title="a", file=upload)
        session.add(document)
        await session.flush()
        await session.rollback()
        assert await names(storage) == []
        assert held(document) is upload
        session.add(document)
        await session.commit()
        assert await names(storage) == [document.file]
        assert await document.file.read() == b"again"


async def test_a_name_given_back_in_the_same_transaction_keeps_its_file(storage: Storage) -> None:
    document = await saved()
    old = document.file.name
    async with transaction():
        document.file = Upload("new.txt")
        await document.save()
        document.file = old
        await document.save()
    assert await names(storage) == [old]
    assert isinstance(document.file, FieldFile)


async def test_a_refused_commit_leaves_no_file(engine: AsyncEngine, storage: Storage) -> None:
    """A deferred constraint fails in COMMIT itself, and that outcome is known."""
    await create_deferred_table(engine)
    await commit_what_is_refused(engine)
    assert await names(storage) == []
    assert await Document.objects.count() == 0


async def test_a_refused_commit_is_known_in_each_of_many_engines(
    engine: AsyncEngine, storage: Storage
) -> None:
    """Engines that are gone leave their `id()` to others."""
    await create_deferred_table(engine)
    for _ in range(10):
        another = create_async_engine(engine.url)
        if engine.dialect.name == "sqlite":
            event.listen(another.sync_engine, "connect", enforce_foreign_keys)
        await commit_what_is_refused(another)
        await another.dispose()
        del another
        gc.collect()
    assert await names(storage) == []


async def create_deferred_table(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        reference = "REFERENCES parents DEFERRABLE INITIALLY DEFERRED"
        await connection.execute(sa.text(f"CREATE TABLE deferred (id INTEGER {reference})"))


def enforce_foreign_keys(connection: Any, _: object) -> None:
    connection.cursor().execute("PRAGMA foreign_keys=ON")


async def commit_what_is_refused(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add(Document(title="a", file=Upload("a.txt")))
        await session.execute(sa.text("INSERT INTO deferred VALUES (7)"))
        with pytest.raises(IntegrityError):
            await session.commit()


async def replaced_while_the_commit_fails(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, *, done: bool
) -> str:
    document = await saved()
    old = document.file.name
    dialect = engine.sync_engine.dialect
    commit = dialect.do_commit

    def fail(connection: Any) -> None:
        if done:
            commit(connection)
        raise dialect.dbapi.OperationalError("connection lost")  # type: ignore[union-attr]

    document.file = Upload("new.txt", b"new")
    with monkeypatch.context() as fault:
        fault.setattr(dialect, "do_commit", fail)
        with pytest.raises(OperationalError):
            await document.save()
    return old


async def test_a_commit_of_unknown_outcome_deletes_nothing_and_is_logged(
    engine: AsyncEngine,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    old = await replaced_while_the_commit_fails(engine, monkeypatch, done=True)
    found = await Document.objects.get()
    assert await found.file.read() == b"new"
    assert sorted(await names(storage)) == sorted([old, found.file.name])
    assert "outcome of a commit is unknown" in caplog.text
    assert old in caplog.text
    assert found.file.name in caplog.text


@on_sqlite
async def test_a_commit_that_sqlite_did_not_do_is_rolled_back(
    engine: AsyncEngine, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await replaced_while_the_commit_fails(engine, monkeypatch, done=False)
    assert await names(storage) == [old]
    assert (await Document.objects.get()).file == old


async def test_a_cancelled_commit_never_leaves_a_row_without_its_file(
    engine: AsyncEngine, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = engine.sync_engine.dialect
    commit = dialect.do_commit

    def cancelled(connection: Any) -> None:
        task.cancel()
        commit(connection)

    task = asyncio.create_task(Document(title="a", file=Upload("a.txt")).save())
    with monkeypatch.context() as fault:
        fault.setattr(dialect, "do_commit", cancelled)
        with pytest.raises(asyncio.CancelledError):
            await task
    for document in await Document.objects.all():
        assert await document.file.exists()


async def test_an_outer_transaction_decides_over_the_files_of_a_joined_session(
    engine: AsyncEngine, storage: Storage
) -> None:
    document = await saved()
    async with engine.connect() as connection:
        outer = await connection.begin()
        async with AsyncSession(connection, join_transaction_mode="create_savepoint") as session:
            await session.delete(document)
            await session.commit()
        await outer.rollback()
    assert await names(storage) == [(await Document.objects.get()).file]


async def test_a_file_that_can_not_be_deleted_does_not_fail_a_commit(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    document = await saved()
    old = document.file

    async def fail(*_: object) -> None:
        raise Failure

    monkeypatch.setattr(type(storage), "delete_many", fail)
    document.file = Upload("new.txt")
    await document.save()
    assert old in caplog.text
    assert (await Document.objects.get()).file == document.file


async def test_the_tables_are_those_of_the_user_too() -> None:
    assert set(Base.metadata.tables) == {"parents", "children"}
