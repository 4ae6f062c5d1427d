"""Load every check into the registry."""

from openviper.storage.testing.checks import (
    readers,
    reading,
    saving,
)

__all__ = [
    "readers",
    "reading",
    "saving",
]
