"""Find the view that answers a request."""

from openviper.routing.router import Router

__all__ = ["Router"]
