"""Store files through one async contract on disk, S3, Google Cloud Storage and Azure."""

from typing import TYPE_CHECKING

from openviper.lazy import lazy_names

if TYPE_CHECKING:
    from openviper.conf import Settings, settings
    from openviper.storage import Storage, default_storage, storages

__all__ = ["Settings", "Storage", "__version__", "default_storage", "settings", "storages"]

__version__ = "0.1.0"

# Hidden from type checkers: a module with __getattr__ has every attribute for them.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "Settings": "openviper.conf",
            "Storage": "openviper.storage",
            "default_storage": "openviper.storage",
            "settings": "openviper.conf",
            "storages": "openviper.storage",
        },
    )
