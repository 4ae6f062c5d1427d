"""Tell an image's format and size from its first bytes, and decode none of it."""

from __future__ import annotations

import io
from dataclasses import dataclass

from openviper.exceptions import ImproperlyConfigured, ValidationError

__all__ = ["HEAD_BYTES", "ImageFacts", "measure"]

HEAD_BYTES = 512 << 10
"""Where dimensions must stand: profiles of 200 KB before them are seen in the wild."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """Say what the head of an image tells."""

    extensions: tuple[str, ...]
    """Those that browsers take for this format, the usual one first."""
    width: int
    height: int


def measure(head: bytes, *, max_pixels: int) -> ImageFacts:
    """Return what an image is, as its bytes say it, whatever its name is.

    Raises `ValidationError` for what is no image of a known format, or one too large to decode.
    """
    extensions = _extensions(head)
    if not extensions:
        raise ValidationError("this is no PNG, JPEG, GIF, WebP, AVIF or BMP image")
    width, height = _size(head)
    if width <= 0 or height <= 0:
        raise ValidationError("the image is damaged: its width and height can't be read")
    if width * height > max_pixels:
        raise ValidationError(f"the image is {width}x{height}, over {max_pixels} pixels")
    return ImageFacts(extensions=extensions, width=width, height=height)


def _extensions(head: bytes) -> tuple[str, ...]:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return (".webp",)
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return (".avif",)
    return next((found for magic, found in _MAGIC if head.startswith(magic)), ())


_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", (".png",)),
    (b"\xff\xd8\xff", (".jpg", ".jpeg")),
    (b"GIF87a", (".gif",)),
    (b"GIF89a", (".gif",)),
    (b"BM", (".bmp",)),
)


def _size(head: bytes) -> tuple[int, int]:
    try:
        import imagesize  # noqa: PLC0415 - an extra that only images need
    except ModuleNotFoundError as error:
        raise ImproperlyConfigured(
            "images need imagesize, which is not installed: pip install 'openviper-storage[images]'"
        ) from error
    try:
        # Never a str: imagesize would open it, as a path or as a URL.
        width, height = imagesize.get(io.BytesIO(head))
    except Exception as error:
        raise ValidationError("the image is damaged: its header can't be read") from error
    return int(width), int(height)
