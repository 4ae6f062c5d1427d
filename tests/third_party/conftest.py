"""Make a bucket on a server for all classes of a session that keep their files there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from servers import Server
from servers.buckets import create_s3_bucket


@pytest.fixture(scope="session")
def bucket_on(server: Callable[[str], Server]) -> Callable[[str], tuple[str, Server]]:
    """Give a server with a bucket on it, by its kind."""
    made: dict[str, tuple[str, Server]] = {}

    def get(kind: str) -> tuple[str, Server]:
        if kind not in made:
            there = server(kind)
            made[kind] = create_s3_bucket(there), there
        return made[kind]

    return get
