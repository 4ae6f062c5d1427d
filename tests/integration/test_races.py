"""Races that are too big for every run of the suite: on the server that decides them truly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from openviper.storage.errors import AlreadyExistsError
from openviper.storage.testing import Subject, Target
from openviper.storage.testing.contents import bytes_of, meeting

WRITERS = 20
SIZE = 10 << 20
BODY = bytes_of(SIZE)


@pytest.fixture
async def target(subject_of: Callable[[str], Subject]) -> AsyncIterator[Target]:
    async with Target(subject_of("versitygw")) as target:
        yield target


def _content(writer: int) -> bytes:
    return f"writer {writer:02}".encode() + BODY


async def test_twenty_multipart_saves_of_one_name_get_twenty_names(target: Target) -> None:
    barrier = asyncio.Barrier(WRITERS)
    names = await asyncio.gather(
        *(target.storage.save("a.bin", meeting(_content(w), barrier)) for w in range(WRITERS))
    )
    assert len(set(names)) == WRITERS
    for writer, name in enumerate(names):
        assert await target.storage.read(name) == _content(writer), name
    assert target.raw is not None
    assert sorted(await target.raw.keys()) == sorted(names)
    assert await target.raw.open_uploads() == []


async def test_one_of_twenty_multipart_creators_wins(target: Target) -> None:
    barrier = asyncio.Barrier(WRITERS)
    outcomes = await asyncio.gather(
        *(
            target.storage.save("a.bin", meeting(_content(w), barrier), if_exists="error")
            for w in range(WRITERS)
        ),
        return_exceptions=True,
    )
    losers = [outcome for outcome in outcomes if isinstance(outcome, AlreadyExistsError)]
    assert len(losers) == WRITERS - 1, outcomes
    assert await target.storage.read("a.bin") == _content(outcomes.index("a.bin"))
    assert target.raw is not None
    assert await target.raw.keys() == ["a.bin"]
    assert await target.raw.open_uploads() == []
