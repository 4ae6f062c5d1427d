"""Store files through one async contract, whatever is behind it."""

from typing import TYPE_CHECKING

from openviper.lazy import lazy_names
from openviper.storage.base import Storage
from openviper.storage.errors import (
    AlreadyExistsError,
    ContainerNotFoundError,
    ImproperlyConfiguredError,
    IntegrityError,
    InvalidNameError,
    NameConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    SameFileError,
    StorageError,
    StorageFullError,
    StorageTimeoutError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
    UnsupportedOperationError,
)
from openviper.storage.files import StorageReader, StorageWriter
from openviper.storage.types import (
    Capabilities,
    Content,
    DeleteResult,
    FileInfo,
    Page,
    SignedUpload,
    Support,
)

if TYPE_CHECKING:
    from openviper.storage.backends import (
        AzureStorage,
        FileSystemStorage,
        GCSStorage,
        MemoryStorage,
        ObstoreStorage,
        S3Storage,
    )
    from openviper.storage.driver import Driver
    from openviper.storage.portable import PortableStorage
    from openviper.storage.registry import default_storage, storages

_BACKENDS = (
    "AzureStorage",
    "FileSystemStorage",
    "GCSStorage",
    "MemoryStorage",
    "ObstoreStorage",
    "S3Storage",
)

__all__ = [
    "AlreadyExistsError",
    "AzureStorage",
    "Capabilities",
    "ContainerNotFoundError",
    "Content",
    "DeleteResult",
    "Driver",
    "FileInfo",
    "FileSystemStorage",
    "GCSStorage",
    "ImproperlyConfiguredError",
    "IntegrityError",
    "InvalidNameError",
    "MemoryStorage",
    "NameConflictError",
    "NotFoundError",
    "ObstoreStorage",
    "OutcomeUnknownError",
    "Page",
    "PermissionDeniedError",
    "PortableStorage",
    "PreconditionFailedError",
    "S3Storage",
    "SameFileError",
    "SignedUpload",
    "Storage",
    "StorageError",
    "StorageFullError",
    "StorageReader",
    "StorageTimeoutError",
    "StorageWriter",
    "Support",
    "ThrottledError",
    "TooLargeError",
    "UnavailableError",
    "UnsupportedOperationError",
    "default_storage",
    "storages",
]

# Hidden from type checkers: a module with __getattr__ has every attribute for them.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            **dict.fromkeys(_BACKENDS, "openviper.storage.backends"),
            "Driver": "openviper.storage.driver",
            "PortableStorage": "openviper.storage.portable",
            "default_storage": "openviper.storage.registry",
            "storages": "openviper.storage.registry",
        },
    )
