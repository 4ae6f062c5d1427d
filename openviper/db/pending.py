"""Keep, beside the rows, the names of files that no row has: what a killed process left.

A name is noted before its file is uploaded, and the transaction that writes the row takes the
note away; a name that a row gives up is noted by the transaction that does so, and the note is
taken away once the file is deleted. Whatever is noted when nobody works on it any more is a
file without a row.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable
from sqlalchemy.util import greenlet_spawn

from openviper.db.greenlets import run
from openviper.db.moments import UTCDateTime, now
from openviper.storage.names import MAX_NAME_BYTES

__all__ = ["Ledger", "Note", "ledger_of", "pending_files"]

T = TypeVar("T")

_TABLE = "openviper_pending_files"
_ATTRIBUTE = "_openviper_ledger"


def pending_files(metadata: sa.MetaData) -> sa.Table:
    """Return the table of notes in `metadata`, added to it if need be.

    `Model.metadata` has it. With it in the metadata of your own declarative base, and in your
    database, `reap()` finds what a killed process leaves of your files too.
    """
    found = metadata.tables.get(_TABLE)
    if found is not None:
        return found
    return sa.Table(
        _TABLE,
        metadata,
        sa.Column("id", sa.Uuid(), primary_key=True, default=uuid.uuid4),
        sa.Column("storage", sa.String(255), nullable=False),
        sa.Column("name", sa.String(MAX_NAME_BYTES), nullable=False),
        sa.Column("table_name", sa.String(255), nullable=False),
        sa.Column("column_name", sa.String(255), nullable=False),
        sa.Column("noted", UTCDateTime(), nullable=False, default=now),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Say which file may be without a row: its storage's alias, its name, where a row has it.

    A storage that is an object, and so has no alias, is "": the column knows it.
    """

    storage: str
    name: str
    table_name: str
    column_name: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    noted: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Write notes at once, whatever becomes of the transaction that is running.

    In the same database by connections of its own; of SQLite, where a second writer would wait
    for the first, in a second file beside the first (`is_beside`).
    """

    table: sa.Table
    engine: Engine
    is_beside: bool

    async def add(self, *notes: Note) -> None:
        """Write notes; they are committed when this returns."""
        rows = [_row(note) for note in notes]
        await self.run(lambda connection: connection.execute(sa.insert(self.table), rows))

    async def forget(self, notes: Sequence[Note]) -> None:
        """Take notes away, if they are there."""
        await self.run(lambda connection: connection.execute(self._deleted(notes)))

    async def notes(self, *, before: datetime) -> list[Note]:
        """Return the notes that were written before a moment, the oldest first."""
        if not self._is_begun():
            return []
        old = sa.select(self.table).where(self.table.c.noted < before)
        ordered = old.order_by(self.table.c.noted, self.table.c.id)
        rows = await self.run(lambda connection: connection.execute(ordered).mappings().all())
        return [Note(**row) for row in rows]

    async def count(self, notes: Sequence[Note]) -> int:
        """Return how many of the notes are there."""
        found = sa.select(sa.func.count()).select_from(self.table).where(self._are(notes))
        return int(await self.run(lambda connection: connection.scalar(found) or 0))

    def withdraw(self, connection: Connection, notes: Sequence[Note]) -> bool:
        """Take notes away in a transaction; tell whether its commit leaves none of them.

        Those beside SQLite stay, and those younger than what a transaction of REPEATABLE READ
        can see.
        """
        if self.is_beside:
            return False
        return connection.execute(self._deleted(notes)).rowcount == len(notes)

    def note(self, connection: Connection, notes: Sequence[Note]) -> None:
        """Write notes in a transaction, to be there where that is committed."""
        if self.is_beside:
            run(self.add(*notes))
        else:
            connection.execute(sa.insert(self.table), [_row(note) for note in notes])

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` with a connection on which each statement commits."""

        def connected() -> T:
            with self.engine.connect() as connection:
                return work(connection)

        if self.is_beside:
            return await asyncio.to_thread(connected)
        return await greenlet_spawn(connected)

    def _is_begun(self) -> bool:
        """Tell whether there is a file beside SQLite's: to look must not make it."""
        return not self.is_beside or Path(self.engine.url.database or "").exists()

    def _deleted(self, notes: Iterable[Note]) -> sa.Delete:
        return sa.delete(self.table).where(self._are(notes))

    def _are(self, notes: Iterable[Note]) -> sa.ColumnElement[bool]:
        return self.table.c.id.in_([note.id for note in notes])


def ledger_of(bind: Engine | Connection, metadata: sa.MetaData) -> Ledger | None:
    """Return the ledger of a database; None where it has none, or ends with the process."""
    table = metadata.tables.get(_TABLE)
    engine = _root(bind.engine)
    is_beside = engine.dialect.name == "sqlite"
    if table is None or (is_beside and not _has_file(engine.url)):
        return None
    if _ATTRIBUTE not in vars(engine):
        own = _beside(engine.url) if is_beside else _second(engine)
        if vars(engine).setdefault(_ATTRIBUTE, own) is own:  # there it goes where its engine goes
            event.listen(engine, "engine_disposed", _with_it(own))
    return Ledger(table=table, engine=vars(engine)[_ATTRIBUTE], is_beside=is_beside)


def _root(engine: Engine) -> Engine:
    """Return the engine of which this one is only a view with other options, if it is."""
    return _root(vars(engine)["_proxied"]) if "_proxied" in vars(engine) else engine


def _second(engine: Engine) -> Engine:
    """Return an engine for the same database with a pool of its own.

    Not the same pool: sessions that hold all its connections would wait here for another.
    """
    pool, dialect = engine.pool.recreate(), engine.dialect
    own = Engine(pool, dialect, engine.url, hide_parameters=engine.hide_parameters)
    return own.execution_options(isolation_level="AUTOCOMMIT")


def _beside(url: sa.URL) -> Engine:
    made = url.set(drivername="sqlite", database=f"{url.database}-openviper")
    own = sa.create_engine(made, isolation_level="AUTOCOMMIT")
    event.listen(own, "connect", _prepare)
    return own


def _prepare(connection: Any, _: object) -> None:  # Any: of the driver
    create = CreateTable(pending_files(sa.MetaData()), if_not_exists=True)
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # one wait for the disk a note, not three
    cursor.execute(str(create.compile(dialect=sqlite.dialect())))
    cursor.close()


def _has_file(url: sa.URL) -> bool:
    database = url.database or ":memory:"
    return ":memory:" not in database and not database.startswith("file:")


def _with_it(own: Engine) -> Callable[[Engine], None]:
    process = os.getpid()

    def dispose(_: Engine) -> None:
        own.dispose(close=os.getpid() == process)  # in a fork they are the parent's

    return dispose


def _row(note: Note) -> dict[str, object]:
    return dataclasses.asdict(note)
