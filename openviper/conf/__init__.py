"""Describe, find and read the settings."""

from openviper.conf.importing import import_string
from openviper.conf.lazy import settings
from openviper.conf.settings import Settings

__all__ = ["Settings", "import_string", "settings"]
