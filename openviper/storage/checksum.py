"""Compare what is written with the checksum that the caller gave."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from openviper.storage.errors import IntegrityError
from openviper.storage.types import Buffer

__all__ = ["Checksum"]

_LENGTHS = {"sha256": 64, "md5": 32, "crc32c": 8}


class Checksum:
    """Hash bytes on their way, and raise `IntegrityError` where they are not the promised ones."""

    def __init__(self, text: str) -> None:
        """Read `"sha256:<hex>"`, `"md5:<hex>"` or `"crc32c:<hex>"`; else `ValueError`."""
        if not isinstance(text, str):
            raise TypeError(f"checksum is a str or None, not {type(text).__name__}")
        self._algorithm, _, digits = text.partition(":")
        length = _LENGTHS.get(self._algorithm)
        if length is None or not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", digits):
            raise ValueError(
                "checksum is 'sha256:' and 64 hex digits, 'md5:' and 32 or 'crc32c:' and 8; "
                f"got {text!r}"
            )
        self._expected = digits.lower()
        self.restart()

    def restart(self) -> None:
        """Forget all bytes so far."""
        self._hash = _new_hash(self._algorithm)

    def update(self, chunk: Buffer) -> None:
        """Take the next bytes in."""
        self._hash.update(chunk)

    def verify(self) -> None:
        """Raise `IntegrityError` unless the bytes so far are the promised ones."""
        found = self._hash.digest().hex()
        if found != self._expected:
            raise IntegrityError(
                f"the content's {self._algorithm} is {found}, not {self._expected}: it was "
                "changed on its way here; nothing was stored"
            )


class _Hash(Protocol):
    def update(self, data: Buffer, /) -> object: ...

    def digest(self) -> bytes: ...


def _new_hash(algorithm: str) -> _Hash:
    if algorithm == "crc32c":
        return _Crc32c()
    import hashlib  # noqa: PLC0415 - OpenSSL, which few saves need

    return hashlib.new(algorithm, usedforsecurity=False)


class _Crc32c:
    def __init__(self) -> None:
        import google_crc32c  # noqa: PLC0415 - 10 ms that few need

        self._extend: Callable[[int, bytes], int] = google_crc32c.extend
        self._crc = 0

    def update(self, data: Buffer, /) -> None:
        self._crc = self._extend(self._crc, bytes(data))  # its C code takes bytes only

    def digest(self) -> bytes:
        return self._crc.to_bytes(4, "big")
