"""Find the view that answers a request."""

import openviper.http  # noqa: F401 - says what is missing
from openviper.routing.router import Router

__all__ = ["Router"]
