"""Refuse requests in the words that each service has for a status."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["Refusal", "Words", "azure_words", "gcs_words", "plain_words", "s3_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Hold the body and the fields of a reply."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Words: TypeAlias = "Callable[[int], Refusal]"
"""Return what a service says with a status."""

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_S3 = {
    200: "InternalError",
    400: "InvalidRequest",
    403: "AccessDenied",
    404: "NoSuchKey",
    405: "MethodNotAllowed",
    409: "ConditionalRequestConflict",
    411: "MissingContentLength",
    412: "PreconditionFailed",
    416: "InvalidRange",
    429: "TooManyRequests",
    500: "InternalError",
    501: "NotImplemented",
    503: "SlowDown",
}

# https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
_AZURE = {
    400: "InvalidInput",
    403: "AuthorizationFailure",
    404: "BlobNotFound",
    405: "UnsupportedHttpVerb",
    409: "LeaseIdMissing",
    411: "MissingContentLengthHeader",
    412: "ConditionNotMet",
    416: "InvalidRange",
    500: "InternalError",
    503: "ServerBusy",
}


def plain_words(status: int) -> Refusal:
    """Say it in plain text, as a server does that no service stands behind."""
    return Refusal(body=f"status {status}\n".encode(), headers={"Content-Type": "text/plain"})


def s3_words(status: int) -> Refusal:
    """Say it as S3 does: a code in XML, also in replies of 200."""
    code = _S3.get(status, f"Status{status}")
    said = f"<Error><Code>{code}</Code><Message>said</Message><RequestId>1</RequestId></Error>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{said}'.encode()
    return Refusal(body=body, headers={"Content-Type": "application/xml"})


def gcs_words(status: int) -> Refusal:
    """Say it as the JSON interface of Google Cloud Storage does."""
    error = {"code": status, "message": "said", "errors": [{"reason": "said", "message": "said"}]}
    body = json.dumps({"error": error}).encode()
    return Refusal(body=body, headers={"Content-Type": "application/json; charset=UTF-8"})


def azure_words(status: int) -> Refusal:
    """Say it as Azure's blob service does: a code in a field, and in XML."""
    code = _AZURE.get(status, f"Status{status}")
    said = f"<Error><Code>{code}</Code><Message>said</Message></Error>"
    body = f'<?xml version="1.0" encoding="utf-8"?>{said}'.encode()
    headers = {"Content-Type": "application/xml", "x-ms-error-code": code}
    return Refusal(body=body, headers=headers)
