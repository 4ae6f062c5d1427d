"""Sign URLs of Google Cloud Storage with the key of a service account, without a request.

https://cloud.google.com/storage/docs/authentication/canonical-requests
gcloud-aio's `Blob.get_signed_url` fixes the host when it is imported, knows https only, and
writes the values of headers in lower case, which the service does not.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from openviper.storage.driver import SignRequest
from openviper.storage.errors import ImproperlyConfiguredError, UnsupportedOperationError

__all__ = ["ServiceAccount", "ToSign", "headers_of", "signed_url", "to_sign"]

_ALGORITHM = "GOOG4-RSA-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """Hold who signs."""

    email: str
    key: RSAPrivateKey = field(repr=False)

    @classmethod
    def of(cls, credentials: Mapping[str, Any]) -> ServiceAccount:  # Any: as json.loads
        """Return the account of a credentials file that has a private key."""
        email, pem = credentials.get("client_email"), credentials.get("private_key")
        if not isinstance(email, str) or not isinstance(pem, str):
            raise UnsupportedOperationError(
                "gcs: these credentials hold no private key to sign with, and signing without one "
                "is not there yet: give service_file, the JSON file of a service account"
            )
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (TypeError, ValueError) as error:
            raise ImproperlyConfiguredError(
                "gcs: the private key of the service account can't be read: give its unchanged "
                "JSON file"
            ) from error
        if not isinstance(key, RSAPrivateKey):
            raise ImproperlyConfiguredError("gcs: the service account's key is not an RSA key")
        return cls(email=email, key=key)

    def sign(self, text: str) -> str:
        """Return the signature of a text, in hex."""
        return self.key.sign(text.encode(), PKCS1v15(), SHA256()).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToSign:
    """Hold the text that is signed and the URL that lacks only the signature."""

    url: str
    text: str


def headers_of(request: SignRequest) -> dict[str, str]:
    """Return the headers that the sender of the request must set, to these values."""
    headers: dict[str, str] = {}
    if request.method == "PUT" and request.content_type is not None:
        headers["content-type"] = request.content_type
    if request.create:
        headers["x-goog-if-generation-match"] = "0"
    return headers


def signed_url(account: ServiceAccount, address: str, request: SignRequest, now: datetime) -> str:
    """Return `address`, which has no query, with a signature that allows just the request."""
    query: dict[str, str] = {}
    if request.method != "PUT":
        if request.content_disposition is not None:
            query["response-content-disposition"] = request.content_disposition
        if request.content_type is not None:
            query["response-content-type"] = request.content_type
    prepared = to_sign(
        address,
        method=request.method,
        email=account.email,
        expires=math.ceil(request.expires),
        headers=headers_of(request),
        query=query,
        now=now,
    )
    return f"{prepared.url}&X-Goog-Signature={account.sign(prepared.text)}"


def to_sign(
    address: str,
    *,
    method: str,
    email: str,
    expires: int,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    now: datetime,
) -> ToSign:
    """Write the canonical request; `now` is in UTC."""
    parts = urlsplit(address)
    signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    signed["host"] = parts.netloc
    names = ";".join(sorted(signed))
    scope = f"{now:%Y%m%d}/auto/storage/goog4_request"
    asked = {
        **query,
        "X-Goog-Algorithm": _ALGORITHM,
        "X-Goog-Credential": f"{email}/{scope}",
        "X-Goog-Date": f"{now:%Y%m%dT%H%M%SZ}",
        "X-Goog-Expires": str(expires),
        "X-Goog-SignedHeaders": names,
    }
    parameters = urlencode(sorted(asked.items()), quote_via=quote, safe="")
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    canonical = "\n".join((method, parts.path, parameters, lines, names, "UNSIGNED-PAYLOAD"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return ToSign(
        url=f"{address}?{parameters}",
        text="\n".join((_ALGORITHM, f"{now:%Y%m%dT%H%M%SZ}", scope, digest)),
    )
