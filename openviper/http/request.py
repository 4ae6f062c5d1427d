"""Read a request: its form, its files, or the files as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette import requests
from starlette.datastructures import ImmutableMultiDict
from starlette.exceptions import HTTPException

from openviper.http.errors import ClientHungUpError, MissingFieldError, bad_request, too_large
from openviper.http.limits import Limits
from openviper.http.multipart import FilePart, MultipartReader
from openviper.http.parser import media_type
from openviper.http.uploads import UploadFile, spooled

__all__ = ["LIMITS_KEY", "Files", "Form", "Request"]

T = TypeVar("T")

LIMITS_KEY = "openviper.limits"
"""Where the scope of a request has its `Limits`."""

_MULTIPART = "multipart/form-data"
_URLENCODED = "application/x-www-form-urlencoded"


class _Named(ImmutableMultiDict[str, T]):
    """Hold values by their names; one that is missing is a 400 that says which."""

    kind: str

    def __getitem__(self, key: str) -> T:
        if key not in self:
            raise MissingFieldError(key, kind=self.kind)
        value: T = super().__getitem__(key)
        return value


class Form(_Named[str]):
    """Hold the text fields of a form; one that is missing is a 400 that says which."""

    kind = "field"


class Files(_Named[UploadFile]):
    """Hold the files of a form; one that is missing is a 400 that says which."""

    kind = "file"


class Request(requests.Request):
    """Read a request within its limits; what is wrong with it is an `HTTPException`."""

    _reader: MultipartReader | None = None
    _parsed: tuple[Form, Files] | None = None

    @property
    def limits(self) -> Limits:
        """Return the limits of the route, else of the app, else the usual ones."""
        limits: Limits | None = self.scope.get(LIMITS_KEY)
        return limits or Limits()

    @property
    def user(self) -> Any:  # Any: whatever an authentication middleware puts there
        """Return who asks, None without an authentication middleware."""
        return self.scope.get("user")

    @property
    def fields(self) -> Form:
        """Return the text fields that came before the file that `stream_files` is at."""
        return Form(self._reader.fields if self._reader else [])

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Give the body as it comes, up to the limit."""
        limit, size = self.limits.max_body_size, 0
        declared = self.headers.get("content-length", "")
        if limit is not None and declared.isdecimal() and int(declared) > limit:
            raise too_large("the body", limit, "bytes")
        try:
            async with aclosing(super().stream()) as chunks:
                async for chunk in chunks:
                    size += len(chunk)
                    if limit is not None and size > limit:
                        raise too_large("the body", limit, "bytes")
                    yield chunk
        except requests.ClientDisconnect as error:
            raise ClientHungUpError from error

    async def json(self) -> Any:  # Any: as starlette's
        """Return the body as JSON says it."""
        try:
            return await super().json()
        except (ValueError, RecursionError) as error:
            raise bad_request("the body is not JSON") from error

    # starlette's is a context manager too and has the files in it: here they are closed with
    # the request, and a field is text.
    async def form(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
    ) -> Form:
        """Return the text fields of a form."""
        return (await self._parse())[0]

    async def files(self) -> Files:
        """Return the files of a form, all of them received and spooled."""
        return (await self._parse())[1]

    async def stream_files(self) -> AsyncGenerator[FilePart, None]:
        """Give the files of a form one after the other while they are received.

        Nothing is spooled: a file must be read before the next one is asked for.
        """
        async with aclosing(self._multipart().files()) as parts:
            async for part in parts:
                yield part

    async def close(self) -> None:
        """Let go of the files."""
        if self._parsed is not None:
            await _close(self._parsed[1])

    def _multipart(self) -> MultipartReader:
        content_type = self.headers.get("content-type", "")
        if media_type(content_type) != _MULTIPART:
            raise HTTPException(415, "the files are not there: send multipart/form-data")
        self._reader = MultipartReader(content_type, self.stream(), limits=self.limits)
        return self._reader

    async def _parse(self) -> tuple[Form, Files]:
        if self._parsed is None:
            kind = media_type(self.headers.get("content-type", ""))
            if kind == _MULTIPART:
                files = await self._spooled()
                self._parsed = self.fields, files
            elif kind == _URLENCODED:
                self._parsed = await self._urlencoded(), Files()
            else:
                self._parsed = Form(), Files()
        return self._parsed

    async def _spooled(self) -> Files:
        files: list[tuple[str, UploadFile]] = []
        try:
            async with aclosing(self.stream_files()) as parts:
                async for part in parts:
                    upload = await spooled(
                        part, filename=part.original_filename, content_type=part.content_type
                    )
                    files.append((part.field, upload))
        except BaseException:
            await _close(Files(files))
            raise
        return Files(files)

    async def _urlencoded(self) -> Form:
        limits = self.limits
        body = await self.body()
        if body.count(b"&") >= limits.max_fields:
            raise too_large("the form", limits.max_fields, "fields")
        try:
            fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
        except UnicodeDecodeError:
            raise bad_request("the form is not UTF-8") from None
        for name, value in fields:
            if len(value.encode()) > limits.max_field_size:
                raise too_large(f"the field {name!r}", limits.max_field_size, "bytes")
        return Form(fields)


async def _close(files: Files) -> None:
    for _, upload in files.multi_items():
        await upload.close()
