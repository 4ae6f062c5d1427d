"""Read the answer to many requests in one: a multipart body, of whose parts each is a reply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, message_from_string

__all__ = ["Answer", "answers"]

_NUMBER = re.compile(r"\d+")
_STATUS = re.compile(r"HTTP/[\d.]+ (\d{3})")


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what was said to one request; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]


def answers(content_type: str, body: bytes) -> dict[int, Answer]:
    """Return the answers by the numbers in their Content-IDs; what is none is left out."""
    whole = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    found: dict[int, Answer] = {}
    for part in whole.walk():
        number = _NUMBER.search(part.get("Content-ID", ""))
        if number is None or part.is_multipart():
            continue
        line, _, rest = str(part.get_payload()).partition("\n")
        status = _STATUS.match(line)
        if status:
            said = {name.lower(): value for name, value in message_from_string(rest).items()}
            found[int(number[0])] = Answer(int(status[1]), said)
    return found
