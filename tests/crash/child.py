"""A process that does one operation after another, and can be killed or made to fail."""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

from openviper.storage import FileSystemStorage, threads
from tests.crash.operations import OPERATIONS

__all__ = ["Child", "Outcome"]

_PR_SET_PTRACER, _ANY = 0x59616D61, -1  # <linux/prctl.h>
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])  # a child is there in milliseconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """Say how an operation ended."""

    error: Exception | None = None
    code: int | None = None
    """The errno behind the error."""


class Child:
    """Run operations in a process of its own, one at a time, on one storage."""

    def __init__(self, root: Path, *, durable: bool = True, user: int = 0) -> None:
        """Start it; `user` is the user whose rights it has."""
        self._ours, theirs = _processes.Pipe()
        self._process = _processes.Process(target=_serve, args=(theirs, root, durable, user))
        self._process.start()
        theirs.close()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self.thread: int = self._ours.recv()
        """The one that makes every call on files, by its id."""

    def do(self, operation: str) -> Outcome:
        """Return how an operation ended; `EOFError` where the process was killed before."""
        self._ours.send(operation)
        try:
            outcome: Outcome = self._ours.recv()
        except EOFError:
            self._process.join()
            assert self._process.exitcode == -signal.SIGKILL, "it was not killed, and ended"
            raise
        return outcome

    def open_files(self) -> list[tuple[int, str]]:
        """Return the descriptors that it has, and what they are of."""
        found = Path(f"/proc/{self.pid}/fd").iterdir()
        return sorted((int(fd.name), str(fd.readlink())) for fd in found)

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.join()
        self._ours.close()
        self._process.close()


def _serve(turns: Connection, root: Path, durable: bool, user: int) -> None:
    _let_trace()
    threads._SIZE = 1  # for the calls to be counted, and their order to be the same each time
    threads._renew()
    if user:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    asyncio.run(_take_turns(turns, FileSystemStorage(root, durable=durable)))


def _let_trace() -> None:
    """Let strace attach, where Yama keeps users from tracing what they did not start by it."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(_ANY), 0, 0, 0)


async def _take_turns(turns: Connection, storage: FileSystemStorage) -> None:
    await storage.exists("old")  # what is loaded late is there
    turns.send(await threads.in_file_thread(threading.get_native_id))
    while True:
        turns.send(await _outcome(storage, turns.recv()))


async def _outcome(storage: FileSystemStorage, operation: str) -> Outcome:
    try:
        await OPERATIONS[operation].run(storage)
    except Exception as error:  # noqa: BLE001 - the test says which it may be
        return Outcome(error, getattr(error.__cause__, "errno", None))
    return Outcome()
