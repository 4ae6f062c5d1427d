"""Say how much a request may bring."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bound a request in bytes and in parts; None is no bound.

    Sizes are counted as the bytes come in: a `Content-Length` is believed only where it says
    too much.
    """

    max_body_size: int | None = 100 << 20
    max_file_size: int | None = None
    max_field_size: int = 1 << 20
    max_files: int = 100
    max_fields: int = 1000
