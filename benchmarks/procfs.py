"""Read what Linux knows of a process: its memory, and a group's processor time."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Literal

__all__ = ["group_cpu", "kib", "reset_peak"]


def kib(field: str, pid: int | Literal["self"] = "self") -> int:
    """Return a figure of a process's memory: `VmRSS` is now, `VmHWM` the peak."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise SystemExit(f"no {field} in /proc/{pid}/status")
    return int(found[1])


def reset_peak(pid: int | Literal["self"] = "self") -> None:
    """Let the peak begin anew at what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def group_cpu(group: int) -> float:
    """Return the seconds of processor time that a group's living processes have used."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
