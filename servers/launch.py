"""Servers that answer: given by the environment, or started here and stopped again."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from servers.cache import run_directory
from servers.probes import answers
from servers.process import ServerProcess
from servers.server import Kind, Server, ServerUnavailable

__all__ = ["RunningServer", "start_all", "start_one"]

START_SECONDS = 60.0  # a loaded machine's first start of moto; usually all take one second
GIVEN_SECONDS = 10.0  # for a server that somebody else has started
PAUSE_SECONDS = 0.03


class RunningServer:
    """Hold a server, and stop it if it was started here."""

    def __init__(self, kind: Kind, *, server: Server, process: ServerProcess | None) -> None:
        self.server = server
        self.process = process
        self._kind = kind

    def wait_until_healthy(self) -> None:
        """Return once the server answers, or raise `ServerUnavailable` with its log."""
        allowed = START_SECONDS if self.process else GIVEN_SECONDS
        deadline = time.monotonic() + allowed
        while not answers(self.server.url, self._kind.probe):
            if self.process and self.process.has_ended():
                raise self._unavailable("ended while starting")
            if time.monotonic() > deadline:
                where = self.server.url.rpartition("@")[2]  # without a password
                raise self._unavailable(f"no answer from {where} in {allowed:g} s")
            time.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        """End the server and remove its files; do nothing to one that was given."""
        if self.process:
            self.process.end()
            self.process.discard()

    def _unavailable(self, reason: str) -> ServerUnavailable:
        if self.process is None:
            return ServerUnavailable(self._kind.name, f"{reason} (given by {self._kind.variable})")
        tail = self.process.log_tail()
        return ServerUnavailable(self._kind.name, f"{reason}; log {self.process.log} ends:\n{tail}")


def start_one(kind: Kind) -> RunningServer:
    """Return one healthy server; the caller stops it."""
    running = _spawn(kind)
    try:
        running.wait_until_healthy()
    except BaseException:
        _abandon([running])
        raise
    return running


@contextmanager
def start_all(kinds: Sequence[Kind]) -> Iterator[dict[str, Server]]:
    """Start servers side by side, give them by name once all are healthy, stop them all."""
    started: list[RunningServer] = []
    try:
        for kind in kinds:
            started.append(_spawn(kind))
        for running in started:
            running.wait_until_healthy()
    except BaseException:
        _abandon(started)
        raise
    try:
        yield {running.server.name: running.server for running in started}
    finally:
        _ask_to_end(started)
        for running in started:
            running.stop()


def _spawn(kind: Kind) -> RunningServer:
    given, _, version = os.environ.get(kind.variable, "").partition("#")
    if given:
        server = _server(kind, given.rstrip("/"), version or "external")
        return RunningServer(kind, server=server, process=None)
    command = kind.install()
    port = _free_port()
    directory = run_directory(kind.name, kind.parent)
    process = ServerProcess(
        [*command, *kind.arguments(port, directory / "data")],
        directory=directory,
        environment=kind.environment,
        stop=kind.stop,
    )
    server = _server(kind, kind.address.format(port=port), kind.version())
    return RunningServer(kind, server=server, process=process)


def _server(kind: Kind, url: str, version: str) -> Server:
    return Server(name=kind.name, url=url, version=version, credentials=kind.credentials(url))


def _abandon(started: Sequence[RunningServer]) -> None:
    """End servers but leave their logs, which an error has named."""
    _ask_to_end(started)
    for running in started:
        if running.process:
            running.process.end()


def _ask_to_end(started: Sequence[RunningServer]) -> None:
    for running in started:
        if running.process:
            running.process.ask_to_end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
