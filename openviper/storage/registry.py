"""Make storages from the settings: `storages["alias"]`, and `default_storage` before all."""

from __future__ import annotations

import inspect
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Unpack

from openviper.conf import import_string, settings
from openviper.conf.lazy import SettingsState
from openviper.exceptions import ImproperlyConfigured
from openviper.storage.adapt import call_save
from openviper.storage.base import Storage
from openviper.storage.errors import ImproperlyConfiguredError
from openviper.storage.locator import is_url, options_from_text, read_url
from openviper.storage.types import Content, IfExists, WriteOptions

__all__ = ["DefaultStorage", "StorageRegistry", "default_storage", "storages"]

_ALIASES = {
    "azure": "openviper.storage.backends.AzureStorage",
    "filesystem": "openviper.storage.backends.FileSystemStorage",
    "gcs": "openviper.storage.backends.GCSStorage",
    "memory": "openviper.storage.backends.MemoryStorage",
    "obstore": "openviper.storage.backends.ObstoreStorage",
    "s3": "openviper.storage.backends.S3Storage",
}


class StorageRegistry(Mapping[str, Storage]):
    """Give each storage of the settings by its alias, the same instance each time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: weakref.WeakKeyDictionary[SettingsState, dict[str, Storage]] = (
            weakref.WeakKeyDictionary()
        )

    def __getitem__(self, alias: str) -> Storage:
        state = settings.current()
        if alias == "default" and _default_is_an_alias():
            alias = settings.DEFAULT_FILE_STORAGE
        with self._lock:
            made = self._made.setdefault(state, {})
        if alias not in made:
            # Not under the lock: this imports a module, and another thread that imports the
            # same one may be waiting for a storage. Whoever is first wins.
            new = _make(*self._described(alias))
            with self._lock:
                made.setdefault(alias, new)
        return made[alias]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(["default", *settings.STORAGES]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    async def aclose(self) -> None:
        """Close what the storages made so far have open in this loop."""
        with self._lock:
            made = list(self._made.get(settings.current(), {}).values())
        async with AsyncExitStack() as stack:  # each, also where another fails
            for storage in made:
                stack.push_async_callback(storage.aclose)

    def _described(self, alias: str) -> tuple[str, str, Mapping[str, Any]]:
        """Return where an alias is set, its class or URL, and its options."""
        if alias in settings.STORAGES:
            entry = settings.STORAGES[alias]
            where = f"STORAGES[{alias!r}]"
            if isinstance(entry, str):
                return where, entry, {}
            if isinstance(entry, Mapping) and isinstance(entry.get("BACKEND"), str):
                unknown = sorted(set(map(str, entry)) - {"BACKEND", "OPTIONS"})
                if not unknown:
                    return where, entry["BACKEND"], entry.get("OPTIONS") or {}
            raise ImproperlyConfiguredError(
                f"{where} is a URL, a dotted path or an alias, or a mapping of 'BACKEND' and "
                "'OPTIONS'"
            )
        if alias == "default":
            return "DEFAULT_FILE_STORAGE", settings.DEFAULT_FILE_STORAGE, settings.STORAGE_OPTIONS
        raise ImproperlyConfiguredError(
            f"there is no storage {alias!r} in STORAGES; there are: {', '.join(self)}"
        )


class DefaultStorage(Storage):
    """Be the storage that is the default now: overridden, configured, or of the settings."""

    def __init__(self) -> None:
        self._configured: Storage | None = None
        self._overriding: ContextVar[Storage | None] = ContextVar(
            "openviper_default_storage", default=None
        )

    def current(self) -> Storage:
        """Return the storage that is meant now."""
        chosen = self._chosen()
        return storages["default"] if chosen is None else chosen

    def configure(self, storage: Storage | None) -> None:
        """Put `storage` in the settings' place for the whole process; None takes it back."""
        self._configured = storage

    @contextmanager
    def override(self, storage: Storage) -> Iterator[Storage]:
        """Put `storage` in place inside a `with` block, for this task and those it starts."""
        token = self._overriding.set(storage)
        try:
            yield storage
        finally:
            self._overriding.reset(token)

    async def save(
        self,
        name: str,
        content: Content,
        *,
        if_exists: IfExists = "rename",
        **attributes: Unpack[WriteOptions],
    ) -> str:
        """Store `content`, as bytes where the storage's `save` takes nothing else."""
        return await call_save(
            self.current(),
            name,
            content,
            max_buffer=settings.STORAGE_MAX_BUFFER,
            if_exists=if_exists,
            **attributes,
        )

    async def delete(self, name: str) -> None:
        """Delete a file."""
        await self.current().delete(name)

    async def exists(self, name: str) -> bool:
        """Tell whether a file has this name."""
        return await self.current().exists(name)

    def url(self, name: str) -> str:
        """Return the address of a file."""
        return self.current().url(name)

    async def size(self, name: str) -> int:
        """Return the number of stored bytes."""
        return await self.current().size(name)

    def __repr__(self) -> str:
        chosen = self._chosen()
        known = "as the settings say" if chosen is None else repr(chosen)
        return f"<default_storage: {known}>"

    def _chosen(self) -> Storage | None:
        overriding = self._overriding.get()
        return self._configured if overriding is None else overriding


def _delegate(method: str) -> None:
    """Give `DefaultStorage` a method that calls the same of the current storage.

    All of them together would say nothing but this, and their types are `Storage`'s.
    """

    @wraps(getattr(Storage, method))
    def call(self: DefaultStorage, *arguments: Any, **keywords: Any) -> Any:  # Any: any method
        return getattr(self.current(), method)(*arguments, **keywords)

    setattr(DefaultStorage, method, call)


for _method in (
    "put",
    "stat",
    "read",
    "stream",
    "open",
    "files",
    "list_page",
    "listdir",
    "copy",
    "move",
    "delete_many",
    "delete_prefix",
    "signed_url",
    "sign_upload",
    "aclose",
):
    _delegate(_method)
DefaultStorage.capabilities = property(lambda self: self.current().capabilities)  # type: ignore[assignment]


def _default_is_an_alias() -> bool:
    """Tell whether `DEFAULT_FILE_STORAGE` only points at one of `STORAGES`."""
    named = settings.DEFAULT_FILE_STORAGE in settings.STORAGES and not settings.STORAGE_OPTIONS
    return named and "default" not in settings.STORAGES


def _make(where: str, backend: str, options: Mapping[str, Any]) -> Storage:
    """Make a storage of a dotted path, an alias or a URL."""
    try:
        kind, fixed, text = read_url(backend) if is_url(backend) else (backend, {}, {})
        cls = import_string(_ALIASES.get(kind, kind))
        return _construct(kind, cls, {**fixed, **options_from_text(text, cls), **options})
    except ImproperlyConfigured as error:
        raise ImproperlyConfiguredError(f"{where}: {error}") from error


def _construct(path: str, cls: type, options: dict[str, Any]) -> Storage:
    if not (inspect.isclass(cls) and issubclass(cls, Storage)):
        raise ImproperlyConfigured(f"{path} is not a subclass of openviper.storage.Storage")
    signature = inspect.signature(cls)
    try:
        signature.bind(**options)
    except TypeError as error:
        known = ", ".join(signature.parameters) or "none"
        raise ImproperlyConfigured(
            f"{cls.__qualname__} can't be made: {error}; its options are: {known}"
        ) from None
    try:
        return cls(**options)
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"{cls.__qualname__}: {error}") from error


storages = StorageRegistry()
default_storage = DefaultStorage()
