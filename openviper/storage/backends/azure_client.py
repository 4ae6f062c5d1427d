"""Send requests to Azure Blob Storage, signed, with time limits and retries.

https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import quote, urlsplit

from openviper.storage.backends.attempts import doubling, retried
from openviper.storage.backends.azure_account import Account
from openviper.storage.backends.azure_errors import RefusedError, is_passing, not_azure
from openviper.storage.backends.azure_signing import VERSION, shared_key
from openviper.storage.backends.dates import http_date
from openviper.storage.backends.http_pool import Pool, Response

if TYPE_CHECKING:
    from openviper.storage.backends.azure_token import AccessToken, TokenCredential

__all__ = ["Client", "Reply", "Request", "connect"]

T = TypeVar("T")

_NOTHING: Mapping[str, str] = MappingProxyType({})

_AT_ONCE = 100
"""Connections; requests beyond wait for their turn."""

_CODE = re.compile(rb"<Code>(\w+)</Code>")
_PLAIN = "/~!$&'()*,;=:@"
"""What a path may have unquoted beside letters and digits: what is signed is what is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Describe a request that may be sent again; names of headers are in lower case."""

    method: str
    key: str | None = None
    """The blob that it is about; None for the container."""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: memoryview | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold a whole answer."""

    headers: Mapping[str, str]
    body: bytes


async def connect(
    account: Account, container: str, *, patience: float, max_attempts: int
) -> AsyncGenerator[Client, None]:
    """Give a client of the running loop; `patience` is in seconds, for each wait."""
    parts = urlsplit(account.url)
    pool = Pool(f"{parts.scheme}://{parts.netloc}", patience=patience, limit=_AT_ONCE)
    try:
        yield Client(account, container, pool, max_attempts=max_attempts)
    finally:
        await pool.aclose()


class Client:
    """Send requests about one container from one loop."""

    def __init__(self, account: Account, container: str, pool: Pool, *, max_attempts: int) -> None:
        parts = urlsplit(account.url)
        self._host = parts.netloc
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._path = f"{parts.path}/{container}"
        self._name = account.name or ""
        self._key = None if account.key is None else base64.b64decode(account.key)
        self._sas = account.sas
        self._token = _token_of(account)
        self._pool = pool
        self._max_attempts = max_attempts

    async def send(self, request: Request) -> Reply:
        """Return the whole answer, after retries."""

        async def attempt() -> Reply:
            async with await self._begin(request) as response:
                return Reply(response.headers, await response.read())

        return await self._retried(attempt)

    async def open(self, request: Request) -> Response:
        """Return an answer whose body is still to be read; the caller closes it."""
        return await self._retried(lambda: self._begin(request))

    def url(self, key: str) -> str:
        """Return the address of a blob, with the SAS if there is one: it is a secret."""
        return f"{self._origin}{self.target(self.path_of(key))}"

    def path_of(self, key: str | None) -> str:
        """Return the path of a blob, or of the container."""
        return self._path if key is None else f"{self._path}/{quote(key, safe=_PLAIN)}"

    def target(self, path: str, query: Mapping[str, str] = _NOTHING) -> str:
        """Return what a request names: a path and a query, with the SAS in it."""
        said = [f"{name}={quote(value, safe='')}" for name, value in query.items()]
        if self._sas is not None:
            said.append(self._sas)
        return f"{path}?{'&'.join(said)}" if said else path

    async def authorised(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] = _NOTHING,
        length: int = 0,
    ) -> dict[str, str]:
        """Return the headers with the date and what lets them in."""
        dated = {**headers, "x-ms-date": http_date()}
        if self._key is not None:
            dated["authorization"] = shared_key(
                self._name,
                self._key,
                method=method,
                path=path,
                query=query,
                headers=dated,
                length=length,
            )
        elif self._token is not None:
            dated["authorization"] = f"Bearer {await self._token.get()}"
        return dated

    async def _begin(self, request: Request) -> Response:
        path, body = self.path_of(request.key), request.body
        headers = await self.authorised(
            request.method,
            path,
            {"x-ms-version": VERSION, **request.headers},
            query=request.query,
            length=0 if body is None else len(body),
        )
        headers["host"] = self._host
        headers["accept-encoding"] = "identity"
        target = self.target(path, request.query)
        response = await self._pool.begin(request.method, target, headers, body)
        if response.status < HTTPStatus.MULTIPLE_CHOICES and "x-ms-request-id" in response.headers:
            return response
        raise await self._refused(request.method, response)

    async def _refused(self, method: str, response: Response) -> Exception:
        words = await response.words()
        status, headers = response.status, response.headers
        if status < HTTPStatus.MULTIPLE_CHOICES:
            return not_azure("x-ms-request-id")  # with which Azure numbers all its replies
        code = headers.get("x-ms-error-code")
        if code is None:
            found = _CODE.search(words)
            code = found[1].decode() if found else ""
        error = RefusedError(method, status, code, headers.get("x-ms-request-id", ""))
        if status == HTTPStatus.UNAUTHORIZED and self._token is not None:
            error.tries_again = self._token.is_of_another(headers.get("www-authenticate", ""))
        return error

    async def _retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        return await retried(
            attempt, attempts=self._max_attempts, pause=doubling(4.0), passing=is_passing
        )


def _token_of(account: Account) -> AccessToken | None:
    if account.token is None:
        return None
    # Not before it is needed: azure-core takes longer to load than all else here.
    from openviper.storage.backends.azure_token import AccessToken  # noqa: PLC0415

    return AccessToken(cast("TokenCredential", account.token))
