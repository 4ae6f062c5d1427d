"""What the emulators can't show, each with the emulator's fault; the check runs elsewhere.

By backend, then by check. See `docs/architecture.md` for how a cell is excused.
"""

from __future__ import annotations

_MOTO_UNCHECKED = "moto checks no signature: whatever a URL was changed to is served"
_GCS_UNCHECKED = "fake-gcs-server checks no signature and no time, and serves to anybody"

EXCUSES: dict[str, dict[str, str]] = {
    "moto": {
        "signed.expires": "moto does not look at a URL's time",
        "signed.get-does-not-write": _MOTO_UNCHECKED,
        "signed.put-can-not-be-waived-by-the-client": _MOTO_UNCHECKED,
        "signed.put-holds-its-type": _MOTO_UNCHECKED,
        "signed.tampered-is-refused": _MOTO_UNCHECKED,
    },
    "versitygw": {},
    "gcs": {
        "signed.expires": _GCS_UNCHECKED,
        "signed.get-does-not-write": _GCS_UNCHECKED,
        "signed.nothing-without-the-signature": _GCS_UNCHECKED,
        "signed.tampered-is-refused": _GCS_UNCHECKED,
    },
    "azurite": {},
}
