"""Load every check into the registry."""

from openviper.storage.testing.checks import (
    copying,
    deleting,
    listing,
    metadata,
    paging,
    putting,
    racing,
    readers,
    reading,
    saving,
    signing,
    stat,
    unfinished,
    urls,
)

__all__ = [
    "copying",
    "deleting",
    "listing",
    "metadata",
    "paging",
    "putting",
    "racing",
    "readers",
    "reading",
    "saving",
    "signing",
    "stat",
    "unfinished",
    "urls",
]
