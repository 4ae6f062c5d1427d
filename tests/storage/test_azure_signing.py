"""What is signed here is what the SDK signs, for requests and for URLs."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs, quote, urlsplit

from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.pipeline.transport import AioHttpTransport, HttpRequest
from azure.storage.blob._shared.authentication import SharedKeyCredentialPolicy
from azure.storage.blob.aio import BlobClient
from yarl import URL

from openviper.storage.backends.azure_account import Account
from openviper.storage.backends.azure_client import Client
from openviper.storage.backends.http_pool import Pool

REQUESTS = 2000
SIGNATURES = 200
KEY = base64.b64encode(bytes(range(64))).decode()
SAS = "sv=2021-12-02&ss=b&srt=co&sp=rw&se=2030-01-01T00%3A00%3A00Z&sig=a%2Bb%2Fc%3D"
ACCOUNTS = (
    ("https://acc.blob.core.windows.net", "acc"),
    ("https://acc-secondary.blob.core.windows.net", "acc"),
    ("https://files.example.com", "acc0123456789"),
    ("http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1"),
    ("http://127.0.0.1:10000/devstoreaccount1-secondary", "devstoreaccount1"),
)
CONTAINERS = ("$root", "$web", "photos", "a-b-0", "0" * 63)
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
LETTERS = PRINTABLE + "äßé€日本語😀\u0301\u200d\uffee\xa0"
NAMED = "abcxyz0189_"
METHODS = ("GET", "HEAD", "PUT", "DELETE", "POST")
QUERIES: tuple[dict[str, str], ...] = (
    {},
    {"comp": "block", "blockid": ""},
    {"comp": "blocklist"},
    {"comp": "blocklist", "blocklisttype": "uncommitted"},
    {"comp": "copy", "copyid": ""},
    {"restype": "container", "comp": "batch"},
    {"restype": "container", "comp": "list", "include": "metadata", "maxresults": "1000"},
    {"restype": "container", "comp": "list", "prefix": "", "delimiter": "/", "marker": ""},
)
STANDARD = (
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
)
OWN = (
    "blob-cache-control",
    "blob-content-disposition",
    "blob-content-encoding",
    "blob-content-md5",
    "blob-content-type",
    "blob-type",
    "client-request-id",
    "copy-action",
    "copy-source",
    "delete-snapshots",
    "lease-id",
    "range",
    "range-get-content-md5",
    "source-if-match",
    "version",
)


@dataclass(frozen=True)
class Asked:
    account: Account
    container: str
    method: str
    key: str | None
    query: dict[str, str]
    headers: dict[str, str]
    length: int


def text(rng: random.Random, letters: str, longest: int) -> str:
    return "".join(rng.choices(letters, k=rng.randint(1, longest)))


def segment(rng: random.Random) -> str:
    found = text(rng, LETTERS.replace("/", ""), 9)
    return "no dots alone" if found in (".", "..") else found


def corpus() -> Iterator[Asked]:
    rng = random.Random(41)
    for _ in range(REQUESTS):
        url, name = rng.choice(ACCOUNTS)
        metadata = {text(rng, NAMED, 6) for _ in range(rng.randint(0, 5))}
        names = [
            *rng.sample(STANDARD, k=rng.randint(0, 4)),
            *(f"x-ms-{name}" for name in rng.sample(OWN, k=rng.randint(0, 6))),
            *(f"x-ms-meta-{name}" for name in metadata),
        ]
        key = "/".join(segment(rng) for _ in range(rng.randint(1, 4)))
        yield Asked(
            account=Account(url=url, name=name, key=KEY),
            container=rng.choice(CONTAINERS),
            method=rng.choice(METHODS),
            key=rng.choice((key, key, key, None)),
            query={n: v or text(rng, LETTERS, 12) for n, v in rng.choice(QUERIES).items()},
            headers={name: text(rng, PRINTABLE, 12).strip() for name in names},
            length=rng.choice((0, 0, 1, 1024, 4 << 20)),
        )


def client_of(account: Account, container: str) -> Client:
    return Client(account, container, cast("Pool", None), max_attempts=1)


def url_of_sdk(asked: Asked) -> str:
    """Return the address that the SDK makes of the same parts, before aiohttp has it."""
    blob = "" if asked.key is None else f"/{quote(asked.key, safe='~/')}"
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in asked.query.items())
    return f"{asked.account.url}/{quote(asked.container)}{blob}{'?' if query else ''}{query}"


async def test_requests_are_signed_as_the_sdk_signs_them() -> None:
    transport = AioHttpTransport()
    seen = set()
    for asked in corpus():
        client = client_of(asked.account, asked.container)
        headers = await client.authorised(
            asked.method,
            client.path_of(asked.key),
            asked.headers,
            query=asked.query,
            length=asked.length,
        )
        ours = headers.pop("authorization")
        lengths = {"Content-Length": str(asked.length)}
        request = HttpRequest(asked.method, url_of_sdk(asked), headers={**headers, **lengths})
        policy: Any = SharedKeyCredentialPolicy  # Any: the SDK does not type it
        policy(asked.account.name, KEY).on_request(
            PipelineRequest(request, PipelineContext(transport))
        )
        assert ours == request.headers["Authorization"], asked
        assert "x-ms-date" in headers
        seen.add(ours)
    assert len(seen) == REQUESTS


def test_addresses_are_those_that_the_sdk_asks() -> None:
    for asked in corpus():
        client = client_of(asked.account, asked.container)
        target = client.target(client.path_of(asked.key), asked.query)
        sdks = URL(url_of_sdk(asked))
        path, _, query = target.partition("?")
        assert path == sdks.raw_path
        assert parse_qs(query, keep_blank_values=True) == parse_qs(
            urlsplit(url_of_sdk(asked)).query, keep_blank_values=True
        )


async def test_a_sas_is_added_as_the_sdk_adds_it() -> None:
    for asked in list(corpus())[:200]:
        key = asked.key or "a"
        account = Account(url=asked.account.url, name=asked.account.name, sas=SAS)
        url = client_of(account, asked.container).url(key)
        async with BlobClient(account.url, asked.container, key, credential=SAS) as blob:
            path, _, query = blob.url.partition("?")
        assert url == f"{URL(path)}?{query}"
        headers = await client_of(account, asked.container).authorised("GET", "/a", {})
        assert headers.keys() == {"x-ms-date"}
