"""Look at what an example has stored, past the example."""

from __future__ import annotations

from pathlib import Path


def stored(media: Path) -> list[str]:
    """Return the names below `media`, unfinished files too, but for the storage's own lock."""
    files = [path for path in media.rglob("*") if path.is_file() and path.name != "lock"]
    return [str(path.relative_to(media)) for path in files]
