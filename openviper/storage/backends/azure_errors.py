"""Tell what a refusal of Azure's means, by its code and status alone."""

from __future__ import annotations

from openviper.storage.backends import http_errors
from openviper.storage.driver import AmbiguousNotFoundError, RangeNotSatisfiableError
from openviper.storage.errors import (
    AlreadyExistsError,
    ContainerNotFoundError,
    IntegrityError,
    InvalidNameError,
    NameConflictError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    StorageFullError,
    StorageTimeoutError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
    UnsupportedOperationError,
)

__all__ = ["RefusedError", "classify", "is_passing", "not_azure"]

# https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
# https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
_BY_CODE: dict[str, type[StorageError]] = {
    "AccountIsDisabled": PermissionDeniedError,
    "AuthenticationFailed": PermissionDeniedError,
    "BlobAlreadyExists": AlreadyExistsError,
    "BlobArchived": UnavailableError,
    "BlobBeingRehydrated": UnavailableError,
    "BlobImmutableDueToLegalHold": PermissionDeniedError,
    "BlobImmutableDueToPolicy": PermissionDeniedError,
    "BlobNotFound": NotFoundError,
    "BlobOverwritten": PreconditionFailedError,
    "BlockCountExceedsLimit": TooLargeError,
    "BlockListTooLong": TooLargeError,
    "ConditionNotMet": PreconditionFailedError,
    "ContainerBeingDeleted": ContainerNotFoundError,
    "ContainerDisabled": PermissionDeniedError,
    "ContainerNotFound": ContainerNotFoundError,
    "Crc64Mismatch": IntegrityError,
    "DirectoryIsNotEmpty": NameConflictError,
    "InternalError": UnavailableError,
    "InvalidAuthenticationInfo": PermissionDeniedError,
    "InvalidRange": RangeNotSatisfiableError,
    "InvalidResourceName": InvalidNameError,
    "InvalidUri": InvalidNameError,
    "LeaseIdMismatchWithBlobOperation": PermissionDeniedError,
    "LeaseIdMissing": PermissionDeniedError,
    "Md5Mismatch": IntegrityError,
    "MetadataTooLarge": TooLargeError,
    "OperationTimedOut": StorageTimeoutError,
    "PathAlreadyExists": NameConflictError,
    "PathConflict": NameConflictError,
    "PendingCopyOperation": UnavailableError,
    "PublicAccessNotPermitted": PermissionDeniedError,
    "RequestBodyTooLarge": TooLargeError,
    "ResourceTypeMismatch": NameConflictError,
    "ServerBusy": ThrottledError,
    "SourceConditionNotMet": PreconditionFailedError,
    "TargetConditionNotMet": PreconditionFailedError,
}
_BY_STATUS: dict[int, type[StorageError]] = {
    401: PermissionDeniedError,
    403: PermissionDeniedError,
    404: AmbiguousNotFoundError,
    408: StorageTimeoutError,
    412: PreconditionFailedError,
    413: TooLargeError,
    416: RangeNotSatisfiableError,
    429: ThrottledError,
    501: UnsupportedOperationError,
    503: ThrottledError,
    504: StorageTimeoutError,
    507: StorageFullError,
}


class RefusedError(Exception):
    """Hold what the service said to a request that it did not carry out, and nothing secret."""

    def __init__(self, method: str, status: int, code: str, request_id: str = "") -> None:
        super().__init__(f"{method}: {status} {code or 'without a code'}, request {request_id}")
        self.status = status
        self.code = code
        """The service's own word for it, "" where it gave none."""
        self.tries_again = status == 408 or (status >= 500 and status not in (501, 505))
        """Whether another attempt may end otherwise."""


def classify(error: Exception) -> type[StorageError] | None:
    """Return what an exception means; None for what is not of a request."""
    if not isinstance(error, RefusedError):
        return http_errors.classify(error)
    meaning = _BY_CODE.get(error.code) or _BY_STATUS.get(error.status)
    if meaning is not None:
        return meaning
    return UnavailableError if error.status >= 500 else StorageError


def is_passing(error: Exception) -> bool:
    """Tell whether trying again may help."""
    if isinstance(error, RefusedError):
        return error.tries_again
    return isinstance(error, UnavailableError) or http_errors.is_passing(error)


def not_azure(lacking: str) -> UnavailableError:
    """Return the error of a reply that says yes and lacks what Azure always says."""
    return UnavailableError(f"azure: a reply of success without {lacking}: something else answered")
