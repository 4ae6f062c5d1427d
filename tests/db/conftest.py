"""Give each test a database, tables and a storage of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from openviper import db
from openviper.conf import settings
from openviper.storage import FileSystemStorage, MemoryStorage, Storage, default_storage
from tests.db.uploads import Base, notes


@pytest.fixture(params=["filesystem", "memory"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    made: Storage = MemoryStorage()
    if request.param == "filesystem":
        (tmp_path / "media").mkdir()
        made = FileSystemStorage(tmp_path / "media", "/media/")
    default_storage.configure(made)
    yield made
    default_storage.configure(None)


@pytest.fixture(autouse=True)
async def engine(tmp_path: Path, storage: Storage) -> AsyncIterator[AsyncEngine]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    with settings.override(DATABASE_URL=url):
        await db.create_tables()
        opened = await db.engine()
        async with opened.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield opened
        async for found in db.reap(older_than=timedelta(0)):
            assert found.outcome != "failed", found
        assert await notes() == []
        await db.close()
