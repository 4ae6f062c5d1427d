"""The contract as checks that any storage can be run through."""

from openviper.storage.testing import checks as _checks  # noqa: F401 - fills the registry
from openviper.storage.testing.matrix import render_matrix
from openviper.storage.testing.proxy import FaultProxy
from openviper.storage.testing.registry import CHECKS, Check, check
from openviper.storage.testing.runner import Cell, run_check
from openviper.storage.testing.target import FaultAccess, RawAccess, Subject, Target

__all__ = [
    "CHECKS",
    "Cell",
    "Check",
    "FaultAccess",
    "FaultProxy",
    "RawAccess",
    "Subject",
    "Target",
    "check",
    "render_matrix",
    "run_check",
]
