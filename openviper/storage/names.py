r"""Decide which names exist: pure functions, no I/O, the same verdict on every backend.

`sanitise` is for `save` alone; every other method calls `canonical`, which rewrites only
spelling (`\`, `//`, `./`, outer slashes) and refuses the rest.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import get_args

from openviper.storage.errors import AlreadyExistsError, InvalidNameError
from openviper.storage.types import IfExists

__all__ = [
    "MAX_NAME_BYTES",
    "MAX_SEGMENTS",
    "MAX_SEGMENT_BYTES",
    "candidates",
    "canonical",
    "is_canonical",
    "join",
    "names_by",
    "sanitise",
    "unique",
]

MAX_NAME_BYTES = 1024
"""Of a name together with its location, in UTF-8: the limit of S3, GCS and Azure."""
MAX_SEGMENT_BYTES = 255
"""Of one segment, in UTF-8: the limit of Linux file systems."""
MAX_SEGMENTS = 254
"""The limit of Azure."""
MAX_ATTEMPTS = 100
"""Names tried for one save: with random suffixes, two already means a broken backend."""

# What is canonical beyond doubt, to spare nearly every name the long way.
_PLAIN = re.compile(
    r"(?:[A-Za-z0-9_+-](?:[A-Za-z0-9_+.-]{0,62}[A-Za-z0-9_+-])?/){0,7}"
    r"[A-Za-z0-9_+-](?:[A-Za-z0-9_+.-]{0,62}[A-Za-z0-9_+-])?"
)
_UNSAFE = "+"
"""What of that `sanitise` would rewrite."""
_DRIVE = re.compile(r"[A-Za-z]:")
_EXTENSION_BYTES = 64
_MODES = get_args(IfExists)
_RESERVED = ".openviper"
_ACME = ".well-known/acme-challenge"


def canonical(name: str, *, location: str = "") -> str:
    """Return the one spelling of `name`, or refuse it.

    Raises `InvalidNameError` for what no storage takes, `TypeError` for what is no string.
    """
    if isinstance(name, str) and _is_plain(name, location):
        return str.__str__(name)
    segments = [part for part in _split(name) if part not in ("", ".")]
    if not segments:
        raise _refusal(name, "it is empty; give a relative path such as 'docs/report.pdf'")
    if len(segments) > MAX_SEGMENTS:
        raise _refusal(name, f"it has over {MAX_SEGMENTS} segments")
    for segment in segments:
        _check_segment(name, segment)
    if _DRIVE.fullmatch(segments[0]):
        raise _refusal(name, "it begins with a drive; names are relative to the storage")
    if segments[0].casefold() == _RESERVED:
        raise _refusal(name, f"{_RESERVED!r} is reserved for the storage's own use")
    result = "/".join(segments)
    if result == _ACME or result.startswith(f"{_ACME}/"):
        raise _refusal(name, f"services reserve {_ACME!r}")
    if len(join(location, result).encode()) > MAX_NAME_BYTES:
        raise _refusal(name, f"with its location it is over {MAX_NAME_BYTES} bytes of UTF-8")
    return result


def is_canonical(name: str) -> bool:
    """Tell whether a text is a name in its one spelling."""
    if _PLAIN.fullmatch(name) is not None:
        return True
    try:
        return canonical(name) == name
    except InvalidNameError:
        return False


def sanitise(name: str, *, location: str = "") -> str:
    """Return a safe canonical name made from `name`; doing it twice changes nothing.

    Raises `InvalidNameError` where nothing safe is left, or at a NUL.
    """
    if isinstance(name, str) and _UNSAFE not in name and _is_plain(name, location):
        return str.__str__(name)
    if "\0" in _text(name):
        raise _refusal(name, "it contains a NUL")
    parts = [p for p in _split(name) if p not in ("", ".", "..") and not _DRIVE.fullmatch(p)]
    segments = [s for s in map(_sanitise_segment, parts) if s]
    if not segments:
        raise _refusal(name, "nothing of it is safe to keep; give it a letter or a digit")
    return canonical("/".join(segments), location=location)


def unique(name: str, *, location: str = "") -> str:
    """Return `name` with `_` and 32 random hex digits before its last extension."""
    parent, slash, leaf = name.rpartition("/")
    room = MAX_NAME_BYTES - len(join(location, parent + slash).encode())
    from uuid import uuid4  # noqa: PLC0415 - slow to load, and few names are taken

    taken = f"_{uuid4().hex}"
    short = _shorten(leaf, min(MAX_SEGMENT_BYTES, room), suffix=taken)
    return canonical(f"{parent}{slash}{short}", location=location)


def candidates(name: str, *, location: str = "") -> Iterator[str]:
    """Yield `name`, then unique variants of it; give up after `MAX_ATTEMPTS`."""
    yield name
    for _ in range(MAX_ATTEMPTS - 1):
        yield unique(name, location=location)
    raise AlreadyExistsError(
        f"could not save {name!r}: {MAX_ATTEMPTS} names with random suffixes were all reported "
        "as taken; check that the backend creates files as it reports",
        name=name,
    )


def names_by(if_exists: IfExists, name: str, *, location: str = "") -> Iterator[str]:
    """Yield the names that a write may try: `name`, and where it may be renamed variants of it."""
    if if_exists not in _MODES:
        raise ValueError(f"if_exists is 'rename', 'overwrite' or 'error', not {if_exists!r}")
    names = candidates(name, location=location)
    return names if if_exists == "rename" else islice(names, 1)


def join(location: str, name: str) -> str:
    """Return the key of `name` below `location`."""
    return f"{location}/{name}" if location else name


def _is_plain(name: str, location: str) -> bool:
    return len(location) <= 126 and _PLAIN.fullmatch(name) is not None


def _text(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a name is a str, not {type(name).__name__}")
    return str.__str__(name)


def _split(name: str) -> list[str]:
    return _text(name).replace("\\", "/").split("/")


def _check_segment(name: str, segment: str) -> None:
    if segment == "..":
        raise _refusal(name, "'..' would lead out of the storage")
    if segment[-1] in ". ":
        raise _refusal(name, "a segment ends in a dot or a space")
    for char in segment:
        if unicodedata.category(char) in ("Cc", "Cs"):
            raise _refusal(name, "it contains a control character or a lone surrogate")
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        raise _refusal(name, f"a segment is over {MAX_SEGMENT_BYTES} bytes of UTF-8")


def _sanitise_segment(segment: str) -> str:
    kept = "".join(char if _is_safe(char) else "_" for char in segment)
    if kept.startswith("."):
        kept = f"_{kept[1:]}"
    kept = unicodedata.normalize("NFC", kept).rstrip(". ")
    return _shorten(kept, MAX_SEGMENT_BYTES)


def _is_safe(char: str) -> bool:
    return char in "_-. " or unicodedata.category(char)[0] in "LMN"


def _shorten(segment: str, limit: int, *, suffix: str = "") -> str:
    """Fit `stem + suffix + extension` into `limit` bytes by cutting the stem."""
    stem, dot, extension = segment.rpartition(".")
    if not stem or len(extension.encode()) > _EXTENSION_BYTES:
        stem, dot, extension = segment, "", ""
    tail = f"{suffix}{dot}{extension}"
    room = limit - len(tail.encode())
    if room < 1:
        raise _refusal(segment, f"no room is left for it within {MAX_NAME_BYTES} bytes")
    return stem.encode()[:room].decode(errors="ignore").rstrip(". " if not tail else "") + tail


def _refusal(name: str, why: str) -> InvalidNameError:
    shown = name if len(name) <= 80 else f"{name[:80]}…"
    return InvalidNameError(f"the name {shown!r} can't be used: {why}", name=name)
