"""Read the values of settings and options out of text, as their annotations say."""

import contextlib
import json
import types
import typing
from collections.abc import Callable, Mapping

from openviper.exceptions import ImproperlyConfigured

__all__ = ["parse"]


def parse(text: str, hint: object, *, called: str) -> object:
    """Return the value of `text` for an annotation.

    Raises `ImproperlyConfigured` that says what `called` must be, and never shows its text,
    which may be a secret.
    """
    kind = _kind(hint)
    if kind not in _PARSERS:
        raise ImproperlyConfigured(
            f"{called}: only text, numbers, booleans and mappings can be written as text; "
            "set it in code"
        )
    read, wanted = _PARSERS[kind]
    with contextlib.suppress(ValueError):
        return read(text)
    # Outside any `except`: the parser's error holds the text, and would travel as __context__.
    raise ImproperlyConfigured(f"{called} must be {wanted}")


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
