"""Send what is asked of S3 most, without the SDK between the caller and the connection."""

from __future__ import annotations

import asyncio
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from hashlib import sha1, sha256
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from openviper.storage.backends.http_pool import Pool, Response
from openviper.storage.backends.s3_errors import code_of
from openviper.storage.backends.s3_replies import refusal, refusal_in
from openviper.storage.backends.s3_route import Route, learned_route
from openviper.storage.backends.s3_signing import (
    NO_BODY,
    UNSIGNED,
    Signer,
    quoted_path,
    quoted_query,
)
from openviper.storage.errors import IntegrityError
from openviper.storage.threads import in_thread

__all__ = ["Answer", "Direct", "Opened", "Request"]

T = TypeVar("T")

_AT_ONCE = 256 << 10
_MAX_SKEW = 60.0
_CORRECTIONS = 2
_SKEWED = frozenset({"RequestExpired", "RequestTimeTooSkewed"})
_ELSEWHERE = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
        "TemporaryRedirect",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Describe a request that may be sent again, to a key or to the bucket."""

    operation: str
    """As the SDK names it."""
    method: str
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names in lower case."""
    body: memoryview | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold a whole reply."""

    headers: Mapping[str, str]
    body: bytes


class Opened:
    """Hold a reply whose body is still to be read; leaving it frees its connection."""

    def __init__(self, response: Response, *, verifies: bool) -> None:
        self._response = response
        self._verifies = verifies

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the header fields, their names in lower case."""
        return self._response.headers

    async def __aenter__(self) -> Self:
        """Begin: nothing to do."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._response.close()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Give the body as it comes; `IntegrityError` at the end if it is not what was stored.

        A sum that S3 has of the whole object, and was asked for, is compared.
        """
        sums = _sums_of(self.headers) if self._verifies else []
        while chunk := await self._response.piece():
            for running, _ in sums:
                running.update(chunk)
            yield chunk
        if any(running.digest() != said for running, said in sums):
            raise IntegrityError


@dataclass(frozen=True, slots=True)
class _Way:
    """Hold what the service told of how requests have to be."""

    route: Route
    signer: Signer
    pool: Pool
    ahead: float
    """Seconds that the service's clock is before ours."""


class Direct:
    """Send requests to one bucket from one loop."""

    def __init__(
        self,
        client: Any,  # Any: clients are made at run time
        credentials: Any,  # Any: the SDK's, whose classes have no common one
        *,
        bucket: str,
        connect: Callable[[str], Pool],
    ) -> None:
        """Take what opens a pool of connections to an origin."""
        self._client = client
        self._credentials = credentials
        self._bucket = bucket
        self._connect = connect
        self._pools: dict[str, Pool] = {}
        self._verifies = client.meta.config.response_checksum_validation == "when_supported"
        self._way: _Way | None = None

    async def send(self, request: Request) -> Answer:
        """Return the whole reply; raise `ClientError` for one that is no success."""
        return await self._corrected(lambda way: self._sent(request, way))

    async def open(self, request: Request) -> Opened:
        """Return a reply, which the caller enters, with its body to come."""
        response = await self._corrected(lambda way: self._begun(request, way))
        whole = "content-range" not in response.headers
        return Opened(response, verifies=self._verifies and whole)

    async def aclose(self) -> None:
        """End all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    async def _sent(self, request: Request, way: _Way) -> Answer:
        async with await self._begun(request, way) as response:
            content = await response.read()
        error = refusal_in(request.operation, response.headers, content)
        if error is not None:
            raise error
        return Answer(response.headers, content)

    async def _begun(self, request: Request, way: _Way) -> Response:
        route = way.route
        path = f"{route.path}/{quoted_path(request.key)}" if request.key else route.path or "/"
        query = quoted_query(request.query.items())
        headers, payload = await self._protected(request, route)
        headers["host"] = route.host
        signed = way.signer.sign(
            request.method,
            path,
            query,
            headers,
            payload=payload,
            credentials=await self._credentials.get_frozen_credentials(),
            now=time.time() + way.ahead,
        )
        signed["accept-encoding"] = "identity"  # some services' gateways change it: not signed
        target = f"{path}?{query}" if query else path
        response = await way.pool.begin(request.method, target, signed, request.body)
        if response.status < 300:
            return response
        async with response:
            words = await response.read()
        raise refusal(request.operation, response.status, response.headers, words)

    async def _protected(self, request: Request, route: Route) -> tuple[dict[str, str], str]:
        """Return the headers with the sum of the body, and what is signed of it."""
        headers = dict(request.headers)
        if request.operation == "GetObject" and self._verifies:
            headers["x-amz-checksum-mode"] = "ENABLED"
        body = request.body
        if body is None:
            return headers, NO_BODY
        if len(body) <= _AT_ONCE:
            crc, payload = _sums(body, route)
        else:
            crc, payload = await in_thread(lambda: _sums(body, route))
        if crc is not None:
            headers["x-amz-checksum-crc32"] = crc
        return headers, payload

    async def _corrected(self, attempt: Callable[[_Way], Awaitable[T]]) -> T:
        """Try again at once where the service tells what was wrong: the time, or the region."""
        way = self._way or await self._learn(ahead=0.0)
        for _ in range(_CORRECTIONS):
            try:
                return await attempt(way)
            except ClientError as error:
                if not (self._has_learned_time(error, way) or await self._is_elsewhere(error, way)):
                    raise
            way = self._way or way
        return await attempt(way)

    async def _learn(self, *, ahead: float) -> _Way:
        # In a task of its own: the SDK keeps its errors, those their frames, and these our callers.
        route = await asyncio.create_task(learned_route(self._client, self._bucket))
        signer = Signer(region=route.region, service=route.service)
        pool = self._pools.get(route.origin)
        if pool is None:
            pool = self._pools[route.origin] = self._connect(route.origin)
        self._way = _Way(route, signer, pool, ahead)
        return self._way

    def _has_learned_time(self, error: ClientError, way: _Way) -> bool:
        """Take the service's time where it refused ours; a HEAD's bare 403 may be that."""
        if code_of(error) not in _SKEWED and not _is_bare(error, 403):
            return False
        date = error.response["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        try:
            ahead = parsedate_to_datetime(date).timestamp() - time.time()
        except ValueError:
            return False
        if abs(ahead - way.ahead) <= _MAX_SKEW:
            return False
        self._way = replace(way, ahead=ahead)
        return True

    async def _is_elsewhere(self, error: ClientError, way: _Way) -> bool:
        """Let the SDK find the bucket where it is not where the request went."""
        if not (code_of(error) in _ELSEWHERE or _is_bare(error, 301, 302, 307, 400)):
            return False
        with suppress(BotoCoreError, ClientError):
            await self._client.head_bucket(Bucket=self._bucket)
        found = await self._learn(ahead=way.ahead)
        return found.route != way.route


class _Sum(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    """Be to CRC-32 what `hashlib` has for others."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_SUMS: dict[str, Callable[[], _Sum]] = {
    "x-amz-checksum-crc32": _Crc32,
    "x-amz-checksum-sha1": sha1,
    "x-amz-checksum-sha256": sha256,
}


def _sums_of(headers: Mapping[str, str]) -> list[tuple[_Sum, bytes]]:
    """Return sums to count, with what they should come to; those of parts (`…-3`) can't be."""
    said = ((new, headers.get(name, "-")) for name, new in _SUMS.items())
    return [(new(), b64decode(value)) for new, value in said if "-" not in value]


def _sums(body: memoryview, route: Route) -> tuple[str | None, str]:
    crc = b64encode(zlib.crc32(body).to_bytes(4, "big")).decode() if route.checks else None
    return crc, sha256(body).hexdigest() if route.hashes else UNSIGNED


def _is_bare(error: ClientError, *statuses: int) -> bool:
    """Tell whether it is one of these statuses and nothing more, as the reply to a HEAD is."""
    return code_of(error) in map(str, statuses)
