"""Say which Azure account is meant, and how to get in."""

from __future__ import annotations

import base64
import inspect
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from openviper.storage.errors import ImproperlyConfiguredError

__all__ = ["Account", "account_from", "check_container"]

# https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
_CONTAINER = re.compile(r"\$(?:root|web|logs)|[a-z0-9](?:-?[a-z0-9]){2,62}")
_DEVELOPMENT = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/"
    "KBHBeksoGMGw==;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1"
)
"""What `UseDevelopmentStorage=true` stands for, published and the same on every machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Hold an address and at most one way in."""

    url: str
    name: str | None = None
    key: str | None = field(default=None, repr=False)
    sas: str | None = field(default=None, repr=False)
    token: object | None = field(default=None, repr=False)
    """A credential that gives tokens."""


def check_container(container: str) -> str:
    """Refuse a name that no container has."""
    if not isinstance(container, str):
        raise TypeError(f"container is a str, not {type(container).__name__}")
    if not _CONTAINER.fullmatch(container) or len(container) > 63:
        raise ImproperlyConfiguredError(
            f"{container!r} is no name of a container: 3 to 63 lower-case letters, digits and "
            "single hyphens"
        )
    return container


def account_from(
    connection_string: str | None, account_url: str | None, credential: object | None
) -> Account:
    """Read the options of a storage; `ImproperlyConfiguredError` where they don't fit."""
    if (connection_string is None) == (account_url is None):
        raise ImproperlyConfiguredError("give just one of connection_string and account_url")
    if connection_string is not None:
        url, name, found = _read_connection_string(connection_string)
        if found and credential is not None:
            raise ImproperlyConfiguredError("the connection string has a credential already")
        return _with_credential(url, name, found or credential)
    url = _checked_url(account_url or "")
    return _with_credential(url, _name_in(url), credential)


def _read_connection_string(text: str) -> tuple[str, str | None, str | None]:
    pairs = [part.split("=", 1) for part in text.strip().rstrip(";").split(";")]
    if any(len(pair) != 2 for pair in pairs):
        raise ImproperlyConfiguredError("the connection string is not of the form Name=value;…")
    values = {name.strip().lower(): value for name, value in pairs}
    if values.get("usedevelopmentstorage") == "true":
        return _read_connection_string(_DEVELOPMENT)
    name = values.get("accountname")
    url = values.get("blobendpoint")
    if url is None and name is not None:
        suffix = values.get("endpointsuffix", "core.windows.net")
        url = f"{values.get('defaultendpointsprotocol', 'https')}://{name}.blob.{suffix}"
    if url is None:
        raise ImproperlyConfiguredError(
            "the connection string names neither BlobEndpoint nor AccountName"
        )
    url = _checked_url(url)
    return (
        url,
        name or _name_in(url),
        values.get("accountkey") or values.get("sharedaccesssignature"),
    )


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ImproperlyConfiguredError("an account's URL is https://<account>.blob.…")
    if parts.query or parts.fragment or "@" in parts.netloc:
        # Not shown: what is too much there is most often a signature.
        raise ImproperlyConfiguredError(
            "an account's URL ends with its path: give a SAS as credential"
        )
    return url.rstrip("/")


def _name_in(url: str) -> str | None:
    """Return the account of `https://<account>.blob.…` or of `http://127.0.0.1:10000/<account>`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ".blob." in host:
        return host.partition(".")[0]
    return parts.path.strip("/") or None


def _with_credential(url: str, name: str | None, credential: object | None) -> Account:
    if credential is None:
        return Account(url=url, name=name)
    if not isinstance(credential, str):
        return _with_token(url, name, credential)
    if "sig=" in credential and "&" in credential:
        return Account(url=url, name=name, sas=credential.lstrip("?"))
    return _with_key(url, name, credential)


def _with_token(url: str, name: str | None, credential: object) -> Account:
    if not inspect.iscoroutinefunction(getattr(credential, "get_token", None)):
        raise ImproperlyConfiguredError(
            "credential is an account key, a SAS, or a token credential of azure.identity.aio, "
            f"not {type(credential).__name__}"
        )
    if not url.startswith("https:"):
        raise ImproperlyConfiguredError(
            "a token credential is for https only: anybody could read it"
        )
    return Account(url=url, name=name, token=credential)


def _with_key(url: str, name: str | None, key: str) -> Account:
    if name is None:
        raise ImproperlyConfiguredError(
            "an account key signs with the account's name, which this URL doesn't tell: give a "
            "connection_string with AccountName, AccountKey and BlobEndpoint"
        )
    try:
        valid = len(base64.b64decode(key, validate=True)) > 0
    except ValueError:
        valid = False
    if not valid:
        raise ImproperlyConfiguredError("the account key is not the base64 text of the portal")
    return Account(url=url, name=name, key=key)
