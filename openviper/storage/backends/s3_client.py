"""Reach one bucket: a session and a client of aioboto3 per loop, attempts, addresses."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
import re
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit, urlunsplit

import aioboto3
from aiobotocore.session import AioSession
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.httpsession import get_cert_path
from botocore.loaders import Loader, create_loader

from openviper.storage.backends.attempts import retried
from openviper.storage.backends.http_pool import Pool
from openviper.storage.backends.s3_direct import Answer, Direct, Opened, Request
from openviper.storage.backends.s3_errors import classify, code_of
from openviper.storage.backends.s3_replies import Reply
from openviper.storage.backends.s3_route import prepare_only
from openviper.storage.driver import NotSentError
from openviper.storage.errors import ThrottledError, UnavailableError
from openviper.storage.perloop import PerLoop
from openviper.storage.secrets import Secret, reveal
from openviper.storage.threads import in_thread

__all__ = ["AddressingStyle", "Bucket", "Client", "S3Options"]

AddressingStyle: TypeAlias = Literal["auto", "path", "virtual"]

T = TypeVar("T")

# Filters of a logger are not asked for what its children log.
_SDK_LOGGERS = (
    "botocore.auth",
    "botocore.client",
    "botocore.credentials",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.parsers",
    "botocore.regions",
    "botocore.tokens",
    "botocore.utils",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """Hold how a bucket is reached; raise `ValueError` for what can't be meant."""

    bucket: str
    endpoint_url: str | None
    region: str | None
    access_key: Secret | None
    secret_key: Secret | None
    session_token: Secret | None
    profile: str | None
    addressing_style: AddressingStyle
    timeout: float
    max_attempts: int
    max_pool_connections: int

    def __post_init__(self) -> None:
        if not self.bucket or not isinstance(self.bucket, str):
            raise ValueError(f"bucket is the name of a bucket, not {self.bucket!r}")
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key go together: give both or neither")
        if self.session_token is not None and self.access_key is None:
            raise ValueError("session_token goes with access_key and secret_key")
        if self.addressing_style not in ("auto", "path", "virtual"):
            raise ValueError(
                f"addressing_style is 'auto', 'path' or 'virtual', not {self.addressing_style!r}"
            )
        if not (math.isfinite(self.timeout) and self.timeout > 0):
            raise ValueError(f"timeout is a positive number of seconds, not {self.timeout!r}")
        for option in ("max_attempts", "max_pool_connections"):
            if getattr(self, option) < 1:
                raise ValueError(f"{option} is 1 or more, not {getattr(self, option)!r}")
        self._check_endpoint()

    def _check_endpoint(self) -> None:
        if self.endpoint_url is None:
            return
        parts = urlsplit(self.endpoint_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("endpoint_url is http:// or https:// and a host, without credentials")

    @property
    def is_third_party(self) -> bool:
        """Tell whether the service is surely not AWS's own."""
        host = urlsplit(self.endpoint_url or "").hostname
        return host is not None and not re.search(r"(^|\.)amazonaws\.com(\.cn)?$", host)

    @property
    def base_url(self) -> str:
        """Return the public address of the bucket, as far as the options tell it."""
        if self.endpoint_url is not None:
            parts = urlsplit(self.endpoint_url)
            if self.addressing_style == "virtual":
                return urlunsplit(parts._replace(netloc=f"{self.bucket}.{parts.netloc}"))
            return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{self.bucket}"))
        suffix = ".cn" if (self.region or "").startswith("cn-") else ""
        host = f"s3.{self.region}.amazonaws.com{suffix}" if self.region else "s3.amazonaws.com"
        # A certificate for *.s3… is good for one label only, so not for names with dots.
        if self.addressing_style == "path" or "." in self.bucket:
            return f"https://{host}/{self.bucket}"
        return f"https://{self.bucket}.{host}"

    async def connect(self) -> AsyncGenerator[Client, None]:
        """Open a client of a session of its own."""
        _mask_logs()
        session, trusted = await in_thread(self._loaded_session)
        config = self._config()
        async with session.client("s3", endpoint_url=self.endpoint_url, config=config) as sdk:
            prepare_only(sdk)
            credentials = await session.get_credentials()
            connect = partial(
                Pool, patience=self.timeout, limit=self.max_pool_connections, trusted=trusted
            )
            direct = Direct(sdk, credentials, bucket=self.bucket, connect=connect)
            async with aclosing(direct):
                yield Client(sdk, direct)

    # Any: pyright takes its client for a bare class.
    def _loaded_session(self) -> tuple[Any, ssl.SSLContext | None]:
        """Make a session that has read its models: 150 ms that no loop should wait for."""
        core = AioSession(profile=self.profile)
        core.register_component("data_loader", _models())
        session: Any = aioboto3.Session(
            botocore_session=core,
            aws_access_key_id=reveal(self.access_key),
            aws_secret_access_key=reveal(self.secret_key),
            aws_session_token=reveal(self.session_token),
            region_name=self.region,
        )
        asyncio.run(_open_and_close(session))
        if (self.endpoint_url or "").startswith("http://"):
            return session, None
        authorities = core.get_config_variable("ca_bundle") or get_cert_path(verify=True)
        return session, ssl.create_default_context(cafile=authorities)

    def _config(self) -> Config:
        style = self.addressing_style
        if style == "auto" and self.endpoint_url is not None:
            style = "path"
        # Others may store the trailing checksums of AWS's SDKs as content:
        # https://github.com/boto/boto3/issues/4392
        checksums = (
            {
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
            }
            if self.is_third_party
            else {}
        )
        return Config(
            signature_version="s3v4",
            s3={"addressing_style": style},
            connect_timeout=self.timeout,
            read_timeout=self.timeout,
            retries={"total_max_attempts": 1},  # `Bucket.call` tries again
            max_pool_connections=self.max_pool_connections,
            **checksums,
        )


@dataclass(frozen=True, slots=True)
class Client:
    """Hold what one loop has open."""

    sdk: Any  # Any: clients are made at run time
    direct: Direct


class Bucket:
    """Ask for operations on one bucket, again where an answer was no answer.

    The SDK's own retries would hide whether an attempt before the last may have arrived.
    """

    def __init__(self, options: S3Options) -> None:
        self.options = options
        self._clients: PerLoop[Client] = PerLoop(options.connect)

    async def send(self, request: Request) -> Answer:
        """Send a request and return the whole reply."""
        return await self._retried(lambda client: client.direct.send(request))

    async def open(self, request: Request) -> Opened:
        """Send a request and return the reply, its body still to come, for the caller to enter."""
        return await self._retried(lambda client: client.direct.open(request))

    async def call(self, operation: str, **parameters: object) -> Reply:
        """Call an operation of the SDK."""
        asked = {"Bucket": self.options.bucket, **parameters}
        return Reply(
            await self._retried(lambda client: getattr(client.sdk, operation)(**asked)),
        )

    async def presigned(
        self, operation: str, parameters: dict[str, object], *, seconds: int
    ) -> str:
        """Return a signed URL for an operation."""
        client = await self._clients.get()
        url: str = await client.sdk.generate_presigned_url(
            operation, Params={"Bucket": self.options.bucket, **parameters}, ExpiresIn=seconds
        )
        return url

    async def aclose(self) -> None:
        """Close the running loop's client."""
        await self._clients.aclose()

    async def _retried(self, attempt: Callable[[Client], Awaitable[T]]) -> T:
        async def once() -> T:
            return await attempt(await self._clients.get())

        return await retried(
            once,
            attempts=self.options.max_attempts,
            pause=_pause,
            passing=_is_worth_another,
            unsent=lambda error: classify(error) is NotSentError,
        )


@cache
def _models() -> Loader:
    """Return the one reader of the SDK's models for all sessions: a second one is ready at once."""
    return create_loader(os.environ.get("AWS_DATA_PATH"))


async def _open_and_close(session: Any) -> None:  # Any: see `S3Options.connect`
    """Let a session load what it keeps; not its credentials, which are asked for elsewhere."""
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    async with session.client("s3", region_name="us-east-1", **keys):
        pass


def _is_worth_another(error: Exception) -> bool:
    meaning = classify(error)
    if meaning is None or not issubclass(meaning, UnavailableError):
        return False
    return not (isinstance(error, ClientError) and code_of(error) == "NoSuchUpload")


def _pause(attempt: int, error: Exception) -> float:
    """Return how long to wait after an attempt: random, so that rivals don't meet again."""
    longest = (1.0 if classify(error) is ThrottledError else 0.2) * 2 ** (attempt - 1)
    return random.uniform(longest / 4, longest)  # noqa: S311 - nothing secret


class _Mask(logging.Filter):
    """Take credentials and signatures out of the SDK's debug messages."""

    _SECRETS = re.compile(
        r"(?P<name>(?:authorization|x-amz-(?:security-token|signature|credential)|signature"
        r"|credential|session_?token|secret_?(?:access_?)?key|access_?key(?:_?id)?)"
        r"['\"]?\s*[:=>]\s*b?['\"]?)(?:AWS4-HMAC-SHA256 [^'\"\n]+|[^'\"\s&,<]+)",
        re.IGNORECASE,
    )

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        masked = self._SECRETS.sub(r"\g<name>***", text)
        if masked != text:
            record.msg, record.args = masked, ()
        return True


_MASK = _Mask()


def _mask_logs() -> None:
    for name in _SDK_LOGGERS:
        logging.getLogger(name).addFilter(_MASK)
