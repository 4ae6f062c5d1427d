"""Count the system calls of a thread, and make one of them fail or be its last, by strace."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["counted", "injected"]

_ON_FILES = "%file,%desc"
"""Every call that takes a name of a file or a descriptor."""


@contextmanager
def counted(thread: int, log: Path) -> Iterator[Counter[str]]:
    """Count the calls on files in a block, by their names; filled when it ends."""
    counts: Counter[str] = Counter()
    with _traced(thread, f"--trace={_ON_FILES}", f"--output={log}"):
        yield counts
    counts.update(re.findall(r"^(\w+)\(", log.read_text(), re.MULTILINE))
    del counts["mmap"]  # memory, now and then


@contextmanager
def injected(thread: int, call: str, fault: str, *, when: int) -> Iterator[None]:
    """Inject `error=EIO` or `signal=KILL`, say, into the n-th call of a kind in a block."""
    with _traced(thread, f"--trace={call}", f"--inject={call}:{fault}:when={when}", "-o/dev/null"):
        yield


@contextmanager
def _traced(thread: int, *options: str) -> Iterator[None]:
    command = ["strace", *options, f"--attach={thread}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        told = tracer.stderr.readline()
        assert "attached" in told, told
        try:
            yield
        finally:
            tracer.terminate()  # it lets go of the thread
            tracer.stderr.read()
