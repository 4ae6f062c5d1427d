"""Declare what a model holds: each field is a column of SQLAlchemy's, and typed as its value."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

import sqlalchemy as sa
from sqlalchemy import Dialect
from sqlalchemy.orm import MappedColumn
from sqlalchemy.types import TypeDecorator

from openviper.db.files import FieldFile, FileType, ImageFile, ImageType, Stored, UploadTo

__all__ = [
    "BooleanField",
    "CharField",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "Field",
    "FileField",
    "FloatField",
    "ForeignKey",
    "ImageField",
    "IntegerField",
    "JSONField",
    "TextField",
    "UUIDField",
]

T = TypeVar("T")


class Options(TypedDict, total=False):
    """Say what every field may say besides `null`."""

    # Any: a value of the field's type, or what makes one.
    default: Any
    primary_key: bool
    unique: bool
    index: bool


class Field(MappedColumn[T]):
    """Be a column of a model, required unless `null=True`."""

    # SQLAlchemy copies a column of an abstract base without its `__init__`: all that a field
    # is told is kept by the column and its type, nothing here.

    def __init__(
        self, *arguments: Any, null: bool = False, **options: Any
    ) -> None:  # Any: as `Column`
        options.setdefault("nullable", null and not options.get("primary_key"))
        super().__init__(*arguments, **options)


class UTCDateTime(TypeDecorator[datetime]):
    """Keep aware datetimes, also where the database has none: in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a datetime without a time zone means another time on each machine")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)


class CharField(Field[T]):
    """Hold text of at most `max_length` characters."""

    @overload
    def __init__(
        self: CharField[str],
        *,
        max_length: int = ...,
        null: Literal[False] = ...,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: CharField[str | None],
        *,
        max_length: int = ...,
        null: Literal[True],
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self, *, max_length: int = 255, null: bool = False, **options: Unpack[Options]
    ) -> None:
        """Say what every field says."""
        super().__init__(sa.String(max_length), null=null, **options)


class TextField(Field[T]):
    """Hold text of any length."""

    @overload
    def __init__(
        self: TextField[str], *, null: Literal[False] = ..., **options: Unpack[Options]
    ) -> None: ...
    @overload
    def __init__(
        self: TextField[str | None], *, null: Literal[True], **options: Unpack[Options]
    ) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        """Say what every field says."""
        super().__init__(sa.Text(), null=null, **options)


class IntegerField(Field[T]):
    """Hold a whole number."""

    @overload
    def __init__(
        self: IntegerField[int], *, null: Literal[False] = ..., **options: Unpack[Options]
    ) -> None: ...
    @overload
    def __init__(
        self: IntegerField[int | None], *, null: Literal[True], **options: Unpack[Options]
    ) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        """Say what every field says."""
        super().__init__(sa.Integer(), null=null, **options)


class BooleanField(Field[T]):
    """Hold true or false."""

    @overload
    def __init__(
        self: BooleanField[bool], *, null: Literal[False] = ..., **options: Unpack[Options]
    ) -> None: ...
    @overload
    def __init__(
        self: BooleanField[bool | None], *, null: Literal[True], **options: Unpack[Options]
    ) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        """Say what every field says."""
        super().__init__(sa.Boolean(), null=null, **options)


class FloatField(Field[T]):
    """Hold a number."""

    @overload
    def __init__(
        self: FloatField[float], *, null: Literal[False] = ..., **options: Unpack[Options]
    ) -> None: ...
    @overload
    def __init__(
        self: FloatField[float | None], *, null: Literal[True], **options: Unpack[Options]
    ) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        """Say what every field says."""
        super().__init__(sa.Float(), null=null, **options)


class DecimalField(Field[T]):
    """Hold an exact number."""

    @overload
    def __init__(
        self: DecimalField[Decimal],
        *,
        max_digits: int,
        decimal_places: int,
        null: Literal[False] = ...,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: DecimalField[Decimal | None],
        *,
        max_digits: int,
        decimal_places: int,
        null: Literal[True],
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self,
        *,
        max_digits: int,
        decimal_places: int,
        null: bool = False,
        **options: Unpack[Options],
    ) -> None:
        """Say what every field says."""
        super().__init__(sa.Numeric(max_digits, decimal_places), null=null, **options)


class DateField(Field[T]):
    """Hold a day."""

    @overload
    def __init__(
        self: DateField[date], *, null: Literal[False] = ..., **options: Unpack[Options]
    ) -> None: ...
    @overload
    def __init__(
        self: DateField[date | None], *, null: Literal[True], **options: Unpack[Options]
    ) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        """Say what every field says."""
        super().__init__(sa.Date(), null=null, **options)


class UUIDField(Field[T]):
    """Hold a UUID."""

    @overload
    def __init__(
        self: UUIDField[uuid.UUID], *, null: Literal[False] = ..., **options: Unpack[Options]
    ) -> None: ...
    @overload
    def __init__(
        self: UUIDField[uuid.UUID | None], *, null: Literal[True], **options: Unpack[Options]
    ) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        """Say what every field says."""
        super().__init__(sa.Uuid(), null=null, **options)


class JSONField(Field[T]):
    """Hold what JSON can say."""

    @overload
    def __init__(
        self: JSONField[Any], *, null: Literal[False] = ..., **options: Unpack[Options]
    ) -> None: ...
    @overload
    def __init__(
        self: JSONField[Any | None], *, null: Literal[True], **options: Unpack[Options]
    ) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        """Say what every field says."""
        super().__init__(sa.JSON(), null=null, **options)


class DateTimeField(Field[T]):
    """Hold an aware moment; `auto_now_add` is that of the insert, `auto_now` of each update."""

    @overload
    def __init__(
        self: DateTimeField[datetime],
        *,
        auto_now: bool = ...,
        auto_now_add: bool = ...,
        null: Literal[False] = ...,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: DateTimeField[datetime | None],
        *,
        auto_now: bool = ...,
        auto_now_add: bool = ...,
        null: Literal[True],
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self,
        *,
        auto_now: bool = False,
        auto_now_add: bool = False,
        null: bool = False,
        **options: Unpack[Options],
    ) -> None:
        """Say whether the field sets itself."""
        if auto_now or auto_now_add:
            options.setdefault("default", _now)
        super().__init__(UTCDateTime(), null=null, onupdate=_now if auto_now else None, **options)


class ForeignKey(Field[T]):
    """Hold the key of another model's row: `author_id = ForeignKey("users.id")`."""

    @overload
    def __init__(
        self: ForeignKey[int],
        to: str,
        *,
        on_delete: str | None = ...,
        null: Literal[False] = ...,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: ForeignKey[int | None],
        to: str,
        *,
        on_delete: str | None = ...,
        null: Literal[True],
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self,
        to: str,
        *,
        on_delete: str | None = None,
        null: bool = False,
        **options: Unpack[Options],
    ) -> None:
        """Say to which column, and what its database does (`"RESTRICT"`, `"SET NULL"`…).

        Rows that the database deletes by itself (`"CASCADE"`) leave their files behind.
        """
        super().__init__(sa.ForeignKey(to, ondelete=on_delete), null=null, **options)


class FileOptions(Options, total=False):
    """Say what every field of a file may say."""

    storage: Stored
    max_size: int | None
    max_file_size: int | None
    content_types: tuple[str, ...]


class FileField(Field[T]):
    """Hold a file: assign an upload, save, and read a `FieldFile`, which is its name."""

    @overload
    def __init__(
        self: FileField[FieldFile],
        upload_to: UploadTo = ...,
        *,
        null: Literal[False] = ...,
        **options: Unpack[FileOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: FileField[FieldFile | None],
        upload_to: UploadTo = ...,
        *,
        null: Literal[True],
        **options: Unpack[FileOptions],
    ) -> None: ...
    def __init__(
        self, upload_to: UploadTo = "", *, null: bool = False, **options: Unpack[FileOptions]
    ) -> None:
        """Say where files go, and which are taken."""
        given, column = _parted(options)
        super().__init__(FileType(upload_to, **given), null=null, **column)


class ImageField(Field[T]):
    """Hold an image: as a file, checked by its first bytes, with its width and height."""

    @overload
    def __init__(
        self: ImageField[ImageFile],
        upload_to: UploadTo = ...,
        *,
        max_pixels: int = ...,
        null: Literal[False] = ...,
        **options: Unpack[FileOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ImageField[ImageFile | None],
        upload_to: UploadTo = ...,
        *,
        max_pixels: int = ...,
        null: Literal[True],
        **options: Unpack[FileOptions],
    ) -> None: ...
    def __init__(
        self,
        upload_to: UploadTo = "",
        *,
        max_pixels: int = 50_000_000,
        null: bool = False,
        **options: Unpack[FileOptions],
    ) -> None:
        """Say where images go, and which are taken."""
        given, column = _parted(options)
        super().__init__(ImageType(upload_to, max_pixels=max_pixels, **given), null=null, **column)


def _parted(options: FileOptions) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the type is told, and what the column is (Any: as each takes it)."""
    column: dict[str, Any] = dict(options)
    of_type = ("storage", "max_size", "content_types")
    given = {key: column.pop(key) for key in of_type if key in column}
    limit = column.pop("max_file_size", None)  # the docs' other word for it
    return (given if limit is None else {"max_size": limit, **given}), column
