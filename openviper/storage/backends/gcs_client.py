"""Send requests to Google Cloud Storage, with time limits and retries of our own.

gcloud-aio gives the access token alone. The requests of its `Storage` are not used: their time
limit is for the whole body, they pin no generation, and `upload` tries a refused condition again
for 15 seconds (gcloud-aio-storage 9.6, `Storage._do_upload`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp

from openviper.storage.backends import attempts, http_errors
from openviper.storage.backends.gcs_token import AccessToken
from openviper.storage.backends.http_pool import Pool, Response
from openviper.storage.driver import AmbiguousNotFoundError, RangeNotSatisfiableError
from openviper.storage.errors import (
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)
from openviper.storage.shield import to_the_end

__all__ = [
    "Client",
    "RefusedError",
    "Reply",
    "Request",
    "Resource",
    "Service",
    "classify",
    "connect",
]

T = TypeVar("T")

_AT_ONCE = 100
"""Connections; requests beyond wait for their turn."""

_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_MEANINGS: dict[int, type[StorageError]] = {
    401: PermissionDeniedError,
    403: PermissionDeniedError,
    404: AmbiguousNotFoundError,
    408: UnavailableError,
    412: PreconditionFailedError,
    413: TooLargeError,
    416: RangeNotSatisfiableError,
    429: ThrottledError,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Say where the service is, who asks, and how patiently."""

    root: str
    emulated: bool
    """An emulator is asked without a token."""
    service_file: str | None
    timeout: float
    max_attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Describe a request that may be sent again."""

    method: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names in lower case, as in all replies."""
    body: memoryview | None = None
    accepts: frozenset[int] = frozenset()
    """Statuses that are no error, beside 2xx."""
    meanings: Mapping[int, type[StorageError]] = field(
        default_factory=dict[int, type[StorageError]]
    )
    """What statuses mean here, where it is not what they mean everywhere."""


class Resource(dict[str, Any]):  # Any: as JSON has it
    """Hold what the service says of something; what lacks what it always says is not from it."""

    def __missing__(self, key: str) -> Any:
        raise _not_the_service(key)


_DECODER = json.JSONDecoder(object_hook=Resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Hold a whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Resource:
        """Return the resource in the body."""
        try:
            resource = _DECODER.decode(self.body.decode())
        except ValueError as error:
            raise _not_the_service("JSON") from error
        if not isinstance(resource, Resource):
            raise _not_the_service("a resource")
        return resource


class RefusedError(Exception):
    """Hold the status and the words of a refusal, and nothing of what was asked."""

    def __init__(
        self, method: str, status: int, words: str = "", meaning: type[StorageError] | None = None
    ) -> None:
        super().__init__(f"{method}: {status} {words}")
        self.status = status
        self.meaning = meaning or _meaning(status)


def classify(error: Exception) -> type[StorageError] | None:
    """Return what an exception means; None for what is not of a request."""
    return error.meaning if isinstance(error, RefusedError) else http_errors.classify(error)


def _is_passing(error: Exception) -> bool:
    """Tell whether trying again may help."""
    if isinstance(error, RefusedError):
        return error.status in _PASSING
    return http_errors.is_passing(error)


def _meaning(status: int) -> type[StorageError]:
    return _MEANINGS.get(status, UnavailableError if status >= 500 else StorageError)


def _not_the_service(lacking: str) -> UnavailableError:
    return UnavailableError(f"gcs: a reply of success without {lacking}: something else answered")


async def connect(service: Service) -> AsyncGenerator[Client, None]:
    """Give a client of the running loop."""
    async with AsyncExitStack() as stack:
        token = None
        if not service.emulated:
            session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=True))
            token = await AccessToken.load(
                service.service_file, session=session, timeout=service.timeout
            )
        client = Client(service, token)
        stack.push_async_callback(client.aclose)
        yield client


class Client:
    """Send requests from one loop."""

    def __init__(self, service: Service, token: AccessToken | None) -> None:
        self._service = service
        self._token = token
        self._pools: dict[str, Pool] = {}

    async def send(self, request: Request) -> Reply:
        """Return the whole answer, after retries."""
        return await self.retried(lambda: self.send_once(request))

    async def send_once(self, request: Request) -> Reply:
        """Return the whole answer to one attempt."""
        return await _read(await self._begin(request))

    async def send_stream(
        self, request: Request, stream: AsyncGenerator[memoryview, None]
    ) -> Reply:
        """Return the whole answer to a request with a body that comes once, and close that."""
        try:
            return await _read(await self._begin(request, stream))
        finally:
            await to_the_end(stream.aclose())

    async def open(self, request: Request) -> Response:
        """Return an answer whose body is still to be read; the caller closes it."""
        return await self.retried(lambda: self._begin(request))

    async def retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try as `attempts.retried` does, up to 16 s apart."""
        return await attempts.retried(
            attempt,
            attempts=self._service.max_attempts,
            pause=attempts.doubling(16.0),
            passing=_is_passing,
        )

    async def aclose(self) -> None:
        """End all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    async def _begin(
        self, request: Request, stream: AsyncGenerator[memoryview, None] | None = None
    ) -> Response:
        scheme, _, host, path = request.url.split("/", 3)
        headers = {"host": host, "accept-encoding": "identity", **request.headers}
        if self._token is not None:
            headers["authorization"] = f"Bearer {await self._token.get()}"
        patience = self._service.timeout
        response = await self._pool(f"{scheme}//{host}").begin(
            request.method,
            f"/{path}{_quoted(request.query)}",
            headers,
            request.body,
            stream=stream,
            # What can't be tried again may take its time.
            patience=patience if stream is None else patience * self._service.max_attempts,
        )
        if response.status < 300 or response.status in request.accepts:
            return response
        words = await response.words()
        raise RefusedError(
            request.method,
            response.status,
            words.decode(errors="replace"),
            request.meanings.get(response.status),
        )

    def _pool(self, origin: str) -> Pool:
        """Return the connections to a host: an upload session may have one of its own."""
        pool = self._pools.get(origin)
        if pool is None:
            pool = Pool(origin, patience=self._service.timeout, limit=_AT_ONCE)
            self._pools[origin] = pool
        return pool


async def _read(response: Response) -> Reply:
    async with response:
        content = await response.read()
        return Reply(status=response.status, headers=response.headers, body=content)


def _quoted(query: Mapping[str, str]) -> str:
    # "fields" has commas and brackets, and quoting those takes longer than all else.
    return f"?{urlencode(query, quote_via=quote, safe='(),')}" if query else ""
