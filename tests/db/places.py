"""The databases and storages on which the tests of models run."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from sqlalchemy import URL


class Place(NamedTuple):
    """Be a database, by SQLAlchemy's name of its driver, and a storage."""

    driver: str
    storage: str

    def __str__(self) -> str:
        return f"{self.driver}-{self.storage}"


ON_DISK = Place("sqlite+aiosqlite", "filesystem")
IN_MEMORY = Place("sqlite+aiosqlite", "memory")
ASYNCPG = Place("postgresql+asyncpg", "filesystem")
PSYCOPG = Place("postgresql+psycopg", "filesystem")
EVERYWHERE = (ON_DISK, IN_MEMORY, ASYNCPG)

on_sqlite = pytest.mark.parametrize("place", [ON_DISK, IN_MEMORY], indirect=True, ids=str)
on_postgres = pytest.mark.parametrize("place", [ASYNCPG, PSYCOPG], indirect=True, ids=str)


def plain(address: URL) -> URL:
    """Return the address of a database for a `Session` without asyncio."""
    backend = address.get_backend_name()
    return address.set(drivername="sqlite" if backend == "sqlite" else "postgresql+psycopg")
