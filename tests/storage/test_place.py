"""Names below a location."""

from __future__ import annotations

import pytest

from openviper.storage.backends.memory import MemoryStorage
from openviper.storage.errors import InvalidNameError
from openviper.storage.names import join

PLAIN = "/".join(["a" * 64] * 8)
"""519 bytes that are canonical beyond doubt."""


@pytest.mark.parametrize("segments", [1, 2, 4])
def test_limit_counts_the_bytes_of_the_location(segments: int) -> None:
    location = "/".join(["𝔞" * 63] * segments)  # 252 bytes each
    storage = MemoryStorage(location=location)
    if len(join(location, PLAIN).encode()) <= 1024:
        assert storage.url(PLAIN).endswith(PLAIN)
    else:
        with pytest.raises(InvalidNameError, match="1024 bytes"):
            storage.url(PLAIN)


async def test_names_never_carry_the_location() -> None:
    storage = MemoryStorage(location="deep/er")
    info = await storage.put("a/b", b"x")
    assert info.name == "a/b"
    assert [info.name async for info in storage.files()] == ["a/b"]
    assert (await storage.list_page(delimiter="/")).prefixes == ("a",)
    assert await storage.copy("a/b", "c") == "c"
    assert storage.url("c") == "/media/deep/er/c"
