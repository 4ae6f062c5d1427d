"""Sign a request with an account's key.

https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from functools import lru_cache

__all__ = ["VERSION", "shared_key"]

VERSION = "2021-12-02"
"""Of the interface: it lists names that XML can't hold, and emulators of these years know it."""

_BEFORE_LENGTH = ("content-encoding", "content-language")
_AFTER_LENGTH = (
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
# The service sorts by words, as the SDKs of all languages had to find out: hyphens count for
# nothing, and underscores come before digits.
_WORDS = str.maketrans({"-": None, "_": " "})


def shared_key(
    account: str,
    key: bytes,
    *,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    length: int,
) -> str:
    """Return the `Authorization` of a request with a body of `length` bytes.

    Names of headers and of the query are in lower case; the path is as it is sent, and the
    query's values are as they were before they were quoted.
    """
    lines = [
        method,
        *(headers.get(name, "") for name in _BEFORE_LENGTH),
        str(length) if length else "",
        *(headers.get(name, "") for name in _AFTER_LENGTH),
        *(f"{name}:{headers[name]}" for name in _own_in_order(tuple(headers))),
        f"/{account}{path}",
        *(f"{name}:{query[name]}" for name in sorted(query)),
    ]
    signature = base64.b64encode(hmac.digest(key, "\n".join(lines).encode(), "sha256"))
    return f"SharedKey {account}:{signature.decode()}"


@lru_cache(maxsize=256)
def _own_in_order(headers: tuple[str, ...]) -> tuple[str, ...]:
    own = (name for name in headers if name.startswith("x-ms-"))
    return tuple(sorted(own, key=lambda name: name.translate(_WORDS)))
