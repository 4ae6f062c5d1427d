"""Declare the settings, keep them honest, and show them without their secrets."""

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from types import MemberDescriptorType
from typing import Any

from openviper.exceptions import ImproperlyConfigured

__all__ = ["Settings", "check_class", "check_settings", "setting_names"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Hold every setting with its default.

    Subclass it with ``@dataclasses.dataclass(frozen=True)`` to change a default or to add a
    setting of your own. `STORAGE_MAX_BUFFER` is in bytes.
    """

    MEDIA_ROOT: str = "media"
    MEDIA_URL: str = "/media/"
    DEFAULT_FILE_STORAGE: str = "filesystem"
    # Any: options are whatever the storage class takes, checked against its signature.
    STORAGE_OPTIONS: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    STORAGES: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    STORAGE_MAX_BUFFER: int = 64 << 20
    DATABASE_URL: str = "sqlite+aiosqlite:///db.sqlite3"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # @dataclass writes a __repr__ that shows all, unless the class has one already.
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Settings.__repr__  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        check_settings(self)

    def __repr__(self) -> str:
        shown = (f"{f.name}={_shown(f.name, getattr(self, f.name))}" for f in _visible(self))
        return f"{type(self).__qualname__}({', '.join(shown)})"


def setting_names(cls: type[Settings]) -> tuple[str, ...]:
    """Name the settings that can be given to `cls`, in the order of their declaration."""
    return tuple(field.name for field in dataclasses.fields(cls) if field.init)


def check_settings(settings: Settings) -> None:
    """Raise `ImproperlyConfigured` for the first setting that is unusable, without its value."""
    check_class(type(settings))
    for name, (types, wanted) in _TYPES.items():
        value = getattr(settings, name)
        if not isinstance(value, types) or isinstance(value, bool):
            raise ImproperlyConfigured(f"{name} must be {wanted}, not {type(value).__name__}")
    if settings.STORAGE_MAX_BUFFER <= 0:
        raise ImproperlyConfigured("STORAGE_MAX_BUFFER must be a positive number of bytes")


def check_class(cls: type[Settings]) -> None:
    """Raise `ImproperlyConfigured` if `cls` or a base gives values that Python would ignore."""
    for base in cls.__mro__[: cls.__mro__.index(Settings)]:
        if issubclass(base, Settings) and "__dataclass_params__" not in base.__dict__:
            raise ImproperlyConfigured(
                f"{base.__qualname__} is not a dataclass, so its values would be ignored: "
                "put @dataclasses.dataclass(frozen=True) above it"
            )
        for name in _ignored(base):
            raise ImproperlyConfigured(
                f"{base.__qualname__}.{name} has no annotation, so its value would be ignored: "
                f"write '{name}: <type> = …'"
            )


# A Path is as good as a str: whoever reads MEDIA_ROOT takes both.
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "MEDIA_ROOT": ((str, os.PathLike), "a str"),
    "MEDIA_URL": ((str,), "a str"),
    "DEFAULT_FILE_STORAGE": ((str,), "a str"),
    "STORAGE_OPTIONS": ((Mapping,), "a mapping"),
    "STORAGES": ((Mapping,), "a mapping"),
    "STORAGE_MAX_BUFFER": ((int,), "an int"),
    "DATABASE_URL": ((str,), "a str"),
}

_SECRET_NAME = re.compile(
    "SECRET|KEY|TOKEN|PASSW|CREDENTIAL|URL|DSN|OPTIONS|STORAGES", re.IGNORECASE
)
# user:password@host (a password may hold a "/"), or a query parameter named like a secret
_SECRET_TEXT = re.compile(
    r"://[^\s'\"]*@|[?&][^=&]*(secret|key|token|passw|credential|sig)[^=&]*=", re.IGNORECASE
)


def _ignored(cls: type) -> Iterator[str]:
    """Give the settings that `cls` assigns without declaring them as fields of its own."""
    own = cls.__dict__.get("__dataclass_fields__", {})
    inherited = [getattr(base, "__dataclass_fields__", {}) for base in cls.__mro__[1:]]
    for name in [field.name for field in dataclasses.fields(Settings)]:
        # slots=True leaves a descriptor for every field, declared here or not
        if isinstance(cls.__dict__.get(name), MemberDescriptorType) or name not in cls.__dict__:
            continue
        if name not in own or any(own[name] is fields.get(name) for fields in inherited):
            yield name


def _visible(settings: Settings) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(settings) if field.repr]


def _shown(name: str, value: object) -> str:
    text = repr(value)
    named = name != "MEDIA_URL" and _SECRET_NAME.search(name)
    if named or isinstance(value, Mapping) or _SECRET_TEXT.search(text):
        return "***"
    return text
