"""Load every check into the registry."""

from openviper.storage.testing.checks import saving

__all__ = ["saving"]
