"""Put Litestar's uploads into a storage, and give them back.

    $ pip install openviper-storage litestar uvicorn
    $ uvicorn examples.litestar_app:app
    $ curl -F file=@report.pdf http://127.0.0.1:8000/files

Files go to ./media, or where OPENVIPER_DEFAULT_FILE_STORAGE says.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from litestar import Litestar, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, MultipartBody
from litestar.response import Stream

from openviper.storage import InvalidNameError, NotFoundError, default_storage


@dataclass
class Form:
    """Say what a form has; without it the answer is 400."""

    file: UploadFile


@asynccontextmanager
async def lifespan(_: Litestar) -> AsyncIterator[None]:
    """Close the storage in the end."""
    async with default_storage:
        yield


@post("/files")
async def upload(data: MultipartBody[Form]) -> dict[str, str]:
    """Store the file, whatever it is called, in the folder of uploads."""
    name = await default_storage.save(f"uploads/{data.file.filename}", data.file)
    return {"name": name}


@get("/files/{name:path}")
async def download(name: FromPath[str]) -> Stream:
    """Give a file back, never to be shown inline."""
    info = await default_storage.stat(name)
    headers = {
        "Content-Disposition": "attachment",
        "Content-Length": str(info.size),
        "X-Content-Type-Options": "nosniff",
    }
    chunks = default_storage.stream(info.name)
    return Stream(chunks, headers=headers, media_type=info.content_type)


def no_such_file(_: object, __: NotFoundError) -> Response[dict[str, str]]:
    """Answer for what the storage does not have."""
    return Response({"detail": "there is no such file"}, status_code=404)


def bad_name(_: object, error: InvalidNameError) -> Response[dict[str, str]]:
    """Answer for a name that no file can have, with a NUL in it."""
    return Response({"detail": str(error)}, status_code=400)


app = Litestar(
    [upload, download],
    exception_handlers={NotFoundError: no_such_file, InvalidNameError: bad_name},
    lifespan=[lifespan],
)
