"""What is obstore's own; what all backends share is in the conformance suite."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from openviper.storage import ObstoreStorage
from openviper.storage.errors import (
    AlreadyExistsError,
    ContainerNotFoundError,
    ImproperlyConfiguredError,
    InvalidNameError,
    NameConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    StorageFullError,
    StorageTimeoutError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
    UnsupportedOperationError,
)
from openviper.storage.testing import faults
from openviper.storage.testing.proxy import Exchange, Fault, FaultProxy
from openviper.storage.testing.refusals import s3_words

NOBODY = "http://127.0.0.1:9"
KEYS = {"access_key_id": "key", "secret_access_key": "hunter2", "region": "us-east-1"}
THERE = {
    "ETag": '"0123"',
    "Last-Modified": "Wed, 25 Nov 2026 10:00:00 GMT",
    "x-goog-generation": "77",
}


def on_s3(url: str, *, timeout: float = 10.0, max_attempts: int = 2) -> ObstoreStorage:
    config = {**KEYS, "endpoint": url}
    return ObstoreStorage(
        "s3://bucket/x", config=config, timeout=timeout, max_attempts=max_attempts
    )


def on_gcs(url: str) -> ObstoreStorage:
    account = f'{{"gcs_base_url": "{url}", "disable_oauth": true, "client_email": "", '
    account += '"private_key": "", "private_key_id": ""}'
    config = {"service_account_key": account, "base_url": url}
    return ObstoreStorage("gs://bucket", config=config, max_attempts=1)


@asynccontextmanager
async def answering(fault: Fault) -> AsyncIterator[FaultProxy]:
    """Answer every request in the same way."""
    async with FaultProxy(NOBODY) as proxy:
        proxy.inject(fault, times=None)
        yield proxy


def said(status: int) -> Fault:
    words = s3_words(status)
    return faults.answer(status, words.body, words.headers)


def test_what_a_storage_is_made_of_shows_no_secret() -> None:
    storage = ObstoreStorage("s3://bucket/a%20b?region=eu-west-1", config=KEYS)
    assert "s3://bucket/a%20b?region=eu-west-1" in repr(storage)
    assert "hunter2" not in repr(storage)
    assert storage == ObstoreStorage("s3://bucket/a%20b?region=eu-west-1", config=KEYS)
    assert storage != ObstoreStorage("s3://bucket/a%20b?region=eu-west-1")
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(storage)


def test_without_credentials_it_can_be_pickled() -> None:
    storage = ObstoreStorage("gs://bucket/a", timeout=3)
    assert pickle.loads(pickle.dumps(storage)) == storage


@pytest.mark.parametrize("url", ["memory:", "ftp://host/a", "obstore+s3://b", "s3://b?token=x"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfiguredError):
        ObstoreStorage(url)


@pytest.mark.parametrize("option", ["timeout", "max_attempts", "max_size"])
def test_limits_are_over_nothing(option: str) -> None:
    with pytest.raises(ValueError, match=option):
        ObstoreStorage("s3://bucket", **{option: 0})  # type: ignore[arg-type]  # a number for each


async def test_what_can_not_work_is_told_on_first_use() -> None:
    with pytest.raises(ImproperlyConfiguredError):
        await ObstoreStorage("s3://bucket", config={"regoin": "x"}).exists("a")
    with pytest.raises(ContainerNotFoundError):
        await ObstoreStorage("file:///no/such/root").exists("a")


def test_url_needs_a_base() -> None:
    with pytest.raises(UnsupportedOperationError, match="base_url"):
        ObstoreStorage("s3://bucket").url("a")
    storage = ObstoreStorage("s3://bucket/x", base_url="https://cdn.example.org/")
    assert storage.url("a b") == "https://cdn.example.org/x/a%20b"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, StorageError),
        (401, PermissionDeniedError),
        (403, PermissionDeniedError),
        (409, UnavailableError),
        (412, PreconditionFailedError),
        (413, TooLargeError),
        (429, ThrottledError),
        (500, UnavailableError),
        (503, ThrottledError),
        (507, StorageFullError),
    ],
)
async def test_statuses_have_their_meanings(status: int, kind: type[StorageError]) -> None:
    async with answering(said(status)) as proxy, on_s3(proxy.url) as storage:
        with pytest.raises(StorageError) as caught:
            await storage.read("a")
    assert type(caught.value) is kind
    assert caught.value.__cause__ is not None
    attempts = 2 if issubclass(kind, UnavailableError) else 1
    assert len(proxy.requests) == attempts


async def test_a_bucket_that_is_missing_is_no_missing_file() -> None:
    async with answering(faults.answer(404)) as proxy, on_s3(proxy.url) as storage:
        with pytest.raises(ContainerNotFoundError):
            await storage.exists("a")


def refusing(status: int) -> Fault:
    """Refuse to write, in a bucket where nothing is."""
    replies = {
        "PUT": said(status),
        "HEAD": faults.answer(404),
        "GET": faults.answer(200, b"<ListBucketResult></ListBucketResult>"),
    }

    async def fault(exchange: Exchange) -> None:
        await replies[exchange.request.method](exchange)

    return fault


async def test_a_conflict_on_s3_is_no_taken_name() -> None:
    """It is not known by then who gets the name."""
    async with answering(refusing(409)) as proxy, on_s3(proxy.url) as storage:
        with pytest.raises(UnavailableError):
            await storage.put("a", b"x", if_none_match=True)


async def test_a_name_is_not_taken_for_a_field_of_its_error() -> None:
    name = '    status: 409,", code: 2, <Code>ObjectParentIsFile</Code>'
    async with answering(refusing(412)) as proxy, on_s3(proxy.url) as storage:
        with pytest.raises(AlreadyExistsError) as caught:
            await storage.put(name, b"x", if_none_match=True)
    assert not isinstance(caught.value, NameConflictError)


async def test_the_services_own_code_is_read_where_the_status_says_too_little() -> None:
    body = b"<Error><Code>ObjectParentIsFile</Code></Error>"
    async with answering(faults.answer(400, body)) as proxy, on_s3(proxy.url) as storage:
        with pytest.raises(NameConflictError):
            await storage.put("a/b", b"x")


async def test_silence_is_a_timeout() -> None:
    async with answering(faults.say_nothing) as proxy:
        storage = on_s3(proxy.url, timeout=0.2, max_attempts=1)
        with pytest.raises(StorageTimeoutError):
            await storage.read("a")


async def test_a_success_that_shows_no_version_is_somebody_elses() -> None:
    page = faults.answer(200, b"<html>Please log in.</html>", {"Content-Type": "text/html"})
    async with answering(page) as proxy, on_s3(proxy.url) as storage:
        for call in (storage.read, storage.stat):
            with pytest.raises(UnavailableError):
                await call("a")


async def test_what_was_sent_before_nobody_listened_may_have_come() -> None:
    """Only where no attempt was sent it is known that nothing happened."""
    async with FaultProxy(NOBODY) as proxy, on_s3(proxy.url) as storage:

        async def go_away(exchange: Exchange) -> None:
            proxy.refuse_connections()
            exchange.reset()

        proxy.inject(go_away)
        with pytest.raises(OutcomeUnknownError):
            await storage.put("a", b"x", if_none_match=True)
        with pytest.raises(UnavailableError):
            await storage.put("a", b"x", if_none_match=True)


async def test_s3_deletes_one_file_by_its_name() -> None:
    """A deletion of many is in XML, which can't hold every name."""
    async with answering(faults.answer(204)) as proxy, on_s3(proxy.url) as storage:
        await storage.delete("a\ufffe")
    assert [request.method for request in proxy.requests] == ["DELETE"]


async def test_gcs_replaces_the_generation_that_has_the_etag() -> None:
    async with answering(faults.answer(200, headers=THERE)) as proxy, on_gcs(proxy.url) as storage:
        info = await storage.put("a", b"new", if_match="0123")
        with pytest.raises(PreconditionFailedError):
            await storage.put("a", b"new", if_match="4567")
    assert info.etag == "0123"
    sent = [r.get("x-goog-if-generation-match") for r in proxy.requests if r.method == "PUT"]
    assert sent == ["77"]


async def test_gcs_is_asked_for_the_bytes_as_they_are_stored() -> None:
    """Without this it would undo a Content-Encoding."""
    found = faults.answer(200, b"gzipped", {**THERE, "Content-Encoding": "gzip"})
    async with answering(found) as proxy, on_gcs(proxy.url) as storage:
        assert await storage.read("a") == b"gzipped"
    assert proxy.requests[0].get("Accept-Encoding") == "gzip"


async def test_a_folder_takes_no_name_that_looks_temporary(tmp_path: Path) -> None:
    storage = ObstoreStorage(f"file://{tmp_path}")
    for call in (storage.put("a#1", b"x"), storage.put("b/a#1", b"x")):
        with pytest.raises(InvalidNameError):
            await call
    await storage.put("a#b", b"x")
    assert [info.name async for info in storage.files()] == ["a#b"]


async def test_a_folder_that_may_not_be_read_is_denied(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(PermissionDeniedError):
        await ObstoreStorage(f"file://{tmp_path}").read("loop")


async def test_a_missing_file_of_a_folder_is_not_found(tmp_path: Path) -> None:
    storage = ObstoreStorage(f"file://{tmp_path}")
    await storage.put("a", b"x")
    for name in ("missing", "a/below", "no/such"):
        with pytest.raises(NotFoundError):
            await storage.size(name)
