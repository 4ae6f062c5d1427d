"""Store files through one async contract on disk, S3, Google Cloud Storage and Azure."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openviper.conf import Settings, settings
    from openviper.storage import Storage, default_storage, storages

__all__ = ["Settings", "Storage", "__version__", "default_storage", "settings", "storages"]

__version__ = "0.1.0"

_HOMES = {
    "Settings": "openviper.conf",
    "Storage": "openviper.storage",
    "default_storage": "openviper.storage",
    "settings": "openviper.conf",
    "storages": "openviper.storage",
}

# Hidden from type checkers: a module with __getattr__ has every attribute for them.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """List the public names, loaded or not, among the module's own."""
    return sorted({*globals(), *__all__})
