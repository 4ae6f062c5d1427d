"""Load every check into the registry."""

from openviper.storage.testing.checks import (
    deleting,
    listing,
    metadata,
    paging,
    putting,
    racing,
    readers,
    reading,
    saving,
    stat,
)

__all__ = [
    "deleting",
    "listing",
    "metadata",
    "paging",
    "putting",
    "racing",
    "readers",
    "reading",
    "saving",
    "stat",
]
