"""The folders and servers that contenders work on: a place of its own for each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contender import Place
from benchmarks.procfs import group_cpu
from benchmarks.roster import Ground
from benchmarks.standin import STANDIN
from servers.buckets import create_azure_container, create_gcs_bucket, create_s3_bucket
from servers.kinds import VERSITYGW
from servers.launch import start_one
from servers.server import Kind, Server

__all__ = ["Folders", "Site", "site"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Name a folder in memory, and one on the disk to measure."""

    memory: Path
    disk: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Give a contender a place by its name; tell the seconds of the server's processors.

    `cpu` returns None where there is no server, or one that somebody else has started.
    """

    place: Callable[[str], Place]
    cpu: Callable[[], float | None]


@contextmanager
def site(ground: Ground, folders: Folders) -> Iterator[Site]:
    """Make the places of a ground, and clean up after."""
    if ground.storage == "FileSystemStorage":
        parent = folders.memory if ground.server == "memory" else folders.disk
        with tempfile.TemporaryDirectory(prefix="openviper-bench-", dir=parent) as root:
            yield _folders(ground, Path(root))
    else:
        with _on_server(ground) as found:
            yield found


def _folders(ground: Ground, root: Path) -> Site:
    def place(name: str) -> Place:
        folder = root / name
        folder.mkdir(exist_ok=True)
        return {"class": ground.storage, "folder": str(folder), **ground.options}

    return Site(place=place, cpu=lambda: None)


@contextmanager
def _on_server(ground: Ground) -> Iterator[Site]:
    running = start_one(_KINDS[ground.server])
    group = running.process.pid if running.process else None
    buckets: dict[str, str] = {}

    def place(name: str) -> Place:
        if name not in buckets:
            buckets[name] = _BUCKETS[ground.storage](running.server)
        return {
            "class": ground.storage,
            "url": running.server.url,
            "bucket": buckets[name],
            **running.server.credentials,
            **ground.options,
        }

    try:
        yield Site(place=place, cpu=lambda: None if group is None else group_cpu(group))
    finally:
        running.stop()


_KINDS: dict[str, Kind] = {"standin": STANDIN, "versitygw": VERSITYGW}
_BUCKETS: dict[str, Callable[[Server], str]] = {
    "S3Storage": create_s3_bucket,
    "GCSStorage": create_gcs_bucket,
    "AzureStorage": create_azure_container,
}
