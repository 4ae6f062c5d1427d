"""Keep photos, each a row and a file, and show them.

There are no accounts: whoever reaches it may add and delete.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.staticfiles import StaticFiles

from openviper import HTTPException, JSONResponse, OpenViper, Request, Router
from openviper.db import Model, create_tables, fields
from openviper.http import Response, StreamingResponse
from openviper.storage import default_storage

IMAGES = ("image/avif", "image/gif", "image/jpeg", "image/png", "image/webp")
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = Router()


class Photo(Model):
    """Be a photo: its width and height are in the name of its file, its size is here."""

    class Meta:
        """Say that the newest come first."""

        table_name = "photos"
        ordering = ("-id",)

    image = fields.ImageField("photos/%Y", max_size=10 << 20, content_types=IMAGES)
    size = fields.IntegerField()


@router.get("/photos")
async def photos(_: Request) -> list[dict[str, object]]:
    """List all photos without a look at any file."""
    return [shown(photo) for photo in await Photo.objects.all()]


@router.post("/photos")
async def upload(request: Request) -> JSONResponse:
    """Store a photo; what is none is a 400, what is too large a 413, and neither stays."""
    file = (await request.files())["file"]
    photo = await Photo.objects.create(image=file, size=file.size)
    return JSONResponse(shown(photo), status_code=201)


@router.delete("/photos/{key:int}")
async def delete(_: Request, key: int) -> None:
    """Delete a row and its file, if they are there."""
    await Photo.objects.filter(id=key).delete()


@router.get("/images/{name:path}")
async def image(_: Request, name: str) -> Response:
    """Show a file of the storage if it is an image, and let nothing in it run if it is not."""
    info = await default_storage.stat(name)
    if info.content_type not in IMAGES:
        raise HTTPException(404, "there is no such image")
    headers = {
        "Cache-Control": "private, max-age=31536000, immutable",  # a name is never used again
        "Content-Length": str(info.size),
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "X-Content-Type-Options": "nosniff",
    }
    chunks = default_storage.stream(info.name)
    return StreamingResponse(chunks, media_type=info.content_type, headers=headers)


def shown(photo: Photo) -> dict[str, object]:
    """Return what the page shows of a photo."""
    return {
        "id": photo.pk,
        "name": photo.image.filename,
        "src": f"/images/{quote(photo.image)}",
        "width": photo.image.width,
        "height": photo.image.height,
        "size": photo.size,
    }


class Page(StaticFiles):
    """Serve the page, which may load nothing from elsewhere and run no script but its own."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:  # Any: as starlette's
        """Return a file of the page."""
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Content-Security-Policy"] = PAGE_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


app = OpenViper()
app.include_router(router)
app.mount("/", Page(directory=Path(__file__).parent / "page", html=True))
app.on_startup(create_tables)
