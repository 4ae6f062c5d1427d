"""Delete many files: in batches where the service has them, else a few side by side.

A deletion that was sent is awaited whatever is cancelled: it might be carried out later, and
then take away what has been saved under the name since.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from openviper.storage.driver import BatchDeleter
from openviper.storage.errors import InvalidNameError, NotFoundError, StorageError
from openviper.storage.place import Place
from openviper.storage.shield import to_the_end
from openviper.storage.types import DeleteResult

__all__ = ["delete_all"]

_AT_ONCE = 16
_BATCH = 1000


async def delete_all(place: Place, names: AsyncGenerator[str, None]) -> list[DeleteResult]:
    """Delete every name and say how each ended, in order."""
    driver = place.driver
    size = driver.max_batch if isinstance(driver, BatchDeleter) else _BATCH
    results: list[DeleteResult] = []
    batch: list[str] = []
    async with aclosing(names):
        async for name in names:
            batch.append(name)
            if len(batch) == size:
                results += await _delete_batch(place, batch)
                batch = []
    return [*results, *(await _delete_batch(place, batch) if batch else [])]


async def _delete_batch(place: Place, names: Sequence[str]) -> list[DeleteResult]:
    outcomes: dict[str, StorageError | None] = {}
    valid: dict[str, str] = {}
    for name in names:
        try:
            valid[name] = place.canonical(name)
        except InvalidNameError as error:
            outcomes[name] = error
    distinct = list(dict.fromkeys(valid.values()))
    ended = await _in_one_request(place, distinct) or await _side_by_side(place, distinct)
    outcomes |= {name: ended[found] for name, found in valid.items()}
    return [DeleteResult(name=name, error=outcomes[name]) for name in names]


async def _in_one_request(
    place: Place, names: Sequence[str]
) -> dict[str, StorageError | None] | None:
    driver = place.driver
    if not names or not isinstance(driver, BatchDeleter):
        return None
    ended: dict[str, StorageError | None] = dict.fromkeys(names)
    try:
        async with place.guard("delete", None):
            failures = await to_the_end(driver.delete_batch([place.key(name) for name in names]))
    except StorageError as error:
        return dict.fromkeys(names, error)
    for key, failure in failures.items():
        ended[place.name(key)] = await _meaning(place, place.name(key), failure)
    return ended


async def _side_by_side(place: Place, names: Sequence[str]) -> Mapping[str, StorageError | None]:
    free = asyncio.Semaphore(_AT_ONCE)

    async def delete(name: str) -> StorageError | None:
        async with free:
            return await _delete_one(place, name)

    async with asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(delete(name)) for name in names}
    return {name: task.result() for name, task in tasks.items()}


async def _delete_one(place: Place, name: str) -> StorageError | None:
    try:
        async with place.guard("delete", name):
            await to_the_end(place.driver.delete(place.key(name)))
    except NotFoundError:
        return None
    except StorageError as error:
        return error
    return None


async def _meaning(place: Place, name: str, failure: Exception) -> StorageError | None:
    try:
        async with place.guard("delete", name):
            raise failure
    except NotFoundError:
        return None
    except StorageError as error:
        return error
