"""Stream uploads straight into the storage, in plain Starlette: nothing is held or spooled.

    $ pip install 'openviper-storage[web]' uvicorn
    $ uvicorn examples.plain_starlette:app
    $ curl -F file=@holiday.mp4 http://127.0.0.1:8000/files

Files go to ./media, or where OPENVIPER_DEFAULT_FILE_STORAGE says.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

import openviper.http
from openviper.storage import InvalidNameError, NotFoundError, default_storage


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Close the storage in the end."""
    async with default_storage:
        yield


async def upload(request: Request) -> JSONResponse:
    """Store each file of the form while it comes from the socket, up to 100 MiB in all."""
    incoming = openviper.http.Request(request.scope, request.receive)
    names = [
        await part.save(default_storage, f"uploads/{part.filename}")
        async for part in incoming.stream_files()
    ]
    if not names:
        raise HTTPException(400, "the form has no file")
    return JSONResponse(names, status_code=201)


async def download(request: Request) -> StreamingResponse:
    """Give a file back, never to be shown inline."""
    info = await default_storage.stat(request.path_params["name"])
    headers = {
        "Content-Disposition": "attachment",
        "Content-Length": str(info.size),
        "X-Content-Type-Options": "nosniff",
    }
    chunks = default_storage.stream(info.name)
    return StreamingResponse(chunks, headers=headers, media_type=info.content_type)


async def no_such_file(_: Request, __: Exception) -> JSONResponse:
    """Answer for what the storage does not have."""
    return JSONResponse({"error": "there is no such file"}, status_code=404)


async def bad_name(_: Request, error: Exception) -> JSONResponse:
    """Answer for a name that no file can have, with a NUL in it."""
    return JSONResponse({"error": str(error)}, status_code=400)


app = Starlette(
    routes=[
        Route("/files", upload, methods=["POST"]),
        Route("/files/{name:path}", download),
    ],
    exception_handlers={NotFoundError: no_such_file, InvalidNameError: bad_name},
    lifespan=lifespan,
)
