"""Give the settings in force, loaded when they are first read."""

import dataclasses
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from openviper.conf.loading import load_settings
from openviper.conf.settings import Settings, check_settings, setting_names
from openviper.exceptions import ImproperlyConfigured

__all__ = ["LazySettings", "SettingsState", "settings"]


@dataclasses.dataclass(frozen=True, eq=False, slots=True, weakref_slot=True, kw_only=True)
class SettingsState:
    """Stand for one configuration, to key caches by: hashed by identity, weakly referable."""

    settings: Settings


class LazySettings:
    """Read settings as attributes; load, configure and override them for the whole process."""

    # Declared for type checkers; `__getattr__` gives the values.
    MEDIA_ROOT: str
    MEDIA_URL: str
    DEFAULT_FILE_STORAGE: str
    STORAGE_OPTIONS: Mapping[str, Any]
    STORAGES: Mapping[str, Any]
    STORAGE_MAX_BUFFER: int
    DATABASE_URL: str

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._base: SettingsState | None = None
        self._overrides: tuple[_Override, ...] = ()

    def __getattr__(self, name: str) -> Any:  # Any: a subclass may have settings of its own
        if name.startswith("_"):  # copy, pickle and inspect ask for these: not a reason to load
            raise AttributeError(name)
        return getattr(self.current().settings, name)

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            raise AttributeError(f"settings are frozen: use settings.override({name}=…)")
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        state = self._overrides[-1].state if self._overrides else self._base
        return f"<LazySettings: {state.settings if state else 'not loaded'}>"

    def current(self) -> SettingsState:
        """Give the state in force; the same object until something is configured or overridden."""
        overrides = self._overrides
        return overrides[-1].state if overrides else self._loaded()

    def configure(self, new: Settings | None) -> None:
        """Put `new` in force, or with None forget everything, to be loaded again when read.

        Overrides that are active stay so: they are built anew on `new`, or kept with None.
        """
        base = None if new is None else _state(new)
        with self._lock:
            self._overrides = _rebased(self._overrides, base)
            self._base = base

    @contextmanager
    def override(self, **values: Any) -> Iterator[Settings]:  # Any: as the settings' own types
        """Change some settings inside a ``with`` block, in every thread and task."""
        self._loaded()  # not under the lock, see there
        with self._lock:
            override = _Override(values=values, state=_replaced(self.current(), values))
            self._overrides = (*self._overrides, override)
        try:
            yield override.state.settings
        finally:
            with self._lock:  # by identity: blocks of different tasks may end in any order
                self._overrides = tuple(o for o in self._overrides if o.values is not values)

    def _loaded(self) -> SettingsState:
        if base := self._base:
            return base
        # Not under the lock: loading imports a module, and a thread that imports the same
        # module may be waiting for these settings. Whoever is first wins.
        loaded = _state(load_settings())
        with self._lock:
            self._base = self._base or loaded
            return self._base


@dataclasses.dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class _Override:
    values: dict[str, Any]
    state: SettingsState


def _state(new: Settings) -> SettingsState:
    if not isinstance(new, Settings):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ImproperlyConfigured(
            "settings.configure() takes an instance of openviper.conf.Settings: "
            "write settings.configure(MySettings())"
        )
    check_settings(new)  # again: a subclass may have replaced __post_init__
    return SettingsState(settings=new)


def _replaced(state: SettingsState, values: dict[str, Any]) -> SettingsState:
    cls = type(state.settings)
    known = setting_names(cls)
    unknown = sorted(values.keys() - set(known))
    if unknown:
        raise ImproperlyConfigured(
            f"{cls.__qualname__} has no setting {', '.join(unknown)}; it has {', '.join(known)}"
        )
    return _state(dataclasses.replace(state.settings, **values))


def _rebased(overrides: tuple[_Override, ...], base: SettingsState | None) -> tuple[_Override, ...]:
    if base is None:
        return overrides
    rebased: list[_Override] = []
    for override in overrides:
        base = _replaced(base, override.values)
        rebased.append(_Override(values=override.values, state=base))
    return tuple(rebased)


settings = LazySettings()
