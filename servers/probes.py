"""Ask a server whether it serves."""

from __future__ import annotations

import http.client
import socket
import struct
from urllib.parse import SplitResult, unquote, urlsplit

__all__ = ["answers"]

PROBE_SECONDS = 2.0
PROTOCOL = 3 << 16  # version 3.0 of PostgreSQL's
STARTING = b"C57P03\0"  # the code of "the database system is starting up"


def answers(url: str, path: str) -> bool:
    """Tell whether a server serves: HTTP by a GET of `path`, PostgreSQL by a greeting."""
    address = urlsplit(url)
    try:
        if address.scheme == "postgresql":
            return _greets(address)
        return _gets(address, path)
    except (OSError, http.client.HTTPException):
        return False


def _gets(address: SplitResult, path: str) -> bool:
    """Tell whether a GET is answered below 500, without any proxy between."""
    secure = address.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(address.hostname or "", address.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", address.path + path)
        return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
    finally:
        connection.close()


def _greets(address: SplitResult) -> bool:
    """Tell whether a user is asked for the password, or is refused for good."""
    user = unquote(address.username or "").encode()
    message = struct.pack("!I", PROTOCOL) + b"user\0" + user + b"\0\0"
    where = (address.hostname or "", address.port or 5432)
    with socket.create_connection(where, timeout=PROBE_SECONDS) as connection:
        connection.sendall(struct.pack("!I", 4 + len(message)) + message)
        reply = connection.recv(1024)
    return reply[:1] in {b"R", b"E"} and STARTING not in reply
