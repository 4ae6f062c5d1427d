"""Start each server when a test first needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from servers import Server, start


@pytest.fixture(scope="session")
def server() -> Iterator[Callable[[str], Server]]:
    """Give a server by its kind, started once a session."""
    running: dict[str, Server] = {}
    with ExitStack() as stack:

        def get(kind: str) -> Server:
            if kind not in running:
                started = start(kind)
                stack.callback(started.stop)
                running[kind] = started.server
            return running[kind]

        yield get
