"""Keep an access token fresh that a credential of `azure.identity.aio` gives."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Protocol

from azure.core.exceptions import AzureError, ClientAuthenticationError

from openviper.storage.backends.http_errors import NotConnectedError
from openviper.storage.errors import PermissionDeniedError

__all__ = ["AccessToken", "TokenCredential"]

_SCOPE = "https://storage.azure.com/.default"
_SPARE = 300.0
"""Seconds before its end from which on a token is not used any more."""

_TENANT = re.compile(r"^Bearer .*\bauthorization_uri=\"?https://[^/\s,\"]+/([^/\s,\"]+)")


class _Token(Protocol):
    @property
    def token(self) -> str: ...
    @property
    def expires_on(self) -> int: ...


class TokenCredential(Protocol):
    """Describe what gives tokens."""

    async def get_token(self, *scopes: str, tenant_id: str | None = None) -> _Token:
        """Return a token for the scopes; of the credential's own tenant without `tenant_id`."""
        ...


class AccessToken:
    """Ask for a token when one is needed, and for another before it ends."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential
        self._lock = asyncio.Lock()
        self._tenant: str | None = None
        self._value = ""
        self._until = 0.0

    async def get(self) -> str:
        """Return a token that is good for a while."""
        async with self._lock:
            if time.time() >= self._until:
                fresh = await self._asked()
                self._value, self._until = fresh.token, fresh.expires_on - _SPARE
            return self._value

    def is_of_another(self, challenge: str) -> bool:
        """Tell whether a refusal names another tenant, which is asked from now on.

        https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
        """
        found = _TENANT.match(challenge)
        if found is None or found[1] == self._tenant:
            return False
        self._tenant, self._until = found[1], 0.0
        return True

    async def _asked(self) -> _Token:
        tenant = {} if self._tenant is None else {"tenant_id": self._tenant}
        try:
            return await self._credential.get_token(_SCOPE, **tenant)
        except ClientAuthenticationError as error:
            raise PermissionDeniedError(
                "azure: the credential gives no access token, its own error says why"
            ) from error
        except AzureError as error:
            raise NotConnectedError("no access token could be asked for") from error
