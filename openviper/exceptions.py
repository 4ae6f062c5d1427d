"""Name the errors that every part of openviper shares."""

__all__ = ["ImproperlyConfigured", "NotFound", "OpenViperError", "ValidationError"]


class OpenViperError(Exception):
    """Be the base of every error that openviper raises on its own account."""


class ImproperlyConfigured(OpenViperError):  # noqa: N818 - the name Django users look for
    """Say that a setting, an option or an import path can't be used as given."""


class NotFound(OpenViperError, LookupError):  # noqa: N818 - as above
    """Say that there is no such thing, in words for who asked for it."""


class ValidationError(OpenViperError, ValueError):
    """Say that a value given from outside can't be stored, in words for who gave it."""
