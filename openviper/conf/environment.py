"""Read settings from ``OPENVIPER_<NAME>`` variables."""

import contextlib
import json
import os
import types
import typing
from collections.abc import Callable, Mapping

from openviper.conf.settings import Settings, setting_names
from openviper.exceptions import ImproperlyConfigured

__all__ = ["from_environment"]


def from_environment(cls: type[Settings]) -> dict[str, object]:
    """Give the settings of `cls` that the environment holds, each as its annotation says.

    Raises `ImproperlyConfigured` that names the variable and never shows its value.
    """
    found = {name: os.environ.get(f"OPENVIPER_{name}") for name in setting_names(cls)}
    texts = {name: text for name, text in found.items() if text is not None}
    hints = _hints(cls) if texts else {}
    return {name: _parsed(name, text, hints.get(name)) for name, text in texts.items()}


def _hints(cls: type[Settings]) -> dict[str, object]:
    try:
        return typing.get_type_hints(cls)
    except NameError:  # a field of the user's is typed with a name imported for type checkers only
        return typing.get_type_hints(Settings)


def _parsed(name: str, text: str, hint: object) -> object:
    kind = _kind(hint)
    if kind not in _PARSERS:
        raise ImproperlyConfigured(
            f"OPENVIPER_{name}: only text, numbers, booleans and mappings can come from the "
            f"environment; set {name} in a Settings class"
        )
    parse, wanted = _PARSERS[kind]
    with contextlib.suppress(ValueError):
        return parse(text)
    # Outside any `except`: the parser's error holds the text, and would travel as __context__.
    raise ImproperlyConfigured(f"OPENVIPER_{name} must be {wanted}")


def _kind(hint: object) -> object:
    """Reduce an annotation to a key of `_PARSERS`: ``X | None`` to X, any mapping to Mapping."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        return _kind(members[0]) if len(members) == 1 else None
    kind = typing.get_origin(hint) or hint
    return Mapping if isinstance(kind, type) and issubclass(kind, Mapping) else kind


def _boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError
    return _BOOLEANS[text.lower()]


def _json_object(text: str) -> dict[str, object]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - what every parser here raises
    return typing.cast(dict[str, object], value)


_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}

_PARSERS: dict[object, tuple[Callable[[str], object], str]] = {
    str: (str, "a text"),
    int: (int, "a whole number"),
    float: (float, "a number"),
    bool: (_boolean, "1, 0, true or false"),
    Mapping: (_json_object, "a JSON object"),
}
