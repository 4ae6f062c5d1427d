"""Turn what goes wrong into an answer that says why."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from openviper.storage.errors import (
    AlreadyExistsError,
    InvalidNameError,
    NotFoundError,
    PreconditionFailedError,
    StorageError,
    StorageFullError,
    StorageTimeoutError,
    TooLargeError,
    UnavailableError,
)

__all__ = ["ClientHungUpError", "MissingFieldError", "bad_request", "storage_answer", "too_large"]


class MissingFieldError(HTTPException, KeyError):
    """Report a form without a field that the view asked it for."""

    def __init__(self, field: str, *, kind: str) -> None:
        super().__init__(400, f"the form has no {kind} {field!r}")


class ClientHungUpError(HTTPException, ClientDisconnect):
    """Report that the client left before it had sent its whole request."""

    def __init__(self) -> None:
        super().__init__(400, "the connection was closed before the whole request was there")


def bad_request(why: str) -> HTTPException:
    """Return a 400 that says why."""
    return HTTPException(400, why)


def too_large(what: str, limit: int, unit: str) -> HTTPException:
    """Return a 413 that names the limit."""
    return HTTPException(413, f"{what} is over the limit of {limit} {unit}")


# The first that fits. What is missing is our own fault, and stays a 500 with its traceback.
_ANSWERS: tuple[tuple[type[StorageError], int, str], ...] = (
    (NotFoundError, 404, "there is no such file"),
    (AlreadyExistsError, 409, "there is such a file already"),
    (PreconditionFailedError, 412, "the file was changed meanwhile"),
    (TooLargeError, 413, "the file is too large"),
    (StorageTimeoutError, 504, "the storage did not answer in time; try again later"),
    (UnavailableError, 503, "the storage is not available; try again later"),
    (StorageFullError, 507, "the storage is full"),
)


def storage_answer(error: StorageError) -> HTTPException | None:
    """Return what to tell a client about `error`, or None where it is none of its business.

    The words are our own: an error's message may name buckets and settings. That of a bad name
    is only about the name.
    """
    if isinstance(error, InvalidNameError):
        return bad_request(str(error))
    for kind, status, why in _ANSWERS:
        if isinstance(error, kind):
            return HTTPException(status, why)
    return None
