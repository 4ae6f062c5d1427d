"""Kill a process at each step of a transaction with files, and see what is there afterwards.

`python -m tests.integration.killing` works on the settings of the environment, and prints how
many times it killed.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from openviper import db
from openviper.db import fields
from openviper.db.models import Model
from openviper.db.moments import now
from openviper.db.pending import Ledger, ledger_of
from openviper.storage import default_storage, storages

BEFORE = {"replaced": b"old", "deleted": b"gone"}
AFTER = {"replaced": b"new", "added": b"more", "later": b"last"}


class Killed(Model):
    class Meta:
        table_name = "killed"

    title = fields.CharField(unique=True)
    file = fields.FileField(upload_to="killed")


class Steps:
    """Kill this process when as many steps as said are done."""

    def __init__(self, left: int) -> None:
        self._left = left

    def step(self, *_: object, **__: object) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def round(self, owner: type, method: str) -> None:
        """Make a step before and after each call of a coroutine method."""
        plain: Callable[..., Any] = getattr(owner, method)

        @wraps(plain)
        async def stepping(*arguments: Any, **options: Any) -> Any:
            self.step()
            result = await plain(*arguments, **options)
            self.step()
            return result

        setattr(owner, method, stepping)


class Upload:
    """Be an upload that comes in two pieces, with a step between them."""

    def __init__(self, data: bytes, step: Callable[[], None] = lambda: None) -> None:
        self.filename = "a.txt"
        self._data = data
        self._step = step

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._data[:2]
        self._step()
        yield self._data[2:]


async def prepare() -> None:
    await db.create_tables()
    async with db.transaction():
        await Killed.objects.delete()
    for title, data in BEFORE.items():
        await Killed(title=title, file=Upload(data)).save()


async def transact(steps: Steps) -> None:
    storage = type(default_storage.current())
    for method in ("save", "delete_many"):
        steps.round(storage, method)
    for method in ("add", "forget"):
        steps.round(Ledger, method)
    engine = (await db.engine()).sync_engine
    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(engine, name, steps.step)
    event.listen(Session, "after_commit", steps.step)
    async with db.transaction():
        row = await Killed.objects.get(title="replaced")
        row.file = Upload(AFTER["replaced"], steps.step)
        await row.save()
        await Killed(title="added", file=Upload(AFTER["added"], steps.step)).save()
        await (await Killed.objects.get(title="deleted")).delete()
        await Killed(title="later", file=Upload(AFTER["later"], steps.step)).save()
    await close()


async def look() -> bool:
    """Reap, and tell whether the transaction was committed; fail unless all of it was, or none."""
    for _ in range(100):  # PostgreSQL takes its time to see that a client is gone
        async for reaped in db.reap(older_than=timedelta(0)):
            assert reaped.outcome != "failed", reaped
        if await pending() == 0:
            break
        await asyncio.sleep(0.05)
    assert await pending() == 0
    rows = await Killed.objects.all()
    found = {row.title: await row.file.read() for row in rows}
    assert found in (BEFORE, AFTER), found
    files = {info.name async for info in default_storage.files()}
    assert files == {row.file for row in rows}, (files, rows)
    return found == AFTER


async def pending() -> int:
    ledger = ledger_of((await db.engine()).sync_engine, Model.metadata)
    assert ledger is not None
    return len(await ledger.notes(before=now()))


async def close() -> None:
    await storages.aclose()
    await db.close()


async def begin() -> None:
    await prepare()
    await close()


async def look_and_prepare() -> bool:
    is_committed = await look()
    await prepare()
    await close()
    return is_committed


def main() -> None:
    committed = []
    asyncio.run(begin())
    for count in itertools.count(1):
        if (pid := os.fork()) == 0:
            asyncio.run(transact(Steps(count)))
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status in (0, -signal.SIGKILL), status
        committed.append(asyncio.run(look_and_prepare()))
        if status == 0:
            break
    assert committed == sorted(committed), "a later kill undid what an earlier one had kept"
    sys.stdout.write(
        f"killed {len(committed) - 1} times, {committed.count(False)} of them before the commit\n"
    )


if __name__ == "__main__":
    main()
