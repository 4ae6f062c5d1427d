"""Name the errors that every part of openviper shares."""

__all__ = ["ImproperlyConfigured", "OpenViperError"]


class OpenViperError(Exception):
    """Be the base of every error that openviper raises on its own account."""


class ImproperlyConfigured(OpenViperError):  # noqa: N818 - the name Django users look for
    """Say that a setting, an option or an import path can't be used as given."""
