"""Measure openviper against its peers: `python -m benchmarks [--quick] [ground…]`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.places import Folders, site
from benchmarks.plots import as_svg
from benchmarks.report import as_json, as_markdown
from benchmarks.results import GroundResult
from benchmarks.roster import GROUNDS, Ground
from benchmarks.runner import Measuring
from benchmarks.streams import MIB
from benchmarks.work import KIB, works

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - whose folders are made by tempfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Say how much to do."""

    sizes: tuple[int, ...]
    seconds: float
    stream_mib: int


LISTED = 1000
"""Files: one page of a listing."""
FULL = Scale(sizes=(KIB, 10 * KIB, 100 * KIB), seconds=0.5, stream_mib=1024)
QUICK = Scale(sizes=(KIB,), seconds=0.1, stream_mib=64)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line names; write what was found, and what was said."""
    asked = _parser().parse_args(arguments)
    scale = QUICK if asked.quick else FULL
    asked.out.mkdir(parents=True, exist_ok=True)
    for name in asked.grounds or GROUNDS:
        result = _measured(GROUNDS[name], asked, scale)
        written = {"md": as_markdown(result), "json": as_json(result), "svg": as_svg(result)}
        for suffix, text in written.items():
            (asked.out / f"{name}.{suffix}").write_text(text, encoding="utf-8")
        print(written["md"], flush=True)


def _measured(ground: Ground, asked: argparse.Namespace, scale: Scale) -> GroundResult:
    result = GroundResult(ground)
    entries = [
        entry
        for entry in ground.entries
        if not asked.contenders or entry.name in asked.contenders.split(",")
    ]
    plan = works(
        ground.operations,
        sizes=scale.sizes,
        in_flight=ground.in_flight,
        stream=(scale.stream_mib if asked.stream_mib is None else asked.stream_mib) * MIB,
        listed=LISTED,
        seconds=scale.seconds if asked.seconds is None else asked.seconds,
    )
    with (
        site(ground, Folders(memory=asked.memory, disk=asked.disk)) as found,
        (asked.out / f"{ground.name}.log").open("wb") as log,
    ):
        measuring = Measuring(found, result, rounds=asked.rounds, log=log)
        measuring.starts(entries)
        measuring.rates(entries, list(plan))
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "grounds", nargs="*", metavar="ground", help=f"of {', '.join(GROUNDS)} (all)"
    )
    parser.add_argument("--quick", action="store_true", help="1 KiB, short slices, 64 MiB streams")
    parser.add_argument("--rounds", type=int, default=5, help="that count (5)")
    parser.add_argument("--seconds", type=float, help="of a slice, about (0.5; quick: 0.1)")
    parser.add_argument("--stream-mib", type=int, help="size of streams (1024; quick: 64)")
    parser.add_argument("--contenders", help="names with commas between (all)")
    memory = SHARED_MEMORY if SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())
    parser.add_argument("--memory", type=Path, default=memory, help="a folder held in memory")
    parser.add_argument("--disk", type=Path, default=Path.cwd(), help="a folder on a disk")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="for the tables")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
