"""Say what obstore's exceptions mean, by their type or else by what their text has in fields.

For most there is only a dump of what the engine knows, a field a line and texts in quotes: a
status, an errno, a service's code are read there as fields, and sentences are not judged.
"""

from __future__ import annotations

import re

from obstore import exceptions as sdk

from openviper.storage import driver, errors
from openviper.storage.disk.failures import meaning_of

__all__ = ["meaning_on_disk", "meaning_on_service"]

_FIELD = re.compile(
    r'^\s+(?:status: (?P<status>\d+),|code: "(?P<part>\d+)",|code: (?P<errno>\d+),'
    r'|kind: (?P<kind>Connect|Timeout),|"[^\n]*?<Code>(?P<code>\w+)</Code>)',
    re.MULTILINE,
)
_BY_TYPE: dict[type[Exception], type[errors.StorageError]] = {
    FileNotFoundError: driver.AmbiguousNotFoundError,
    sdk.AlreadyExistsError: errors.AlreadyExistsError,
    sdk.InvalidPathError: errors.InvalidNameError,
    sdk.PermissionDeniedError: errors.PermissionDeniedError,
    sdk.PreconditionError: errors.PreconditionFailedError,
    sdk.UnauthenticatedError: driver.UnknownCredentialsError,
}
_BY_CODE: dict[str, type[errors.StorageError]] = {
    # the service's own, an HTTP status, or a kind of the engine's
    "ExistingObjectIsDirectory": errors.NameConflictError,
    "ObjectParentIsFile": errors.NameConflictError,
    "XAdminUserNotFound": driver.UnknownCredentialsError,  # versitygw's, with status 404
    "401": driver.UnknownCredentialsError,
    "403": errors.PermissionDeniedError,
    "404": driver.AmbiguousNotFoundError,
    "412": errors.PreconditionFailedError,
    "413": errors.TooLargeError,
    "416": driver.RangeNotSatisfiableError,
    "429": errors.ThrottledError,
    "503": errors.ThrottledError,
    "507": errors.StorageFullError,
    "Connect": driver.NotSentError,
    "Timeout": errors.StorageTimeoutError,
}


def meaning_on_service(
    error: Exception, *, conflict_is_answer: bool
) -> type[errors.StorageError] | None:
    """Return what an exception of a request means; None for what is not obstore's.

    `conflict_is_answer` is of a service whose status 409 says that something exists, and not
    that somebody else is writing.
    """
    meaning = _by_type(error)
    if meaning is None and not isinstance(error, sdk.BaseError):
        return None
    said = _fields_of(error)
    status = said.get("status") or said.get("part") or "500"
    if said.get("code") in _BY_CODE:
        return _BY_CODE[said["code"]]
    if meaning is errors.AlreadyExistsError and status == "409" and not conflict_is_answer:
        return errors.UnavailableError
    other = errors.UnavailableError if status >= "500" else errors.StorageError
    return meaning or _BY_CODE.get(said.get("kind", status), other)


def meaning_on_disk(error: Exception) -> type[errors.StorageError] | None:
    """Return what an exception of a folder means; None for what is not obstore's."""
    meaning = _by_type(error)
    if meaning is not None or not isinstance(error, sdk.BaseError):
        return meaning
    said = _fields_of(error)
    if "errno" not in said:
        return errors.InvalidNameError  # one that looks like its temporary names
    return meaning_of(OSError(int(said["errno"]), ""))


def _by_type(error: Exception) -> type[errors.StorageError] | None:
    return next((_BY_TYPE[kind] for kind in _BY_TYPE if isinstance(error, kind)), None)


def _fields_of(error: Exception) -> dict[str, str]:
    """Return the fields of the dump, the first of each name."""
    dump = str(error).rpartition("\n\nDebug source:\n")[2]
    found: dict[str, str] = {}
    for match in _FIELD.finditer(dump):
        found = {name: text for name, text in match.groupdict().items() if text} | found
    return found
