"""Load every check into the registry."""

from openviper.storage.testing.checks import (
    copying,
    deleting,
    lifecycle,
    listing,
    metadata,
    paging,
    putting,
    racing,
    readers,
    reading,
    refusals,
    saving,
    signing,
    stat,
    unfinished,
    urls,
)

__all__ = [
    "copying",
    "deleting",
    "lifecycle",
    "listing",
    "metadata",
    "paging",
    "putting",
    "racing",
    "readers",
    "reading",
    "refusals",
    "saving",
    "signing",
    "stat",
    "unfinished",
    "urls",
]
