"""Turn the bytes of a multipart body into events, whatever pieces they come in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from openviper.http.errors import bad_request

__all__ = ["Head", "Parser", "media_type"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Say what a part is: a file if it has a filename, else a text field."""

    field: str
    filename: str | None
    content_type: str | None


class Parser:
    """Turn bytes into events: a part's head, its chunks, and None at its end."""

    def __init__(self, content_type: str) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise bad_request("the multipart body has no boundary")
        self.events: deque[Head | bytes | None] = deque()
        self._complete = False
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": lambda data, start, end: self.events.append(data[start:end]),
                    "on_part_end": lambda: self.events.append(None),
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise bad_request("the multipart boundary is too long") from error

    def feed(self, data: bytes) -> None:
        """Add what the next bytes hold to the events."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise bad_request(f"the multipart body is malformed: {error}") from error

    def finish(self) -> None:
        """Refuse a body that ends before its last boundary."""
        if not self._complete:
            raise bad_request("the multipart body is truncated: its last boundary is missing")

    def _begin(self) -> None:
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        if b"name" not in options:
            raise bad_request("a part of the multipart body has no name")
        filename = options.get(b"filename")
        if b"\0" in (filename or b""):
            raise bad_request("a filename contains a NUL")
        content_type = self._headers.get(b"content-type")
        self.events.append(
            Head(
                field=_text(options[b"name"]),
                filename=None if filename is None else _text(filename),
                content_type=None if content_type is None else content_type.decode("latin-1"),
            )
        )

    def _end(self) -> None:
        self._complete = True


def media_type(content_type: str) -> str:
    """Return a `Content-Type` without its parameters, in lower case."""
    return parse_options_header(content_type)[0].decode("latin-1")


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
