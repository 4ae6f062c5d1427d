"""Load every check into the registry."""

from openviper.storage.testing.checks import (
    metadata,
    putting,
    racing,
    readers,
    reading,
    saving,
    stat,
)

__all__ = [
    "metadata",
    "putting",
    "racing",
    "readers",
    "reading",
    "saving",
    "stat",
]
