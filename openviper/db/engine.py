"""Open the database of the settings, once per event loop, and run transactions in it."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from openviper.conf import settings
from openviper.exceptions import ImproperlyConfigured
from openviper.storage.perloop import PerLoop

__all__ = ["close", "engine", "in_transaction", "reading", "transaction", "writing"]

_engines: dict[str, PerLoop[AsyncEngine]] = {}
_guard = threading.Lock()
_current: ContextVar[AsyncSession | None] = ContextVar("openviper_session", default=None)


async def engine() -> AsyncEngine:
    """Return this loop's engine for `Settings.DATABASE_URL`; it is disposed with its loop."""
    url = settings.DATABASE_URL
    with _guard:
        per_loop = _engines.get(url)
        if per_loop is None:
            per_loop = _engines[url] = PerLoop(lambda: _connect(url))
    return await per_loop.get()


async def close() -> None:
    """Dispose of what this loop has open; the next use opens it again."""
    with _guard:
        opened = list(_engines.values())
    for per_loop in opened:
        await per_loop.aclose()


@asynccontextmanager
async def transaction() -> AsyncIterator[AsyncSession]:
    """Commit what happens in the block, or none of it; inside another, by a savepoint."""
    outer = _current.get()
    if outer is not None:
        async with outer.begin_nested():
            yield outer
        return
    async with AsyncSession(await engine(), expire_on_commit=False) as session, session.begin():
        token = _current.set(session)
        try:
            yield session
        finally:
            _current.reset(token)


@asynccontextmanager
async def reading() -> AsyncIterator[AsyncSession]:
    """Give the session of the transaction that is running, or one to read with."""
    outer = _current.get()
    if outer is not None:
        yield outer
        return
    async with AsyncSession(await engine(), expire_on_commit=False) as session:
        yield session


@asynccontextmanager
async def writing() -> AsyncIterator[AsyncSession]:
    """Flush into the transaction that is running, or commit one of its own."""
    outer = _current.get()
    if outer is None:
        async with transaction() as session:
            yield session
    else:
        yield outer
        await outer.flush()


def in_transaction() -> bool:
    """Tell whether a `transaction()` is running here."""
    return _current.get() is not None


async def _connect(url: str) -> AsyncGenerator[AsyncEngine, None]:
    opened = _create(url)
    if opened.dialect.name == "sqlite":
        event.listen(opened.sync_engine, "connect", _enforce_foreign_keys)
    try:
        yield opened
    finally:
        await opened.dispose()


def _create(url: str) -> AsyncEngine:
    try:
        return create_async_engine(make_url(url))
    except (ArgumentError, InvalidRequestError, ModuleNotFoundError) as error:
        kind = type(error).__name__
    # Outside the `except`: the error may show the URL, and that the password.
    raise ImproperlyConfigured(
        f"DATABASE_URL is none that SQLAlchemy can open ({kind}): write "
        "'sqlite+aiosqlite:///db.sqlite3' or 'postgresql+asyncpg://…', and install its driver"
    )


def _enforce_foreign_keys(connection: Any, _: object) -> None:  # Any: of the driver
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
