"""Take requests with files in them, and answer."""

try:
    import python_multipart  # noqa: F401 - asked for here, to say what is missing
    import starlette  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        f"openviper.http needs {error.name}, which is not installed: "
        "pip install 'openviper-storage[web]'"
    ) from error

from starlette.exceptions import HTTPException

from openviper.http.errors import ClientHungUpError, MissingFieldError
from openviper.http.limits import Limits
from openviper.http.multipart import FilePart
from openviper.http.request import Files, Form, Request
from openviper.http.response import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from openviper.http.uploads import UploadFile

__all__ = [
    "ClientHungUpError",
    "FilePart",
    "FileResponse",
    "Files",
    "Form",
    "HTMLResponse",
    "HTTPException",
    "JSONResponse",
    "Limits",
    "MissingFieldError",
    "PlainTextResponse",
    "RedirectResponse",
    "Request",
    "Response",
    "StreamingResponse",
    "UploadFile",
]
