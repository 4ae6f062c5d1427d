"""Keep files in columns: what a row holds of a file, and how an upload becomes that."""

from __future__ import annotations

import fnmatch
import inspect
import re
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import UTC, datetime
from typing import Any, ClassVar, Self, TypeAlias

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

from openviper.conf import settings
from openviper.db.images import HEAD_BYTES, measure
from openviper.exceptions import ValidationError
from openviper.storage import Storage, StorageReader, TooLargeError, default_storage, storages
from openviper.storage.adapt import call_save, takes_if_exists
from openviper.storage.attributes import guess_content_type
from openviper.storage.content import Source, as_bytes
from openviper.storage.names import MAX_NAME_BYTES, MAX_SEGMENT_BYTES, sanitise
from openviper.storage.registry import DefaultStorage

__all__ = [
    "FieldFile",
    "FileType",
    "ImageFile",
    "ImageType",
    "Stored",
    "UploadTo",
    "alias_of",
    "can_be_sent_again",
    "is_upload",
    "resolve",
]

Stored: TypeAlias = Storage | str | None
"""Where files live: a storage, an alias of `storages`, or None for `default_storage`."""

# Any: the row is of the user's own class.
UploadTo: TypeAlias = str | Callable[[Any, str], str | Awaitable[str]]
"""A folder, with strftime codes where it has a `%`, or what makes a path of row and filename."""

_TOKEN = re.compile(r"(-\d+x\d+)?-[0-9a-f]{16}(?=(\.[^.]*)?$)")
_SIZED = re.compile(r"-(\d+)x(\d+)-[0-9a-f]{16}(?:\.[^.]*)?$")
_EXTENSION_BYTES = 64


class FieldFile(str):
    """Be the name of a row's file, a `str` everywhere, with the way to the file itself."""

    __slots__ = ("_stored",)
    _stored: Stored

    def __new__(cls, name: str, storage: Stored = None) -> Self:
        """Name a file of `storage`; nothing is looked up."""
        self = super().__new__(cls, name)
        self._stored = storage
        return self

    @property
    def name(self) -> str:
        """Return the name as a plain `str`."""
        return str.__str__(self)

    @property
    def filename(self) -> str:
        """Return the last part of the name, without what made it unique."""
        return _TOKEN.sub("", self.name.rpartition("/")[2])

    @property
    def storage(self) -> Storage:
        """Return the storage that has the file, as the settings are now."""
        return resolve(self._stored)

    @property
    def url(self) -> str:
        """Return the file's address, without I/O."""
        return self.storage.url(self.name)

    async def size(self) -> int:
        """Return the number of stored bytes."""
        return await self.storage.size(self.name)

    async def exists(self) -> bool:
        """Tell whether the file is there."""
        return await self.storage.exists(self.name)

    async def read(self, *, max_size: int | None = None) -> bytes:
        """Return the whole content; `TooLargeError` where it is over `max_size` bytes."""
        return await self.storage.read(self.name, max_size=max_size)

    def open(self) -> AbstractAsyncContextManager[StorageReader]:
        """Open the file to read."""
        return self.storage.open(self.name)

    async def delete(self) -> None:
        """Delete the file now; the row keeps its name until another value is saved."""
        await self.storage.delete(self.name)

    def __reduce__(self) -> tuple[Any, ...]:  # Any: as object's own
        return type(self), (self.name, self._stored)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: Callable[[type], Any]) -> Any:
        """Be a string to pydantic, which leaves an upload or a row's file as it is.

        Any: a schema is a dict, and pydantic's types are not imported here.
        """
        function = {"type": "no-info", "function": _validated}
        return {"type": "function-wrap", "function": function, "schema": handler(str)}


class ImageFile(FieldFile):
    """Be the name of a row's image; its width and height are part of the name."""

    __slots__ = ()

    @property
    def width(self) -> int | None:
        """Return the pixels in a row, as shown; None for a name that was not made here."""
        found = _SIZED.search(self.name)
        return int(found[1]) if found else None

    @property
    def height(self) -> int | None:
        """Return the number of rows, as shown; None for a name that was not made here."""
        found = _SIZED.search(self.name)
        return int(found[2]) if found else None


class FileType(TypeDecorator[FieldFile]):
    """Be the type of a column that names a file.

    An upload that is assigned to the attribute (anything with a `filename`, and an async `read`
    or async iteration) is stored when its session flushes. A plain `str` is the name of a file
    that exists already, and belongs to the row from then on; a `FieldFile` is copied.
    """

    impl = String
    cache_ok = True
    file_class: ClassVar[type[FieldFile]] = FieldFile
    head_bytes: ClassVar[int] = 0

    def __init__(
        self,
        upload_to: UploadTo = "",
        # not keyword-only: SQLAlchemy's cache keys of types leave those out
        storage: Stored = None,
        max_size: int | None = None,
        content_types: tuple[str, ...] = (),
    ) -> None:
        """Say where files go, how many bytes they may have, and which types (`"image/*"`)."""
        super().__init__(length=MAX_NAME_BYTES)
        self.upload_to = upload_to
        self.storage = storage
        self.max_size = max_size
        self.content_types = tuple(content_types)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Give the database a plain `str` (Any: whatever a statement was given)."""
        if value is None or isinstance(value, str):
            return None if value is None else str.__str__(value)
        raise TypeError(
            f"a statement can't store a {type(value).__qualname__}: assign it to an attribute of "
            "a mapped object and flush that, or save it first and give its name"
        )

    def process_result_value(self, value: str | None, dialect: Dialect) -> FieldFile | None:  # noqa: ARG002
        """Give the row's file its storage."""
        return self.named(value) if value else None

    def named(self, name: str) -> FieldFile:
        """Return the value for a name."""
        return self.file_class(name, self.storage)

    async def store(
        self,
        storage: Storage,
        row: object,
        upload: Any,
        announce: Callable[[str], Awaitable[object]],
    ) -> str:
        """Store an upload under a name that nobody had or will have, and return it.

        `announce` is awaited with the name first, and again where the storage takes another.
        Any: an upload is whatever has a filename and content.
        """
        async with aclosing(Source(await _content(upload))) as source:
            head = bytes(await source.part(self.head_bytes)) if self.head_bytes else b""
            path = await self._path(row, _base(upload.filename))
            name = _fresh(*self.checked(sanitise(path), head))
            await announce(name)
            saved = await call_save(
                storage,
                name,
                self._limited(head, source),
                max_buffer=settings.STORAGE_MAX_BUFFER,
                if_exists="error" if takes_if_exists(storage) else "rename",
            )
        if saved != name:
            await announce(saved)
        return saved

    def checked(self, path: str, head: bytes) -> tuple[str, str]:  # noqa: ARG002
        """Return the path and a label for its name; `ValidationError` for what is not allowed.

        What counts is the type under which the file would be served, not what the client said.
        """
        kind = guess_content_type(path)
        allowed = self.content_types
        if allowed and not any(fnmatch.fnmatchcase(kind, pattern) for pattern in allowed):
            raise ValidationError(f"files of type {kind} are not taken, only {', '.join(allowed)}")
        return path, ""

    async def _path(self, row: object, filename: str) -> str:
        if callable(self.upload_to):
            path = self.upload_to(row, filename)
            return path if isinstance(path, str) else await path
        folder = self.upload_to
        if "%" in folder:
            folder = datetime.now(UTC).strftime(folder)
        return f"{folder}/{filename}"

    async def _limited(self, head: bytes, source: Source) -> AsyncIterator[bytes]:
        count = len(head)
        self._check_size(count)
        if head:
            yield head
        async with aclosing(source.chunks()) as chunks:
            async for chunk in chunks:
                count += len(chunk)
                self._check_size(count)
                yield as_bytes(chunk)

    def _check_size(self, count: int) -> None:
        if self.max_size is not None and count > self.max_size:
            raise TooLargeError(f"the file has over {self.max_size} bytes, which is the most")


class ImageType(FileType):
    """Be the type of a column that names an image: checked by its first bytes, never decoded."""

    cache_ok = True
    file_class: ClassVar[type[FieldFile]] = ImageFile
    head_bytes: ClassVar[int] = HEAD_BYTES

    def __init__(
        self,
        upload_to: UploadTo = "",
        storage: Stored = None,
        max_size: int | None = None,
        content_types: tuple[str, ...] = (),
        max_pixels: int = 50_000_000,
    ) -> None:
        """Say the same as for files, and how many pixels an image may have."""
        super().__init__(upload_to, storage=storage, max_size=max_size, content_types=content_types)
        self.max_pixels = max_pixels

    def checked(self, path: str, head: bytes) -> tuple[str, str]:
        """Return the path with the extension of what the bytes are, and the size as label."""
        facts = measure(head, max_pixels=self.max_pixels)
        stem, extension = _split(path)
        if extension.lower() not in facts.extensions:  # else a PNG would be served as HTML
            path = f"{stem}{facts.extensions[0]}"
        return super().checked(path, head)[0], f"-{facts.width}x{facts.height}"


def alias_of(stored: Stored) -> str:
    """Return the alias by which another process finds a storage; "" for an object of its own."""
    if stored is None or isinstance(stored, DefaultStorage):
        return "default"
    return stored if isinstance(stored, str) else ""


def resolve(stored: Stored) -> Storage:
    """Return the storage that is meant now."""
    if stored is None:
        return default_storage.current()
    if isinstance(stored, str):
        return storages[stored]
    return stored.current() if isinstance(stored, DefaultStorage) else stored


def is_upload(value: object) -> bool:
    """Tell whether a value has a filename and content."""
    readable = callable(getattr(value, "read", None)) or isinstance(value, AsyncIterable)
    return readable and hasattr(value, "filename")


def can_be_sent_again(upload: object) -> bool:
    """Tell whether an upload can be read from its start once more."""
    return isinstance(upload, FieldFile) or callable(getattr(upload, "seek", None))


def _validated(value: object, as_string: Callable[[object], str]) -> object:
    return value if isinstance(value, FieldFile) or is_upload(value) else as_string(value)


async def _content(upload: Any) -> Any:  # Any: both as `Source` takes them
    """Return an upload's content from its start: it is meant whole, also if it was looked at."""
    if isinstance(upload, FieldFile):
        return upload.storage.stream(upload.name)
    if callable(getattr(upload, "seek", None)):
        moved = upload.seek(0)
        if inspect.isawaitable(moved):
            await moved
    return upload


def _base(filename: object) -> str:
    """Return the last segment of what a client calls its file, made safe."""
    base = filename.replace("\\", "/").rpartition("/")[2] if isinstance(filename, str) else ""
    if not base:
        raise ValidationError("the file has no name: none was chosen")
    return sanitise(base)  # alone: in a path, a ".." would only vanish


def _split(path: str) -> tuple[str, str]:
    stem, dot, extension = path.rpartition(".")
    plain = not stem or "/" in extension or len(extension.encode()) > _EXTENSION_BYTES
    return (path, "") if plain else (stem, dot + extension)


def _fresh(path: str, label: str) -> str:
    """Return a path with a label and a random token in its last segment, within the limits.

    Never a name that was used: two transactions that replace one file could otherwise take
    the name that the other just gave up, and delete each other's file.
    """
    parent, slash, leaf = path.rpartition("/")
    stem, extension = _split(leaf)
    tail = f"{label}-{secrets.token_hex(8)}{extension}"
    kept = stem.encode()[: MAX_SEGMENT_BYTES - len(tail.encode())].decode(errors="ignore")
    return f"{parent}{slash}{kept}{tail}"
