"""Paint landscapes and write them as PNG, with nothing but the standard library."""

from __future__ import annotations

import math
import random
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["LANDSCAPES", "Landscape", "png"]

Colour: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """Be hills under a sky: colours from the top to the horizon, and from there to the front."""

    sky: tuple[str, str]
    hills: tuple[str, str]
    sun: tuple[float, float, float]
    """Where it is and its radius, as parts of the height."""
    light: str
    seed: int
    layers: int = 5
    width: int = 720
    height: int = 480

    def png(self) -> bytes:
        """Return the picture as a file."""
        return png(self.width, self.height, self._rows())

    def _rows(self) -> Iterator[bytes]:
        ridges, colours = list(self._ridges()), list(_between(*self.hills, self.layers))
        sky = list(_between(*self.sky, self.height))
        for y in range(self.height):
            row = bytearray()
            for x in range(self.width):
                colour = self._lit(sky[y], x, y)
                for ridge, hill in zip(ridges, colours, strict=True):
                    depth = y - ridge[x]
                    if depth > 0:  # its edge is softened over one pixel
                        colour = _mixed(colour, hill, min(depth, 1))
                row += bytes(map(int, colour))
            yield bytes(row)

    def _lit(self, colour: Colour, x: int, y: int) -> Colour:
        sun_x, sun_y, radius = (part * self.height for part in self.sun)
        distance = math.hypot(x - sun_x, y - sun_y) - radius
        glow = 1 if distance < 0 else max(1 - distance, 0.5 * math.exp(-distance / radius / 1.5))
        return _mixed(colour, _colour(self.light), glow)

    def _ridges(self) -> Iterator[list[float]]:
        chance = random.Random(self.seed)  # noqa: S311 - the same picture each time
        for layer in range(self.layers):
            base = self.height * (0.52 + 0.42 * layer / self.layers)
            waves = [
                (self.height * 0.11 / n, n * chance.uniform(0.7, 1.3), chance.uniform(0, math.tau))
                for n in (1, 2, 4, 9)
            ]
            yield [
                base - sum(high * math.sin(4 * n * x / self.width + at) for high, n, at in waves)
                for x in range(self.width)
            ]


def png(width: int, height: int, rows: Iterable[bytes]) -> bytes:
    """Return rows of RGB pixels as a PNG file."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\1" + _differences(row) for row in rows), 9)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _differences(row: bytes) -> bytes:
    """Return each byte less that of the pixel to its left, as PNG's first filter does."""
    return bytes((now - left) % 256 for now, left in zip(row, b"\0\0\0" + row, strict=False))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _colour(code: str) -> Colour:
    red, green, blue = bytes.fromhex(code)
    return red, green, blue


def _mixed(one: Colour, other: Colour, part: float) -> Colour:
    red, green, blue = one
    return (
        red + (other[0] - red) * part,
        green + (other[1] - green) * part,
        blue + (other[2] - blue) * part,
    )


def _between(first: str, last: str, count: int) -> Iterator[Colour]:
    start, end = _colour(first), _colour(last)
    return (_mixed(start, end, index / (count - 1)) for index in range(count))


LANDSCAPES = {
    "evening-hills.png": Landscape(
        sky=("2b2d6e", "f7a072"),
        hills=("b56576", "2a1f3d"),
        sun=(1.05, 0.42, 0.07),
        light="ffe8c2",
        seed=3,
    ),
    "first-snow.png": Landscape(
        sky=("7fb7e6", "eaf6ff"),
        hills=("cfe2f0", "5b7f9c"),
        sun=(0.35, 0.2, 0.05),
        light="ffffff",
        seed=11,
    ),
    "desert-noon.png": Landscape(
        sky=("3aa0c9", "fbe3b5"),
        hills=("eebf7a", "a4502f"),
        sun=(0.95, 0.16, 0.06),
        light="fffbe8",
        seed=20,
        layers=4,
    ),
    "green-valley.png": Landscape(
        sky=("8fd3e8", "f5f6d8"),
        hills=("a9d18e", "1f5c46"),
        sun=(0.3, 0.25, 0.06),
        light="fffbd0",
        seed=5,
        layers=6,
    ),
    "moonrise.png": Landscape(
        sky=("070b24", "33507f"),
        hills=("2c4468", "050814"),
        sun=(1.1, 0.24, 0.055),
        light="f1f5ff",
        seed=8,
    ),
    "red-morning.png": Landscape(
        sky=("f5c6a5", "ef6461"),
        hills=("c8445b", "3b1030"),
        sun=(0.75, 0.5, 0.1),
        light="fff2b0",
        seed=14,
        layers=4,
    ),
    "misty-lake.png": Landscape(
        sky=("cfd9df", "f2efe9"),
        hills=("c3cfd3", "3d5a66"),
        sun=(0.5, 0.3, 0.05),
        light="ffffff",
        seed=30,
        layers=7,
    ),
    "lavender.png": Landscape(
        sky=("a6c1ee", "fbd3e9"),
        hills=("c9a7e0", "4b2a7b"),
        sun=(1.0, 0.35, 0.06),
        light="fff5f0",
        seed=42,
    ),
}
"""Landscapes by the names of their files."""
