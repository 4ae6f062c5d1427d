"""The storages that come with openviper, each loaded with its SDK when it is first asked for."""

from typing import TYPE_CHECKING

from openviper.lazy import lazy_names

if TYPE_CHECKING:
    from openviper.storage.backends.azure import AzureStorage
    from openviper.storage.backends.filesystem import FileSystemStorage
    from openviper.storage.backends.gcs import GCSStorage
    from openviper.storage.backends.memory import MemoryStorage
    from openviper.storage.backends.obstore import ObstoreStorage
    from openviper.storage.backends.s3 import S3Storage

__all__ = [
    "AzureStorage",
    "FileSystemStorage",
    "GCSStorage",
    "MemoryStorage",
    "ObstoreStorage",
    "S3Storage",
]

# Hidden from type checkers: a module with __getattr__ has every attribute for them.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "AzureStorage": "openviper.storage.backends.azure",
            "FileSystemStorage": "openviper.storage.backends.filesystem",
            "GCSStorage": "openviper.storage.backends.gcs",
            "MemoryStorage": "openviper.storage.backends.memory",
            "ObstoreStorage": "openviper.storage.backends.obstore",
            "S3Storage": "openviper.storage.backends.s3",
        },
        extras={
            "AzureStorage": "azure",
            "GCSStorage": "gcs",
            "ObstoreStorage": "obstore",
            "S3Storage": "s3",
        },
    )
