"""The app: its lifespan, and what it answers where something goes wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from openviper import HTTPException, JSONResponse, OpenViper, Request, db
from openviper.conf import settings
from openviper.exceptions import ImproperlyConfigured
from openviper.storage import (
    MemoryStorage,
    PermissionDeniedError,
    StorageError,
    StorageFullError,
    StorageTimeoutError,
    ThrottledError,
    default_storage,
    storages,
)

EVENTS: list[str] = []


class NotingStorage(MemoryStorage):
    """Note when it is made and closed."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label
        EVENTS.append(f"make {label}")

    async def aclose(self) -> None:
        await super().aclose()
        EVENTS.append(f"close {self.label}")


def noting(label: str) -> dict[str, object]:
    return {"BACKEND": f"{__name__}.NotingStorage", "OPTIONS": {"label": label}}


def test_storages_are_open_from_the_start_to_the_end() -> None:
    EVENTS.clear()
    default_storage.configure(None)

    @asynccontextmanager
    async def lifespan(app: OpenViper) -> AsyncIterator[None]:
        EVENTS.append("enter")
        yield
        EVENTS.append("exit")

    app = OpenViper(lifespan=lifespan)

    @app.on_startup
    async def start() -> None:
        EVENTS.append("start")

    @app.on_shutdown
    async def end() -> None:
        EVENTS.append("end")

    described = {"default": noting("default"), "archive": noting("archive")}
    with settings.override(STORAGES=described):
        with app.test_client():
            EVENTS.append("serve")
        assert storages["archive"] is storages["archive"]
    closed = {"close default", "close archive"}
    assert EVENTS[:5] == ["make default", "make archive", "enter", "start", "serve"]
    assert EVENTS[5:7] == ["end", "exit"]
    assert set(EVENTS[7:]) == closed


def test_storage_that_was_configured_is_closed() -> None:
    EVENTS.clear()
    default_storage.configure(NotingStorage("own"))
    with OpenViper().test_client():
        assert EVENTS == ["make own"]
    assert EVENTS == ["make own", "close own"]


async def test_database_is_closed_after_the_last_hook(tmp_path: Path) -> None:
    app = OpenViper()
    used: list[AsyncEngine] = []

    @app.on_startup
    async def start() -> None:
        await db.create_tables()

    @app.on_shutdown
    async def end() -> None:
        used.append(await db.engine())

    with settings.override(DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/app.db"):
        async with app.router.lifespan_context(app):
            opened = await db.engine()
            assert pooled(opened) == 1
        assert used == [opened]
        assert pooled(opened) == 0
        assert await db.engine() is not opened
        await db.close()


def pooled(opened: AsyncEngine) -> int:
    """Return the number of connections that an engine keeps open."""
    assert isinstance(opened.pool, QueuePool)
    return opened.pool.checkedin()


def test_app_without_models_loads_no_database() -> None:
    script = """
import sys
from openviper import OpenViper
with OpenViper().test_client(): print("sqlalchemy" in sys.modules)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "False\n"


def test_a_row_that_is_not_there_is_a_404(tmp_path: Path) -> None:
    app = OpenViper()
    app.on_startup(db.create_tables)

    @app.get("/things/{key:int}")
    async def thing(request: Request, key: int) -> dict[str, object]:
        return (await Thing.objects.get(id=key)).to_dict()

    url = f"sqlite+aiosqlite:///{tmp_path}/app.db"
    with settings.override(DATABASE_URL=url), app.test_client() as client:
        answer = client.get("/things/1")
    assert (answer.status_code, answer.json()) == (404, {"error": "there is no such Thing"})


class Thing(db.Model):
    """Be a model: an app that has none needs no database."""

    class Meta:
        table_name = "test_app_things"


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("STORAGES", {"archive": "nothing.at.All"}, "archive"),
        ("DATABASE_URL", "nothing at all", "DATABASE_URL"),
    ],
)
def test_wrong_setting_stops_the_app_at_its_start(name: str, value: Any, named: str) -> None:
    with (
        settings.override(**{name: value}),
        pytest.raises(ImproperlyConfigured, match=named),
        OpenViper().test_client(),
    ):
        raise AssertionError


async def missing() -> None:
    await default_storage.read("missing.txt")


async def unsafe() -> None:
    await default_storage.read("../x")


async def taken() -> None:
    await default_storage.put("a", b"")
    await default_storage.put("a", b"", if_none_match=True)


async def changed() -> None:
    await default_storage.put("a", b"", if_match="other")


async def large() -> None:
    await default_storage.put("a", b"123")
    await default_storage.read("a", max_size=2)


def raising(error: Exception) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("act", "status", "why"),
    [
        (missing, 404, "there is no such file"),
        (unsafe, 400, "the name '../x' can't be used: '..' would lead out of the storage"),
        (taken, 409, "there is such a file already"),
        (changed, 412, "the file was changed meanwhile"),
        (large, 413, "the file is too large"),
        (raising(ThrottledError("bucket")), 503, "the storage is not available; try again later"),
        (
            raising(StorageTimeoutError()),
            504,
            "the storage did not answer in time; try again later",
        ),
        (raising(StorageFullError()), 507, "the storage is full"),
        (raising(HTTPException(418, "tea", {"x-pot": "1"})), 418, "tea"),
    ],
)
def test_errors_are_answered_in_json(
    act: Callable[[], Awaitable[None]], status: int, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = OpenViper()

    @app.get("/")
    async def view(request: Request) -> None:
        await act()

    answer = app.test_client().get("/")
    assert (answer.status_code, answer.json()) == (status, {"error": why})
    assert answer.headers.get("x-pot") == ("1" if status == 418 else None)
    assert len([r for r in caplog.records if r.name == "openviper"]) == (status >= 500)


@pytest.mark.parametrize("error", [PermissionDeniedError("secret"), StorageError("secret")])
def test_our_own_faults_are_500_and_say_nothing(error: StorageError) -> None:
    app = OpenViper()

    @app.get("/")
    async def view(request: Request) -> None:
        raise error

    with pytest.raises(type(error)):
        app.test_client().get("/")
    answer = app.test_client(raise_server_exceptions=False).get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_answer_without_a_body_has_none() -> None:
    app = OpenViper()

    @app.get("/")
    async def view(request: Request) -> None:
        raise HTTPException(304)

    answer = app.test_client().get("/")
    assert (answer.status_code, answer.content) == (304, b"")


def test_exception_handler_replaces_an_answer() -> None:
    app = OpenViper()

    @app.exception_handler(StorageError)
    async def answer(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"own": str(error)}, status_code=499)

    @app.get("/")
    async def view(request: Request) -> None:
        raise StorageError("words")

    got = app.test_client().get("/")
    assert (got.status_code, got.json()) == (499, {"own": "words"})


@pytest.mark.parametrize("missing_package", ["starlette", "python_multipart"])
@pytest.mark.parametrize(
    "line",
    [
        "from openviper import OpenViper",
        "from openviper.http.request import Request",
        "from openviper.routing.router import Router",
    ],
)
def test_missing_package_names_the_extra(missing_package: str, line: str) -> None:
    script = f"""
import sys
class Without:
    def find_spec(self, name, path, target=None):
        if name == {missing_package!r}:
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Without())
try: {line}
except ImportError as error: print(error)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert f"{missing_package}, which is not installed: pip install" in ended.stdout
    assert "'openviper-storage[web]'" in ended.stdout


def test_importing_openviper_loads_no_web_framework() -> None:
    script = "import sys, openviper, openviper.storage; print('starlette' in sys.modules)"
    ended: Any = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "False\n"
