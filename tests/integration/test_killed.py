"""A process that is killed at any step leaves rows with their files, and nothing that stays."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from servers import Server
from servers.buckets import create_s3_bucket

Environment = dict[str, str]


@pytest.fixture(params=["sqlite", "postgres"])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, server: Callable[[str], Server]
) -> Iterator[Environment]:
    if request.param == "sqlite":
        yield {"OPENVIPER_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'db'}"}
        return
    address = server("postgres").url
    name = f"killed_{uuid.uuid4().hex}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        url = make_url(address).set(drivername="postgresql+asyncpg", database=name)
        yield {"OPENVIPER_DATABASE_URL": url.render_as_string(hide_password=False)}
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(params=["filesystem", "s3"])
def files(
    request: pytest.FixtureRequest, tmp_path: Path, server: Callable[[str], Server]
) -> Environment:
    if request.param == "filesystem":
        return {"OPENVIPER_MEDIA_ROOT": str(tmp_path / "media")}
    there = server("moto")
    bucket = create_s3_bucket(there)
    options = {"bucket": bucket, "endpoint_url": there.url, **there.credentials}
    return {
        "OPENVIPER_DEFAULT_FILE_STORAGE": "s3",
        "OPENVIPER_STORAGE_OPTIONS": json.dumps(options),
    }


def test_killed_at_each_step(database: Environment, files: Environment) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.integration.killing"],
        check=False,
        env={**os.environ, **database, **files},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    told = re.fullmatch(r"killed (\d+) times, (\d+) of them before the commit\n", run.stdout)
    assert told is not None, run.stdout
    assert int(told[1]) > int(told[2]) > 20
