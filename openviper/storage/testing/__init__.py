"""The contract as checks that any storage can be run through.

Subclass `StorageConformance` and run pytest, or run `python -m openviper.storage.testing
myapp.storage:make` with no test file at all.
"""

from openviper.storage.testing import checks as _checks  # noqa: F401 - fills the registry
from openviper.storage.testing.conformance import StorageConformance
from openviper.storage.testing.matrix import Matrix, matrix_of
from openviper.storage.testing.places import SharedPlaceError
from openviper.storage.testing.proxy import FaultProxy
from openviper.storage.testing.registry import CHECKS, Check, check
from openviper.storage.testing.reports import render
from openviper.storage.testing.runner import Cell, run_check
from openviper.storage.testing.target import FaultAccess, Profile, RawAccess, Subject, Target

__all__ = [
    "CHECKS",
    "Cell",
    "Check",
    "FaultAccess",
    "FaultProxy",
    "Matrix",
    "Profile",
    "RawAccess",
    "SharedPlaceError",
    "StorageConformance",
    "Subject",
    "Target",
    "check",
    "matrix_of",
    "render",
    "run_check",
]
