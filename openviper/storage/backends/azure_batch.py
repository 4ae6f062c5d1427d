"""Delete many blobs by one request, in which each deletion is signed for itself.

https://learn.microsoft.com/rest/api/storageservices/blob-batch
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from openviper.storage.backends.azure_client import Client, Request
from openviper.storage.backends.azure_errors import RefusedError
from openviper.storage.backends.batches import Answer, answers
from openviper.storage.errors import UnavailableError

__all__ = ["DELETION", "delete_batch"]

DELETION = {"x-ms-delete-snapshots": "include"}
"""Without it a blob that has snapshots stays."""


async def delete_batch(client: Client, keys: Sequence[str]) -> dict[str, Exception]:
    """Delete up to 256 blobs, and return why which of them were not."""
    boundary = f"batch_{uuid4()}"
    parts = [await _part(client, number, key) for number, key in enumerate(keys)]
    lines = [f"--{boundary}\r\n{part}\r\n" for part in parts]
    reply = await client.send(
        Request(
            method="POST",
            query={"restype": "container", "comp": "batch"},
            headers={"content-type": f"multipart/mixed; boundary={boundary}"},
            body=memoryview(f"{''.join(lines)}--{boundary}--\r\n".encode()),
        )
    )
    answered = answers(reply.headers.get("content-type", ""), reply.body)
    failed = {key: _failure(answered.get(number)) for number, key in enumerate(keys)}
    return {key: failure for key, failure in failed.items() if failure is not None}


async def _part(client: Client, number: int, key: str) -> str:
    path = client.path_of(key)
    headers = await client.authorised("DELETE", path, DELETION)
    said = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: {number}\r\n\r\nDELETE {client.target(path)} HTTP/1.1\r\n"
        f"{said}Content-Length: 0\r\n\r\n"
    )


def _failure(answer: Answer | None) -> Exception | None:
    if answer is None:
        return UnavailableError()  # it says nothing of this one
    if answer.status < 300:
        return None
    code = answer.headers.get("x-ms-error-code", "")
    return RefusedError("DELETE", answer.status, code, answer.headers.get("x-ms-request-id", ""))
