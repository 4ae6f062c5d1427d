"""Write models as classes, and ask for their rows by `objects`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import DeclarativeBase, InstanceState, mapped_column
from sqlalchemy.orm.attributes import flag_modified, set_committed_value

from openviper.db.engine import engine, in_transaction, reading, transaction, writing
from openviper.db.pending import pending_files
from openviper.exceptions import NotFound, ValidationError

__all__ = ["Manager", "Model", "Query", "RowNotFound", "create_tables"]

M = TypeVar("M", bound="Model")

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # which numbers no other by itself


class RowNotFound(NotFound, NoResultFound):
    """Say that a query has no row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Generic[M]):
    """Say which rows are meant; nothing is asked of the database until one awaits."""

    model: type[M]
    where: tuple[sa.ColumnElement[bool], ...] = ()
    # Any: whatever SQLAlchemy orders by
    order: tuple[Any, ...] = ()
    most: int | None = None
    skipped: int | None = None

    def filter(self, *conditions: sa.ColumnElement[bool], **values: object) -> Query[M]:
        """Mean rows with these values, and of these conditions (`Document.title.like("a%")`)."""
        return replace(self, where=(*self.where, *conditions, *self._equal(values)))

    def exclude(self, *conditions: sa.ColumnElement[bool], **values: object) -> Query[M]:
        """Mean the rows that `filter` would not."""
        excluded = sa.not_(sa.and_(sa.true(), *conditions, *self._equal(values)))
        return replace(self, where=(*self.where, excluded))

    def order_by(self, *names: str) -> Query[M]:
        """Order by attributes; `"-title"` is descending."""
        return replace(self, order=tuple(self._ordered(name) for name in names))

    def limit(self, count: int) -> Query[M]:
        """Mean at most `count` rows."""
        return replace(self, most=count)

    def offset(self, count: int) -> Query[M]:
        """Leave out the first `count` rows."""
        return replace(self, skipped=count)

    async def all(self) -> list[M]:
        """Return the rows."""
        async with reading() as session:
            return list(await session.scalars(self.statement()))

    async def first(self) -> M | None:
        """Return the first row, if there is one."""
        found = await self.limit(1).all()
        return found[0] if found else None

    async def get(self, *conditions: sa.ColumnElement[bool], **values: object) -> M:
        """Return the one row; `RowNotFound` or SQLAlchemy's `MultipleResultsFound` else."""
        row = await self.get_or_none(*conditions, **values)
        if row is None:
            raise RowNotFound(f"there is no such {self.model.__name__}")
        return row

    async def get_or_none(self, *conditions: sa.ColumnElement[bool], **values: object) -> M | None:
        """Return the one row, or None; `MultipleResultsFound` where there are several."""
        async with reading() as session:
            found = await session.scalars(self.filter(*conditions, **values).statement())
            row: M | None = found.one_or_none()
            return row

    async def count(self) -> int:
        """Return the number of rows."""
        rows = self.statement().order_by(None).subquery()
        async with reading() as session:
            return await session.scalar(sa.select(sa.func.count()).select_from(rows)) or 0

    async def exists(self) -> bool:
        """Tell whether there is such a row."""
        return await self.limit(1).count() > 0

    async def delete(self) -> int:
        """Delete the rows with their files, and return how many there were."""
        async with transaction() as session:
            rows = list(await session.scalars(self.statement()))
            for row in rows:
                await session.delete(row)
        return len(rows)

    # Any: SQLAlchemy 2.0 and 2.1 type a row differently
    def statement(self) -> sa.Select[Any]:
        """Return the query as SQLAlchemy's, to go on with."""
        statement: sa.Select[Any] = sa.select(self.model).where(*self.where)
        order = self.order or tuple(self._ordered(name) for name in _ordering(self.model))
        return statement.order_by(*order).limit(self.most).offset(self.skipped)

    def _equal(self, values: dict[str, object]) -> list[sa.ColumnElement[bool]]:
        return [self._attribute(name) == value for name, value in values.items()]

    def _ordered(self, name: str) -> Any:
        attribute = self._attribute(name.removeprefix("-"))
        return attribute.desc() if name.startswith("-") else attribute.asc()

    def _attribute(self, name: str) -> Any:  # Any: of whatever type
        mapper = sa.inspect(self.model)
        if name == "pk":
            return mapper.primary_key[0]
        if name not in mapper.attrs:
            raise ValueError(
                f"{self.model.__qualname__} has no {name!r}, only {', '.join(mapper.attrs.keys())}"
            )
        return getattr(self.model, name)


class Manager(Query[M]):
    """Mean all rows of a model, and make new ones."""

    __slots__ = ()

    async def create(self, **values: object) -> M:
        """Make a row and save it."""
        row = self.model(**values)
        await row.save()
        return row


class _Objects:
    """Give each model the manager of its own rows."""

    def __get__(self, _: object, model: type[M]) -> Manager[M]:
        return Manager(model=model)


class Model(DeclarativeBase):
    """Be a class of rows: a mapped class of SQLAlchemy's, so `select(Document)` works too.

    `class Meta` may say `table_name`, `abstract` and `ordering`. Without a primary key there
    is an integer `id`.
    """

    __abstract__ = True
    objects: ClassVar[_Objects] = _Objects()

    def __init_subclass__(cls, **options: Any) -> None:  # Any: as SQLAlchemy's
        meta = cls.__dict__.get("Meta")
        if meta is not None and vars(meta).get("abstract"):  # not what a base's Meta says
            cls.__abstract__ = True
        elif "__tablename__" not in cls.__dict__ and not _has_table(cls, meta):
            cls.__tablename__ = getattr(meta, "table_name", cls.__name__.lower())
            if not _has_primary_key(cls):
                cls.id = mapped_column(_KEY, primary_key=True, sort_order=-1)  # pyright: ignore[reportAttributeAccessIssue]
        super().__init_subclass__(**options)

    @property
    def pk(self) -> Any:  # Any: of the primary key's type
        """Return the primary key; a tuple where it has several columns; None before a save."""
        state: InstanceState[Any] = sa.inspect(self)
        values = state.mapper.primary_key_from_instance(self)
        return values[0] if len(values) == 1 else tuple(values)

    async def save(self) -> None:
        """Insert or update the row and store its new files: all, or nothing of it.

        Inside `transaction()` that commits; an error leaves the object as it was before.
        Raises `ValidationError` for values that the columns don't take.
        """
        self._validate()
        before = None if in_transaction() else _Snapshot.of(self)
        try:
            async with writing() as session:
                session.add(self)
        except BaseException:
            if before is not None:
                before.restore(self)
            raise

    async def delete(self) -> None:
        """Delete the row, and its files when that is committed."""
        async with writing() as session:
            await session.delete(self)

    async def refresh(self) -> None:
        """Load the row again; what was not saved is lost."""
        async with reading() as session:
            session.add(self)
            with session.no_autoflush:
                await session.refresh(self)

    refresh_from_db = refresh

    def to_dict(self) -> dict[str, Any]:  # Any: the values of the columns
        """Return the values of the columns."""
        mapper = sa.inspect(type(self))
        return {prop.key: getattr(self, prop.key) for prop in mapper.column_attrs}

    def _validate(self) -> None:
        state: InstanceState[Any] = sa.inspect(self)
        for prop in state.mapper.column_attrs:
            value, kind = state.dict.get(prop.key), prop.columns[0].type
            if not isinstance(kind, sa.String) or not isinstance(value, str):
                continue
            if kind.length is not None and len(value) > kind.length:
                raise ValidationError(f"{prop.key} has over {kind.length} characters")
            if "\0" in value:  # PostgreSQL has no such text
                raise ValidationError(f"{prop.key} has a NUL character")

    def __repr__(self) -> str:
        return f"<{type(self).__qualname__} {sa.inspect(self).identity}>"


pending_files(Model.metadata)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Hold what was loaded and changed: a rollback expires that, and detaches the object."""

    values: dict[str, Any]  # Any: the values of the columns
    changed: frozenset[str]

    @classmethod
    def of(cls, row: Model) -> _Snapshot:
        state: InstanceState[Any] = sa.inspect(row)
        keys = {prop.key for prop in state.mapper.column_attrs} & state.dict.keys()
        changed = frozenset(key for key in keys if state.attrs[key].history.has_changes())
        return cls({key: state.dict[key] for key in keys}, changed)

    def restore(self, row: Model) -> None:
        state: InstanceState[Any] = sa.inspect(row)
        for key, value in self.values.items():
            if key in state.dict and state.attrs[key].history.has_changes():
                continue  # kept, or put back where an upload was stored in vain
            set_committed_value(row, key, value)
            if key in self.changed:
                flag_modified(row, key)


async def create_tables() -> None:
    """Create the tables of all models that are missing; for migrations take alembic."""
    async with (await engine()).begin() as connection:
        await connection.run_sync(Model.metadata.create_all)


def _ordering(model: type[Model]) -> Sequence[str]:
    ordering: Sequence[str] = getattr(getattr(model, "Meta", None), "ordering", ())
    return ordering


def _has_table(cls: type[Model], meta: object) -> bool:
    """Tell whether a class lives in the table of its base."""
    inherited = any(hasattr(base, "__mapper__") for base in cls.__mro__[1:])
    return inherited and not hasattr(meta, "table_name")


def _has_primary_key(cls: type[Model]) -> bool:
    values = (value for base in cls.__mro__ for value in vars(base).values())
    columns = (v.column if hasattr(v, "column") else v for v in values)
    return any(isinstance(c, sa.Column) and c.primary_key for c in columns)
