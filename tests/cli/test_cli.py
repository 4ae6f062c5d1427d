"""The command line, run as a command."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from openviper import db
from openviper.conf import settings
from openviper.db.pending import Note, ledger_of
from openviper.storage import FileSystemStorage

MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from openviper.db import FieldFile, FileType, pending_files
from openviper.storage import FileSystemStorage

class Base(DeclarativeBase):
    pass

pending_files(Base.metadata)

class Letter(Base):
    __tablename__ = "letters"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FieldFile] = mapped_column(FileType(storage=FileSystemStorage("own")))
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def openviper(tmp_path: Path) -> Run:
    """Run the command in a folder with a database, a storage, and files without rows."""
    (tmp_path / "letters.py").write_text(MODELS)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "openviper.cli", *arguments],
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
            capture_output=True,
            text=True,
        )

    return run


async def leave(folder: Path, name: str, *, storage: str = "default", media: str = "media") -> None:
    url = f"sqlite+aiosqlite:///{folder / 'db.sqlite3'}"
    with settings.override(DATABASE_URL=url):
        engine = await db.engine()
        async with engine.begin() as connection:
            await connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS letters (file TEXT)")
        ledger = ledger_of(engine.sync_engine, db.Model.metadata)
        assert ledger is not None
        await ledger.add(Note(storage=storage, name=name, table_name="letters", column_name="file"))
        await db.close()
    (folder / media).mkdir(exist_ok=True)
    await FileSystemStorage(folder / media).save(name, b"left")


def test_leftovers_are_removed_and_told(openviper: Run, tmp_path: Path) -> None:
    asyncio.run(leave(tmp_path, "a.txt"))
    young = openviper("storage", "reap")
    assert young.stdout == "sqlite+aiosqlite:///db.sqlite3: 0 removed, 0 had a row, 0 failed\n"
    assert young.returncode == 0
    dry = openviper("storage", "reap", "--older-than", "0s", "--dry-run")
    assert "1 would be removed" in dry.stdout
    assert (tmp_path / "media" / "a.txt").exists()
    done = openviper("storage", "reap", "--older-than", "0s")
    assert done.stdout.splitlines() == [
        "removed default  a.txt  (letters.file)",
        "sqlite+aiosqlite:///db.sqlite3: 1 removed, 0 had a row, 0 failed",
    ]
    assert not (tmp_path / "media" / "a.txt").exists()


def test_json_has_a_line_for_each_and_nothing_else(openviper: Run, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        asyncio.run(leave(tmp_path, name))
    lines = openviper("storage", "reap", "--older-than", "0s", "--json").stdout.splitlines()
    facts = [json.loads(line) for line in lines]
    assert [fact["name"] for fact in facts] == ["a.txt", "b.txt"]
    assert [fact["outcome"] for fact in facts] == ["removed", "removed"]


def test_a_storage_without_an_alias_needs_its_models(openviper: Run, tmp_path: Path) -> None:
    asyncio.run(leave(tmp_path, "a.txt", storage="", media="own"))
    without = openviper("storage", "reap", "--older-than", "0s")
    assert (without.returncode, "--models" in without.stdout) == (1, True)
    with_models = openviper("storage", "reap", "--older-than", "0s", "--models", "letters:Base")
    assert (with_models.returncode, with_models.stderr) == (0, "")
    assert not (tmp_path / "own" / "a.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (("--older-than", "soon"), {}, "write a number and s, m, h or d, like 24h"),
        (("--models", "no_such_module"), {}, "there is no module 'no_such_module'"),
        (("--models", "letters:None"), {}, "letters:None is no declarative base"),
        ((), {"OPENVIPER_DATABASE_URL": "nonsense"}, "DATABASE_URL is none that SQLAlchemy"),
        ((), {"OPENVIPER_DATABASE_URL": "sqlite+aiosqlite:////proc/no/db"}, ""),
        (
            (),
            {"OPENVIPER_DATABASE_URL": "postgresql+asyncpg://u:secret@127.0.0.1:1/d"},
            "127.0.0.1",
        ),
    ],
)
def test_what_can_not_be_done_is_told_in_a_line(
    openviper: Run, arguments: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    run = openviper("storage", "reap", *arguments, **environment)
    assert run.returncode != 0 or not said
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert "secret" not in run.stderr + run.stdout


def test_without_click_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['click'] = None; import openviper.cli"
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert run.returncode == 1
    assert "pip install 'openviper-storage[cli]'" in run.stderr


def test_the_command_is_installed() -> None:
    run = subprocess.run(
        [str(Path(sys.executable).parent / "openviper"), "--version"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.stdout.startswith("openviper, version ")
