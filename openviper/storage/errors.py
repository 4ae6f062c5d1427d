"""The one family of errors that leaves this package.

Every error carries `.name` (the file's name, as the user knows it) and `.backend`, has the
vendor's exception as `__cause__`, and can be pickled and copied. Wrong arguments stay the
builtin `TypeError` and `ValueError`.
"""

from __future__ import annotations

from typing import Any

from openviper.exceptions import ImproperlyConfigured

__all__ = [
    "AlreadyExistsError",
    "ContainerNotFoundError",
    "ImproperlyConfiguredError",
    "IntegrityError",
    "InvalidNameError",
    "NameConflictError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "SameFileError",
    "StorageError",
    "StorageFullError",
    "StorageTimeoutError",
    "ThrottledError",
    "TooLargeError",
    "UnavailableError",
    "UnsupportedOperationError",
]


class StorageError(Exception):
    """Report that a storage could not do what it was asked."""

    def __init__(
        self, message: str = "", *, name: str | None = None, backend: str | None = None
    ) -> None:
        super().__init__(message)
        self.name = name
        self.backend = backend

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args), self.__dict__.copy()


def _rebuild(kind: type[StorageError], args: tuple[Any, ...]) -> StorageError:
    return kind(*args)


class NotFoundError(StorageError, FileNotFoundError):
    """Report that no file has this name."""


class AlreadyExistsError(StorageError, FileExistsError):
    """Report that the name is taken and the call was to create, not to replace."""


class NameConflictError(AlreadyExistsError):
    """Report that `a` and `a/b` can't both exist on this backend."""


class PreconditionFailedError(StorageError):
    """Report that the stored file is not the version the caller named."""


class InvalidNameError(StorageError, ValueError):
    """Report a name that no storage takes; nothing was sent or touched."""


class SameFileError(StorageError, ValueError):
    """Report a copy or move of a file onto itself; nothing was changed."""


class TooLargeError(StorageError, ValueError):
    """Report content over a limit that the caller, the settings or the service sets."""


class PermissionDeniedError(StorageError, PermissionError):
    """Report that the credentials or the file modes forbid the operation."""


class ContainerNotFoundError(StorageError):
    """Report that the bucket, the container or the root folder itself is missing."""


class IntegrityError(StorageError):
    """Report that the bytes are not those the checksum or the length promised."""


class StorageFullError(StorageError, OSError):
    """Report that no space or quota is left; nothing of the file was stored."""


class UnavailableError(StorageError, ConnectionError):
    """Report that the service could not be reached or failed; trying later may succeed."""


class ThrottledError(UnavailableError):
    """Report that the service asked to slow down, also after the retries."""


class StorageTimeoutError(UnavailableError, TimeoutError):
    """Report that the service did not answer in time."""


class OutcomeUnknownError(StorageError):
    """Report a write whose reply was lost and whose outcome could not be learnt.

    `.write_id` is what the object's metadata carries under `openviper_write_id` if the write
    did happen.
    """

    def __init__(
        self,
        message: str = "",
        *,
        name: str | None = None,
        backend: str | None = None,
        write_id: str | None = None,
    ) -> None:
        super().__init__(message, name=name, backend=backend)
        self.write_id = write_id


class UnsupportedOperationError(StorageError, NotImplementedError):
    """Report an operation that this backend does not have; nothing was touched."""


class ImproperlyConfiguredError(StorageError, ImproperlyConfigured):
    """Report settings or options from which no storage can be made."""
