"""What is S3's own; the contract that all backends share is in tests/integration."""

from __future__ import annotations

import asyncio
import logging
import pickle
import re
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from openviper.storage import S3Storage
from openviper.storage.attributes import Attributes
from openviper.storage.backends.s3 import S3Driver
from openviper.storage.backends.s3_client import Bucket, S3Options
from openviper.storage.driver import Write
from openviper.storage.errors import (
    AlreadyExistsError,
    ContainerNotFoundError,
    ImproperlyConfiguredError,
    NameConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageTimeoutError,
    ThrottledError,
    UnavailableError,
)
from openviper.storage.secrets import Secret
from openviper.storage.testing import faults
from openviper.storage.testing.proxy import Exchange, Fault, FaultProxy
from openviper.storage.testing.wire import Head
from servers import Server, running
from servers.buckets import create_s3_bucket, s3_client

PART = 5 << 20
LARGE = 2 * PART + 1000


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    with running("moto", "versitygw") as both:
        yield both


@pytest.fixture
def gateway(servers: dict[str, Server]) -> Server:
    return servers["versitygw"]


@pytest.fixture
def bucket(gateway: Server) -> str:
    return create_s3_bucket(gateway)


@pytest.fixture
def options(gateway: Server, bucket: str) -> dict[str, Any]:
    return {**options_of(gateway, bucket), "flat_namespace": False}


@pytest.fixture
async def storage(options: dict[str, Any]) -> AsyncIterator[S3Storage]:
    async with S3Storage(**options) as opened:
        yield opened


@pytest.fixture
async def proxy(gateway: Server) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(gateway.url) as serving:
        yield serving


@pytest.fixture
async def proxied(options: dict[str, Any], proxy: FaultProxy) -> AsyncIterator[S3Storage]:
    async with S3Storage(**{**options, "endpoint_url": proxy.url}) as opened:
        yield opened


@pytest.fixture
def open_uploads(gateway: Server, bucket: str) -> Callable[[], list[str]]:
    def keys() -> list[str]:
        client = s3_client(gateway)
        found = client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
        client.close()
        return [upload["Key"] for upload in found]

    return keys


def options_of(server: Server, bucket: str) -> dict[str, Any]:  # Any: keywords of any type
    return {
        "bucket": bucket,
        "endpoint_url": server.url,
        "part_size": PART,
        **server.credentials,
    }


async def content(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 1 << 20):
        yield bytes(min(1 << 20, size - start))


def driver_of(options: dict[str, Any], **limits: Any) -> S3Driver:
    return S3Driver(
        Bucket(
            S3Options(
                bucket=options["bucket"],
                endpoint_url=options["endpoint_url"],
                region=options["region"],
                access_key=Secret(options["access_key"]),
                secret_key=Secret(options["secret_key"]),
                session_token=None,
                profile=None,
                addressing_style="auto",
                timeout=10,
                max_attempts=3,
                max_pool_connections=10,
            )
        ),
        **limits,
    )


def write(*, create: bool = False, if_match: str | None = None) -> Write:
    attributes = Attributes(cache_control="no-store", metadata={"kind": "ü %41"})
    return Write(
        attributes=attributes,
        content_type="text/x-test",
        write_id="f" * 32,
        create=create,
        if_match=if_match,
    )


def refused(status: int, code: str) -> Fault:
    return said(status, f"<Error><Code>{code}</Code><Message>said</Message></Error>")


def said(status: int, body: str, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return faults.answer(status, body.encode(), named)


def creates(request: Head) -> bool:
    return request.get("If-None-Match") == "*"


# The constructor


@pytest.mark.parametrize(
    "wrong",
    [
        {"bucket": ""},
        {"part_size": PART - 1},
        {"part_size": (5 << 30) + 1},
        {"max_concurrency": 0},
        {"max_attempts": 0},
        {"max_pool_connections": 0},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"addressing_style": "other"},
        {"access_key": "only"},
        {"secret_key": "only"},
        {"session_token": "only"},
        {"endpoint_url": "127.0.0.1:9000"},
        {"endpoint_url": "http://user:password@127.0.0.1"},
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_a_value_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        S3Storage(**{"bucket": "bucket", **wrong})
    assert "password" not in str(caught.value)


def test_constructing_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "there-is-none")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert S3Storage("bucket", region="eu-west-1").url("a") == (
        "https://bucket.s3.eu-west-1.amazonaws.com/a"
    )


def test_nothing_shows_the_credentials() -> None:
    storage = S3Storage("b", access_key="AKIA1", secret_key="very-s3cret", session_token="t0ken")
    assert not re.search("AKIA1|very-s3cret|t0ken", f"{storage!r} {storage} {vars(storage)}")
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(storage)


def test_a_storage_without_credentials_can_be_pickled() -> None:
    storage = S3Storage("bucket", region="eu-west-1", location="a", part_size=6 << 20)
    assert pickle.loads(pickle.dumps(storage)) == storage


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"region": "eu-west-1"}, "https://bu.s3.eu-west-1.amazonaws.com/a%20b%2B/%C3%A9"),
        ({}, "https://bu.s3.amazonaws.com/a%20b%2B/%C3%A9"),
        ({"region": "cn-north-1"}, "https://bu.s3.cn-north-1.amazonaws.com.cn/a%20b%2B/%C3%A9"),
        ({"addressing_style": "path"}, "https://s3.amazonaws.com/bu/a%20b%2B/%C3%A9"),
        ({"bucket": "b.u"}, "https://s3.amazonaws.com/b.u/a%20b%2B/%C3%A9"),
        ({"endpoint_url": "http://h:9/p/"}, "http://h:9/p/bu/a%20b%2B/%C3%A9"),
        (
            {"endpoint_url": "https://h", "addressing_style": "virtual"},
            "https://bu.h/a%20b%2B/%C3%A9",
        ),
        ({"base_url": "https://cdn/x?v=1"}, "https://cdn/x/a%20b%2B/%C3%A9?v=1"),
    ],
    ids=str,
)
def test_url_is_the_public_address(given: dict[str, Any], url: str) -> None:
    assert S3Storage(**{"bucket": "bu", **given}).url("a b+/é") == url


# What the service or the network does


async def test_refused_connection_is_unavailable_soon() -> None:
    began = time.monotonic()
    async with S3Storage(
        "bucket", endpoint_url="http://127.0.0.1:1", access_key="a", secret_key="b"
    ) as storage:
        with pytest.raises(UnavailableError) as caught:
            await storage.save("a.txt", b"x")
    assert time.monotonic() - began < 5
    assert not isinstance(caught.value, StorageTimeoutError | OutcomeUnknownError)


async def test_reply_that_was_lost_is_not_forgotten_when_nothing_answers_any_more(
    proxied: S3Storage, proxy: FaultProxy
) -> None:
    async def go_down(exchange: Exchange) -> None:
        proxy.refuse_connections()
        await faults.lose_reply(exchange)

    proxy.inject(go_down)
    with pytest.raises(OutcomeUnknownError):
        await proxied.put("a.txt", b"x", if_none_match=True)


@pytest.mark.parametrize("wrong", [{"access_key": "unknown"}, {"secret_key": "wrong"}], ids=str)
async def test_wrong_keys_are_never_a_missing_file(
    options: dict[str, Any], wrong: dict[str, str]
) -> None:
    async with S3Storage(**{**options, **wrong}) as storage:
        for call in (storage.exists, storage.read, storage.delete):
            with pytest.raises(PermissionDeniedError):
                await call("a.txt")
        with pytest.raises(PermissionDeniedError):
            await storage.save("a.txt", b"x")


@pytest.mark.parametrize("kind", ["moto", "versitygw"])
async def test_missing_bucket_is_never_a_missing_file(
    servers: dict[str, Server], kind: str
) -> None:
    server = servers[kind]
    async with S3Storage(**options_of(server, "no-such-bucket")) as storage:
        calls = (
            partial(storage.exists, "a"),
            partial(storage.read, "a"),
            partial(storage.save, "a", b"x"),
            partial(storage.put, "a", content(LARGE), if_match="x"),
            partial(storage.delete, "a"),
            partial(storage.list_page),
            partial(storage.copy, "a", "b"),
        )
        for call in calls:
            with pytest.raises(ContainerNotFoundError):
                await call()
        assert isinstance((await storage.delete_many(["a"]))[0].error, ContainerNotFoundError)


async def test_no_credentials_anywhere_is_permission_denied(
    monkeypatch: pytest.MonkeyPatch, gateway: Server
) -> None:
    _without_credentials(monkeypatch)
    async with S3Storage("bucket", endpoint_url=gateway.url, region="us-east-1") as storage:
        with pytest.raises(PermissionDeniedError):
            await storage.exists("a")
        with pytest.raises(PermissionDeniedError):
            await storage.signed_url("a")


async def test_unknown_profile_is_improperly_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_credentials(monkeypatch)
    async with S3Storage("bucket", profile="there-is-none") as storage:
        with pytest.raises(ImproperlyConfiguredError):
            await storage.exists("a")


def _without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")


@pytest.mark.parametrize("size", [10, LARGE])
async def test_conflict_is_tried_again(proxied: S3Storage, proxy: FaultProxy, size: int) -> None:
    proxy.inject(refused(409, "ConditionalRequestConflict"), when=creates, times=2)
    assert (await proxied.put("a.bin", content(size), if_none_match=True)).size == size
    assert await proxied.size("a.bin") == size


async def test_lasting_conflict_is_unavailable_never_exists(
    proxied: S3Storage, proxy: FaultProxy
) -> None:
    proxy.inject(refused(409, "ConditionalRequestConflict"), when=creates, times=None)
    with pytest.raises(UnavailableError):
        await proxied.put("a.bin", b"x", if_none_match=True)


async def test_parts_under_way_arrive_before_their_upload_is_aborted(
    proxied: S3Storage, proxy: FaultProxy, open_uploads: Callable[[], list[str]]
) -> None:
    is_open, reached = asyncio.Event(), asyncio.Event()

    async def wait(exchange: Exchange) -> None:
        reached.set()
        await is_open.wait()
        await exchange.pass_on()

    proxy.inject(wait, when=lambda request: "partNumber=" in request.target, times=None)
    task = asyncio.create_task(proxied.save("a.bin", content(LARGE)))
    await reached.wait()
    task.cancel()
    await asyncio.sleep(0.1)
    assert not any(request.method == "DELETE" for request in proxy.requests)
    is_open.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert proxy.requests[-1].method == "DELETE"
    assert open_uploads() == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(503, "SlowDown"), ThrottledError),
        (said(503, ""), ThrottledError),
        (said(429, ""), ThrottledError),
        (refused(500, "InternalError"), UnavailableError),
        (said(502, ""), UnavailableError),
        (refused(400, "RequestTimeout"), StorageTimeoutError),
        (refused(403, "AccessDenied"), PermissionDeniedError),
        (refused(400, "ExpiredToken"), PermissionDeniedError),
        (refused(400, "AuthorizationHeaderMalformed"), ImproperlyConfiguredError),
    ],
)
async def test_refusals_have_their_class(
    proxied: S3Storage, proxy: FaultProxy, answer: Fault, kind: type[Exception]
) -> None:
    proxy.inject(answer, times=None)
    with pytest.raises(kind) as caught:
        await proxied.read("a.txt")
    assert type(caught.value) is kind
    assert type(caught.value.__cause__).__module__.startswith("botocore")


async def test_range_that_is_ignored_is_an_error(proxied: S3Storage, proxy: FaultProxy) -> None:
    await proxied.put("a.txt", b"0123456789")
    whole = {"Last_Modified": "Wed, 25 Nov 2026 10:00:00 GMT", "ETag": '"x"'}
    proxy.inject(said(200, "0123456789", **whole))
    with pytest.raises(UnavailableError):
        await proxied.read("a.txt", start=3, end=5)


async def test_failures_of_single_keys_of_a_batch_surface(
    proxied: S3Storage, proxy: FaultProxy
) -> None:
    deleted = "<Deleted><Key>a</Key></Deleted>"
    failed = "<Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
    proxy.inject(said(200, f"<DeleteResult>{deleted}{failed}</DeleteResult>"))
    first, second, unnamed = await proxied.delete_many(["a", "b", "c"])
    assert first.ok
    assert isinstance(second.error, PermissionDeniedError)
    assert second.error.name == "b"
    assert isinstance(unnamed.error, UnavailableError)


async def test_writes_do_not_wait_for_100_continue(proxied: S3Storage, proxy: FaultProxy) -> None:
    await proxied.save("a.txt", b"x")
    assert not any(request.get("Expect") for request in proxy.requests)


async def test_debug_logs_show_no_secret(
    gateway: Server, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with S3Storage(**options, session_token="t0ken/of+session") as storage:
        with pytest.raises(PermissionDeniedError):
            await storage.save("a.txt", b"x")
        url = await storage.signed_url("a.txt")
    signature = url.rpartition("X-Amz-Signature=")[2]
    logged = "\n".join([*caplog.messages, caplog.text])
    assert "Sending http request" in logged
    for secret in ("t0ken", options["secret_key"], signature):
        assert secret not in logged
    assert not re.search(r"(?i)signature['\"]?[=:]\s*[0-9a-f]{64}", logged)


# Copies


async def test_copy_that_creates_has_one_winner(
    storage: S3Storage, open_uploads: Callable[[], list[str]]
) -> None:
    await storage.put("src.bin", content(PART + 10))
    copies = [storage.copy("src.bin", "dst.bin") for _ in range(8)]
    ended = await asyncio.gather(*copies, return_exceptions=True)
    assert ended.count("dst.bin") == 1
    assert sum(isinstance(end, AlreadyExistsError) for end in ended) == 7
    assert open_uploads() == []


async def test_copy_of_an_empty_file_creates_only(storage: S3Storage) -> None:
    await storage.put("empty", b"")
    await storage.copy("empty", "other")
    with pytest.raises(AlreadyExistsError):
        await storage.copy("empty", "other")


@pytest.mark.parametrize("create", [True, False])
async def test_large_copy_is_made_in_parts_with_all_attributes(
    options: dict[str, Any], create: bool
) -> None:
    driver = driver_of(options, max_copy_size=PART, copy_part_size=PART)
    name = "a+b %2F?#'\"é.bin"
    data = bytes(range(250)) * (LARGE // 250)
    await driver.put(name, memoryview(data), write())
    copied = await driver.copy(await driver.head(name), f"x/{name}", write(create=create))
    assert copied.etag is not None
    assert copied.etag.endswith("-3")
    found = await driver.head(f"x/{name}")
    assert (found.size, found.content_type, found.cache_control) == (
        len(data),
        "text/x-test",
        "no-store",
    )
    assert (found.metadata or {})["kind"] == "ü %41"
    async with driver.get(
        f"x/{name}", start=0, end=None, if_match=found.etag, chunk_size=1 << 20
    ) as download:
        assert b"".join([chunk async for chunk in download.chunks]) == data
    await driver.aclose()


@pytest.mark.parametrize("create", [True, False])
async def test_copy_is_of_the_version_named(
    options: dict[str, Any], create: bool, open_uploads: Callable[[], list[str]]
) -> None:
    driver = driver_of(options)
    await driver.put("a", memoryview(b"old"), write())
    old = await driver.head("a")
    await driver.put("a", memoryview(b"new"), write())
    with pytest.raises(Exception, match=r"\w") as caught:
        await driver.copy(old, "b", write(create=create))
    error = caught.value
    inner = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
    assert driver.classify(inner) is PreconditionFailedError
    await driver.aclose()
    assert open_uploads() == []


# Conditions, names, connections


async def test_delete_is_of_the_version_named(options: dict[str, Any]) -> None:
    driver = driver_of(options)
    info = await driver.put("a", memoryview(b"1"), write())
    with pytest.raises(PreconditionFailedError):
        await driver.delete("a", if_match="0" * 32)
    await driver.delete("a", if_match=info.etag)
    await driver.aclose()


@pytest.mark.parametrize("kind", ["moto", "versitygw"])
@pytest.mark.parametrize("size", [10, LARGE])
async def test_replacing_another_version_is_refused(
    servers: dict[str, Server], kind: str, size: int
) -> None:
    server = servers[kind]
    async with S3Storage(**options_of(server, create_s3_bucket(server))) as storage:
        with pytest.raises(PreconditionFailedError):
            await storage.put("a", content(size), if_match="0" * 32)
        info = await storage.put("a", b"1")
        with pytest.raises(PreconditionFailedError):
            await storage.put("a", content(size), if_match="0" * 32)
        assert (await storage.put("a", content(size), if_match=info.etag)).size == size


@pytest.mark.parametrize("size", [10, LARGE])
async def test_file_in_place_of_a_folder_is_a_conflict(
    storage: S3Storage, size: int, open_uploads: Callable[[], list[str]]
) -> None:
    await storage.put("a/b", b"1")
    await storage.put("src", content(size))
    with pytest.raises(NameConflictError):
        await storage.put("a", content(size))
    with pytest.raises(NameConflictError):
        await storage.copy("src", "a")
    with pytest.raises(NameConflictError):
        await storage.copy("src", "a/b/c", if_exists="overwrite")
    assert open_uploads() == []


async def test_names_that_xml_cannot_hold_are_deleted_with_others(storage: S3Storage) -> None:
    names = ["a\ufffe", "b&<>\"' é", "c\uffff"]
    for name in names:
        await storage.put(name, b"x")
    assert all(result.ok for result in await storage.delete_many(names))
    assert [info async for info in storage.files()] == []


async def test_two_hundred_readers_need_no_more_connections_than_there_are(
    storage: S3Storage,
) -> None:
    await storage.put("a.bin", content(1 << 20))

    async def read_two_at_once() -> None:
        async with storage.open("a.bin") as first, storage.open("a.bin") as second:
            await first.read(10)
            await second.read(10)

    await asyncio.wait_for(asyncio.gather(*(read_two_at_once() for _ in range(200))), 60)


async def test_missing_file_costs_one_listing_once(proxied: S3Storage, proxy: FaultProxy) -> None:
    for _ in range(3):
        with pytest.raises(NotFoundError):
            await proxied.stat("missing")
    assert [request.method for request in proxy.requests] == ["HEAD", "GET", "HEAD", "HEAD"]


# Signed URLs


async def status_of(url: str, method: str, data: bytes | None = None, **headers: str) -> int:
    return await asyncio.to_thread(_send, url, method, data, headers)


def _send(url: str, method: str, data: bytes | None, headers: dict[str, str]) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=data, method=method, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=10) as answered:
            return int(answered.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


async def test_signed_put_creates_only(storage: S3Storage) -> None:
    url = await storage.signed_url("a.txt", method="PUT", content_type="text/plain")
    put = partial(status_of, url, "PUT", b"x", Content_Type="text/plain")
    assert await put() == 403  # the condition is signed, so it must be sent
    assert await put(If_None_Match="*") == 200
    assert await put(If_None_Match="*") == 412


async def test_signed_put_may_be_allowed_to_replace(storage: S3Storage) -> None:
    await storage.put("a.txt", b"old")
    url = await storage.signed_url("a.txt", method="PUT", overwrite=True)
    assert await status_of(url, "PUT", b"new", Content_Type="text/plain") == 200
    assert await storage.read("a.txt") == b"new"


async def test_signed_put_binds_the_content_type(storage: S3Storage) -> None:
    url = await storage.signed_url("a.txt", method="PUT", content_type="text/plain", overwrite=True)
    assert await status_of(url, "PUT", b"x", Content_Type="text/html") == 403


async def test_signed_head_is_for_head_only(storage: S3Storage) -> None:
    await storage.put("a.txt", b"x")
    url = await storage.signed_url("a.txt", method="HEAD")
    assert await status_of(url, "HEAD") == 200
    assert await status_of(url, "GET") == 403


def test_one_storage_works_in_two_loops(options: dict[str, Any]) -> None:
    storage = S3Storage(**options)
    asyncio.run(storage.put("a.txt", b"x"), debug=True)
    assert asyncio.run(storage.read("a.txt"), debug=True) == b"x"
