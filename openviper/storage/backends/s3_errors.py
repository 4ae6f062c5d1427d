"""Say what an error of the AWS SDK means, by its type, code and status, never by its text."""

from __future__ import annotations

from socket import gaierror

import aiohttp
from botocore import exceptions as sdk

from openviper.storage.backends.http_errors import NotConnectedError
from openviper.storage.driver import (
    AmbiguousNotFoundError,
    NotSentError,
    RangeNotSatisfiableError,
    UnknownCredentialsError,
)
from openviper.storage.errors import (
    ContainerNotFoundError,
    ImproperlyConfiguredError,
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

__all__ = ["classify", "code_of", "is_precondition_failure"]

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and what others answer.
_CODES: dict[type[StorageError], tuple[str, ...]] = {
    AmbiguousNotFoundError: ("404", "NotFound"),  # of a HEAD, whose reply has no body
    NotFoundError: ("NoSuchKey", "NoSuchVersion"),
    ContainerNotFoundError: ("NoSuchBucket", "InvalidBucketName"),
    UnknownCredentialsError: (
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "XAdminUserNotFound",  # versitygw's, with status 404
    ),
    PermissionDeniedError: ("AccessDenied", "AccountProblem", "AllAccessDisabled"),
    PreconditionFailedError: ("PreconditionFailed", "412"),
    NameConflictError: (
        "DirectoryObjectContainsData",
        "ExistingObjectIsDirectory",
        "ObjectParentIsFile",
        "XMinioObjectExistsAsDirectory",
        "XMinioParentIsObject",
    ),
    RangeNotSatisfiableError: ("InvalidRange", "416"),
    IntegrityError: (
        "BadDigest",
        "IncompleteBody",
        "InvalidDigest",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
    ),
    TooLargeError: ("EntityTooLarge", "MaxMessageLengthExceeded"),
    InvalidNameError: (
        "InvalidURI",
        "KeyTooLongError",
        "XMinioInvalidObjectName",
        "XMinioInvalidResourceName",
    ),
    ThrottledError: (
        "BandwidthLimitExceeded",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
    ),
    StorageTimeoutError: ("RequestTimeout", "RequestTimeoutException"),
    # A conflict is no answer: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    # A dead upload id may be that of a Complete whose reply was lost.
    UnavailableError: (
        "ConditionalRequestConflict",
        "InternalError",
        "NoSuchUpload",
        "OperationAborted",
    ),
    StorageFullError: ("QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull"),
    ImproperlyConfiguredError: (
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
    ),
    StorageError: ("InvalidObjectState",),  # archived: 403, but no right would help
}
_BY_CODE = {code: meaning for meaning, codes in _CODES.items() for code in codes}
_BY_STATUS: dict[int, type[StorageError]] = {
    301: ImproperlyConfiguredError,
    401: PermissionDeniedError,
    403: PermissionDeniedError,
    404: AmbiguousNotFoundError,
    405: UnsupportedOperationError,
    409: UnavailableError,
    412: PreconditionFailedError,
    413: TooLargeError,
    416: RangeNotSatisfiableError,
    429: ThrottledError,
    501: UnsupportedOperationError,
    503: ThrottledError,
    507: StorageFullError,
}
_BY_TYPE: tuple[tuple[tuple[type[Exception], ...], type[StorageError]], ...] = (
    ((NotConnectedError, sdk.ConnectTimeoutError, sdk.ProxyConnectionError), NotSentError),
    ((TimeoutError, sdk.ReadTimeoutError), StorageTimeoutError),
    ((sdk.FlexibleChecksumError, sdk.ChecksumError), IntegrityError),
    (
        (
            sdk.NoCredentialsError,
            sdk.NoAuthTokenError,
            sdk.CredentialRetrievalError,
            sdk.TokenRetrievalError,
            sdk.SSOError,
        ),
        PermissionDeniedError,
    ),
    (
        (ConnectionError, sdk.ConnectionError, sdk.HTTPClientError, sdk.IncompleteReadError),
        UnavailableError,
    ),
    # What is left is of the SDK's own making, before anything is sent: profiles, regions,
    # endpoints and bucket names that it can't use.
    ((sdk.BotoCoreError,), ImproperlyConfiguredError),
)


def classify(error: Exception) -> type[StorageError] | None:
    """Return what an exception of the SDK or the connection means; None for any other."""
    if isinstance(error, sdk.ClientError):
        return _of_reply(error)
    if isinstance(error, sdk.EndpointConnectionError):
        return _of_connection(error)
    for kinds, meaning in _BY_TYPE:
        if isinstance(error, kinds):
            return meaning
    return None


def code_of(error: sdk.ClientError) -> str:
    """Return the service's own code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_precondition_failure(error: sdk.ClientError) -> bool:
    """Tell whether the condition of a request did not hold."""
    return _of_reply(error) is PreconditionFailedError


def _of_reply(error: sdk.ClientError) -> type[StorageError]:
    code = code_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "NoSuchKey" and error.operation_name in ("PutObject", "CompleteMultipartUpload"):
        return PreconditionFailedError  # If-Match, and there is nothing to match
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return UnavailableError if status >= 500 else StorageError


def _of_connection(error: sdk.EndpointConnectionError) -> type[StorageError]:
    """Tell a connection that was never made from one that broke: aiobotocore has one type."""
    never_made = isinstance(error.kwargs.get("error"), aiohttp.ClientConnectorError | gaierror)
    return NotSentError if never_made else UnavailableError
