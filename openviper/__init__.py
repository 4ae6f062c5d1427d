"""Store files through one async contract on disk, S3, Google Cloud Storage and Azure."""

from typing import TYPE_CHECKING

from openviper.lazy import lazy_names

if TYPE_CHECKING:
    from openviper.app import OpenViper
    from openviper.conf import Settings, settings
    from openviper.http import HTTPException, JSONResponse, Limits, Request, UploadFile
    from openviper.routing import Router
    from openviper.storage import Storage, default_storage, storages

__all__ = [
    "HTTPException",
    "JSONResponse",
    "Limits",
    "OpenViper",
    "Request",
    "Router",
    "Settings",
    "Storage",
    "UploadFile",
    "__version__",
    "default_storage",
    "settings",
    "storages",
]

__version__ = "0.1.0"

_HTTP = ("HTTPException", "JSONResponse", "Limits", "Request", "UploadFile")

# Hidden from type checkers: a module with __getattr__ has every attribute for them.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            **dict.fromkeys(_HTTP, "openviper.http"),
            "OpenViper": "openviper.app",
            "Router": "openviper.routing",
            "Settings": "openviper.conf",
            "Storage": "openviper.storage",
            "default_storage": "openviper.storage",
            "settings": "openviper.conf",
            "storages": "openviper.storage",
        },
        extras={"OpenViper": "web"},
    )
