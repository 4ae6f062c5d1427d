"""Store uploads when a session flushes, and note the files that its rows give up."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

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

from openviper.db.files import FieldFile, FileType, can_be_sent_again, is_upload, resolve
from openviper.db.journal import Made, journal_of, journal_to_write, remove, run
from openviper.exceptions import ValidationError
from openviper.storage import OutcomeUnknownError, Storage
from openviper.storage.names import canonical

__all__ = ["FileColumn", "file_columns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileColumn:
    """Be an attribute of a mapped class that names files."""

    key: str
    type: FileType
    required: bool


@dataclass(eq=False, slots=True, kw_only=True)
class _Change:
    """Be a new value of one row's file; `result` is what the row will hold."""

    state: InstanceState[Any]  # Any: of whatever class
    column: FileColumn
    value: Any  # Any: whatever was assigned
    storage: Storage
    result: FieldFile | None = field(init=False, default=None)

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
            yield FileColumn(key=prop.key, type=column.type, required=required)


@event.listens_for(Session, "before_flush")
def _before_flush(session: Session, _: object, instances: Sequence[object] | None) -> None:
    changes = list(_changes(session, instances))
    if not changes:
        return
    for change in changes:
        change.check()
    made: list[Made] = []
    try:
        if any(change.is_upload for change in changes):
            run(_upload_all(changes, made))
        for change in changes:
            setattr(change.row, change.column.key, change.result)
        _enter(session, changes, made)
    except BaseException:
        for entry in made:
            entry.put_back()
        if made:
            run(remove([(entry.storage, entry.name) for entry in made]))
        raise


def _changes(session: Session, instances: Sequence[object] | None) -> Iterator[_Change]:
    journal = journal_of(session)
    rows = [*session.new, *session.dirty]
    for row in rows if instances is None else [row for row in rows if row in instances]:
        state: InstanceState[Any] = sa.inspect(row)
        for column in file_columns(state.mapper):
            added = state.attrs[column.key].history.added
            if not added and (state.persistent or not column.required):
                continue
            value = added[0] if added else None
            if isinstance(value, FieldFile) and journal and journal.has_made(value.name):
                continue  # stored by a flush that failed before its first statement
            yield _Change(
                state=state, column=column, value=value, storage=resolve(column.type.storage)
            )


async def _upload_all(changes: list[_Change], made: list[Made]) -> None:
    for change in changes:
        if change.is_upload:
            name = await _upload(change)
            change.result = change.column.type.named(name)
            made.append(_made(change, name))


async def _upload(change: _Change) -> str:
    try:
        return await change.column.type.store(change.storage, change.row, change.value)
    except ValidationError as error:
        raise ValidationError(f"{change.column.key}: {error}") from error
    except OutcomeUnknownError as error:
        if error.name is not None:  # nobody else has this name
            await remove([(change.storage, error.name)])
        raise


def _made(change: _Change, name: str) -> Made:
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

    return Made(storage=change.storage, name=name, put_back=put_back)


def _enter(session: Session, changes: list[_Change], made: list[Made]) -> None:
    """Lock the rows, only now that all is uploaded, and note what they give up."""
    journal = journal_to_write(session)
    given_up: list[tuple[Storage, str]] = []
    for change in sorted(changes, key=_lock_order):
        connection = session.connection(bind_arguments={"mapper": change.state.mapper})
        journal.watch(connection)
        if change.state.persistent:
            current = _locked(connection, change.state, change.column, deleting=False)
            if current and current != change.result:
                given_up.append((change.storage, current))
    level = _level(session)
    for entry in made:
        entry.level = level
    journal.made += made
    for storage, name in given_up:
        journal.give_up(storage, name, level)
    for change in changes:
        if change.result is not None:
            journal.keep(change.result.name)


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
            journal = journal_to_write(session)
            journal.watch(connection)
            journal.give_up(resolve(column.type.storage), name, _level(session))


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
        journal = journal_to_write(session)
        journal.watch(connection)
        for parameters in given if isinstance(given, list) else [given]:
            for name in _locked_names(connection, mapper, column, where, parameters, deleting=True):
                if name:
                    journal.give_up(resolve(column.type.storage), name, _level(session))
