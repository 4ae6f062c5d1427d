"""Remember which files a transaction made and which it gave up, and settle that at its end."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session, SessionTransaction

from openviper.db.greenlets import refuse_blocking, run
from openviper.db.pending import Ledger, Note
from openviper.storage import Storage
from openviper.storage.shield import to_the_end

__all__ = ["GivenUp", "Journal", "Made", "forget", "journal_of", "journal_to_write", "remove"]

_KEY = "openviper.files"
_logger = logging.getLogger("openviper.db")
_COMMITS = ("commit", "commit_twophase")


@dataclass(eq=False, slots=True, kw_only=True)
class GivenUp:
    """Be a file that no row has once this transaction is committed, noted where there is a ledger.

    `level` is the transaction, or the savepoint of it, that decides.
    """

    storage: Storage
    name: str
    ledger: Ledger | None
    notes: Sequence[Note]
    level: SessionTransaction | None = None


@dataclass(eq=False, slots=True, kw_only=True)
class Made(GivenUp):
    """Be a file that no row has unless this transaction is committed; its row can be put back."""

    put_back: Callable[[], None]
    is_cleared: bool = False
    """Whether the commit takes the notes away."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class Journal:
    """Hold what a session's transaction did to files; levels are it and its savepoints."""

    made: list[Made] = field(default_factory=list)
    given_up: list[GivenUp] = field(default_factory=list)
    connections: set[Connection] = field(default_factory=set)
    committing: bool = False
    refused: bool = False
    committed: bool = False

    def watch(self, connection: Connection) -> None:
        """Learn of the commits of a connection, and of what it answers to them."""
        if connection in self.connections:
            return
        self.connections.add(connection)
        _watched[connection] = weakref.ref(self)
        for name in _COMMITS:
            event.listen(connection, name, self._commits)
        # Each time, which adds it once: `event.contains` goes by id(), and may mean an engine
        # that is gone.
        event.listen(connection.engine, "handle_error", _note_refusal)

    def unwatch(self) -> None:
        """Let go of the connections."""
        for connection in self.connections:
            _watched.pop(connection, None)
            for name in _COMMITS:
                event.remove(connection, name, self._commits)

    def _commits(self, connection: Connection, *two_phase: object) -> None:
        if connection.dialect.name == "postgresql" and not two_phase:
            # After a statement that failed it answers COMMIT with ROLLBACK, which no driver
            # takes for an error. Any other statement is refused then.
            connection.exec_driver_sql("SELECT 1")
        self.committing = True

    def keep(self, name: str) -> list[GivenUp]:
        """Keep a file that was given up, as a row has it again; return what is noted of it."""
        kept = [entry for entry in self.given_up if entry.name == name]
        self.given_up = [entry for entry in self.given_up if entry.name != name]
        return kept

    def has_made(self, name: str) -> bool:
        """Tell whether a name was made by this transaction."""
        return any(made.name == name for made in self.made)

    def release(self, level: SessionTransaction) -> None:
        """Move what a savepoint did to the level above it."""
        above = level.parent
        for made in self.made:
            made.level = above if made.level is level else made.level
        for entry in self.given_up:
            entry.level = above if entry.level is level else entry.level

    def take_back(self, level: SessionTransaction) -> Journal:
        """Forget what a savepoint did, and return that."""
        undone = Journal(
            made=[entry for entry in self.made if entry.level is level],
            given_up=[entry for entry in self.given_up if entry.level is level],
        )
        self.made = [entry for entry in self.made if entry.level is not level]
        self.given_up = [entry for entry in self.given_up if entry.level is not level]
        return undone


_watched: weakref.WeakKeyDictionary[Connection, weakref.ref[Journal]] = weakref.WeakKeyDictionary()


def journal_of(session: Session) -> Journal | None:
    """Return a session's journal; None where its transaction has touched no file."""
    journal: Journal | None = session.info.get(_KEY)
    return journal


def journal_to_write(session: Session) -> Journal:
    """Return a session's journal, opened if need be; refused where its end could not be kept."""
    refuse_blocking()
    journal: Journal = session.info.setdefault(_KEY, Journal())
    return journal


async def remove(entries: Iterable[GivenUp]) -> None:
    """Delete files to the end, whatever is cancelled; log those that could not be.

    What could not be deleted stays noted.
    """
    by_storage: dict[int, list[GivenUp]] = {}
    for entry in entries:
        by_storage.setdefault(id(entry.storage), []).append(entry)
    await to_the_end(_remove_all(by_storage.values()))


async def forget(entries: Iterable[GivenUp]) -> None:
    """Take the notes of files away; where that fails, `reap` sees what they are worth."""
    for ledger in {entry.ledger for entry in entries if entry.ledger is not None}:
        notes = [note for entry in entries if entry.ledger == ledger for note in entry.notes]
        try:
            await ledger.forget(notes)
        except Exception:
            # The transaction has ended: there is nobody whom raising would help.
            _logger.exception("notes of files could not be taken away")


async def _remove_all(entries: Iterable[list[GivenUp]]) -> None:
    for of_storage in entries:
        await _remove(of_storage[0].storage, of_storage)


async def _remove(storage: Storage, entries: list[GivenUp]) -> None:
    names = [entry.name for entry in entries]
    try:
        failures = {r.name: r.error for r in await storage.delete_many(names) if not r.ok}
    except Exception:
        # As above.
        _logger.exception("files that no row has could not be deleted: %s", ", ".join(names))
        return
    for name, error in failures.items():
        _logger.error("a file that no row has could not be deleted: %s", name, exc_info=error)
    await forget([entry for entry in entries if entry.name not in failures])


@event.listens_for(Session, "after_commit")
def _after_commit(session: Session) -> None:
    if journal := journal_of(session):
        nested = session.get_nested_transaction()
        if nested is None:
            journal.committed = True
        else:
            journal.release(nested)


@event.listens_for(Session, "after_transaction_end")
def _after_transaction_end(session: Session, transaction: SessionTransaction) -> None:
    """Settle the files; also where a session is closed, which is no rollback to SQLAlchemy."""
    journal = journal_of(session)
    if journal is None:
        return
    if transaction.nested:
        _undo(journal.take_back(transaction))
    elif transaction.parent is None:
        del session.info[_KEY]
        _settle(journal)


def _settle(journal: Journal) -> None:
    outer = any(connection.in_transaction() for connection in journal.connections)
    journal.unwatch()
    if journal.committed and not outer:
        _finish(journal)
    elif journal.committed:
        _log(journal, logging.INFO, "an outer transaction decides, so no file was deleted")
    elif journal.committing and not journal.refused:
        _log(journal, logging.ERROR, "the outcome of a commit is unknown, so no file was deleted")
    else:
        _undo(journal)


def _finish(journal: Journal) -> None:
    if journal.given_up:
        run(remove(journal.given_up))
    noted = [entry for entry in journal.made if entry.notes and not entry.is_cleared]
    if noted:
        run(to_the_end(forget(noted)))


def _undo(journal: Journal) -> None:
    for entry in journal.made:
        entry.put_back()
    if journal.made:
        run(remove(journal.made))
    noted = [entry for entry in journal.given_up if entry.ledger and entry.ledger.is_beside]
    if noted:
        run(to_the_end(forget(noted)))


def _log(journal: Journal, level: int, what: str) -> None:
    made = ", ".join(entry.name for entry in journal.made) or "none"
    given_up = ", ".join(entry.name for entry in journal.given_up) or "none"
    _logger.log(level, "%s; new: %s; replaced or deleted: %s", what, made, given_up)


@event.listens_for(Engine, "savepoint")
def _begin_before_savepoint(connection: Connection, _: str | None) -> None:
    """Keep a released savepoint from being a commit on SQLite.

    Python's sqlite3 begins a transaction at the first INSERT, UPDATE or DELETE only, and a
    SAVEPOINT outside of one commits when it is released, for good: its files would be taken
    for rolled back. See "Serializable isolation / Savepoints" in SQLAlchemy's SQLite dialect.
    """
    if connection.dialect.name == "sqlite" and not _sqlite_is_in_transaction(connection):
        connection.exec_driver_sql("BEGIN")


def _note_refusal(context: ExceptionContext) -> None:
    """Know a commit that the database refused (a deferred constraint) from one that was lost.

    A cancellation or a driver's own timeout is no `DBAPIError`, and then the outcome is open.
    """
    connection = context.connection
    reference = None if connection is None else _watched.get(connection)
    journal = None if reference is None else reference()
    answered = isinstance(context.sqlalchemy_exception, DBAPIError) and not context.is_disconnect
    if connection is None or journal is None or not journal.committing or not answered:
        return
    if connection.dialect.name != "sqlite":
        journal.refused = _is_refusal(context.sqlalchemy_exception)
    elif _sqlite_is_in_transaction(connection):
        journal.refused = True
        # SQLAlchemy 2.1.9 gives the connection back to its pool with the transaction open,
        # and whoever commits there next would commit these rows, without their files.
        connection.dialect.do_rollback(connection.connection)


def _is_refusal(error: object) -> bool:
    """Tell whether an answer to COMMIT says that all was rolled back.

    By its SQLSTATE: data exception, integrity, rollback, an error of PL/pgSQL, as triggers raise
    them. Others may come after the commit, when a server is shut down or its disk is full.
    """
    code = str(getattr(getattr(error, "orig", None), "sqlstate", ""))
    refused = code[:2] in {"22", "23", "40", "P0"} and code != "40003"  # completion unknown
    return refused or isinstance(error, IntegrityError)


def _sqlite_is_in_transaction(connection: Connection) -> bool:
    driver = connection.connection.driver_connection
    return driver is not None and bool(driver.in_transaction)
