"""Write addresses: keys in paths, file names in headers."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

__all__ = ["attachment", "join_url"]


def join_url(base: str, key: str) -> str:
    """Return `base` with a key, percent-encoded segment by segment, at the end of its path.

    What the base has after its path, a query, stays after it.
    """
    parts = urlsplit(base)
    path = f"{parts.path.rstrip('/')}/{quote(key, safe='/')}"
    return urlunsplit(parts._replace(path=path))


def attachment(name: str) -> str:
    """Return a Content-Disposition that saves under `name`, in both forms of RFC 6266."""
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in name):
        raise ValueError(f"a file name can't hold control characters: {name!r}")
    plain = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
