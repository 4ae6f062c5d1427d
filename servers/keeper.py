"""Run one server, and end it with all it started once the launcher is gone.

Usage: `keeper.py DIRECTORY SIGNAL COMMAND…`, as the leader of a process group of its own.
Standard input is a pipe that the launcher holds open: it closes when the launcher says so
and also when the launcher dies of anything, SIGKILL included. (Linux's PDEATHSIG isn't
used: it is sent when the *thread* that started the server ends.) The directory is the
server's working directory, and is removed in the end. The signal asks the server to end.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading

GRACE = 5.0  # seconds between that signal and SIGKILL


def main(directory: str, stop: signal.Signals, command: list[str]) -> None:
    """Keep a server until it ends or standard input closes, then kill what is left."""
    server = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: server.send_signal(stop))
    ended = threading.Event()
    waiting = (server, stop, ended)
    threading.Thread(target=_end_with_launcher, args=waiting, daemon=True).start()
    status = server.wait()
    ended.set()
    print(f"keeper: {command[0]} ended with status {status}", file=sys.stderr, flush=True)
    shutil.rmtree(directory, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def _end_with_launcher(
    server: subprocess.Popen[bytes], stop: signal.Signals, ended: threading.Event
) -> None:
    sys.stdin.buffer.read()
    server.send_signal(stop)
    if not ended.wait(GRACE):
        server.kill()


if __name__ == "__main__":
    main(sys.argv[1], signal.Signals[sys.argv[2]], sys.argv[3:])
