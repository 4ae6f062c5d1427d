"""Measure large uploads over HTTP: `python -m benchmarks.http_uploads memory s3`, or `speed`.

uvicorn serves in a process of its own and this one sends a multipart body with one file, which
goes through `stream_files()` into a storage, or into the `FileField` of a row in SQLite.

`memory` prints the peak of the server's resident memory above what it was when idle. `speed`
compares the filesystem with plain Starlette, which gets the same bytes and syncs the same
things, interleaved. Linux only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from benchmarks.peak_rss import KINDS, filesystem
from benchmarks.procfs import kib, reset_peak
from benchmarks.streams import MIB
from benchmarks.upload_apps import openviper_app, starlette_app
from openviper.conf import settings
from openviper.storage import Storage, default_storage

BOUNDARY = b"openviper-benchmark"
BEGIN = (
    b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)
END = b"\r\n--" + BOUNDARY + b"--\r\n"
BLOCK = os.urandom(MIB)
ROUNDS = 9
PEER = "/threads"
WAYS = {
    "/save": "`stream_files()` → `save`",
    "/field": "`stream_files()` → `FileField`",
    "/threads": "Starlette: `stream()`, written in threads",
    "/loop": "Starlette: `stream()`, written on the event loop",
    "/form": "Starlette: `form()`, copied",
}


@dataclass(frozen=True, slots=True)
class Server:
    """Know a running server."""

    pid: int
    port: int

    def upload(self, path: str, size: int) -> list[int]:
        """Send one file of `size` bytes and return the answer."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n"
            f"Content-Length: {len(BEGIN) + size + len(END)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(head.encode() + BEGIN)
            for _ in range(size // MIB):
                connection.sendall(BLOCK)
            connection.sendall(END)
            with connection.makefile("rb") as answer:
                status, _, body = answer.read().partition(b"\r\n\r\n")
        if not status.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"{path}: {status.decode()}\n{body.decode()}")
        sizes: list[int] = json.loads(body)
        return sizes


def serve_openviper(
    listener: socket.socket, making: Callable[[], AbstractContextManager[Storage]], folder: Path
) -> None:
    """Serve uploads into a storage that is made here; the database is in `folder`."""
    database = f"sqlite+aiosqlite:///{folder / 'db.sqlite3'}"
    with (
        making() as storage,
        default_storage.override(storage),
        settings.override(DATABASE_URL=database),
    ):
        _serve(openviper_app(), listener)


def serve_starlette(listener: socket.socket, folder: Path) -> None:
    """Serve uploads into `folder`."""
    _serve(starlette_app(folder), listener)


def _serve(app: ASGIApp, listener: socket.socket) -> None:
    config = uvicorn.Config(app, log_level="warning", lifespan="on", ws="none")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def running(serve: Callable[..., None], *arguments: object) -> Iterator[Server]:
    """Run a server in a fresh process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(listener, *arguments)
        )
        process.start()
    assert process.pid is not None  # it was started
    try:
        yield Server(process.pid, port)
    finally:
        os.kill(process.pid, signal.SIGINT)
        process.join()


def measure_memory(kind: str, size: int) -> None:
    """Print the peak of one upload each way, above idle."""
    with (
        tempfile.TemporaryDirectory(prefix="openviper-http-") as folder,
        running(serve_openviper, KINDS[kind], Path(folder)) as server,
    ):
        for path in ("/save", "/field"):
            server.upload(path, MIB)  # opens the clients
        idle = kib("VmRSS", server.pid)
        for path in ("/save", "/field"):
            reset_peak(server.pid)
            began = time.perf_counter()
            if server.upload(path, size) != [size]:
                raise SystemExit(f"{kind}: another size was stored")
            seconds = time.perf_counter() - began
            above = (kib("VmHWM", server.pid) - idle) / 1024
            print(
                f"{kind}, {WAYS[path]}: +{above:.0f} MiB above {idle / 1024:.0f} MiB; "
                f"{size / MIB / seconds:.0f} MiB/s",
                flush=True,
            )


def measure_speed(size: int, rounds: int, parent: Path) -> None:
    """Print the rates of all ways, and what part of the peer's each reaches round by round."""
    with tempfile.TemporaryDirectory(prefix="http-uploads-", dir=parent) as folder:
        print(_file_system(folder))
        rates = _rates(Path(folder), size, rounds)
    print("| way | MiB/s (min / median / max) | of the peer's (min / median / max) |")
    for path, way in WAYS.items():
        ratios = [rate / peer for rate, peer in zip(rates[path], rates[PEER], strict=True)]
        print(f"| {way} | {_spread(rates[path], '.0f')} | {_spread(ratios, '.2f')} |")


def _rates(folder: Path, size: int, rounds: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {path: [] for path in WAYS}
    with (
        running(serve_openviper, partial(filesystem, folder), folder) as ours,
        running(serve_starlette, folder) as theirs,
    ):
        for number in range(rounds + 1):
            for path in WAYS:
                server = ours if path in ("/save", "/field") else theirs
                os.sync()
                began = time.perf_counter()
                server.upload(path, size)
                seconds = time.perf_counter() - began
                if number:  # the first round opens what stays open
                    rates[path].append(size / MIB / seconds)
                for stored in folder.rglob("*.bin"):
                    stored.unlink()
    return rates


def _spread(values: list[float], form: str) -> str:
    return " / ".join(f"{pick(values):{form}}" for pick in (min, statistics.median, max))


def _file_system(folder: str) -> str:
    found = subprocess.run(
        ["df", "--output=source,fstype", folder], capture_output=True, text=True, check=True
    ).stdout.split()[-2:]
    if found[1] == "tmpfs":
        raise SystemExit(f"{folder} is in memory, where fsync does nothing: give --folder")
    return " ".join(found)


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mib", type=int, default=1024, help="size of the file (1024)")
    what = parser.add_subparsers(dest="what", required=True)
    memory = what.add_parser("memory", help="peak of memory above idle")
    memory.add_argument("kinds", nargs="+", choices=KINDS, metavar="|".join(KINDS))
    speed = what.add_parser("speed", help="rate on the disk, against plain Starlette")
    speed.add_argument("--rounds", type=int, default=ROUNDS)
    speed.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure")
    arguments = parser.parse_args()
    if arguments.what == "speed":
        measure_speed(arguments.mib * MIB, arguments.rounds, arguments.folder)
        return
    for kind in arguments.kinds:
        measure_memory(kind, arguments.mib * MIB)


if __name__ == "__main__":
    main()
