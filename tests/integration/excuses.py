"""What the emulators can't show, each with the emulator's fault; the check runs elsewhere.

By backend, then by check. See `docs/architecture.md` for how a cell is excused.
"""

from __future__ import annotations

EXCUSES: dict[str, dict[str, str]] = {
    "moto": {},
    "versitygw": {},
    "gcs": {},
    "azurite": {},
}
