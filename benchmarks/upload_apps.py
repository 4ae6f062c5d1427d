"""Receive uploads over HTTP: openviper's way, and as users of plain Starlette write it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import aiofiles
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import openviper.http
from openviper import OpenViper
from openviper.db import Model, create_tables, fields
from openviper.http import Limits
from openviper.storage import default_storage

__all__ = ["openviper_app", "starlette_app"]


class Upload(Model):
    """Have a file."""

    class Meta:
        """Name the table."""

        table_name = "uploads"

    file = fields.FileField(upload_to="rows/")


def openviper_app() -> OpenViper:
    """Return an app that streams files into `default_storage`, alone or as a field of a row."""
    app = OpenViper(limits=Limits(max_body_size=None))
    app.on_startup(create_tables)
    app.add("/save", _save, methods=["POST"])
    app.add("/field", _field, methods=["POST"])
    return app


async def _save(request: openviper.http.Request) -> list[int]:
    return [
        await default_storage.size(await part.save(default_storage, "files/large.bin"))
        async for part in request.stream_files()
    ]


async def _field(request: openviper.http.Request) -> list[int]:
    sizes: list[int] = []
    async for part in request.stream_files():
        upload = Upload(file=part)
        await upload.save()
        sizes.append(await upload.file.size())
    return sizes


def starlette_app(folder: Path) -> Starlette:
    """Return an app that writes files into `folder`, each with fsync before it has its name.

    `/threads` writes the body as it comes, each chunk in a thread; `/loop` writes it on the
    event loop, which everybody else waits for; `/form` has Starlette spool the file first.
    """

    async def threads(request: Request) -> JSONResponse:
        async with _naming(folder) as path, aiofiles.open(path, "wb") as file:
            async for chunk in request.stream():
                await file.write(chunk)
            await file.flush()
            await run_in_threadpool(os.fsync, file.fileno())
        return JSONResponse([])

    async def loop(request: Request) -> JSONResponse:
        async with _naming(folder) as path:
            with path.open("wb") as file:
                async for chunk in request.stream():
                    file.write(chunk)
                file.flush()
                await run_in_threadpool(os.fsync, file.fileno())
        return JSONResponse([])

    async def form(request: Request) -> JSONResponse:
        async with request.form() as fields, _naming(folder) as path:
            upload = fields["file"]
            assert isinstance(upload, UploadFile)
            await run_in_threadpool(_copy, upload.file, path)
        return JSONResponse([])

    views = (threads, loop, form)
    return Starlette(routes=[Route(f"/{view.__name__}", view, methods=["POST"]) for view in views])


@asynccontextmanager
async def _naming(folder: Path) -> AsyncIterator[Path]:
    """Give a path to write to; then let the file have its name, for good."""
    path = folder / secrets.token_hex(8)
    yield path
    await run_in_threadpool(_rename, path, folder / f"large-{path.name}.bin")


def _rename(path: Path, target: Path) -> None:
    path.rename(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _copy(source: IO[bytes], path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
