"""Run pytest and the command as a user does: in a process and a folder of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

PLUGINS = ("asyncio", "anyio", "xdist", "hypothesispytest", "pytest_cov")
"""Those of this environment that a user may not have."""

BACKENDS = '''
"""Backends on shelves of this process, each right or wrong in one way."""

import asyncio

from openviper.storage import PortableStorage
from openviper.storage.backends.memory import MemoryDriver

SHELVES = {"top": MemoryDriver()}


class Shelf(PortableStorage):
    def __init__(self, shelf, *, location=""):
        super().__init__(
            SHELVES.setdefault(shelf, MemoryDriver()),
            arguments={"shelf": shelf, "location": location},
            location=location,
        )


class Blind(Shelf):
    """Does not see what is there."""

    async def exists(self, name):
        return await super().exists(name) and name.startswith("probe-")


class Keys:
    """See a shelf as it is."""

    def __init__(self, location):
        self._files = SHELVES["top"]._files
        self._start = f"{location}/"

    async def put(self, key, data, *, content_encoding=None):
        raise AssertionError("the tests don't come here")

    async def keys(self):
        return [k.removeprefix(self._start) for k in self._files if k.startswith(self._start)]

    async def open_uploads(self):
        return []


def make(location):
    return Shelf("top", location=location)


async def make_later(location):
    await asyncio.sleep(0)
    return make(location)


def make_blind(location):
    return Blind("top", location=location)


def make_anywhere(location):
    return Shelf("top")


def make_failing(location):
    raise ConnectionError("the service is down")
'''


@dataclass(frozen=True)
class Ended:
    """Hold how a process ended."""

    status: int
    output: str

    def line(self, start: str) -> str:
        """Return the one line that starts so."""
        [found] = [line for line in self.output.splitlines() if line.startswith(start)]
        return found

    def sums(self) -> Counter[str]:
        """Return from the last line of pytest's how many items ended how."""
        last = self.output.rstrip().splitlines()[-1]
        return Counter({kind: int(count) for count, kind in re.findall(r"(\d+) ([a-z]+)", last)})


def run(folder: Path, *arguments: str) -> Ended:
    """Run Python in a folder that has the backends."""
    (folder / "backends.py").write_text(BACKENDS, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": f"{ROOT}:{folder}", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return Ended(ended.returncode, ended.stdout + ended.stderr)


def run_pytest(folder: Path, test_file: str, *arguments: str, plugins: Sequence[str] = ()) -> Ended:
    """Run pytest, strict and with warnings as errors, on a test file; only with these plugins."""
    (folder / "pytest.ini").touch()
    (folder / "test_mine.py").write_text(test_file, encoding="utf-8")
    strict = ("-W", "error", "--strict-markers", "--strict-config", "-p", "no:cacheprovider")
    without = [f"-pno:{name}" for name in PLUGINS if name not in plugins]
    return run(
        folder, "-m", "pytest", *strict, "-p", "pytest_openviper_storage", *without, *arguments
    )


def run_command(folder: Path, *arguments: str) -> Ended:
    """Run the suite's own command."""
    return run(folder, "-W", "error", "-m", "openviper.storage.testing", *arguments)
