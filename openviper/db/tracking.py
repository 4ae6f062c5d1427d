"""Store uploads when a session flushes, and note the files that its rows give up."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import Connection, event
from sqlalchemy.orm import (
    InstanceState,
    Mapper,
    ORMExecuteState,
    Session,
    SessionTransaction,
    object_session,
)

from openviper.db.files import FieldFile, FileType, alias_of, can_be_sent_again, is_upload, resolve
from openviper.db.greenlets import run
from openviper.db.journal import (
    GivenUp,
    Made,
    forget,
    journal_of,
    journal_to_write,
    remove,
)
from openviper.db.pending import Ledger, Note, ledger_of
from openviper.exceptions import ValidationError
from openviper.storage import OutcomeUnknownError, Storage, StorageTimeoutError
from openviper.storage.names import canonical
from openviper.storage.shield import to_the_end

__all__ = ["FileColumn", "file_columns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileColumn:
    """Be an attribute of a mapped class that names files."""

    key: str
    column: sa.Column[Any]  # Any: of whatever type
    required: bool

    @property
    def type(self) -> FileType:
        """Return what says how files of this column are stored."""
        assert isinstance(self.column.type, FileType)
        return self.column.type

    def note(self, name: str) -> Note:
        """Return what is noted of a file of this column."""
        return Note(
            storage=alias_of(self.type.storage),
            name=name,
            table_name=self.column.table.key,
            column_name=self.column.name,
        )


@dataclass(eq=False, slots=True, kw_only=True)
class _Change:
    """Be a new value of one row's file; `result` is what the row will hold."""

    state: InstanceState[Any]  # Any: of whatever class
    column: FileColumn
    value: Any  # Any: whatever was assigned
    storage: Storage
    ledger: Ledger | None
    result: FieldFile | None = field(init=False, default=None)
    made: Made | None = field(init=False, default=None)

    @property
    def row(self) -> object:
        return self.state.obj()

    @property
    def is_upload(self) -> bool:
        return isinstance(self.value, FieldFile) or not isinstance(self.value, str | None)

    def check(self) -> None:
        """Raise for what can't be a file, before anything is stored."""
        key, value = self.column.key, self.value
        if value is None or value == "":
            if self.column.required:
                raise ValidationError(f"{key}: there is no file, and it needs one")
        elif isinstance(value, _Spent):
            raise ValueError(f"{key}: this upload was a stream and has been read: assign it anew")
        elif isinstance(value, str):
            if not isinstance(value, FieldFile):
                self.result = self.column.type.named(canonical(value))
        elif not is_upload(value):
            raise TypeError(
                f"{key} can't be {type(value).__qualname__}: give an upload, which has a filename "
                "and an async read(), or the name of a stored file, or None"
            )


@dataclass(frozen=True, slots=True)
class _Spent:
    """Stand for a stream that was read in vain, so that it is not stored empty next time."""

    filename: str


_columns: weakref.WeakKeyDictionary[Mapper[Any], tuple[FileColumn, ...]] = (
    weakref.WeakKeyDictionary()
)


def file_columns(mapper: Mapper[Any]) -> tuple[FileColumn, ...]:
    """Return the attributes of a mapped class that name files."""
    found = _columns.get(mapper)
    if found is None:
        found = _columns[mapper] = tuple(_find(mapper))
    return found


def _find(mapper: Mapper[Any]) -> Iterator[FileColumn]:
    for prop in mapper.column_attrs:
        column = prop.columns[0]
        if isinstance(column, sa.Column) and isinstance(column.type, FileType):
            defaulted = column.default is not None or column.server_default is not None
            required = not column.nullable and not defaulted
            yield FileColumn(key=prop.key, column=column, required=required)


@event.listens_for(Session, "before_flush")
def _before_flush(session: Session, _: object, instances: Sequence[object] | None) -> None:
    changes = list(_changes(session, instances))
    if not changes:
        return
    for change in changes:
        change.check()
    try:
        if any(change.is_upload for change in changes):
            run(_upload_all(changes))
        for change in changes:
            setattr(change.row, change.column.key, change.result)
        _enter(session, changes)
    except BaseException:
        made = _made_by(changes)
        for entry in made:
            entry.put_back()
        if made:
            run(remove(made))
        raise


def _made_by(changes: list[_Change]) -> list[Made]:
    return [change.made for change in changes if change.made is not None]


def _changes(session: Session, instances: Sequence[object] | None) -> Iterator[_Change]:
    journal = journal_of(session)
    rows = [*session.new, *session.dirty]
    for row in rows if instances is None else [row for row in rows if row in instances]:
        state: InstanceState[Any] = sa.inspect(row)
        for column in file_columns(state.mapper):
            added = _added(state, column.key)
            if not added and (state.persistent or not column.required):
                continue
            value = added[0] if added else None
            if isinstance(value, FieldFile) and journal and journal.has_made(value.name):
                continue  # stored by a flush that failed before its first statement
            yield _Change(
                state=state,
                column=column,
                value=value,
                storage=resolve(column.type.storage),
                ledger=_ledger(session, state.mapper),
            )


def _added(state: InstanceState[Any], key: str) -> Sequence[Any]:  # Any: whatever was assigned
    """Return the new value of an attribute, in a sequence; an empty one where there is none.

    A new row is inserted as it is: no history has what was put into it past SQLAlchemy, as by
    SQLModel's `model_validate`, or what a `make_transient` row was loaded with.
    """
    if state.persistent:
        return state.attrs[key].history.added
    return [state.dict[key]] if key in state.dict else []


async def _upload_all(changes: list[_Change]) -> None:
    for change in changes:
        if change.is_upload:
            change.made = await _upload(change)
            change.result = change.column.type.named(change.made.name)


async def _upload(change: _Change) -> Made:
    notes: list[Note] = []

    async def announce(name: str) -> None:
        if change.ledger is not None:
            notes.append(change.column.note(name))
            await to_the_end(change.ledger.add(notes[-1]))

    try:
        name = await change.column.type.store(change.storage, change.row, change.value, announce)
    except BaseException as error:
        await _abandon(change, notes, error)
        if isinstance(error, ValidationError):
            raise ValidationError(f"{change.column.key}: {error}") from error
        raise
    return _made(change, name, notes)


async def _abandon(change: _Change, notes: list[Note], error: BaseException) -> None:
    """Remove what may be there of an upload that failed: nobody else has its name."""
    may_be_there = isinstance(error, OutcomeUnknownError) and error.name is not None
    name = str(error.name) if isinstance(error, OutcomeUnknownError) else ""
    entry = GivenUp(storage=change.storage, name=name, ledger=change.ledger, notes=notes)
    await to_the_end(remove([entry]) if may_be_there else forget([entry]))


def _made(change: _Change, name: str, notes: list[Note]) -> Made:
    state, key, upload = change.state, change.column.key, change.value
    again = upload if can_be_sent_again(upload) else _Spent(str(upload.filename))

    def put_back() -> None:
        row = state.obj()
        if row is None or state.dict.get(key) != name:
            return
        if object_session(row) is None:
            setattr(row, key, again)
        else:  # setattr would begin another transaction, inside the end of this one
            state.dict[key] = again

    return Made(
        storage=change.storage, name=name, ledger=change.ledger, notes=notes, put_back=put_back
    )


def _enter(session: Session, changes: list[_Change]) -> None:
    """Lock the rows, only now that all is uploaded, and note what they give up."""
    journal = journal_to_write(session)
    kept = {change.result.name for change in changes if change.result is not None}
    for change in sorted(changes, key=_lock_order):
        mapper = change.state.mapper
        connection = session.connection(bind_arguments={"mapper": mapper})
        journal.watch(connection)
        if change.state.persistent:
            current = _locked(connection, change.state, change.column, deleting=False)
            if current and current not in kept:
                _give_up(session, connection, mapper, change.column, [current])
        if change.result is not None:
            _keep(connection, journal.keep(change.result.name))
        if change.made is not None:
            _claim(connection, change.made)
            change.made.level = _level(session)
    journal.made += _made_by(changes)


def _keep(connection: Connection, entries: list[GivenUp]) -> None:
    """Take away what is noted of files that a row has again."""
    for entry in entries:
        if entry.ledger is not None and not entry.ledger.withdraw(connection, entry.notes):
            run(forget([entry]))


def _claim(connection: Connection, entry: Made) -> None:
    """Take a new file's notes away with this transaction, unless `reap` has been there first."""
    ledger = entry.ledger
    if ledger is None or ledger.withdraw(connection, entry.notes):
        entry.is_cleared = True
    elif run(ledger.count(entry.notes)) < len(entry.notes):
        raise StorageTimeoutError(
            f"{entry.name}: `reap` took this upload for a leftover, as it was under way for so "
            "long: send it again"
        )


def _lock_order(change: _Change) -> tuple[str, str]:
    """Order rows the same way in every transaction, so that two don't wait for each other."""
    return change.state.mapper.class_.__qualname__, str(change.state.identity)


def _level(session: Session) -> SessionTransaction:
    level = session.get_nested_transaction() or session.get_transaction()
    assert level is not None  # its connection is in use
    return level


def _locked(
    connection: Connection, state: InstanceState[Any], column: FileColumn, *, deleting: bool
) -> str | None:
    """Lock a row and return the name that it has now: the one loaded may be out of date."""
    mapper: Mapper[Any] = state.mapper
    identity = state.identity or ()
    where = [key == value for key, value in zip(mapper.primary_key, identity, strict=True)]
    names = _locked_names(connection, mapper, column, where, deleting=deleting)
    return names[0] if names else None


def _locked_names(
    connection: Connection,
    mapper: Mapper[Any],
    column: FileColumn,
    where: Sequence[Any],
    parameters: Any = None,  # Any: as `Connection.execute` takes them
    *,
    deleting: bool,
) -> list[str | None]:
    if connection.dialect.name == "sqlite":  # has no FOR UPDATE: any write locks the database
        key = mapper.primary_key[0]
        lock = sa.update(key.table).where(*where).values({key: key})
        connection.execute(lock, parameters)
    names = sa.select(mapper.columns[column.key]).select_from(mapper.persist_selectable)
    # As UPDATE locks: rows that refer to this one may be inserted meanwhile.
    locked = names.where(*where).with_for_update(key_share=not deleting)
    return list(connection.scalars(locked, parameters))


@event.listens_for(Mapper, "before_delete")
def _before_delete(mapper: Mapper[Any], connection: Connection, row: object) -> None:
    """Note the files of a deleted row; orphans and cascades come here too."""
    for column in file_columns(mapper):
        session = object_session(row)
        assert session is not None  # it is flushing
        if name := _locked(connection, sa.inspect(row), column, deleting=True):
            _give_up(session, connection, mapper, column, [name])


@event.listens_for(Session, "do_orm_execute")
def _before_bulk_delete(execution: ORMExecuteState) -> None:
    """Note the files of rows that `delete(Model).where(…)` is about to delete unseen."""
    statement, mapper = execution.statement, execution.bind_mapper
    if not execution.is_delete or mapper is None or not isinstance(statement, sa.Delete):
        return
    session = execution.session
    where = () if statement.whereclause is None else (statement.whereclause,)
    given = execution.parameters
    for column in file_columns(mapper):
        session.flush()
        connection = session.connection(bind_arguments={"mapper": mapper})
        for parameters in given if isinstance(given, list) else [given]:
            names = _locked_names(connection, mapper, column, where, parameters, deleting=True)
            _give_up(session, connection, mapper, column, [name for name in names if name])


def _give_up(
    session: Session,
    connection: Connection,
    mapper: Mapper[Any],
    column: FileColumn,
    names: Sequence[str],
) -> None:
    """Delete files once the transaction is committed."""
    journal, ledger = journal_to_write(session), _ledger(session, mapper)
    journal.watch(connection)
    given_up = [
        GivenUp(
            storage=resolve(column.type.storage),
            name=name,
            ledger=ledger,
            notes=[column.note(name)] if ledger else [],
            level=_level(session),
        )
        for name in names
    ]
    if ledger is not None and given_up:
        ledger.note(connection, [note for entry in given_up for note in entry.notes])
    journal.given_up += given_up


def _ledger(session: Session, mapper: Mapper[Any]) -> Ledger | None:
    return ledger_of(session.get_bind(mapper), cast("sa.Table", mapper.local_table).metadata)
