"""Give each test a storage of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openviper.storage import MemoryStorage, default_storage


@pytest.fixture(autouse=True)
def storage() -> Iterator[MemoryStorage]:
    """Put an empty storage in the default's place, for the server's thread too."""
    storage = MemoryStorage()
    default_storage.configure(storage)
    yield storage
    default_storage.configure(None)
