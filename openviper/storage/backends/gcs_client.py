"""Send requests to Google Cloud Storage over gcloud-aio, with time limits and retries of our own.

gcloud-aio gives the session and the access token. Its methods are not used: their time limit
is for the whole body, they pin no generation, and `upload` tries a refused condition again
for 15 seconds (gcloud-aio-storage 9.6, `Storage._do_upload`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from aiohttp import ClientResponse, ClientResponseError
from gcloud.aio.storage import Storage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from openviper.storage.backends import exchange
from openviper.storage.backends.exchange import Body, Exchange, Feed, beginning_of, new_session
from openviper.storage.backends.gcs_token import AccessToken
from openviper.storage.driver import AmbiguousNotFoundError, RangeNotSatisfiableError
from openviper.storage.errors import (
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)
from openviper.storage.types import Buffer

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
    body: Sequence[Buffer] = ()
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


class RefusedError(ClientResponseError):
    """Hold the status and the words of a refusal, but not the token that the request had."""

    def __init__(
        self,
        url: URL,
        method: str,
        status: int,
        words: str = "",
        meaning: type[StorageError] | None = None,
    ) -> None:
        nothing = CIMultiDictProxy(CIMultiDict[str]())
        address = url.with_query(None)  # that of an upload session is a permission
        asked = aiohttp.RequestInfo(address, method, nothing, address)
        super().__init__(asked, (), status=status, message=words)
        self.meaning = meaning or _meaning(status)


def classify(error: Exception) -> type[StorageError] | None:
    """Return what an exception of aiohttp means; None for what is not its."""
    if isinstance(error, RefusedError):
        return error.meaning
    if isinstance(error, ClientResponseError):
        return _meaning(error.status)
    return exchange.classify(error)


def _is_passing(error: Exception) -> bool:
    """Tell whether trying again may help."""
    if isinstance(error, ClientResponseError):
        return error.status in _PASSING
    return exchange.is_passing(error)


def _meaning(status: int) -> type[StorageError]:
    return _MEANINGS.get(status, UnavailableError if status >= 500 else StorageError)


def _not_the_service(lacking: str) -> UnavailableError:
    return UnavailableError(f"gcs: a reply of success without {lacking}: something else answered")


async def connect(service: Service) -> AsyncGenerator[Client, None]:
    """Open a session for the running loop."""
    async with new_session() as session:
        token = await AccessToken.load(
            None if service.emulated else service.service_file,
            session=session,
            timeout=service.timeout,
            anonymous=service.emulated,
        )
        storage = Storage(
            session=session,  # type: ignore[arg-type]  # declared as that of requests
            token=token,
            api_root=service.root,
            api_is_dev=service.emulated,
        )
        yield Client(storage, service, Exchange(session, patience=service.timeout))


class Client:
    """Send requests from one loop."""

    def __init__(self, storage: Storage, service: Service, exchange: Exchange) -> None:
        self._storage = storage
        self._service = service
        self._exchange = exchange

    async def send(self, request: Request) -> Reply:
        """Return the whole answer, after retries."""
        return await self.retried(lambda: self.send_once(request))

    async def send_once(
        self, request: Request, *, stream: AsyncGenerator[Buffer, None] | None = None
    ) -> Reply:
        """Return the whole answer to one attempt, whose body may be one that comes once."""
        async with (
            self._exchange.body(request.body, stream=stream) as body,
            await self._begin(request, body) as response,
        ):
            content = await response.read()
            return Reply(status=response.status, headers=response.headers, body=content)

    async def open(self, request: Request) -> ClientResponse:
        """Return an answer whose body is still to be read; the caller closes it."""
        return await self.retried(lambda: self._begin(request))

    async def retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try as `exchange.retried` does, up to 16 s apart."""
        return await exchange.retried(
            attempt,
            attempts=self._service.max_attempts,
            longest_pause=16.0,
            passing=_is_passing,
        )

    async def _begin(self, request: Request, body: Body = None) -> ClientResponse:
        headers = {"Accept-Encoding": "identity", **request.headers}
        if not self._service.emulated:
            headers["Authorization"] = f"Bearer {await self._storage.token.get()}"
        once = isinstance(body, Feed) and body.size is None
        response = await self._exchange.begin(
            request.method,
            _address(request),
            headers,
            body,
            # What can't be tried again may take its time.
            patience=self._service.timeout * self._service.max_attempts if once else None,
        )
        if response.ok or response.status in request.accepts:
            return response
        words = await beginning_of(response)
        raise RefusedError(
            response.url,
            request.method,
            response.status,
            words.decode(errors="replace"),
            request.meanings.get(response.status),
        )


def _address(request: Request) -> URL:
    # "fields" has commas and brackets, and quoting those takes longer than all else.
    query = urlencode(request.query, quote_via=quote, safe="(),")
    if query:
        query = f"?{query}"
    return URL(f"{request.url}{query}", encoded=True)
