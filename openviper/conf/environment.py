"""Read settings from ``OPENVIPER_<NAME>`` variables."""

import os
import typing

from openviper.conf.parsing import parse
from openviper.conf.settings import Settings, setting_names

__all__ = ["from_environment"]


def from_environment(cls: type[Settings]) -> dict[str, object]:
    """Give the settings of `cls` that the environment holds, each as its annotation says.

    Raises `ImproperlyConfigured` that names the variable and never shows its value.
    """
    found = {name: os.environ.get(f"OPENVIPER_{name}") for name in setting_names(cls)}
    texts = {name: text for name, text in found.items() if text is not None}
    hints = _hints(cls) if texts else {}
    return {
        name: parse(text, hints.get(name), called=f"OPENVIPER_{name}")
        for name, text in texts.items()
    }


def _hints(cls: type[Settings]) -> dict[str, object]:
    try:
        return typing.get_type_hints(cls)
    except NameError:  # a field of the user's is typed with a name imported for type checkers only
        return typing.get_type_hints(Settings)
