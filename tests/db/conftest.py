"""Give each test a database, tables and a storage of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from openviper import db
from openviper.conf import settings
from openviper.storage import FileSystemStorage, MemoryStorage, Storage, default_storage
from servers import running
from tests.db.places import EVERYWHERE, Place
from tests.db.uploads import Base, notes


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    """Give the address of a database that is this process's alone."""
    name = f"test_{uuid.uuid4().hex}"
    with running("postgres") as servers:
        server = servers["postgres"].url
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
            yield make_url(server).set(database=name)
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(params=EVERYWHERE, ids=str)
def place(request: pytest.FixtureRequest) -> Place:
    place: Place = request.param
    return place


@pytest.fixture
def database(place: Place, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Return the address of an empty database."""
    if place.driver.startswith("sqlite"):
        return f"{place.driver}:///{tmp_path / 'test.db'}"
    address: URL = request.getfixturevalue("postgres")
    with psycopg.connect(address.render_as_string(hide_password=False)) as connection:
        connection.execute("SET lock_timeout = '10s'")  # of what another test left open
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return address.set(drivername=place.driver).render_as_string(hide_password=False)


@pytest.fixture
async def storage(place: Place, tmp_path: Path) -> AsyncIterator[Storage]:
    made: Storage = MemoryStorage()
    if place.storage == "filesystem":
        (tmp_path / "media").mkdir()
        made = FileSystemStorage(tmp_path / "media", "/media/")
    default_storage.configure(made)
    yield made
    default_storage.configure(None)


@pytest.fixture(autouse=True)
async def engine(database: str, storage: Storage) -> AsyncIterator[AsyncEngine]:
    with settings.override(DATABASE_URL=database):
        await db.create_tables()
        opened = await db.engine()
        async with opened.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield opened
        async for found in db.reap(older_than=timedelta(0)):
            assert found.outcome != "failed", found
        assert await notes() == []
        await db.close()
