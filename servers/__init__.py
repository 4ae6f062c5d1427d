"""Real servers for tests and people: moto, versitygw, fake-gcs-server, Azurite, PostgreSQL.

Each is the address that its environment variable gives (see `docker-compose.yml`), or else
a process of its own on a free port of 127.0.0.1, installed on first use (not PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from servers.buckets import create_gcs_bucket
from servers.kinds import BY_NAME
from servers.launch import RunningServer, start_all, start_one
from servers.server import Server, ServerUnavailable

__all__ = [
    "KINDS",
    "RunningServer",
    "Server",
    "ServerUnavailable",
    "create_gcs_bucket",
    "running",
    "start",
]

KINDS = ("moto", "versitygw", "gcs", "azurite", "postgres")


@contextmanager
def running(*kinds: str) -> Iterator[dict[str, Server]]:
    """Start servers side by side, give them by name once all answer, and stop them.

    Raises `ServerUnavailable` when one cannot be installed or does not answer.
    """
    with start_all([BY_NAME[kind] for kind in kinds]) as servers:
        yield servers


def start(kind: str) -> RunningServer:
    """Start one server and return it once it answers; `stop()` ends it.

    Raises `ServerUnavailable` when it cannot be installed or does not answer.
    """
    return start_one(BY_NAME[kind])
