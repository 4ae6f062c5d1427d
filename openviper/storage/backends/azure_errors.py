"""Tell what an exception of the Azure SDK means, by its type, code and status alone."""

from __future__ import annotations

from typing import Any

import aiohttp
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)

from openviper.storage.driver import (
    AmbiguousNotFoundError,
    NotSentError,
    RangeNotSatisfiableError,
)
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

__all__ = ["classify", "code_of"]

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


def classify(error: Exception) -> type[StorageError] | None:
    """Return what an exception means; None for what is not the SDK's."""
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        return _answered(error, error.status_code)
    if isinstance(error, ClientAuthenticationError):
        return PermissionDeniedError
    if isinstance(
        error, ServiceRequestTimeoutError | ServiceResponseTimeoutError | aiohttp.ServerTimeoutError
    ):
        return StorageTimeoutError
    if isinstance(error, ServiceRequestError):
        # The transport leaves this type to connections that were never made.
        return NotSentError
    if isinstance(error, AzureError):
        # Also a reply that broke off, which the SDK wraps in an HttpResponseError without status.
        inner = error.inner_exception
        return (classify(inner) if isinstance(inner, Exception) else None) or UnavailableError
    return UnavailableError if isinstance(error, aiohttp.ClientError) else None


def code_of(error: HttpResponseError) -> str:
    """Return the service's own word for an error, "" where it gave none."""
    code: object = getattr(error, "error_code", None)
    if code is None and error.response is not None:
        headers: Any = getattr(error.response, "headers", {})  # Any: missing in its annotations
        code = headers.get("x-ms-error-code")
    return str(getattr(code, "value", code) or "")


def _answered(error: HttpResponseError, status: int) -> type[StorageError]:
    if isinstance(error, DecodeError):
        return UnavailableError
    meaning = _BY_CODE.get(code_of(error)) or _BY_STATUS.get(status)
    if meaning is not None:
        return meaning
    return UnavailableError if status >= 500 else StorageError
