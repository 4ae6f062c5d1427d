"""All mutants, in the order of the catalogue."""

from __future__ import annotations

from tests.mutants import (
    around,
    contents,
    copying,
    deleting,
    ending,
    knowing,
    listing,
    names,
    reading,
    saving,
    signing,
)
from tests.mutants.registry import MUTANTS

__all__ = [
    "MUTANTS",
    "around",
    "contents",
    "copying",
    "deleting",
    "ending",
    "knowing",
    "listing",
    "names",
    "reading",
    "saving",
    "signing",
]
