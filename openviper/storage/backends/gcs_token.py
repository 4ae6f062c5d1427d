"""Keep an access token of Google's fresh, by gcloud-aio's own exchange, in bounded time."""

from __future__ import annotations

import asyncio
import io
import json
import math
import time
from pathlib import Path
from typing import IO, Any

import aiohttp
from gcloud.aio.auth import Token
from gcloud.aio.auth.token import TokenResponse, Type
from jwt.exceptions import PyJWTError
from multidict import CIMultiDict, CIMultiDictProxy

from openviper.storage.backends.http_errors import NotConnectedError
from openviper.storage.errors import ImproperlyConfiguredError, PermissionDeniedError
from openviper.storage.threads import in_thread

__all__ = ["AccessToken", "read_service_file"]

_SCOPES = ["https://www.googleapis.com/auth/devstorage.read_write"]
_TRY_LATER = frozenset({408, 429})
_NO_CREDENTIALS = (
    "gcs: no credentials were found: give service_file, set GOOGLE_APPLICATION_CREDENTIALS, run "
    "`gcloud auth application-default login`, or run on Google Cloud; for an emulator give api_root"
)


def read_service_file(path: str) -> dict[str, Any]:  # Any: as json.loads
    """Return what a credentials file says, or raise `ImproperlyConfiguredError`."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ImproperlyConfiguredError(
            f"gcs: the credentials file {path!r} can't be read: {type(error).__name__}; give the "
            "JSON file of a service account"
        ) from error
    if not isinstance(data, dict) or "type" not in data:
        raise ImproperlyConfiguredError(
            f"gcs: {path!r} is not a credentials file of Google Cloud; give the JSON file of a "
            "service account"
        )
    return data


class AccessToken(Token):
    """Get a token when one is needed, and another before it ends.

    gcloud-aio's own `get` tries everything five times, a wrong key too, over up to two
    minutes, and a cancelled caller cancels the exchange that others wait for.
    """

    def __init__(
        self, file: IO[str] | None, *, session: aiohttp.ClientSession, timeout: float
    ) -> None:
        super().__init__(
            service_file=file,
            session=session,  # type: ignore[arg-type]  # declared as that of requests
            scopes=_SCOPES,
        )
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._value = ""
        self._until = 0.0

    @classmethod
    async def load(
        cls,
        service_file: str | None,
        *,
        session: aiohttp.ClientSession,
        timeout: float,  # noqa: ASYNC109 - of each exchange, not of this
    ) -> AccessToken:
        """Read the credentials: of the file, or else the application's default ones."""

        def read() -> AccessToken:
            file = None
            if service_file is not None:
                file = io.StringIO(json.dumps(read_service_file(service_file)))
            return cls(file, session=session, timeout=timeout)

        try:
            return await in_thread(read)
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise ImproperlyConfiguredError(_NO_CREDENTIALS) from error

    async def get(self) -> str | None:
        """Return a token that is good for a while."""
        async with self._lock:
            if time.time() >= self._until:
                fresh = await self._exchange()
                self._value = fresh.value
                self._until = time.time() + 0.9 * fresh.expires_in
            return self._value

    async def _exchange(self) -> TokenResponse:
        try:
            return await self.refresh(timeout=math.ceil(self._timeout))
        except aiohttp.ClientResponseError as error:
            error.request_info = _without_headers(error.request_info)
            if error.status >= 500 or error.status in _TRY_LATER:
                raise NotConnectedError("no access token is given now") from error
            raise PermissionDeniedError(
                f"gcs: Google gives no access token for these credentials (status {error.status}): "
                "check that the service account exists, its key is valid and the clock is right"
            ) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            if self.token_type is not Type.GCE_METADATA:
                raise NotConnectedError(f"no access token could be asked for: {error}") from error
            raise ImproperlyConfiguredError(_NO_CREDENTIALS) from error
        except (KeyError, TypeError, ValueError, PyJWTError) as error:
            raise ImproperlyConfiguredError(
                f"gcs: the credentials can't be used ({type(error).__name__}): give the unchanged "
                "JSON file of a service account"
            ) from error


def _without_headers(asked: aiohttp.RequestInfo) -> aiohttp.RequestInfo:
    nothing = CIMultiDictProxy(CIMultiDict[str]())
    return aiohttp.RequestInfo(asked.url, asked.method, nothing, asked.real_url)
