"""What a test server is, before and after it runs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Kind", "Server", "ServerUnavailable"]


class ServerUnavailable(Exception):  # noqa: N818  # it says what the server is, not what went wrong
    """Say which server cannot be had, and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name} is not available: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Hold everything that a client needs to reach a server that answers.

    `version` is "external" for an address that the environment gave without `#version`.
    """

    name: str
    url: str
    version: str
    credentials: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Describe how one sort of server is obtained, started and reached.

    `variable` is the environment variable that names one already running; `probe` is a
    path that answers below 500 once an HTTP server serves; `install` returns the start of its
    command line, and `arguments` the rest, for a port and an empty directory of its own, which
    is made in `parent` (None is the cache); `stop` asks it to end. What is not `everywhere`
    nothing here installs, and `python -m servers` goes on without it.
    """

    name: str
    variable: str
    probe: str
    version: Callable[[], str]
    install: Callable[[], Sequence[str]]
    arguments: Callable[[int, Path], Sequence[str]]
    credentials: Callable[[str], Mapping[str, str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    address: str = "http://127.0.0.1:{port}"
    parent: Path | None = None
    stop: signal.Signals = signal.SIGTERM
    everywhere: bool = True
