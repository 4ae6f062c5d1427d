"""Remove the files that killed processes left without a row."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from openviper.db.engine import engine as default_engine
from openviper.db.files import FileType, resolve
from openviper.db.greenlets import run
from openviper.db.models import Model
from openviper.db.moments import now
from openviper.db.pending import Ledger, Note, ledger_of
from openviper.exceptions import ImproperlyConfigured
from openviper.storage import Storage, StorageError

__all__ = ["Outcome", "Reaped", "reap"]

Outcome: TypeAlias = Literal["removed", "kept", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped:
    """Say what became of one file: removed, kept as a row has it, or neither, as `error` says."""

    note: Note
    outcome: Outcome
    error: Exception | None = None


async def reap(
    engine: AsyncEngine | Engine | None = None,
    metadata: sa.MetaData | None = None,
    *,
    older_than: timedelta = timedelta(days=1),
    dry_run: bool = False,
) -> AsyncIterator[Reaped]:
    """Remove the files that no row has, which processes that were killed left behind.

    Looks at what was noted over `older_than` ago: an upload that is under way for longer is
    taken for a leftover, and its `save` fails. `dry_run` says what would be done. Without an
    engine and its metadata those of `Model` are meant. Files whose transaction is about to end
    are left alone, as is all that can't be deleted, for the next time. Any number of processes
    may do this at once.
    """
    engine = await default_engine() if engine is None else engine
    metadata = Model.metadata if metadata is None else metadata
    bind = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    ledger = ledger_of(bind, metadata)
    if ledger is None:
        return
    for note in await ledger.notes(before=now() - older_than):
        outcome: Outcome | None
        try:
            storage = _storage_of(note, metadata)
            outcome = await greenlet_spawn(_reap, bind, ledger, note, storage, dry_run)
        except (ImproperlyConfigured, OSError, SQLAlchemyError, StorageError) as error:
            yield Reaped(note=note, outcome="failed", error=error)
        else:
            if outcome is not None:
                yield Reaped(note=note, outcome=outcome)


def _reap(
    bind: Engine, ledger: Ledger, note: Note, storage: Storage, dry_run: bool
) -> Outcome | None:
    """Settle one note while nobody else can; None where somebody has done it, or is about to."""
    with bind.connect() as connection, connection.begin() as transaction:
        if not _lock(connection, ledger, note):
            return None
        outcome: Outcome = "kept" if _has_row(connection, note) else "removed"
        if dry_run:
            transaction.rollback()
            return outcome
        if outcome == "removed":
            run(storage.delete(note.name))
        if not ledger.withdraw(connection, [note]):
            run(ledger.forget([note]))
    return outcome


def _lock(connection: Connection, ledger: Ledger, note: Note) -> bool:
    """Hold a note till the transaction ends, if it is there and nobody else holds it."""
    if not ledger.is_beside:
        mine = sa.select(ledger.table.c.id).where(ledger.table.c.id == note.id)
        return connection.scalar(mine.with_for_update(skip_locked=True)) is not None
    # SQLite has one lock for all, which any write takes, and who claims a note has it too.
    table, column = _column(note)
    try:
        connection.execute(sa.update(table).where(sa.false()).values({column: None}))
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
        return False
    return run(ledger.count([note])) == 1


def _has_row(connection: Connection, note: Note) -> bool:
    _, column = _column(note)
    return connection.scalar(sa.select(sa.exists().where(column == note.name))) is True


def _column(note: Note) -> tuple[sa.TableClause, sa.ColumnClause[str]]:
    schema, _, name = note.table_name.rpartition(".")
    column = sa.column(note.column_name, sa.String)
    return sa.table(name, column, schema=schema or None), column


def _storage_of(note: Note, metadata: sa.MetaData) -> Storage:
    table = metadata.tables.get(note.table_name)
    column = None if table is None else table.columns.get(note.column_name)
    if column is not None and isinstance(column.type, FileType):
        return resolve(column.type.storage)
    if note.storage:
        return resolve(None if note.storage == "default" else note.storage)
    raise ImproperlyConfigured(
        f"{note.table_name}.{note.column_name} keeps its files in a storage that has no alias: "
        "import the module that has its model first (--models)"
    )
