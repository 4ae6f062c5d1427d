"""What S3's requests are without the SDK: sent as it would, and as sure of the answer."""

from __future__ import annotations

import asyncio
import base64
import datetime
import gc
import json
import ssl
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from hashlib import sha256
from pathlib import Path
from typing import Any

import aioboto3
import pytest
from aiohttp import web
from botocore.config import Config

from openviper.storage import S3Storage
from openviper.storage.backends import s3_client
from openviper.storage.backends.s3_route import learned_route, prepare_only
from openviper.storage.errors import (
    ImproperlyConfiguredError,
    IntegrityError,
    NameConflictError,
    PermissionDeniedError,
    UnavailableError,
)
from openviper.storage.testing import faults
from openviper.storage.testing.proxy import Exchange, FaultProxy
from openviper.storage.testing.wire import Head
from tests.storage.certificates import certificate_for

NOWHERE = "http://127.0.0.1:1"
KEYS: dict[str, Any] = {"access_key": "AKIDEXAMPLE", "secret_key": "s3cret"}
WHOLE = {
    "ETag": '"v1"',
    "Last-Modified": "Wed, 25 Nov 2026 10:00:00 GMT",
    "Content-Type": "text/plain",
}
ODD = "a b+c/100%/%2F/q?x=1/h#h/é😀/q'\"u/t~.x/e\u0301/[x]&=;,"


@pytest.fixture
async def service() -> AsyncIterator[FaultProxy]:
    async with FaultProxy(NOWHERE) as serving:
        yield serving


@pytest.fixture
async def storage(service: FaultProxy) -> AsyncIterator[S3Storage]:
    async with S3Storage(
        "bucket", endpoint_url=service.url, region="us-east-1", max_attempts=1, **KEYS
    ) as opened:
        yield opened


@pytest.fixture
async def amazon(service: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[S3Storage]:
    """Give a storage that takes the service for AWS's own, as no endpoint was named to it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", service.url)
    async with S3Storage("bucket", region="us-east-1", max_attempts=1, **KEYS) as opened:
        yield opened


def scope_of(request: Head) -> list[str]:
    credential = request.get("Authorization").split("Credential=")[1].partition(",")[0]
    return credential.split("/")


def moment_of(request: Head) -> float:
    moment = datetime.datetime.strptime(request.get("x-amz-date"), "%Y%m%dT%H%M%S%z")
    return moment.timestamp()


def crc32_of(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>said</Message></Error>".encode()


# Requests are what the SDK would send


async def the_sdks_requests(url: str) -> None:
    session: Any = aioboto3.Session(  # Any: its client is made at run time
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
        region_name="us-east-1",
    )
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    async with session.client("s3", endpoint_url=url, config=config) as client:
        asked = {"Bucket": "bucket", "Key": ODD}
        await client.get_object(**asked, Range="bytes=3-9")
        await client.head_object(**asked)
        await client.put_object(
            **asked, Body=b"content", ContentType="text/x", CacheControl="no-store", IfNoneMatch="*"
        )
        await client.delete_object(**asked)
        await client.list_objects_v2(
            Bucket="bucket", Prefix="a b+/é/", MaxKeys=7, Delimiter="/", StartAfter=ODD
        )


async def our_requests(storage: S3Storage) -> None:
    driver = storage._place.driver
    async with driver.get(ODD, start=3, end=10, if_match=None, chunk_size=100):
        pass
    await driver.head(ODD)
    await storage.put(
        ODD, b"content", if_none_match=True, content_type="text/x", cache_control="no-store"
    )
    await driver.delete(ODD)
    await driver.list_page("a b+/é/", delimiter="/", limit=7, token=None, start_after=ODD)


def signed_of(request: Head) -> dict[str, str]:
    """Return what a request is signed for; the metadata is where ours has more."""
    names = request.get("Authorization").split("SignedHeaders=")[1].partition(",")[0].split(";")
    times = ("x-amz-date", "x-amz-meta-openviper_write_id")
    return {name: request.get(name) for name in names if name not in times}


async def test_requests_are_those_of_the_sdk(storage: S3Storage, service: FaultProxy) -> None:
    listing = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
    is_list = lambda request: "list-type" in request.target  # noqa: E731
    service.inject(faults.answer(200, listing, WHOLE), when=is_list, times=None)
    ranged = {**WHOLE, "Content-Range": "bytes 3-9/10"}
    service.inject(
        faults.answer(206, b"3456789", ranged), when=lambda r: r.method == "GET", times=None
    )
    service.inject(faults.answer(200, b"", WHOLE), times=None)
    await our_requests(storage)
    ours = list(service.requests)
    service.requests.clear()
    await the_sdks_requests(service.url)
    assert [request.first.split("?")[0] for request in ours] == [
        request.first.split("?")[0] for request in service.requests
    ]
    for mine, theirs in zip(ours, service.requests, strict=True):
        assert signed_of(mine) == signed_of(theirs)
        assert sorted(mine.target.partition("?")[2].split("&")) == sorted(
            theirs.target.partition("?")[2].split("&")
        )
        assert mine.get("Accept-Encoding") == "identity"


@pytest.mark.parametrize(
    ("bucket", "region", "options", "expected"),
    [
        (
            "buck",
            "eu-west-1",
            {},
            ("https://buck.s3.eu-west-1.amazonaws.com", "", "eu-west-1", "s3"),
        ),
        ("b.u", "eu-west-1", {}, ("https://s3.eu-west-1.amazonaws.com", "/b.u", "eu-west-1", "s3")),
        (
            "buck",
            "cn-north-1",
            {"use_dualstack_endpoint": True},
            ("https://buck.s3.dualstack.cn-north-1.amazonaws.com.cn", "", "cn-north-1", "s3"),
        ),
        (
            "buck",
            "us-gov-west-1",
            {"use_fips_endpoint": True},
            ("https://buck.s3-fips.us-gov-west-1.amazonaws.com", "", "us-gov-west-1", "s3"),
        ),
        (
            "buck",
            "us-east-1",
            {"s3": {"use_accelerate_endpoint": True}},
            ("https://buck.s3-accelerate.amazonaws.com", "", "us-east-1", "s3"),
        ),
        (
            "arn:aws:s3:us-west-2:123456789012:accesspoint/mine",
            "us-west-2",
            {},
            (
                "https://mine-123456789012.s3-accesspoint.us-west-2.amazonaws.com",
                "",
                "us-west-2",
                "s3",
            ),
        ),
        (
            "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01ac5d28a6a232904/accesspoint/mine",
            "us-west-2",
            {},
            (
                "https://mine-123456789012.op-01ac5d28a6a232904.s3-outposts.us-west-2.amazonaws.com",
                "",
                "us-west-2",
                "s3-outposts",
            ),
        ),
        (
            "buck",
            "r",
            {"endpoint_url": "http://H:9/p/", "s3": {"addressing_style": "path"}},
            ("http://h:9", "/p/buck", "r", "s3"),
        ),
        (
            "buck",
            "r",
            {"endpoint_url": "https://h:443", "s3": {"addressing_style": "virtual"}},
            ("https://buck.h", "", "r", "s3"),
        ),
    ],
    ids=str,
)
async def test_way_is_what_the_sdk_decides(
    bucket: str, region: str, options: dict[str, Any], expected: tuple[str, ...]
) -> None:
    endpoint = options.get("endpoint_url")
    session: Any = aioboto3.Session("AKIDEXAMPLE", "s3cret", region_name=region)
    rest = {name: value for name, value in options.items() if name != "endpoint_url"}
    config = Config(signature_version="s3v4", **rest)
    async with session.client("s3", endpoint_url=endpoint, config=config) as client:
        prepare_only(client)
        route = await learned_route(client, bucket)
    assert (route.origin, route.path, route.region, route.service) == expected
    assert route.host == expected[0].partition("//")[2]


async def test_what_can_be_signed_by_the_sdk_only_is_said(tmp_path: Path) -> None:
    session: Any = aioboto3.Session("AKIDEXAMPLE", "s3cret", region_name="us-east-1")
    config = Config(signature_version="s3")  # version 2
    async with session.client("s3", config=config) as client:
        prepare_only(client)
        with pytest.raises(ImproperlyConfiguredError, match="Signature Version 4"):
            await learned_route(client, "bucket")


# What protects the content


async def test_third_parties_get_the_hash_and_no_sum(
    storage: S3Storage, service: FaultProxy
) -> None:
    service.inject(faults.answer(200, b"", WHOLE), times=None)
    await storage.put("a", b"content")
    [sent] = service.requests
    assert sent.get("x-amz-content-sha256") == sha256(b"content").hexdigest()
    assert not sent.get("x-amz-checksum-crc32")


async def test_aws_gets_a_sum_too(amazon: S3Storage, service: FaultProxy) -> None:
    service.inject(faults.answer(200, b"", WHOLE), times=None)
    await amazon.put("a", b"content")
    await amazon.put("empty", b"")
    sums = [request.get("x-amz-checksum-crc32") for request in service.requests]
    assert sums == [crc32_of(b"content"), "AAAAAA=="]
    for request in service.requests:
        assert len(request.get("x-amz-content-sha256")) == 64
        assert "x-amz-checksum-crc32" in request.get("Authorization")


@pytest.mark.parametrize(
    ("name", "said", "is_right"),
    [
        ("x-amz-checksum-crc32", crc32_of(b"content"), True),
        ("x-amz-checksum-crc32", crc32_of(b"Content"), False),
        ("x-amz-checksum-crc32", f"{crc32_of(b'parts')}-3", True),
        ("x-amz-checksum-sha256", base64.b64encode(sha256(b"content").digest()).decode(), True),
        ("x-amz-checksum-sha256", base64.b64encode(sha256(b"Content").digest()).decode(), False),
        ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=", True),
    ],
)
async def test_sum_of_what_is_read_is_compared(
    amazon: S3Storage, service: FaultProxy, name: str, said: str, is_right: bool
) -> None:
    service.inject(faults.answer(200, b"content", {**WHOLE, name: said}))
    if is_right:
        assert await amazon.read("a") == b"content"
    else:
        with pytest.raises(IntegrityError):
            await amazon.read("a")
    assert service.requests[0].get("x-amz-checksum-mode") == "ENABLED"


async def test_sum_of_the_whole_is_not_that_of_a_range(
    amazon: S3Storage, service: FaultProxy
) -> None:
    ranged = {"Content-Range": "bytes 0-2/7", "x-amz-checksum-crc32": crc32_of(b"content")}
    service.inject(faults.answer(206, b"con", {**WHOLE, **ranged}))
    assert await amazon.read("a", end=3) == b"con"


async def test_over_tls_aws_gets_a_sum_in_place_of_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[web.BaseRequest] = []

    async def take(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request)
        await request.read()
        return web.Response(headers={"ETag": '"v1"'})

    certificate, url, close = await serve_tls(tmp_path, take)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    content = bytes(300 << 10)
    try:
        async with S3Storage("bucket", region="us-east-1", max_attempts=1, **KEYS) as strict:
            with pytest.raises(UnavailableError):  # nobody vouches for the certificate
                await strict.put("a", content)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        async with S3Storage("bucket", region="us-east-1", max_attempts=1, **KEYS) as amazon:
            await amazon.put("a", content)
        async with S3Storage("bucket", endpoint_url=url, region="us-east-1", **KEYS) as other:
            await other.put("a", content)
    finally:
        await close()
    to_aws, to_another = seen
    assert to_aws.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert to_aws.headers["x-amz-checksum-crc32"] == crc32_of(content)
    assert to_another.headers["x-amz-content-sha256"] == sha256(content).hexdigest()
    assert "Transfer-Encoding" not in to_aws.headers


async def serve_tls(
    folder: Path, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
) -> tuple[Path, str, Callable[[], Any]]:
    certificate = folder / "server.pem"
    certificate.write_bytes(certificate_for("127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    return certificate, f"https://127.0.0.1:{port}", runner.cleanup


# What the service corrects


def refuses_the_time(code: str, ahead: float) -> Callable[[Exchange], Any]:
    async def fault(exchange: Exchange) -> None:
        now = time.time() + ahead
        if abs(moment_of(exchange.request) - now) > 900:
            said = {"Date": formatdate(now, usegmt=True)}
            await exchange.answer(403, error(code), said)
        else:
            await exchange.answer(200, b"content", {**WHOLE, "Date": formatdate(now, usegmt=True)})

    return fault


@pytest.mark.parametrize("ahead", [-86_400, 3600])
async def test_wrong_clock_is_corrected_once(
    storage: S3Storage, service: FaultProxy, ahead: float
) -> None:
    service.inject(refuses_the_time("RequestTimeTooSkewed", ahead), times=None)
    assert await asyncio.gather(*(storage.read("a") for _ in range(4))) == [b"content"] * 4
    assert await storage.read("a") == b"content"
    assert 6 <= len(service.requests) <= 9
    assert abs(moment_of(service.requests[-1]) - time.time() - ahead) < 60


async def test_wrong_clock_is_corrected_by_a_head_that_says_no_code(
    storage: S3Storage, service: FaultProxy
) -> None:
    service.inject(refuses_the_time("RequestTimeTooSkewed", 3600), times=None)
    assert await storage.exists("a")


async def test_refusal_that_is_not_of_the_clock_is_sent_once(
    storage: S3Storage, service: FaultProxy
) -> None:
    said = {"Date": formatdate(time.time() + 3600, usegmt=True)}
    service.inject(faults.answer(403, error("AccessDenied"), said), times=None)
    with pytest.raises(PermissionDeniedError):
        await storage.read("a")
    assert len(service.requests) == 1


@pytest.mark.parametrize("date", [None, "yesterday"])
async def test_clock_cannot_be_corrected_by_no_time(
    storage: S3Storage, service: FaultProxy, date: str | None
) -> None:
    said = {"Date": date} if date else {}
    service.inject(faults.answer(403, error("RequestTimeTooSkewed"), said), times=None)
    with pytest.raises(PermissionDeniedError):
        await storage.read("a")
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "names_region"),
    [
        (301, error("PermanentRedirect"), True),
        (307, error("TemporaryRedirect"), True),
        (
            400,
            b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>",
            False,
        ),
        (400, error("IllegalLocationConstraintException"), True),
    ],
)
@pytest.mark.parametrize("call", ["read", "exists"])
async def test_wrong_region_is_found_out_and_remembered(
    storage: S3Storage,
    service: FaultProxy,
    status: int,
    body: bytes,
    names_region: bool,
    call: str,
) -> None:
    async def elsewhere(exchange: Exchange) -> None:
        if scope_of(exchange.request)[2] == "eu-west-3":
            return await exchange.answer(200, b"content", WHOLE)
        is_bucket = exchange.request.target == "/bucket"
        said = {"x-amz-bucket-region": "eu-west-3"} if names_region or is_bucket else {}
        return await exchange.answer(status, body, said)

    service.inject(elsewhere, times=None)
    results = await asyncio.gather(*(getattr(storage, call)("a") for _ in range(4)))
    assert all(results)
    sent = len(service.requests)
    await storage.read("a")
    assert len(service.requests) == sent + 1


async def test_credentials_that_expire_are_renewed(
    service: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK renews credentials minutes before their end, so these for each request."""
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)
    made = {"Version": 1, "SecretAccessKey": "s", "Expiration": ends.isoformat()}
    script = tmp_path / "credentials.py"
    script.write_text(
        "import json, os\n"
        f"made = json.loads({json.dumps(json.dumps(made))})\n"
        "print(json.dumps({**made, 'AccessKeyId': f'AK{os.getpid()}', 'SessionToken': 't'}))\n"
    )
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} {script}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    service.inject(faults.answer(200, b"content", WHOLE), times=None)
    async with S3Storage("bucket", endpoint_url=service.url, region="us-east-1") as storage:
        await storage.read("a")
        await storage.read("a")
    first, second = service.requests
    assert scope_of(first)[0].startswith("AK")
    assert scope_of(first)[0] != scope_of(second)[0]
    assert first.get("x-amz-security-token") == "t"


# Answers that are none


@pytest.mark.parametrize("body", [error("InternalError"), b"<Error><Code>Int", b"<html>"])
async def test_success_with_an_error_inside_is_tried_again(
    service: FaultProxy, body: bytes
) -> None:
    service.inject(faults.answer(200, body, WHOLE), times=2)
    service.inject(faults.answer(200, b"", WHOLE))
    async with S3Storage("bucket", endpoint_url=service.url, region="r", **KEYS) as storage:
        await storage.put("a", b"content")
    assert [request.method for request in service.requests] == ["PUT"] * 3


LISTING = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<IsTruncated>{truncated}</IsTruncated><EncodingType>{encoding}</EncodingType>{rest}
<NextContinuationToken>next+/=</NextContinuationToken>
</ListBucketResult>"""
ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>{time}</LastModified><ETag>&quot;v1&quot;</ETag>"
    "<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


def listing(*, truncated: str = "false", encoding: str = "url", rest: str) -> bytes:
    return LISTING.format(truncated=truncated, encoding=encoding, rest=rest).encode()


def entry(key: str = "a", time: str = "2026-11-25T10:00:00.000Z", size: str = "7") -> str:
    return ENTRY.format(key=key, time=time, size=size)


@pytest.mark.parametrize(
    ("encoding", "key", "name"),
    [
        ("url", "a+b%2Bc/%C3%A9%25+%F0%9F%98%80", "a b+c/é% 😀"),
        ("", "a+b%2B&amp;é", "a+b%2B&é"),
    ],
)
async def test_listed_names_are_decoded_as_they_are_encoded(
    storage: S3Storage, service: FaultProxy, encoding: str, key: str, name: str
) -> None:
    service.inject(faults.answer(200, listing(encoding=encoding, rest=entry(key))))
    [found] = (await storage.list_page()).files
    assert (found.name, found.size, found.etag) == (name, 7, "v1")
    assert "encoding-type=url" in service.requests[0].target


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-25T10:00:00.000Z",
        "2026-11-25T10:00:00Z",
        "2026-11-25T11:00:00.000+01:00",
        "Wed, 25 Nov 2026 10:00:00 GMT",
    ],
)
async def test_times_are_read_as_services_write_them(
    storage: S3Storage, service: FaultProxy, written: str
) -> None:
    service.inject(faults.answer(200, listing(rest=entry(time=written))))
    service.inject(faults.answer(200, b"", {**WHOLE, "Last-Modified": written}))
    at_ten = datetime.datetime(2026, 11, 25, 10, tzinfo=datetime.UTC)
    assert (await storage.list_page()).files[0].modified == at_ten
    assert (await storage.stat("a")).modified == at_ten


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<ListBucketResult><IsTruncated>false</IsTruncated>"
    "<Contents><Key>&b;</Key></Contents></ListBucketResult>"
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Welcome</body></html>",
        b"not XML",
        b"<ListBucketResult></ListBucketResult>",
        listing(rest=entry(size="seven")),
        listing(rest=entry(time="noon")),
        listing(rest="<Contents><Key>a</Key></Contents>"),
        listing(rest=entry())[:-30],
        BOMB.encode(),
        f'<?xml version="1.0" encoding="UTF-16"?>{BOMB}'.encode("utf-16"),
    ],
    ids=range(10),
)
async def test_listing_that_is_none_is_an_error(
    storage: S3Storage, service: FaultProxy, body: bytes
) -> None:
    service.inject(faults.answer(200, body))
    with pytest.raises(UnavailableError):
        await storage.list_page()


@pytest.mark.parametrize("lacking", ["ETag", "Last-Modified"])
async def test_file_without_its_marks_is_none(
    storage: S3Storage, service: FaultProxy, lacking: str
) -> None:
    marks = {name: value for name, value in WHOLE.items() if name != lacking}
    service.inject(faults.answer(200, b"Welcome", marks), times=None)
    with pytest.raises(UnavailableError, match=lacking):
        await storage.stat("a")
    with pytest.raises(UnavailableError, match=lacking):
        await storage.read("a")


FOLDER = b"<Error><Code>ExistingObjectIsDirectory</Code></Error>"


@pytest.mark.parametrize(("conflicts", "is_stored"), [(1, True), (9, False)])
async def test_folder_that_goes_with_its_last_file_is_no_conflict(
    service: FaultProxy, conflicts: int, is_stored: bool
) -> None:
    listing = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
    service.inject(
        faults.answer(200, listing), when=lambda request: "list-type" in request.target, times=None
    )
    service.inject(
        faults.answer(409, FOLDER), when=lambda request: request.method == "PUT", times=conflicts
    )
    service.inject(faults.answer(200, b"", WHOLE), times=None)
    async with S3Storage(
        "bucket", endpoint_url=service.url, flat_namespace=False, **KEYS
    ) as folders:
        if is_stored:
            assert await folders.save("a/b.txt", b"x") == "a/b.txt"
        else:
            with pytest.raises(NameConflictError):
                await folders.save("a/b.txt", b"x")
    puts = [request for request in service.requests if request.method == "PUT"]
    assert len(puts) == min(conflicts + 1, 5)


async def test_content_is_let_go_of_after_another_attempt(
    service: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "_pause", lambda *_, **__: 0)
    service.inject(faults.answer(503), when=lambda request: request.method == "PUT")
    service.inject(faults.answer(200, b"", WHOLE), times=None)
    content = bytearray(b"content")
    async with S3Storage("bucket", endpoint_url=service.url, **KEYS) as opened:
        gc.disable()
        try:
            await opened.save("a.txt", content)
            content.clear()  # BufferError where a traceback has it
        finally:
            gc.enable()
    assert len([request for request in service.requests if request.method == "PUT"]) == 2
