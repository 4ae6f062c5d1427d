"""Continue listings: tokens that are opaque, self-checking and valid in any process."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import dataclass

__all__ = ["Cursor", "read_token", "write_token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Say where a listing stands: past the file named like the prefix, at the driver's token."""

    token: str | None = None
    begun: bool = False


def write_token(cursor: Cursor, *, listing: str) -> str:
    """Return an opaque text for `cursor`, bound to the listing that it belongs to."""
    payload = json.dumps([cursor.token, listing]).encode()
    return base64.urlsafe_b64encode(_check(payload) + payload).decode()


def read_token(token: str | None, *, listing: str) -> Cursor:
    """Return the cursor in a token; `ValueError` for one of another listing or of nobody's."""
    if token is None:
        return Cursor()
    if not isinstance(token, str):
        raise TypeError(f"token is a str or None, not {type(token).__name__}")
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raw = b""
    if len(raw) > 4 and raw[:4] == _check(raw[4:]):
        inner, owner = json.loads(raw[4:])
        if owner == listing:
            return Cursor(token=inner, begun=True)
    raise ValueError("not a token of this listing: give page.token of the page before, unchanged")


def _check(payload: bytes) -> bytes:
    return zlib.crc32(b"openviper" + payload).to_bytes(4, "big")
