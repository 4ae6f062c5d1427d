"""What is Azure's own; what all backends share is in the conformance suite."""

from __future__ import annotations

import asyncio
import logging
import pickle
import random
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.storage.blob import BlobBlock, BlobClient, BlobServiceClient, generate_container_sas

from openviper.storage.attributes import Attributes
from openviper.storage.backends import azure_blobs
from openviper.storage.backends.azure import AzureDriver, AzureStorage
from openviper.storage.backends.azure_account import Account
from openviper.storage.backends.azure_errors import RefusedError
from openviper.storage.driver import ServerCopier, Write
from openviper.storage.errors import (
    AlreadyExistsError,
    ContainerNotFoundError,
    ImproperlyConfiguredError,
    IntegrityError,
    InvalidNameError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    StorageTimeoutError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
    UnsupportedOperationError,
)
from openviper.storage.testing import faults
from openviper.storage.testing.proxy import Exchange, Fault, FaultProxy
from openviper.storage.testing.wire import Head
from servers import Server, running
from servers.buckets import create_azure_container

MIB = 1 << 20
SAID = {
    "x-ms-request-id": "1",
    "x-ms-blob-type": "BlockBlob",
    "ETag": '"0x1"',
    "Last-Modified": "Wed, 25 Nov 2026 10:00:00 GMT",
}
KEY = "a2V5" * 22
ODD = ("a b+c", "100%", "%41", "%2F", "q?x=1", "h#h", "é😀", "q'\"u", "t~.x", "e\u0301", "[x]&=;,")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running("azurite") as servers:
        yield servers["azurite"]


@pytest.fixture
def container(server: Server) -> str:
    return create_azure_container(server)


@pytest.fixture
async def storage(server: Server, container: str) -> AsyncIterator[AzureStorage]:
    text = server.credentials["connection_string"]
    async with AzureStorage(container, connection_string=text, part_size=MIB) as storage:
        yield storage


@pytest.fixture
def blob(server: Server, container: str) -> Iterator[Callable[[str], BlobClient]]:
    """Give the SDK's own sync client of a blob."""
    with BlobServiceClient.from_connection_string(
        server.credentials["connection_string"]
    ) as service:
        yield lambda name: service.get_blob_client(container, name)


@asynccontextmanager
async def scripted(fault: Fault) -> AsyncIterator[FaultProxy]:
    """Serve by a fault alone: there is no server behind it."""
    async with FaultProxy("http://127.0.0.1:1") as proxy:
        proxy.inject(fault, times=None)
        yield proxy


def at(proxy: FaultProxy, **options: Any) -> AzureStorage:
    options = {"timeout": 0.5, "max_attempts": 1, "credential": KEY, **options}
    return AzureStorage("test", account_url=f"{proxy.url}/devstoreaccount1", **options)


@dataclass
class Stopping:
    """Serve one blob, and break the first replies off in the middle."""

    data: bytes
    breaks: int

    async def answer(self, exchange: Exchange) -> None:
        start, _, end = exchange.request.get("x-ms-range").removeprefix("bytes=").partition("-")
        body = self.data[int(start or 0) : int(end or len(self.data)) + 1]
        size = f"bytes {start or 0}-{int(start or 0) + len(body) - 1}/{len(self.data)}"
        headers = {**SAID, "Content-Length": str(len(body))}
        if start:
            headers["Content-Range"] = size
        breaks = self.breaks > 0
        self.breaks -= 1
        await exchange.answer(206, body[: len(body) // 2] if breaks else body, headers)
        if breaks:
            exchange.close()


@dataclass
class Copying:
    """Hold a source, and copy it slowly: each look at the copy takes the next of `states`."""

    states: list[str]
    aborted: int = 0
    deleted: str | None = None
    asked: Head | None = None

    async def answer(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.method == "HEAD":
            headers = {**SAID, "Content-Length": "7", "Content-Type": "text/plain"}
            if not request.target.endswith("/src"):
                state = self.states[0] if len(self.states) == 1 else self.states.pop(0)
                headers |= {"x-ms-copy-id": "c1", "x-ms-copy-status": state}
            await exchange.answer(200, headers=headers)
        elif request.target.partition("comp=")[2].startswith("copy"):
            self.aborted += 1
            self.states = ["aborted"]
            await exchange.answer(204, headers=SAID)
        elif request.method == "DELETE":
            self.deleted = request.get("If-Match")
            await exchange.answer(202, headers=SAID)
        else:
            self.asked = request
            pending = {"x-ms-copy-id": "c1", "x-ms-copy-status": "pending"}
            await exchange.answer(202, headers={**SAID, **pending})


class Counting(FaultProxy):
    """Count the connections."""

    opened = 0

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        super()._connected(reader, writer)


async def pieces(data: bytes, size: int = 300_000) -> AsyncIterator[bytes]:
    for position in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[position : position + size]


async def breaking(data: bytes) -> AsyncIterator[bytes]:
    async for piece in pieces(data):
        yield piece
        await asyncio.sleep(0.01)
    raise LookupError("the source")


def send(
    url: str, method: str = "GET", data: bytes | None = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=data, method=method, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read(), dict(reply.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


async def upload(url: str, data: bytes = b"new") -> int:
    status, _, _ = await asyncio.to_thread(
        send, url, "PUT", data, x_ms_blob_type="BlockBlob", Content_Type="text/plain"
    )
    return status


# Options


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"connection_string": "UseDevelopmentStorage=true", "account_url": "https://a.blob.x"},
        {"connection_string": "nonsense"},
        {"connection_string": "AccountKey=" + KEY},
        {"connection_string": "UseDevelopmentStorage=true", "credential": KEY},
        {"account_url": "account"},
        {"account_url": "https://a.blob.core.windows.net/?sv=1&sig=secret"},
        {"account_url": "https://cdn.example.com", "credential": KEY},
        {"account_url": "https://a.blob.core.windows.net", "credential": "not base64!"},
        {"account_url": "https://a.blob.core.windows.net", "credential": object()},
        {"connection_string": "UseDevelopmentStorage=true", "timeout": 0},
        {"connection_string": "UseDevelopmentStorage=true", "max_attempts": 0},
        {"connection_string": "UseDevelopmentStorage=true", "part_size": 0},
    ],
)
def test_options_that_do_not_fit_are_refused_without_showing_secrets(
    options: dict[str, Any],
) -> None:
    with pytest.raises(ImproperlyConfiguredError) as caught:
        AzureStorage("container", **options)
    assert "secret" not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("name", ["", "ab", "Upper", "a--b", "-ab", "ab-", "a_b", "a/b", "x" * 64])
def test_what_is_no_container_name_is_refused(name: str) -> None:
    with pytest.raises(ImproperlyConfiguredError):
        AzureStorage(name, connection_string="UseDevelopmentStorage=true")


@pytest.mark.parametrize(
    ("options", "url"),
    [
        (
            {"connection_string": f"AccountName=acc;AccountKey={KEY}"},
            "https://acc.blob.core.windows.net/photos/a%20b",
        ),
        (
            {"connection_string": "BlobEndpoint=https://cdn.example.com/;AccountName=acc;"},
            "https://cdn.example.com/photos/a%20b",
        ),
        (
            {"connection_string": "AccountName=acc;EndpointSuffix=core.chinacloudapi.cn"},
            "https://acc.blob.core.chinacloudapi.cn/photos/a%20b",
        ),
        (
            {
                "account_url": "https://acc.blob.core.windows.net/",
                "credential": "?sv=2026&sp=rw&sig=abc%3D",
            },
            "https://acc.blob.core.windows.net/photos/a%20b",
        ),
    ],
)
def test_url_is_the_public_address_without_a_signature(options: dict[str, Any], url: str) -> None:
    assert AzureStorage("photos", **options).url("a b") == url


def test_credentials_are_not_shown_and_not_pickled() -> None:
    text = f"AccountName=acc;AccountKey={KEY}"
    storage = AzureStorage("photos", connection_string=text)
    assert KEY not in repr(storage) + str(vars(storage))
    assert storage == AzureStorage("photos", connection_string=text)
    with pytest.raises(TypeError, match="credentials"):
        pickle.dumps(storage)


# Signing


async def test_signed_get_serves_the_file_under_a_name(storage: AzureStorage) -> None:
    for name in ODD:
        await storage.put(name, name.encode())
        url = await storage.signed_url(name, download_as='ü "1".txt')
        status, body, headers = await asyncio.to_thread(send, url)
        assert (status, body) == (200, name.encode())
        assert "filename*=UTF-8''%C3%BC%20%221%22.txt" in headers["content-disposition"]
        head = await storage.signed_url(name, method="HEAD")
        assert (await asyncio.to_thread(send, head, "HEAD"))[0] == 200


async def test_signed_url_is_for_one_name_and_one_time(storage: AzureStorage) -> None:
    url = await storage.signed_url("a", method="PUT", expires=600)
    assert await upload(url.replace("/a?", "/b?")) == 403
    assert await upload(await storage.signed_url("a")) == 403
    expiry = datetime.fromisoformat(parse_qs(urlsplit(url).query)["se"][0])
    assert timedelta(0) <= expiry - datetime.now(UTC) - timedelta(seconds=599) < timedelta(0, 3)


async def test_signed_put_creates_only_unless_it_may_overwrite(storage: AzureStorage) -> None:
    url = await storage.signed_url("a", method="PUT")
    assert await upload(url, b"first") == 201
    assert await upload(url, b"second") == 403
    assert await storage.read("a") == b"first"
    assert await upload(await storage.signed_url("a", method="PUT", overwrite=True)) == 201
    assert await storage.read("a") == b"new"


async def test_a_signed_put_cannot_hold_a_content_type(storage: AzureStorage) -> None:
    with pytest.raises(UnsupportedOperationError, match="content type") as caught:
        await storage.signed_url("a", method="PUT", content_type="image/png")
    assert (caught.value.name, caught.value.backend) == ("a", "azure")


async def test_without_an_account_key_nothing_is_signed() -> None:
    storage = AzureStorage("photos", account_url="https://a.blob.core.windows.net")
    assert storage.capabilities.signed_get == storage.capabilities.signed_put == "none"
    with pytest.raises(UnsupportedOperationError, match="account key"):
        await storage.signed_url("a")


# Ways in


@pytest.fixture
def sas(server: Server, container: str) -> str:
    return generate_container_sas(
        server.credentials["account"],
        container,
        server.credentials["key"],
        permission="racwdl",
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )


async def test_a_sas_reads_writes_copies_and_is_not_logged(
    server: Server, container: str, sas: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = server.credentials["account_url"]
    async with AzureStorage(container, account_url=url, credential=sas, part_size=MIB) as storage:
        await storage.put("a", pieces(bytes(3 * MIB)))
        await storage.copy("a", "b")
        assert await storage.size("b") == 3 * MIB
        assert [file.name async for file in storage.files()] == ["a", "b"]
        assert all(result.ok for result in await storage.delete_many(["a", "b", "c"]))
        with pytest.raises(NotFoundError) as caught:
            await storage.read("a")
        shown = f"{caplog.text}{storage!r}{storage.url('a')}{caught.value}{caught.value.__cause__}"
    assert parse_qs(sas)["sig"][0] not in shown
    assert server.credentials["key"] not in shown


@pytest.mark.parametrize("credential", [None, KEY])
async def test_who_may_not_is_told_so_on_every_method(
    server: Server, container: str, credential: str | None
) -> None:
    url = server.credentials["account_url"]
    async with AzureStorage(container, account_url=url, credential=credential) as storage:
        for attempt in (
            storage.put("a", b""),
            storage.put("a", pieces(bytes(5 * MIB))),
            storage.delete("a"),
            storage.listdir(),
        ):
            with pytest.raises(PermissionDeniedError):
                await attempt
        assert isinstance((await storage.delete_many(["a"]))[0].error, PermissionDeniedError)


@dataclass
class Granted:
    token: str
    expires_on: float


@dataclass
class Token:
    """Give tokens that last so many seconds, or raise."""

    lasting: float = 3600
    error: Exception | None = None
    asked: list[dict[str, object]] = field(default_factory=list)

    async def get_token(self, *scopes: str, **options: object) -> Granted:
        assert scopes == ("https://storage.azure.com/.default",)
        self.asked.append(options)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return Granted(f"token{len(self.asked)}", time.time() + self.lasting)


def driver_with(token: Token, proxy: FaultProxy) -> AzureDriver:
    """Let a token go out over http, which no storage does."""
    return AzureDriver(
        Account(url=f"{proxy.url}/acc", name="acc", token=token),
        "test",
        timeout=5,
        max_attempts=2,
        part_size=MIB,
        max_concurrency=1,
    )


def tokens_in(proxy: FaultProxy) -> list[str]:
    return [request.get("Authorization") for request in proxy.requests]


def test_a_token_is_never_sent_in_the_clear() -> None:
    with pytest.raises(ImproperlyConfiguredError, match="https"):
        AzureStorage("test", account_url="http://127.0.0.1/a", credential=Token())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ClientAuthenticationError("no token here"), PermissionDeniedError),
        (ServiceRequestError("nobody gives any"), UnavailableError),
    ],
)
async def test_a_token_that_cannot_be_had_is_said(
    error: Exception, kind: type[StorageError]
) -> None:
    async with AzureStorage(
        "test", account_url="https://127.0.0.1:1", credential=Token(error=error), max_attempts=1
    ) as storage:
        with pytest.raises(kind) as caught:
            await storage.exists("a")
        cause = caught.value.__cause__
        assert cause is not None
        assert error in (cause, cause.__cause__)


async def test_a_token_is_asked_for_once_and_again_before_it_ends() -> None:
    said = faults.answer(200, headers={**SAID, "Content-Length": "0"})
    async with scripted(said) as proxy:
        lasting, ending = Token(), Token(lasting=299)
        for token in (lasting, ending):
            driver = driver_with(token, proxy)
            await asyncio.gather(*(driver.head("a") for _ in range(3)))
            await driver.aclose()
    assert (len(lasting.asked), len(ending.asked)) == (1, 3)
    assert sorted(tokens_in(proxy)) == sorted(
        f"Bearer token{number}" for number in (1, 1, 1, 1, 2, 3)
    )


async def test_a_token_of_the_tenant_that_a_refusal_names_is_asked_for() -> None:
    challenge = "Bearer authorization_uri=https://login.example.com/tenant1/oauth2/authorize x=y"
    refused = faults.answer(401, headers={**SAID, "WWW-Authenticate": challenge})
    token = Token()
    async with scripted(faults.answer(200, headers={**SAID, "Content-Length": "0"})) as proxy:
        proxy.clear()
        proxy.inject(refused, times=1)
        proxy.inject(faults.answer(200, headers=SAID), times=1)
        proxy.inject(refused, times=None)
        driver = driver_with(token, proxy)
        await driver.head("a")
        with pytest.raises(RefusedError) as caught:
            await driver.head("a")
        await driver.aclose()
    assert driver.classify(caught.value) is PermissionDeniedError
    assert token.asked == [{}, {"tenant_id": "tenant1"}]
    assert tokens_in(proxy) == ["Bearer token1", "Bearer token2", "Bearer token2"]


# Blobs


async def test_a_folder_marker_is_no_file(
    storage: AzureStorage, blob: Callable[[str], BlobClient]
) -> None:
    blob("dir").upload_blob(b"", metadata={"hdi_isfolder": "true"})
    await storage.put("dir/a", b"")
    assert not await storage.exists("dir")
    with pytest.raises(NotFoundError):
        await storage.stat("dir")
    assert [file.name async for file in storage.files()] == ["dir/a"]
    assert await storage.listdir() == (["dir"], [])


async def test_a_blob_with_snapshots_is_deleted_with_them(
    storage: AzureStorage, blob: Callable[[str], BlobClient]
) -> None:
    for name in ("a", "b"):
        await storage.put(name, b"")
        blob(name).create_snapshot()
    await storage.delete("a")
    assert (await storage.delete_many(["b"]))[0].ok
    assert await storage.listdir() == ([], [])


async def test_a_batch_says_of_each_name_how_it_ended(
    storage: AzureStorage, blob: Callable[[str], BlobClient]
) -> None:
    names = [*ODD, "leased", *(f"n/{number}" for number in range(260))]
    for name in (*ODD, "leased", "n/7", "n/259"):
        await storage.put(name, b"")
    lease = blob("leased").acquire_lease()
    results = await storage.delete_many(names)
    assert [result.name for result in results if not result.ok] == ["leased"]
    assert isinstance(results[names.index("leased")].error, PermissionDeniedError)
    assert [file.name async for file in storage.files()] == ["leased"]
    lease.release()


async def test_a_large_body_is_sent_without_a_warning_and_read_by_ranges(
    storage: AzureStorage,
) -> None:
    data = bytes(range(256)) * (5 << 12)
    await storage.put("a", data)
    assert await storage.read("a", start=MIB - 1, end=2 * MIB + 1) == data[MIB - 1 : 2 * MIB + 1]


async def test_content_md5_is_told_only_where_it_is_the_contents(storage: AzureStorage) -> None:
    small = await storage.put("a", b"hello")
    assert small.checksums == {"md5": "5d41402abc4b2a76b9719d911017c592"}
    assert (await storage.stat("a")).checksums == small.checksums
    assert (await storage.put("b", pieces(bytes(3 * MIB)))).checksums == {}


# Uploads in blocks


async def test_a_broken_upload_leaves_no_blocks_and_the_old_file(
    storage: AzureStorage, blob: Callable[[str], BlobClient]
) -> None:
    await storage.put("old", b"old")
    for name in ("old", "new"):
        with pytest.raises(LookupError, match="the source"):
            await storage.put(name, breaking(bytes(5 * MIB)))
    assert await storage.read("old") == b"old"
    with pytest.raises(ResourceNotFoundError):
        blob("new").get_block_list("uncommitted")


async def test_a_broken_upload_leaves_a_rivals_blocks(
    storage: AzureStorage, blob: Callable[[str], BlobClient]
) -> None:
    blob("a").stage_block(f"{'r' * 32}00001", b"rival")
    with pytest.raises(LookupError):
        await storage.put("a", breaking(bytes(5 * MIB)))
    blob("a").commit_block_list([BlobBlock(f"{'r' * 32}00001")])
    assert await storage.read("a") == b"rival"


@pytest.mark.parametrize(
    ("conditions", "kind"),
    [
        ({"if_none_match": True}, AlreadyExistsError),
        ({}, UnavailableError),
    ],
)
async def test_a_write_that_a_rival_overtook_says_so_and_stores_nothing(
    storage: AzureStorage, conditions: dict[str, Any], kind: type[StorageError]
) -> None:
    async def overtaken() -> AsyncIterator[bytes]:
        async for piece in pieces(bytes(5 * MIB)):
            yield piece
        await asyncio.sleep(0.1)
        await storage.put("a", pieces(b"r" * (3 * MIB)))

    with pytest.raises(kind) as caught:
        await storage.put("a", overtaken(), **conditions)
    assert (caught.value.name, caught.value.backend) == ("a", "azure")
    assert await storage.read("a") == b"r" * (3 * MIB)


async def test_streams_that_overwrite_one_name_are_never_mixed(storage: AzureStorage) -> None:
    ended = await asyncio.gather(
        *(
            storage.put("a", pieces(bytes([n]) * (3 * MIB + n)), metadata={"n": str(n)})
            for n in range(5)
        ),
        return_exceptions=True,
    )
    assert any(not isinstance(end, Exception) for end in ended)
    data = await storage.read("a")
    assert set(data) == {len(data) - 3 * MIB}
    assert (await storage.stat("a")).metadata == {"n": str(data[0])}


# Faults


async def test_a_refused_connection_is_told_within_seconds() -> None:
    began = time.monotonic()
    async with AzureStorage("test", account_url="http://127.0.0.1:1/a", credential=KEY) as storage:
        with pytest.raises(UnavailableError):
            await storage.put("a", b"")
    assert time.monotonic() - began < 10


async def test_a_service_that_stops_answering_is_given_up() -> None:
    async with scripted(faults.say_nothing) as proxy, at(proxy) as storage:
        began = time.monotonic()
        with pytest.raises(OutcomeUnknownError):
            await storage.put("a", bytes(4 * MIB - 1))
        with pytest.raises(StorageTimeoutError):
            await storage.exists("a")
        with pytest.raises(StorageTimeoutError):
            await storage.read("a")
        assert time.monotonic() - began < 5


async def test_a_reply_that_breaks_off_is_asked_for_again() -> None:
    serves = Stopping(random.Random(1).randbytes(2 * MIB + 5), breaks=2)
    async with scripted(serves.answer) as proxy, at(proxy, timeout=5) as storage:
        assert await storage.read("a", start=3) == serves.data[3:]
    first, *others = proxy.requests
    assert first.get("If-Match") == ""
    assert [request.get("If-Match") for request in others] == ['"0x1"', '"0x1"']


async def test_a_read_that_gets_nowhere_is_given_up() -> None:
    serves = Stopping(bytes(100), breaks=99)
    async with scripted(serves.answer) as proxy, at(proxy, timeout=5) as storage:
        with pytest.raises(UnavailableError):
            await storage.read("a")
    assert len(proxy.requests) < 9


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InvalidResourceName", InvalidNameError),
        (400, "Md5Mismatch", IntegrityError),
        (400, "InvalidHeaderValue", StorageError),
        (401, "NoAuthenticationInformation", PermissionDeniedError),
        (403, "AuthenticationFailed", PermissionDeniedError),
        (403, "AuthorizationFailure", PermissionDeniedError),
        (404, "ContainerNotFound", ContainerNotFoundError),
        (409, "ContainerBeingDeleted", ContainerNotFoundError),
        (409, "BlobImmutableDueToPolicy", PermissionDeniedError),
        (412, "ConditionNotMet", PreconditionFailedError),
        (412, "LeaseIdMissing", PermissionDeniedError),
        (413, "RequestBodyTooLarge", TooLargeError),
        (429, None, ThrottledError),
        (500, "InternalError", UnavailableError),
        (500, "OperationTimedOut", StorageTimeoutError),
        (501, "NotImplemented", UnsupportedOperationError),
        (503, "ServerBusy", ThrottledError),
    ],
)
async def test_an_error_means_what_its_code_says(
    status: int, code: str | None, kind: type[StorageError]
) -> None:
    headers = {**SAID, **({"x-ms-error-code": code} if code else {})}
    async with scripted(faults.answer(status, headers=headers)) as proxy, at(proxy) as storage:
        for attempt in (
            storage.stat("a"),
            storage.read("a"),
            storage.listdir(),
            storage.delete("a"),
        ):
            with pytest.raises(StorageError) as caught:
                await attempt
            assert type(caught.value) is kind
        with pytest.raises(StorageError) as caught:
            await storage.put("a", b"")
        unknown = issubclass(kind, UnavailableError)  # nor does the look at the file succeed
        assert type(caught.value) is (OutcomeUnknownError if unknown else kind)


async def test_the_code_of_an_error_may_be_in_its_body() -> None:
    body = b"<?xml version='1.0'?><Error><Code>ContainerNotFound</Code><Message>x</Message></Error>"
    async with scripted(faults.answer(404, body, SAID)) as proxy, at(proxy) as storage:
        with pytest.raises(ContainerNotFoundError):
            await storage.listdir()


@pytest.mark.parametrize("status", [301, 307, 400, 409])
async def test_what_is_no_success_is_an_error(status: int) -> None:
    headers = {**SAID, "Location": "http://127.0.0.1:1/"}
    async with scripted(faults.answer(status, headers=headers)) as proxy, at(proxy) as storage:
        with pytest.raises(StorageError):
            await storage.delete("a")
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("lacking", ["x-ms-request-id", "ETag", "Last-Modified", "dates"])
async def test_a_success_that_is_not_azures_is_not_believed(lacking: str) -> None:
    said = {**SAID, "Last-Modified": "soon"} if lacking == "dates" else dict(SAID)
    said.pop(lacking, None)
    async with scripted(faults.answer(200, headers=said)) as proxy, at(proxy) as storage:
        for attempt in (storage.put("a", b""), storage.stat("a"), storage.read("a")):
            with pytest.raises((UnavailableError, OutcomeUnknownError)):
                await attempt


LISTED = """<EnumerationResults><Blobs>
<BlobPrefix><Name>d/</Name></BlobPrefix>
<Blob><Name Encoded="true">a%EF%BF%BE</Name><Properties>
<Last-Modified>Wed, 25 Nov 2026 10:00:00 GMT</Last-Modified><Etag>0x1</Etag>
<Content-Length>3</Content-Length><Content-Encoding />
<Content-MD5>XUFAKrxLKna5cZ2REBfFkg==</Content-MD5>
</Properties><Metadata><k>%41</k></Metadata></Blob>
<Blob><Name>a%41&amp;</Name><Properties>
<Last-Modified>Wed, 25 Nov 2026 10:00:00 GMT</Last-Modified><Etag>"0x2"</Etag>
<Content-Length>0</Content-Length><Content-Type>text/plain</Content-Type></Properties></Blob>
<Blob><Name>f</Name><Properties><Content-Length>0</Content-Length></Properties>
<Metadata><Hdi_isfolder>true</Hdi_isfolder></Metadata></Blob>
</Blobs><NextMarker>more</NextMarker></EnumerationResults>"""


async def test_a_page_is_read_as_azure_writes_it() -> None:
    said = faults.answer(200, f"\ufeff{LISTED}".encode(), SAID)
    async with scripted(said) as proxy, at(proxy) as storage:
        page = await storage._place.driver.list_page(
            "p/", delimiter="/", limit=7, token="t&", start_after=None
        )
    first, second = page.files
    assert (page.prefixes, page.token) == (("d",), "more")
    assert (first.name, first.size, first.etag, first.content_encoding) == (
        "a\ufffe",
        3,
        "0x1",
        None,
    )
    assert first.checksums == {"md5": "5d41402abc4b2a76b9719d911017c592"}
    assert first.metadata == {"k": "%41"}
    assert first.modified == datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert (second.name, second.etag, second.content_type) == ("a%41&", "0x2", "text/plain")
    asked = parse_qs(urlsplit(proxy.requests[0].target).query)
    assert asked == {
        "restype": ["container"],
        "comp": ["list"],
        "prefix": ["p/"],
        "delimiter": ["/"],
        "maxresults": ["7"],
        "marker": ["t&"],
        "include": ["metadata"],
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"<html/>",
        b"<EnumerationResults><Blobs>",
        b"<EnumerationResults><Blobs><Blob/></Blobs></EnumerationResults>",
        LISTED.replace("<Content-Length>3", "<Content-Length>x").encode(),
        f"<!DOCTYPE e [<!ENTITY e 'e'>]>{LISTED}".encode(),
        f"<!DOCTYPE e [<!ENTITY e 'e'>]>{LISTED}".encode("utf-16"),
    ],
)
async def test_a_page_that_is_none_is_not_believed(body: bytes) -> None:
    async with scripted(faults.answer(200, body, SAID)) as proxy, at(proxy) as storage:
        with pytest.raises(UnavailableError, match="something else answered"):
            await storage.listdir()


async def test_a_connection_outlives_refusals_and_not_a_body_that_nobody_reads() -> None:
    missing = faults.answer(404, b"<Error><Code>BlobNotFound</Code></Error>", SAID)
    async with Counting("http://127.0.0.1:1") as proxy, at(proxy, timeout=5) as storage:
        proxy.inject(missing, times=5)
        for _ in range(5):
            with pytest.raises(NotFoundError):
                await storage.read("a")
        assert proxy.opened == 1
        proxy.inject(Stopping(bytes(9 * MIB), breaks=0).answer, times=None)
        stream = storage.stream("a")
        assert await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        assert await storage.size("a") == 9 * MIB
        assert proxy.opened == 2


async def test_an_upload_that_breaks_shows_no_signature(sas: str) -> None:
    async with (
        scripted(faults.reset_in_request) as proxy,
        at(proxy, credential=sas, timeout=5) as storage,
    ):
        with pytest.raises(OutcomeUnknownError) as caught:
            await storage.put("a", bytes(4 * MIB - 1))
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert "sig=" not in "".join(traceback.format_exception(caught.value))


async def test_attempts_are_counted() -> None:
    async with scripted(faults.answer(500)) as proxy, at(proxy, max_attempts=2) as storage:
        with pytest.raises(UnavailableError):
            await storage.read("a")
    assert [request.method for request in proxy.requests] == ["GET", "GET"]


# Copies


async def test_a_pending_copy_is_awaited() -> None:
    copying = Copying(["pending", "pending", "success"])
    async with scripted(copying.answer) as proxy, at(proxy) as storage:
        assert await storage.copy("src", "dst") == "dst"
    assert copying.states == ["success"]
    assert copying.asked is not None
    assert copying.asked.get("If-None-Match") == "*"
    assert copying.asked.get("x-ms-source-if-match") == '"0x1"'


async def test_a_copy_that_fails_leaves_nothing_where_nothing_was() -> None:
    failing = Copying(["pending", "failed"])
    async with scripted(failing.answer) as proxy, at(proxy) as storage:
        with pytest.raises(UnavailableError, match="failed"):
            await storage.copy("src", "dst")
    assert failing.deleted == '"0x1"'


async def test_a_copy_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure_blobs, "_COPY_SECONDS", 0.3)
    endless = Copying(["pending"])
    async with scripted(endless.answer) as proxy, at(proxy) as storage:
        with pytest.raises(UnavailableError, match="aborted"):
            await storage.copy("src", "dst", if_exists="overwrite")
    assert (endless.aborted, endless.deleted) == (1, None)


async def test_a_copy_whose_service_falls_silent_is_not_stopped() -> None:
    slow = Copying(["pending"])
    async with scripted(slow.answer) as proxy, at(proxy) as storage:
        proxy.clear()
        proxy.inject(
            faults.say_nothing, when=lambda request: request.target.endswith("/dst"), nth=2
        )
        proxy.inject(slow.answer, times=None)
        with pytest.raises(StorageTimeoutError):
            await storage.copy("src", "dst", if_exists="overwrite")
    assert slow.aborted == 0


@pytest.mark.parametrize("create", [True, False])
async def test_a_copy_is_of_the_version_that_was_seen(storage: AzureStorage, create: bool) -> None:
    seen = await storage.put("a", b"old")
    await storage.put("a", b"new")
    write = Write(attributes=Attributes(), content_type="a/b", write_id="1" * 32, create=create)
    driver = storage._place.driver
    assert isinstance(driver, ServerCopier)
    with pytest.raises(RefusedError) as caught:
        await driver.copy(seen, "b", write)
    assert driver.classify(caught.value) is PreconditionFailedError
    assert not await storage.exists("b")


async def test_a_move_keeps_what_goes_with_the_file(storage: AzureStorage) -> None:
    await storage.put("a", b"one", metadata={"k": "é "}, cache_control="no-store")
    assert await storage.move("a", "b") == "b"
    info = await storage.stat("b")
    assert (info.metadata, info.cache_control) == ({"k": "é "}, "no-store")
    assert not await storage.exists("a")
