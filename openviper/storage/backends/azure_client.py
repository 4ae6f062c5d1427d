"""Open the SDK's client as this package needs it: bounded in time, memory and retries."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from http import HTTPStatus
from typing import Any
from urllib.request import getproxies
from weakref import WeakSet

from aiohttp import ClientConnectorError
from azure.core.exceptions import (
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob.aio import ContainerClient, ExponentialRetry

from openviper.storage.backends.azure_account import Account

__all__ = ["READ_SIZE", "connect", "portable_boundary"]

READ_SIZE = 1 << 20
"""Bytes of one range request."""

_AT_ONCE = 100
_SENT_AT_ONCE = 256 << 10
_RECEIVED_AT_ONCE = 256 << 10


async def connect(
    account: Account, container: str, *, patience: float, max_attempts: int, put_size: int
) -> AsyncGenerator[ContainerClient, None]:
    """Give a client of the running loop; `patience` is in seconds, for each wait."""
    client = ContainerClient(
        account.url,
        container,
        credential=account.credential,
        transport=_Transport(patience),
        # Waits of 0 to 1 s and 1 to 2 s before the second and third attempt; the SDK's own
        # defaults keep a caller for over a minute when nobody listens.
        retry_policy=_Retry(initial_backoff=0, retry_total=max_attempts - 1),
        max_single_put_size=put_size,
        max_single_get_size=READ_SIZE,
        max_chunk_get_size=READ_SIZE,
    )
    async with client:
        yield client


class _Retry(ExponentialRetry):
    """Wait shortly: in all, a refused connection is told within seconds."""

    def get_backoff_time(self, settings: dict[str, Any]) -> float:  # Any: the SDK's
        """Return a random time that doubles with each attempt, 4 s at most."""
        longest: float = min(4.0, 0.5 * 2.0 ** settings["count"])
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


class _Body:
    """Give a request's body in pieces, anew for each attempt.

    aiohttp warns of large bodies that are bytes, since it would write them in one piece:
    https://github.com/aio-libs/aiohttp/blob/v3.14.5/aiohttp/payload.py#L360
    """

    def __init__(self, data: bytes | memoryview, progress: Callable[[], None]) -> None:
        self._data = memoryview(data)
        self._progress = progress

    def __len__(self) -> int:
        return len(self._data)

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        for position in range(0, len(self._data), _SENT_AT_ONCE):
            self._progress()
            yield self._data[position : position + _SENT_AT_ONCE]
        self._progress()


class _Transport(AioHttpTransport):  # type: ignore[misc]  # untyped: the SDK loads it lazily
    """Send large bodies piecewise, and give up on a service that stops taking or answering."""

    def __init__(self, timeout: float) -> None:
        super().__init__(
            connection_timeout=timeout,
            read_timeout=timeout,
            connection_data_block_size=_RECEIVED_AT_ONCE,
            # Else aiohttp looks in the environment, and for a .netrc, in a thread each time.
            use_env_settings=bool(getproxies()),
        )
        self._timeout = timeout
        # As many as aiohttp has connections: waiting for one is not the service's fault.
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._unsure: WeakSet[object] = WeakSet()

    async def send(self, request: Any, **options: Any) -> Any:  # Any: two kinds of each there
        """Send one attempt; errors say whether any attempt can have reached the service."""
        loop = asyncio.get_running_loop()
        data = request.data
        try:
            # aiohttp has no limit on the time that a write may take.
            async with self._free, asyncio.timeout(self._timeout) as limit:
                if isinstance(data, memoryview) or _is_large(data):
                    request.data = _Body(
                        data, lambda: limit.reschedule(loop.time() + self._timeout)
                    )
                return _of_azure(await super().send(request, **options))
        except TimeoutError as error:
            self._unsure.add(request)
            raise ServiceResponseTimeoutError("no answer in time", error=error) from error
        except ServiceRequestError as error:
            # The SDK calls a lost connection a request that was not sent.
            never_made = isinstance(error.inner_exception, ClientConnectorError)
            if never_made and request not in self._unsure:
                raise
            self._unsure.add(request)
            raise ServiceResponseError(str(error), error=error.inner_exception) from error
        except ServiceResponseError:
            self._unsure.add(request)
            raise
        finally:
            request.data = data


def _of_azure(response: Any) -> Any:  # Any: as above
    """Return a response, or raise where a success is not Azure's, who numbers all its replies.

    The SDK would look in it for what is not there.
    """
    succeeded = response.status_code < HTTPStatus.MULTIPLE_CHOICES
    if succeeded and "x-ms-request-id" not in response.headers:
        response.internal_response.close()
        raise ServiceResponseError("a reply of success that is not Azure's")
    return response


def _is_large(data: object) -> bool:
    return isinstance(data, bytes) and len(data) > _SENT_AT_ONCE


def portable_boundary(request: PipelineRequest[Any]) -> None:  # Any: the SDK has two kinds
    """Name the boundary of a batch as Azure's documentation does.

    Python's own begins with `=`, which Azurite takes for the end of its name:
    https://github.com/Azure/Azurite/blob/v3.35.0/src/blob/handlers/ContainerHandler.ts
    """
    sent = request.http_request
    kind, _, old = sent.headers["Content-Type"].partition("boundary=")
    new = f"batch_{secrets.token_hex(len(old))}"[: len(old)]
    sent.headers["Content-Type"] = f"{kind}boundary={new}"
    sent.set_bytes_body(sent.data.replace(old.encode(), new.encode()))
