"""Sign requests to S3 by Signature Version 4, in their headers."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote

__all__ = ["NO_BODY", "UNSIGNED", "Credentials", "Signer", "quoted_path", "quoted_query"]

NO_BODY = sha256().hexdigest()
"""Stand for the body of a request that has none."""
UNSIGNED = "UNSIGNED-PAYLOAD"
"""Stand where the SHA-256 of the body would be: for requests that TLS protects."""

# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
_ALGORITHM = "AWS4-HMAC-SHA256"
_END = "aws4_request"


class Credentials(Protocol):
    """Describe what the SDK gives for one request."""

    @property
    def access_key(self) -> str: ...  # noqa: D102 - what AWS calls so

    @property
    def secret_key(self) -> str: ...  # noqa: D102 - what AWS calls so

    @property
    def token(self) -> str | None: ...  # noqa: D102 - of a session


@dataclass(frozen=True, slots=True)
class _Key:
    """Hold what signs the requests of one day."""

    secret: str
    day: str
    value: bytes


class Signer:
    """Sign requests to one service in one region.

    The key that is made of the secret stays until the secret or the day (UTC) is another.
    """

    def __init__(self, *, region: str, service: str) -> None:
        self.region = region
        self.service = service
        self._key = _Key("", "", b"")
        self._clock = (0, "")

    def sign(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        *,
        payload: str,
        credentials: Credentials,
        now: float,
    ) -> dict[str, str]:
        """Return `headers` with those that make the request one of the holder's.

        `path` and `query` are as they are sent, the query sorted; the names of `headers` are
        lower case, `host` among them. `payload` is the hex SHA-256 of the body, or `UNSIGNED`;
        `now` is in seconds since 1970.
        """
        moment = self._moment(now)
        signed = {**headers, "x-amz-content-sha256": payload, "x-amz-date": moment}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = sorted(signed)
        lines = "".join([f"{name}:{' '.join(signed[name].split())}\n" for name in names])
        listed = ";".join(names)
        request = f"{method}\n{path}\n{query}\n{lines}\n{listed}\n{payload}"
        day = moment[:8]
        scope = f"{day}/{self.region}/{self.service}/{_END}"
        text = f"{_ALGORITHM}\n{moment}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key_of(credentials.secret_key, day), text.encode(), "sha256")
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={listed}, Signature={signature.hex()}"
        )
        return signed

    def _moment(self, now: float) -> str:
        second = int(now)
        if second != self._clock[0]:
            self._clock = (second, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second)))
        return self._clock[1]

    def _key_of(self, secret: str, day: str) -> bytes:
        key = self._key
        if key.secret != secret or key.day != day:
            value = f"AWS4{secret}".encode()
            for word in (day, self.region, self.service, _END):
                value = hmac.digest(value, word.encode(), "sha256")
            key = self._key = _Key(secret, day, value)
        return key.value


def quoted_path(path: str) -> str:
    """Return a path as S3 has it in addresses and signatures."""
    return quote(path, safe="/~")


def quoted_query(parameters: Iterable[tuple[str, str]]) -> str:
    """Return a query as S3 has it in signatures: sorted, empty values with their `=`."""
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in parameters)
    return "&".join([f"{name}={value}" for name, value in pairs])
