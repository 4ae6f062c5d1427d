"""Draw rates as bars, in SVG."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from benchmarks.results import GroundResult, median_rate

__all__ = ["as_svg"]

BAR, GAP, LEFT, WIDTH, BEYOND, TOP = 9, 14, 190, 440, 40, 44
COLOURS = {"ours": ("#0b6e4f", "#62b58f"), "limit": ("#222222", "#777777")}
PEERS = ("#c8553d", "#e09f3e", "#3d5a80", "#7a6c9d", "#98c1d9", "#b56576", "#8d99ae", "#a98467")


def as_svg(result: GroundResult) -> str:
    """Return a picture: for each row the contenders' rates; a limit beyond the paper is cut."""
    colours = _colours(result)
    lines, y = [*_legend(colours)], TOP
    for row in result.rows:
        bars = [*_bars(result, row, colours, y)]
        lines += [_text(LEFT - 8, y + BAR * len(bars) / 2 + 4, row, anchor="end"), *bars]
        y += BAR * len(bars) + GAP
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 80} {y}" '
        'font-family="sans-serif" font-size="11">\n'
        f'<title>{escape(result.ground.title)}</title>\n<rect width="100%" height="100%" '
        f'fill="white"/>\n{body}\n</svg>\n'
    )


def _colours(result: GroundResult) -> dict[str, str]:
    roles = {entry.name: entry.role for entry in result.ground.entries}
    left = {"peer": iter(PEERS)} | {role: iter(shades) for role, shades in COLOURS.items()}
    return {name: next(left[roles[name]]) for name in result.names()}


def _legend(colours: dict[str, str]) -> Iterator[str]:
    x, y = 8.0, 6
    for name, colour in colours.items():
        if x > LEFT + WIDTH - 40:
            x, y = 8.0, y + 17
        yield f'<rect x="{x}" y="{y}" width="10" height="10" fill="{colour}"/>'
        yield _text(x + 14, y + 9, name)
        x += 30 + 6.5 * len(name)


def _bars(result: GroundResult, row: str, colours: dict[str, str], top: int) -> Iterator[str]:
    rates = {name: median_rate(rounds) for name, rounds in result.rows[row].items()}
    limits = result.names("limit")
    highest = max(rate for name, rate in rates.items() if name not in limits or len(rates) == 1)
    for number, (name, rate) in enumerate(rates.items()):
        y, width = top + BAR * number, min(max(WIDTH * rate / highest, 1), WIDTH + BEYOND)
        label = _text(LEFT + width + 4, y + BAR - 1, f"{rate:,.0f}", size=9)
        yield (
            f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 1}" '
            f'fill="{colours[name]}"><title>{escape(name)}</title></rect>{label}'
        )


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 11) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(words)}</text>"
    )
