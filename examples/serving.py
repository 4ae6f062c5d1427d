"""Run a program that is a server, on a free port of this machine, while a block runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["serving"]

ROOT = Path(__file__).parents[1]


@contextmanager
def serving(*command: str, folder: Path) -> Iterator[str]:
    """Run `python -m` with a command that takes uvicorn's `--fd`; give the server's address.

    Its working directory is `folder`, a warning is an error, and its log is `server.log` there.
    Who connects before it has started waits in the socket's queue.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        (folder / "server.log").open("w") as log,
    ):
        port = listener.getsockname()[1]
        server = subprocess.Popen(  # noqa: S603 - a program of our own
            [sys.executable, "-W", "error", "-m", *command, "--fd", str(listener.fileno())],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    # Our own end of the socket is closed: should the server die, clients are told so.
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        assert server.wait(60) == -signal.SIGTERM, (folder / "server.log").read_text()
