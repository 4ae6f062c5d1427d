"""Learn from the SDK where the requests for a bucket go, and how it would send them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from openviper.storage.errors import ImproperlyConfiguredError

__all__ = ["Route", "learned_route", "prepare_only"]

# No name of a file begins so: see names.py.
_KEY = ".openviper/route"
_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=.+/\d{8}/([^/]+)/([^/]+)/aws4_request,")
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Say where a bucket is, for whom requests are signed, and what goes with their bodies."""

    origin: str
    """Such as `https://host:port`."""
    path: str
    """What comes before `/key`."""
    region: str
    service: str
    hashes: bool
    """Whether the SHA-256 of a body is signed: over http, and where the service may know no CRC."""
    checks: bool
    """Whether a CRC-32 goes with a body."""

    @property
    def host(self) -> str:
        """Return the host as HTTP names it, its port only where it is not the scheme's own."""
        return urlsplit(self.origin).netloc


def prepare_only(client: Any) -> None:  # Any: clients are made at run time
    """Let the SDK's PutObject, which nothing else uses, do all but send."""
    client.meta.events.register("before-send.s3.PutObject", _catch)


async def learned_route(client: Any, bucket: str) -> Route:  # Any: see `prepare_only`
    """Return what the SDK decides by its rules: dual stack, FIPS, access points, addressing.

    What it has found out since (the region of a bucket) is in it.
    """
    try:
        await client.put_object(Bucket=bucket, Key=_KEY, Body=b"x")
    except _PreparedError as prepared:
        return _route_of(prepared.url, prepared.headers)
    raise AssertionError("a PutObject was sent that was only to be prepared")


class _PreparedError(Exception):
    """Bring a request out of the SDK."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        super().__init__()
        self.url = url
        self.headers = headers


def _catch(request: Any, **_: object) -> None:  # Any: botocore's AWSPreparedRequest
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    raise _PreparedError(request.url, headers)


def _route_of(url: str, headers: dict[str, str]) -> Route:
    scope = _SCOPE.match(headers.get("authorization", ""))
    if scope is None:
        raise ImproperlyConfiguredError(
            "s3: requests to this bucket are not signed by Signature Version 4 for one region, "
            "as a multi-region access point's: use a bucket, or an access point of one region"
        )
    parts = urlsplit(url)
    return Route(
        origin=f"{parts.scheme}://{_host(parts.scheme, parts.netloc)}",
        path=parts.path.removesuffix(f"/{_KEY}"),
        region=scope[1],
        service=scope[2],
        hashes=_SHA256.fullmatch(headers["x-amz-content-sha256"]) is not None,
        checks=headers.get("x-amz-sdk-checksum-algorithm") == "CRC32",
    )


def _host(scheme: str, netloc: str) -> str:
    return netloc.lower().removesuffix(":443" if scheme == "https" else ":80")
