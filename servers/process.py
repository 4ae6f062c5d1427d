"""One local server process, its log and its directory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from servers import keeper

__all__ = ["ServerProcess"]

TAIL = 20  # lines of a log
PATIENCE = keeper.GRACE + 5.0  # seconds for the keeper itself to end


class ServerProcess:
    """Hold a server that runs under a keeper, and so never outlives this process."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        stop: signal.Signals,
    ) -> None:
        self.directory = directory
        self.log = directory / "log"
        data = directory / "data"
        data.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, str(data), stop.name, *command],
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for the launcher; and a group to kill
            )

    @property
    def pid(self) -> int:
        """Return the process group of the server, which is the pid of its keeper."""
        return self._keeper.pid

    def has_ended(self) -> bool:
        """Tell whether the server is gone."""
        return self._keeper.poll() is not None

    def log_tail(self) -> str:
        """Return the last lines of what the server said."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL:])

    def ask_to_end(self) -> None:
        """Let the keeper end the server, without waiting for it."""
        assert self._keeper.stdin is not None  # a pipe, by construction
        self._keeper.stdin.close()

    def end(self) -> None:
        """End the server and all that it started: asked first, then SIGKILL for the group."""
        self.ask_to_end()
        with suppress(subprocess.TimeoutExpired):
            self._keeper.wait(PATIENCE)
        with suppress(ProcessLookupError, PermissionError):  # nothing is left, as it should be
            os.killpg(self.pid, signal.SIGKILL)
        self._keeper.wait()

    def discard(self) -> None:
        """Remove the log and whatever else is in the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)
