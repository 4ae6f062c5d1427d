"""What is Google Cloud Storage's own; what all backends share is in the conformance suite."""

from __future__ import annotations

import asyncio
import gzip
import json
import pickle
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from openviper.storage.attributes import Attributes
from openviper.storage.backends.gcs import GCSStorage
from openviper.storage.backends.gcs_client import Service
from openviper.storage.backends.gcs_driver import GCSDriver
from openviper.storage.backends.gcs_emulator import EmulatorDriver
from openviper.storage.backends.gcs_signing import to_sign
from openviper.storage.driver import Write
from openviper.storage.errors import (
    AlreadyExistsError,
    ContainerNotFoundError,
    ImproperlyConfiguredError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
    UnsupportedOperationError,
)
from openviper.storage.testing import faults
from openviper.storage.testing.proxy import Exchange, Fault, FaultProxy
from servers import Server, create_gcs_bucket, running
from tests.storage.gcs_sessions import Sessions, resource

NOWHERE = "http://127.0.0.1:1"
ODD = ("a b+c", "100%", "%41", "%2F", "q?x=1", "h#h", "é😀", "q'\"u", "t~.x", "e\u0301", "[x]&=;,")
CHUNK = 8 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running("gcs") as servers:
        yield servers["gcs"]


@pytest.fixture
def bucket(server: Server) -> str:
    return create_gcs_bucket(server)


@pytest.fixture
async def storage(server: Server, bucket: str) -> AsyncIterator[GCSStorage]:
    async with GCSStorage(bucket, api_root=server.url) as storage:
        yield storage


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the pauses between attempts last no time."""
    monkeypatch.setattr("random.uniform", lambda low, high: 0.0)


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def service_file(key: RSAPrivateKey, tmp_path: Path) -> Callable[..., str]:
    def write(token_uri: str = NOWHERE) -> str:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        path = tmp_path / "service.json"
        account = {"type": "service_account", "client_email": "me@example.org"}
        path.write_text(json.dumps({**account, "private_key": pem, "token_uri": token_uri}))
        return str(path)

    return write


@asynccontextmanager
async def scripted(fault: Fault, *, times: int | None = None) -> AsyncIterator[FaultProxy]:
    """Serve by a fault alone: there is no server behind it."""
    async with FaultProxy(NOWHERE) as proxy:
        proxy.inject(fault, times=times)
        yield proxy


def driver_of(server: Server, bucket: str) -> GCSDriver:
    service = Service(root=server.url, emulated=True, service_file=None, timeout=10, max_attempts=1)
    return EmulatorDriver(bucket, service, resumable=False)


def raw(server: Server, bucket: str, name: str) -> dict[str, Any]:  # Any: as json.loads
    url = f"{server.url}/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
    with urllib.request.urlopen(url) as reply:
        found: dict[str, Any] = json.load(reply)
        return found


async def fetch(request: str | urllib.request.Request) -> tuple[bytes, dict[str, str]]:
    def get() -> tuple[bytes, dict[str, str]]:
        with urllib.request.urlopen(request) as reply:
            return reply.read(), dict(reply.headers)

    return await asyncio.to_thread(get)


class Stream:
    """Give chunks, and know how many were asked for and whether it was closed."""

    def __init__(self, chunks: int, size: int = 1 << 20, *, fails: bool = False) -> None:
        self.given = 0
        self.closed = False
        self._chunks, self._size, self._fails = chunks, size, fails
        self.begun = asyncio.Event()

    @staticmethod
    async def of(content: bytes) -> AsyncIterator[bytes]:
        for position in range(0, len(content), 3_000_000):
            yield content[position : position + 3_000_000]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            for number in range(self._chunks):
                self.given += 1
                if number > 2:
                    self.begun.set()
                yield bytes([number % 251]) * self._size
                await asyncio.sleep(0)
            if self._fails:
                raise LookupError("the source's own")
        finally:
            self.closed = True


# --- options -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"bucket": ""},
        {"bucket": "a/b"},
        {"bucket": "Upper"},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"max_attempts": 0},
        {"api_root": "127.0.0.1:4443"},
        {"api_root": "ftp://127.0.0.1"},
        {"api_root": "http://me@127.0.0.1"},
    ],
)
def test_option_that_can_not_be_is_refused(options: dict[str, Any]) -> None:  # Any: wrong ones
    with pytest.raises(ValueError, match=next(iter(options))):
        GCSStorage(**{"bucket": "bucket", **options})


def test_credentials_themselves_are_no_service_file() -> None:
    with pytest.raises(TypeError):
        GCSStorage("bucket", service_file={"private_key": "secret"})  # type: ignore[arg-type]


def test_storage_survives_a_pickle() -> None:
    storage = GCSStorage("bucket", location="x", service_file=Path("/no/such.json"), timeout=3)
    again = pickle.loads(pickle.dumps(storage))
    assert again == storage
    assert repr(again) == repr(storage)
    assert "service_file='/no/such.json'" in repr(again)


def test_url_is_the_public_address() -> None:
    storage = GCSStorage("bucket", location="un der")
    assert storage.url("é/1%.txt") == (
        "https://storage.googleapis.com/bucket/un%20der/%C3%A9/1%25.txt"
    )


async def test_variable_of_the_emulator_is_not_read(
    server: Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", NOWHERE)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such.json")
    async with GCSStorage(bucket, api_root=server.url) as storage:
        assert not await storage.exists("a")


# --- objects -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD)
async def test_url_of_an_odd_name_can_be_fetched(storage: GCSStorage, name: str) -> None:
    await storage.put(f"d/{name}", name.encode())
    assert (await fetch(storage.url(f"d/{name}")))[0] == name.encode()
    assert [found.name async for found in storage.files("d")] == [f"d/{name}"]


async def test_etag_is_the_generation(server: Server, bucket: str, storage: GCSStorage) -> None:
    stored = await storage.put("a", b"1")
    assert stored.etag == raw(server, bucket, "a")["generation"]
    assert stored == await storage.stat("a") == await anext(aiter(storage.files()))


async def test_metadata_is_kept_as_it_is_beside_the_write_id(
    server: Server, bucket: str, storage: GCSStorage
) -> None:
    await storage.put("a", b"1", metadata={"who": " é 100% 😀 "})
    kept = raw(server, bucket, "a")["metadata"]
    assert kept.pop("openviper_write_id")
    assert kept == {"who": " é 100% 😀 "}


@pytest.mark.parametrize("etag", ["0", "-1", "abc", "1.5", "٣", "9" * 19, ""])
async def test_etag_that_is_no_generation_matches_nothing(storage: GCSStorage, etag: str) -> None:
    with pytest.raises(PreconditionFailedError):
        await storage.put("a", b"1", if_match=etag)
    assert not await storage.exists("a")


async def test_stored_gzip_is_not_undone(storage: GCSStorage) -> None:
    packed = gzip.compress(b"text" * 1000)
    await storage.put("a", packed, content_encoding="gzip")
    assert await storage.read("a") == packed
    assert await storage.read("a", start=5, end=20) == packed[5:20]
    assert (await storage.stat("a")).size == len(packed)


async def test_service_is_told_to_leave_stored_gzip_alone(server: Server, bucket: str) -> None:
    """Else it unpacks: https://cloud.google.com/storage/docs/transcoding"""
    packed = gzip.compress(b"text" * 1000)
    async with (
        FaultProxy(server.url) as proxy,
        GCSStorage(bucket, api_root=proxy.url) as storage,
    ):
        await storage.put("a", packed, content_encoding="gzip")
        await storage.read("a")
        assert proxy.requests[-1].get("Accept-Encoding") == "gzip"


async def test_checksums_are_hex(storage: GCSStorage) -> None:
    stored = await storage.put("a", b"123456789")
    assert stored.checksums == {"md5": "25f9e794323b453885f5181f1b624d0b", "crc32c": "e3069283"}


async def test_pages_with_directories_are_in_order(storage: GCSStorage) -> None:
    names = ["a", "b/1", "b/2", "c", "d/1", "e", "f-", "f/1", "g"]
    for name in names:
        await storage.put(name, b"")
    entries: list[str] = []
    token = None
    for _ in range(20):
        page = await storage.list_page(delimiter="/", limit=2, token=token)
        folders = [f"{folder}/" for folder in page.prefixes]
        assert len(folders) + len(page.files) <= 2
        entries += sorted([*folders, *(info.name for info in page.files)])
        if (token := page.token) is None:
            break
    assert entries == ["a", "b/", "c", "d/", "e", "f-", "f/", "g"]


async def test_deletion_of_another_version_deletes_nothing(
    server: Server, bucket: str, storage: GCSStorage
) -> None:
    old = await storage.put("a", b"1")
    await storage.put("a", b"2")
    driver = driver_of(server, bucket)
    with pytest.raises(PreconditionFailedError):
        await driver.delete("a", if_match=old.etag)
    await driver.aclose()
    assert await storage.read("a") == b"2"


async def test_copy_of_a_version_that_is_gone_copies_nothing(
    server: Server, bucket: str, storage: GCSStorage
) -> None:
    await storage.put("a", b"1")
    driver = driver_of(server, bucket)
    old = await driver.head("a")
    await storage.put("a", b"2")
    write = Write(attributes=Attributes(), content_type="text/plain", write_id="1", create=True)
    with pytest.raises(Exception, match="404") as caught:
        await driver.copy(old, "b", write)
    assert issubclass(driver.classify(caught.value) or object, NotFoundError)
    await driver.aclose()
    assert not await storage.exists("b")


async def test_copy_goes_on_until_the_service_is_done(server: Server, bucket: str) -> None:
    async with (
        FaultProxy(server.url) as proxy,
        GCSStorage(bucket, api_root=proxy.url) as storage,
    ):
        await storage.put("a", b"1")
        begun = faults.answer(200, b'{"done": false, "rewriteToken": "t/1"}')
        proxy.inject(begun, when=lambda request: "/rewriteTo/" in request.target)
        assert await storage.copy("a", "b") == "b"
        assert proxy.requests[-1].target.endswith("&rewriteToken=t%2F1")
        assert await storage.read("b") == b"1"


async def test_many_odd_names_are_deleted_in_batches(storage: GCSStorage) -> None:
    names = [*ODD, *(f"d/{number}" for number in range(150))]
    for name in names:
        await storage.put(name, b"")
    results = await storage.delete_many([*names, "missing"])
    assert all(result.ok for result in results)
    assert [info.name async for info in storage.files()] == []


async def test_status_of_each_deletion_in_a_batch_is_told(storage: GCSStorage) -> None:
    async def answer(exchange: Exchange) -> None:
        if exchange.request.method == "GET":
            return await exchange.answer(200, b'{"kind": "storage#objects"}')  # the bucket is there
        assert (await exchange.read()).count(b"DELETE /storage/v1/b/bucket/o/") == 4
        parts = "".join(
            f"--x\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>\r\n\r\n"
            f"HTTP/1.1 {status} Reason\r\nContent-Length: 0\r\n\r\n\r\n"
            for number, status in enumerate((204, 403, 404))
        )
        headers = {"Content-Type": "multipart/mixed; boundary=x"}
        return await exchange.answer(200, f"{parts}--x--".encode(), headers)

    async with scripted(answer) as proxy, GCSStorage("bucket", api_root=proxy.url) as failing:
        results = await failing.delete_many(["a", "b", "c", "d"])
    kinds = [type(result.error) for result in results]
    assert kinds == [type(None), PermissionDeniedError, type(None), UnavailableError]
    assert results[1].error is not None
    assert "403" in str(results[1].error.__cause__)


# --- streams -----------------------------------------------------------------------------


@pytest.mark.parametrize("resumable", [False, True])
@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK, 2 * CHUNK, 2 * CHUNK + 1])
async def test_stream_of_any_size_arrives(
    server: Server, bucket: str, size: int, resumable: bool
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size, 3_000_000):
            yield (b"%08d" % start * 375_000)[: size - start]

    async with GCSStorage(bucket, api_root=server.url, resumable=resumable) as storage:
        stored = await storage.put("a.csv", chunks(), metadata={"k": "é"}, cache_control="no-store")
        assert stored.size == size
        assert stored == await storage.stat("a.csv")
        assert stored.content_type == "text/csv"
        assert await storage.read("a.csv") == b"".join([chunk async for chunk in chunks()])


@pytest.mark.parametrize("resumable", [False, True])
async def test_stream_to_a_name_taken_meanwhile_is_refused(
    server: Server, bucket: str, resumable: bool
) -> None:
    async with GCSStorage(bucket, api_root=server.url, resumable=resumable) as storage:

        async def chunks() -> AsyncIterator[bytes]:
            yield bytes(2 << 20)
            await storage.put("a", b"rival")

        with pytest.raises(AlreadyExistsError):
            await storage.put("a", chunks(), if_none_match=True)
        assert await storage.read("a") == b"rival"


@pytest.mark.parametrize("resumable", [False, True])
async def test_failure_of_the_source_stores_nothing(
    server: Server, bucket: str, resumable: bool
) -> None:
    source = Stream(20, fails=True)
    async with GCSStorage(bucket, api_root=server.url, resumable=resumable) as storage:
        with pytest.raises(LookupError, match="the source's own"):
            await storage.put("a", source)
        assert source.closed
        assert not await storage.exists("a")


@pytest.mark.parametrize("resumable", [False, True])
async def test_cancelled_stream_stores_nothing(
    server: Server, bucket: str, resumable: bool
) -> None:
    source = Stream(1000)
    async with GCSStorage(bucket, api_root=server.url, resumable=resumable) as storage:
        storing = asyncio.create_task(storage.put("a", source))
        await source.begun.wait()
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing
        assert source.closed
        assert not await storage.exists("a")


async def test_stream_that_is_refused_at_once_is_not_read_on(server: Server) -> None:
    source = Stream(200)
    async with GCSStorage("no-such-bucket", api_root=server.url) as storage:
        with pytest.raises(ContainerNotFoundError):
            await storage.put("a", source)
    assert source.closed
    assert source.given < 50


async def test_stream_that_nobody_takes_times_out() -> None:
    source = Stream(200)
    async with (
        scripted(faults.say_nothing) as proxy,
        GCSStorage("bucket", api_root=proxy.url, timeout=0.3, max_attempts=1) as storage,
    ):
        with pytest.raises(StorageError) as caught:
            await storage.put("a", source)
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert source.closed
    assert source.given < 50


@pytest.mark.parametrize(
    "faults",
    [
        ["lost"],
        ["reset"],
        ["half"],
        ["none"],
        [503],
        [None, "lost", "half", 429],
        [None, None, "lost"],
        [None, None, "reset", "half"],
    ],
)
async def test_session_outlives_faults(faults: list[str | int | None], no_pauses: None) -> None:
    service, size = Sessions(faults=list(faults)), 2 * CHUNK + 5
    content = (b"%08d" * (size // 8 + 1) % tuple(range(size // 8 + 1)))[:size]
    async with (
        scripted(service.answer) as proxy,
        GCSStorage("bucket", api_root=proxy.url, resumable=True, timeout=5) as storage,
    ):
        stored = await storage.put("big", Stream.of(content))
    assert service.stored == content
    assert stored.size == size
    assert not service.cancelled


async def test_session_that_fails_is_cancelled_and_not_shown() -> None:
    service = Sessions(faults=[None, 410])
    async with (
        scripted(service.answer) as proxy,
        GCSStorage("bucket", api_root=proxy.url, resumable=True) as storage,
    ):
        with pytest.raises(UnavailableError) as caught:
            await storage.put("big", Stream(20))
    assert service.stored is None
    assert service.cancelled == 1
    assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_session_that_breaks_is_not_shown() -> None:
    service = Sessions()
    async with (
        scripted(service.answer) as proxy,
        GCSStorage("bucket", api_root=proxy.url, resumable=True, max_attempts=1) as storage,
    ):
        proxy.clear()
        proxy.inject(faults.reset_in_request, when=lambda request: request.method == "PUT")
        proxy.inject(service.answer, times=None)
        with pytest.raises(UnavailableError) as caught:
            await storage.put("big", Stream(20))
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("fails", [True, False])
async def test_session_is_cancelled_with_its_source(fails: bool) -> None:
    service, source = Sessions(), Stream(20 if fails else 10**6, fails=fails)
    async with (
        scripted(service.answer) as proxy,
        GCSStorage("bucket", api_root=proxy.url, resumable=True) as storage,
    ):
        storing = asyncio.create_task(storage.put("big", source))
        if not fails:
            await source.begun.wait()
            storing.cancel()
        with pytest.raises((LookupError, asyncio.CancelledError)):
            await storing
    assert service.stored is None
    assert service.cancelled == 1


# --- failures ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, StorageError),
        (401, PermissionDeniedError),
        (403, PermissionDeniedError),
        (404, ContainerNotFoundError),
        (408, UnavailableError),
        (412, AlreadyExistsError),
        (413, TooLargeError),
        (429, ThrottledError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
async def test_status_has_one_meaning(status: int, kind: type[StorageError]) -> None:
    async with (
        scripted(faults.answer(status)) as proxy,
        GCSStorage("bucket", api_root=proxy.url, max_attempts=1) as storage,
    ):
        driver = storage._place.driver
        write = Write(attributes=Attributes(), content_type="a/b", write_id="1", create=True)
        with pytest.raises(Exception, match=str(status)) as caught:
            await driver.put("a", memoryview(b""), write)
        meaning = driver.classify(caught.value)
    assert meaning is not None
    assert issubclass(meaning, kind) or (status == 404 and issubclass(meaning, NotFoundError))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_passing_refusal_is_tried_again(status: int, no_pauses: None) -> None:
    async with (
        scripted(faults.answer(status), times=1) as proxy,
        GCSStorage("bucket", api_root=proxy.url, max_attempts=2) as storage,
    ):
        proxy.inject(faults.answer(200, resource("a", b"")))
        await storage.put("a", bytes(100_000), if_none_match=True)
    assert len(proxy.requests) == 2


async def test_final_refusal_is_not_tried_again() -> None:
    async with (
        scripted(faults.answer(403)) as proxy,
        GCSStorage("bucket", api_root=proxy.url) as storage,
    ):
        with pytest.raises(PermissionDeniedError):
            await storage.exists("a")
    assert len(proxy.requests) == 1


async def test_refused_connection_is_unavailable_soon() -> None:
    before = time.monotonic()
    async with GCSStorage("bucket", api_root=NOWHERE) as storage:
        with pytest.raises(UnavailableError):
            await storage.exists("a")
    assert time.monotonic() - before < 5


async def test_creation_whose_answer_was_lost_before_the_service_went_is_unknown() -> None:
    async def go_away(exchange: Exchange) -> None:
        proxy.refuse_connections()
        await faults.reset_in_request(exchange)

    async with (
        scripted(go_away) as proxy,
        GCSStorage("bucket", api_root=proxy.url, max_attempts=2) as storage,
    ):
        with pytest.raises(OutcomeUnknownError):
            await storage.put("a", b"1", if_none_match=True)


async def test_creation_that_is_throttled_while_another_wins_is_a_taken_name(
    server: Server, bucket: str, storage: GCSStorage
) -> None:
    """https://cloud.google.com/storage/quotas#objects: one write a second of one name."""
    await storage.put("a", b"rival")
    async with (
        FaultProxy(server.url) as proxy,
        GCSStorage(bucket, api_root=proxy.url, max_attempts=3) as throttled,
    ):
        proxy.inject(faults.answer(429), when=lambda request: request.method == "POST", times=3)
        assert await throttled.save("a", b"ours") != "a"
    assert await storage.read("a") == b"rival"


async def test_source_and_reader_may_take_longer_than_the_service(
    server: Server, bucket: str
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(1 << 20)
            await asyncio.sleep(0.25)

    async with GCSStorage(bucket, api_root=server.url, timeout=0.2) as storage:
        await storage.put("a", slow())
        size = 0
        async for chunk in storage.stream("a", chunk_size=1 << 20):
            size += len(chunk)
            if size < 1 << 20:
                await asyncio.sleep(0.25)
    assert size == 3 << 20


# --- credentials -------------------------------------------------------------------------


def authorised(url: str, service_file: str | None) -> GCSDriver:
    service = Service(
        root=url, emulated=False, service_file=service_file, timeout=2, max_attempts=1
    )
    return GCSDriver("bucket", service, resumable=False)


async def test_token_is_asked_for_once_and_not_shown(service_file: Callable[..., str]) -> None:
    exchanges: list[bytes] = []

    async def answer(exchange: Exchange) -> None:
        request = exchange.request
        if request.target == "/token":
            exchanges.append(await exchange.read())
            said = {"access_token": "s3cret", "expires_in": 3600}
            headers = {"Content-Type": "application/json"}
            return await exchange.answer(200, json.dumps(said).encode(), headers)
        status = 200 if request.get("Authorization") == "Bearer s3cret" else 401
        refused = "/o/no" in request.target
        return await exchange.answer(403 if refused else status, resource("a", b""))

    async with scripted(answer) as proxy:
        driver = authorised(proxy.url, service_file(f"{proxy.url}/token"))
        infos = await asyncio.gather(*(driver.head("a") for _ in range(10)))
        with pytest.raises(Exception, match="403") as caught:
            await driver.head("no")
        await driver.aclose()
    assert {info.name for info in infos} == {"a"}
    assert len(exchanges) == 1
    assert "s3cret" not in f"{caught.value} {caught.value!r} {caught.value.__dict__}"


async def test_refused_credentials_are_denied(service_file: Callable[..., str]) -> None:
    async with scripted(faults.answer(400)) as proxy:
        driver = authorised(proxy.url, service_file(f"{proxy.url}/token"))
        with pytest.raises(PermissionDeniedError, match="no access token"):
            await driver.head("a")
        await driver.aclose()


async def test_unreachable_token_service_is_unavailable(service_file: Callable[..., str]) -> None:
    driver = authorised(NOWHERE, service_file())
    with pytest.raises(Exception, match="127") as caught:
        await driver.head("a")
    await driver.aclose()
    assert issubclass(driver.classify(caught.value) or object, UnavailableError)


@pytest.mark.parametrize("text", [None, "no json", "[]", '{"type": "odd"}', "{}"])
async def test_useless_service_file_is_named(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "service.json"
    if text is not None:
        path.write_text(text)
    async with GCSStorage("bucket", service_file=path) as storage:
        with pytest.raises(ImproperlyConfiguredError, match="service"):
            await storage.exists("a")


async def test_service_file_without_a_usable_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "service.json"
    account = {"type": "service_account", "client_email": "a@b", "private_key": "none"}
    path.write_text(json.dumps(account))
    async with GCSStorage("bucket", service_file=path) as storage:
        with pytest.raises(ImproperlyConfiguredError, match="can't be used"):
            await storage.exists("a")


async def test_no_credentials_at_all_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setattr("gcloud.aio.auth.token.GCE_ENDPOINT_TOKEN", f"{NOWHERE}/token")
    async with GCSStorage("bucket", max_attempts=1) as storage:
        with pytest.raises(ImproperlyConfiguredError, match="GOOGLE_APPLICATION_CREDENTIALS"):
            await storage.exists("a")


# --- signed URLs -------------------------------------------------------------------------


# Of https://github.com/googleapis/conformance-tests, storage/v1/v4_signatures.json
@pytest.mark.parametrize(
    ("method", "path", "headers", "query", "digest"),
    [
        ("GET", "test-object", {}, {}, "00e2fb794ea93d7adb703edaebdd5098"),
        ("PUT", "test-object", {}, {}, "78742860705da91404222d5d66ff8985"),
        (
            "GET",
            "path/with/slashes/under_score/amper&sand/file.ext",
            {"header/name/with/slash": "should-be-encoded"},
            {},
            "f1d206dd8cbe1b892d4081ccddae0927",
        ),
        (
            "GET",
            "test-object",
            {"BAR": "BAR-value", "foo": "foo-value"},
            {},
            "59c1ac1a6ee7d773d5c4487ecc861d60",
        ),
        (
            "GET",
            "test-object",
            {
                "collapsed": "abc    def",
                "leading": "    xyz",
                "trailing": "abc    ",
                "tabs": "\tabc\t\t\t\tdef\t",
            },
            {},
            "19153e83555808dbfeb8969043cc8ce8",
        ),
        (
            "GET",
            "test-object",
            {},
            {"aA0é/=%-_.~": "~ ._-%=/é0Aa"},
            "448f96c23dafa8210900554e138b2b5f",
        ),
        (
            "GET",
            "test-object",
            {},
            {"prefix": "/foo", "X-Goog-Meta-Foo": "bar"},
            "4dafe74ad142f32b7c25fc4e6b38fd3b",
        ),
    ],
)
def test_text_to_sign_is_that_of_googles_own_tests(
    method: str, path: str, headers: dict[str, str], query: dict[str, str], digest: str
) -> None:
    prepared = to_sign(
        f"https://storage.googleapis.com/test-bucket/{quote(path, safe='/')}",
        method=method,
        email="test-iam-credentials@dummy-project-id.iam.gserviceaccount.com",
        expires=10,
        headers=headers,
        query=query,
        now=datetime.fromisoformat("2019-02-01T09:00:00Z"),
    )
    *said, found = prepared.text.splitlines()
    assert said == ["GOOG4-RSA-SHA256", "20190201T090000Z", "20190201/auto/storage/goog4_request"]
    assert found.startswith(digest)


async def test_signature_is_of_the_text_and_no_request_is_made(
    key: RSAPrivateKey, service_file: Callable[..., str]
) -> None:
    storage = GCSStorage("bucket", location="l", service_file=service_file())
    url = await storage.signed_url("é 1", method="PUT", content_type="Text/X; a=B", expires=60.2)
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert url.startswith("https://storage.googleapis.com/bucket/l/%C3%A9%201?")
    assert query["X-Goog-SignedHeaders"] == "content-type;host;x-goog-if-generation-match"
    assert query["X-Goog-Expires"] == "61"
    prepared = to_sign(
        url.partition("?")[0],
        method="PUT",
        email="me@example.org",
        expires=61,
        headers={"Content-Type": "Text/X; a=B", "X-Goog-If-Generation-Match": "0"},
        query={},
        now=datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%S%z"),
    )
    signature = bytes.fromhex(query["X-Goog-Signature"])
    key.public_key().verify(signature, prepared.text.encode(), PKCS1v15(), SHA256())


async def test_signed_urls_reach_the_object(
    server: Server, bucket: str, service_file: Callable[..., str]
) -> None:
    async with GCSStorage(bucket, api_root=server.url, service_file=service_file()) as storage:
        put = await storage.signed_url("a é+%", method="PUT", content_type="a/b", overwrite=True)
        await fetch(
            urllib.request.Request(put, data=b"sent", method="PUT", headers={"Content-Type": "a/b"})
        )
        assert (await storage.stat("a é+%")).content_type == "a/b"
        body, headers = await fetch(await storage.signed_url("a é+%", download_as="ü.txt"))
        assert body == b"sent"
        assert headers["Content-Disposition"].startswith("attachment")


async def test_signed_upload_to_an_emulator_must_allow_overwriting(
    service_file: Callable[..., str],
) -> None:
    storage = GCSStorage("bucket", api_root=NOWHERE, service_file=service_file())
    with pytest.raises(UnsupportedOperationError, match="overwrite=True"):
        await storage.signed_url("a", method="PUT")
    assert storage.capabilities.signed_put == "none"
    assert storage.capabilities.signed_get == "native"


async def test_signing_without_a_key_is_unsupported() -> None:
    storage = GCSStorage("bucket")
    with pytest.raises(UnsupportedOperationError, match="service_file"):
        await storage.signed_url("a")
    assert storage.capabilities.signed_get == storage.capabilities.signed_put == "none"
