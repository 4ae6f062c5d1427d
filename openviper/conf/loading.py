"""Find the settings that the environment asks for."""

import dataclasses
import os
from types import ModuleType

from openviper.conf.environment import from_environment
from openviper.conf.importing import import_module, import_string
from openviper.conf.settings import Settings, check_class
from openviper.exceptions import ImproperlyConfigured

__all__ = ["load_settings"]

_VARIABLE = "OPENVIPER_SETTINGS_MODULE"


def load_settings() -> Settings:
    """Build the settings of ``OPENVIPER_SETTINGS_MODULE``, or plain `Settings` without it.

    ``OPENVIPER_<NAME>`` variables win over the defaults of the class.
    """
    cls = _settings_class(os.environ.get(_VARIABLE, ""))
    check_class(cls)
    values = from_environment(cls)
    _refuse_missing(cls, values)
    # The names and types of `values` are known at run time only.
    return cls(**values)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def _settings_class(path: str) -> type[Settings]:
    if not path:
        return Settings
    module_name, colon, name = path.partition(":")
    if not colon:
        return _most_derived(import_module(module_name))
    cls = import_string(f"{module_name}.{name}")
    if isinstance(cls, type) and issubclass(cls, Settings):
        return cls
    raise ImproperlyConfigured(f"{_VARIABLE}: {path} is not a subclass of openviper.conf.Settings")


def _most_derived(module: ModuleType) -> type[Settings]:
    found = _settings_classes(module)
    leaves = [cls for cls in found if not any(issubclass(c, cls) and c is not cls for c in found)]
    if len(leaves) == 1:
        return leaves[0]
    if not leaves:
        raise ImproperlyConfigured(
            f"{_VARIABLE}: module {module.__name__!r} has no subclass of openviper.conf.Settings"
        )
    names = ", ".join(sorted(cls.__qualname__ for cls in leaves))
    raise ImproperlyConfigured(
        f"{_VARIABLE}: module {module.__name__!r} has several settings classes: {names}; "
        f"choose one with '{module.__name__}:<Class>'"
    )


def _settings_classes(module: ModuleType) -> set[type[Settings]]:
    return {
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Settings) and value is not Settings
    }


def _refuse_missing(cls: type[Settings], values: dict[str, object]) -> None:
    for field in dataclasses.fields(cls):
        optional = (field.default, field.default_factory) != (dataclasses.MISSING,) * 2
        if field.init and not optional and field.name not in values:
            raise ImproperlyConfigured(
                f"{cls.__qualname__}.{field.name} has no value: "
                f"give it a default or set OPENVIPER_{field.name}"
            )
