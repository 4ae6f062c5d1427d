"""Turn a dotted path into the object it names."""

import importlib
from types import ModuleType
from typing import Any

from openviper.exceptions import ImproperlyConfigured

__all__ = ["import_module", "import_string"]


def import_string(path: str) -> Any:  # Any: the path decides what comes back
    """Import the object that ``"package.module.Name"`` names.

    Raises `ImproperlyConfigured` that says which part is at fault: the path itself, a module
    that is not there, a module that fails while it loads, or a name that the module lacks.
    """
    module_name, _, attribute = path.rpartition(".")
    if not module_name or not all(part.isidentifier() for part in path.split(".")):
        raise ImproperlyConfigured(f"{path!r} is not a dotted path: write 'package.module.Name'")
    module = import_module(module_name)
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        raise ImproperlyConfigured(f"module {module_name!r} has no {attribute!r}") from error
    except ImportError as error:  # a lazy name whose own module lacks an SDK
        raise ImproperlyConfigured(f"importing {path!r} failed: {error}") from error


def import_module(name: str) -> ModuleType:
    """Import a module, or raise `ImproperlyConfigured` that tells "missing" from "broken"."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImproperlyConfigured(_reason(name, error)) from error


def _reason(name: str, error: ImportError) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{name}.".startswith(f"{missing}."):
        return f"cannot import {name!r}: there is no module {missing!r}"
    return f"importing module {name!r} failed: {error}"
