"""Small disks of our own: in memory, and ext4 in an image on a loop device."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

__all__ = ["copied", "in_memory", "looped", "mounted", "new_folder", "new_image", "run"]


def new_folder(place: Path) -> Path:
    """Return an empty folder that everybody can reach."""
    folder = Path(tempfile.mkdtemp(dir=place))
    folder.chmod(0o755)
    return folder


def new_image(place: Path, *options: str) -> Path:
    """Return a file with an empty ext4 of 16 MiB in it."""
    image = new_folder(place) / "image"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    run("mkfs.ext4", "-q", "-F", *options, str(image))
    return image


def copied(image: Path) -> Path:
    """Return a copy of what is in an image now."""
    copy = new_folder(image.parent) / "image"
    run("cp", "--sparse=always", str(image), str(copy))
    return copy


def looped(image: Path, options: str = "commit=3000") -> AbstractContextManager[Path]:
    """Mount an image; by these options its journal is not written before somebody asks."""
    options = f"loop,noauto_da_alloc,{options}".rstrip(",")
    return mounted(new_folder(image.parent), "-o", options, str(image))


def in_memory(place: Path, options: str) -> AbstractContextManager[Path]:
    """Mount a tmpfs, `size=4m` big for one."""
    return mounted(new_folder(place), "-t", "tmpfs", "-o", options, "tmpfs")


@contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[Path]:
    """Mount something at a folder for the length of a block."""
    run("mount", *arguments, str(folder))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        run("umount", str(folder))


def run(*command: str) -> None:
    """Run a program, which must succeed."""
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, f"{command[0]}: {ended.stderr.strip()}"
