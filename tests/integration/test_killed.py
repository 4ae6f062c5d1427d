"""A process that is killed at any step leaves rows with their files, and nothing that stays."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from servers import Server
from servers.buckets import create_s3_bucket

Environment = dict[str, str]


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Environment:
    return {"OPENVIPER_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'db'}"}


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
