"""Answer a request."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from typing import Any

from starlette import responses

__all__ = [
    "FileResponse",
    "HTMLResponse",
    "JSONResponse",
    "PlainTextResponse",
    "RedirectResponse",
    "Response",
    "StreamingResponse",
    "as_response",
]

FileResponse = responses.FileResponse
HTMLResponse = responses.HTMLResponse
PlainTextResponse = responses.PlainTextResponse
RedirectResponse = responses.RedirectResponse
Response = responses.Response
StreamingResponse = responses.StreamingResponse


class JSONResponse(responses.JSONResponse):
    """Answer in JSON; dates and times are ISO 8601, UUIDs and decimals strings."""

    def render(self, content: Any) -> bytes:  # Any: as starlette's
        """Return the body."""
        text = json.dumps(
            content, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
        )
        return text.encode()


def as_response(answer: object) -> Response:
    """Return what a view gives as a response: JSON, plain text, or no content."""
    if isinstance(answer, Response):
        return answer
    if answer is None:
        return Response(status_code=204)
    if isinstance(answer, dict | list):
        return JSONResponse(answer)
    if isinstance(answer, str):
        return PlainTextResponse(answer)
    raise TypeError(
        f"a view can't answer with {type(answer).__name__}: return a response, a dict, a list, "
        "a str or None"
    )


def _plain(value: object) -> str:
    if isinstance(value, datetime.date | datetime.time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, uuid.UUID | decimal.Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} can't be JSON: turn it into a str, a number or a dict")
