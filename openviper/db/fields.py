"""Declare what a model holds: each field is a column of SQLAlchemy's, and typed as its value."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Protocol,
    Required,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

import sqlalchemy as sa
from sqlalchemy.orm import MappedColumn
from sqlalchemy.sql.elements import SQLCoreOperations

from openviper.db.files import FieldFile, FileType, ImageFile, ImageType, Stored, UploadTo
from openviper.db.moments import UTCDateTime, now

__all__ = [
    "BooleanField",
    "CharField",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "Field",
    "FileField",
    "FileOptions",
    "FloatField",
    "ForeignKey",
    "ImageField",
    "IntegerField",
    "JSONField",
    "NotNull",
    "NotNullFile",
    "Null",
    "NullFile",
    "Options",
    "TextField",
    "UUIDField",
    "Upload",
]

T = TypeVar("T")


class Options(TypedDict, total=False):
    """Say what every field may say."""

    # Any: a value of the field's type, or what makes one.
    default: Any
    primary_key: bool
    unique: bool
    index: bool


class NotNull(Options, total=False):
    """Be the options of a field that has a value in every row."""

    null: Literal[False]


class Null(Options, total=False):
    """Be the options of a field that may have none."""

    null: Required[Literal[True]]


class FileOptions(Options, total=False):
    """Say what every field of a file may say besides."""

    storage: Stored
    max_size: int | None
    max_file_size: int | None
    content_types: tuple[str, ...]


class NotNullFile(FileOptions, total=False):
    """Be the options of a field that has a file in every row."""

    null: Literal[False]


class NullFile(FileOptions, total=False):
    """Be the options of a field that may have none."""

    null: Required[Literal[True]]


class Field(MappedColumn[T]):
    """Be a column of a model, required unless `null=True`.

    SQLAlchemy copies a column of an abstract base without its `__init__`: all that a field is
    told is kept by the column and its type, nothing here.
    """

    # Any, here and below: as `Column` takes them; the overloads say what a user may give.
    def __init__(self, *arguments: Any, null: bool = False, **options: Any) -> None:
        options.setdefault("nullable", null and not options.get("primary_key"))
        super().__init__(*arguments, **options)


class CharField(Field[T]):
    """Hold text of at most `max_length` characters."""

    @overload
    def __init__(
        self: CharField[str], max_length: int = 255, **options: Unpack[NotNull]
    ) -> None: ...
    @overload
    def __init__(
        self: CharField[str | None], max_length: int = 255, **options: Unpack[Null]
    ) -> None: ...
    def __init__(self, max_length: int = 255, **options: Any) -> None:
        super().__init__(sa.String(max_length), **options)


class TextField(Field[T]):
    """Hold text of any length."""

    @overload
    def __init__(self: TextField[str], **options: Unpack[NotNull]) -> None: ...
    @overload
    def __init__(self: TextField[str | None], **options: Unpack[Null]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(sa.Text(), **options)


class IntegerField(Field[T]):
    """Hold a whole number."""

    @overload
    def __init__(self: IntegerField[int], **options: Unpack[NotNull]) -> None: ...
    @overload
    def __init__(self: IntegerField[int | None], **options: Unpack[Null]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(sa.Integer(), **options)


class BooleanField(Field[T]):
    """Hold true or false."""

    @overload
    def __init__(self: BooleanField[bool], **options: Unpack[NotNull]) -> None: ...
    @overload
    def __init__(self: BooleanField[bool | None], **options: Unpack[Null]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(sa.Boolean(), **options)


class FloatField(Field[T]):
    """Hold a number."""

    @overload
    def __init__(self: FloatField[float], **options: Unpack[NotNull]) -> None: ...
    @overload
    def __init__(self: FloatField[float | None], **options: Unpack[Null]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(sa.Float(), **options)


class DecimalField(Field[T]):
    """Hold an exact number."""

    @overload
    def __init__(
        self: DecimalField[Decimal],
        *,
        max_digits: int,
        decimal_places: int,
        **options: Unpack[NotNull],
    ) -> None: ...
    @overload
    def __init__(
        self: DecimalField[Decimal | None],
        *,
        max_digits: int,
        decimal_places: int,
        **options: Unpack[Null],
    ) -> None: ...
    def __init__(self, *, max_digits: int, decimal_places: int, **options: Any) -> None:
        super().__init__(sa.Numeric(max_digits, decimal_places), **options)


class DateField(Field[T]):
    """Hold a day."""

    @overload
    def __init__(self: DateField[date], **options: Unpack[NotNull]) -> None: ...
    @overload
    def __init__(self: DateField[date | None], **options: Unpack[Null]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(sa.Date(), **options)


class UUIDField(Field[T]):
    """Hold a UUID."""

    @overload
    def __init__(self: UUIDField[uuid.UUID], **options: Unpack[NotNull]) -> None: ...
    @overload
    def __init__(self: UUIDField[uuid.UUID | None], **options: Unpack[Null]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(sa.Uuid(), **options)


class JSONField(Field[T]):
    """Hold what JSON can say."""

    @overload
    def __init__(self: JSONField[Any], **options: Unpack[NotNull]) -> None: ...
    @overload
    def __init__(self: JSONField[Any | None], **options: Unpack[Null]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(sa.JSON(), **options)


class DateTimeField(Field[T]):
    """Hold an aware moment: `auto_now_add` that of the insert, `auto_now` of each update."""

    @overload
    def __init__(
        self: DateTimeField[datetime],
        *,
        auto_now: bool = False,
        auto_now_add: bool = False,
        **options: Unpack[NotNull],
    ) -> None: ...
    @overload
    def __init__(
        self: DateTimeField[datetime | None],
        *,
        auto_now: bool = False,
        auto_now_add: bool = False,
        **options: Unpack[Null],
    ) -> None: ...
    def __init__(
        self, *, auto_now: bool = False, auto_now_add: bool = False, **options: Any
    ) -> None:
        if auto_now or auto_now_add:
            options.setdefault("default", now)
        super().__init__(UTCDateTime(), onupdate=now if auto_now else None, **options)


class ForeignKey(Field[T]):
    """Hold the key of another model's row: `author_id = ForeignKey("users.id")`.

    Rows that the database itself deletes (`on_delete="CASCADE"`) leave their files behind.
    """

    @overload
    def __init__(
        self: ForeignKey[int], to: str, *, on_delete: str | None = None, **options: Unpack[NotNull]
    ) -> None: ...
    @overload
    def __init__(
        self: ForeignKey[int | None],
        to: str,
        *,
        on_delete: str | None = None,
        **options: Unpack[Null],
    ) -> None: ...
    def __init__(self, to: str, *, on_delete: str | None = None, **options: Any) -> None:
        super().__init__(sa.ForeignKey(to, ondelete=on_delete), **options)


class Upload(Protocol):
    """Be what may be assigned: it has content too, an async `read` or async iteration."""

    @property
    def filename(self) -> str | None:
        """Return what the client calls it."""
        ...


class _TakesUploads(Field[T]):
    if TYPE_CHECKING:  # SQLAlchemy puts an attribute of its own in a field's place

        def __set__(self, instance: Any, value: SQLCoreOperations[T] | T | Upload | str) -> None:
            """Take more than it gives."""


class FileField(_TakesUploads[T]):
    """Hold a file: assign an upload, save, and read a `FieldFile`, which is its name."""

    @overload
    def __init__(
        self: FileField[FieldFile], upload_to: UploadTo = "", **options: Unpack[NotNullFile]
    ) -> None: ...
    @overload
    def __init__(
        self: FileField[FieldFile | None], upload_to: UploadTo = "", **options: Unpack[NullFile]
    ) -> None: ...
    def __init__(self, upload_to: UploadTo = "", **options: Any) -> None:
        given, column = _parted(options)
        super().__init__(FileType(upload_to, **given), **column)


class ImageField(_TakesUploads[T]):
    """Hold an image: a file, checked by its first bytes, with its width and height."""

    @overload
    def __init__(
        self: ImageField[ImageFile],
        upload_to: UploadTo = "",
        *,
        max_pixels: int = 50_000_000,
        **options: Unpack[NotNullFile],
    ) -> None: ...
    @overload
    def __init__(
        self: ImageField[ImageFile | None],
        upload_to: UploadTo = "",
        *,
        max_pixels: int = 50_000_000,
        **options: Unpack[NullFile],
    ) -> None: ...
    def __init__(
        self, upload_to: UploadTo = "", *, max_pixels: int = 50_000_000, **options: Any
    ) -> None:
        given, column = _parted(options)
        super().__init__(ImageType(upload_to, max_pixels=max_pixels, **given), **column)


def _parted(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the type is told, and what the column is."""
    of_type = {"storage", "max_size", "content_types"}
    given = {key: value for key, value in options.items() if key in of_type}
    column = {key: value for key, value in options.items() if key not in of_type}
    limit = column.pop("max_file_size", None)  # the framework's other word for it
    return (given if limit is None else {"max_size": limit, **given}), column
