"""Say what it means where a request was not answered."""

from __future__ import annotations

from openviper.storage.driver import NotSentError
from openviper.storage.errors import StorageError, StorageTimeoutError, UnavailableError

__all__ = ["NotConnectedError", "classify", "is_passing"]


class NotConnectedError(ConnectionError):
    """Report a connection that was never made, so that nothing was sent."""


def classify(error: Exception) -> type[StorageError] | None:
    """Return what an exception of a connection means; None for one that is not of it."""
    if isinstance(error, TimeoutError):
        return StorageTimeoutError
    if isinstance(error, NotConnectedError):
        return NotSentError
    return UnavailableError if isinstance(error, ConnectionError) else None


def is_passing(error: Exception) -> bool:
    """Tell whether a connection failed, as another may not."""
    return isinstance(error, TimeoutError | ConnectionError)
