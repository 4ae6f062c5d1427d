"""Read a storage out of a URL: `s3://bucket/prefix?region=…`, `gs:`, `az:`, `file:`, `memory:`.

`obstore+` before one of them names the engine, which reads the rest by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_type_hints
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from openviper.conf.parsing import parse
from openviper.storage.errors import ImproperlyConfiguredError

__all__ = ["is_url", "options_from_text", "read_url"]

_BUCKETS = {"s3": ("s3", "bucket"), "gs": ("gcs", "bucket"), "az": ("azure", "container")}
_ENGINE = "obstore+"
_SECRET = re.compile(r"secret|key|token|passw|credential|connection|sig\b|sas\b", re.IGNORECASE)


def is_url(backend: str) -> bool:
    """Tell a URL from a dotted path or an alias."""
    return ":" in backend


def read_url(url: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return the alias of a URL's backend, the options in its path and those in its query.

    Raises `ImproperlyConfiguredError` for what can't be read, and for secrets, which it does
    not repeat: URLs end up in logs.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    secret = sorted(key for key in query if _SECRET.search(key))
    if secret or "@" in parts.netloc:
        raise ImproperlyConfiguredError(
            f"a storage's URL holds no secrets ({', '.join(secret) or 'user@host'}): "
            "put them in OPTIONS, or leave them to the SDK's own chain"
        )
    if parts.scheme.startswith(_ENGINE):
        return "obstore", {"url": url[len(_ENGINE) :]}, {}
    return _alias(parts), _from_path(parts), query


def options_from_text(options: Mapping[str, str], cls: type) -> dict[str, Any]:
    """Turn text into the types that the constructor of `cls` is annotated with."""
    hints = get_type_hints(cls.__dict__["__init__"]) if "__init__" in cls.__dict__ else {}
    return {
        name: parse(text, hints.get(name, str), called=f"{cls.__qualname__}: {name} in the URL")
        for name, text in options.items()
    }


def _alias(parts: SplitResult) -> str:
    if parts.scheme in ("file", "memory"):
        return {"file": "filesystem", "memory": "memory"}[parts.scheme]
    if parts.scheme in _BUCKETS:
        return _BUCKETS[parts.scheme][0]
    raise ImproperlyConfiguredError(
        f"there is no storage for URLs that begin with {parts.scheme}: there are s3:, gs:, az:, "
        "file: and memory:, and obstore+ before the first four"
    )


def _from_path(parts: SplitResult) -> dict[str, str]:
    path = unquote(parts.path)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or not path:
            raise ImproperlyConfiguredError("a file: URL is file:///absolute/path or file:relative")
        return {"location": path}
    if parts.scheme == "memory":
        return {"location": path.strip("/")} if path.strip("/") else {}
    if not parts.netloc:
        raise ImproperlyConfiguredError(f"{parts.scheme}: needs a name: {parts.scheme}://name/…")
    found = {_BUCKETS[parts.scheme][1]: parts.netloc}
    return found | ({"location": path.strip("/")} if path.strip("/") else {})
