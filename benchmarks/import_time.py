"""Compare `import openviper.storage` with what it can't do without, interleaved."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

BASE = "pass"
NEEDED = "import asyncio, aiofiles"
OURS = "import openviper.storage"
ROUNDS = 25


def seconds(code: str) -> float:
    """Return how long a fresh interpreter takes to run a line."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def main() -> None:
    """Print the medians above a bare interpreter, and their ratio."""
    taken: dict[str, list[float]] = {code: [] for code in (BASE, NEEDED, OURS)}
    for _ in range(ROUNDS):
        for code, times in taken.items():
            times.append(seconds(code))
    bare = statistics.median(taken[BASE])
    needed, ours = (statistics.median(taken[code]) - bare for code in (NEEDED, OURS))
    print(f"{NEEDED}: {needed * 1000:.0f} ms")
    print(f"{OURS}: {ours * 1000:.0f} ms, {ours / needed:.2f} of it")


if __name__ == "__main__":
    main()
