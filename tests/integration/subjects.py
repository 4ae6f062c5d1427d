"""The project's own backends as subjects of the conformance suite."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import itertools
import json
import os
import socket
import tempfile
import urllib.request
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from azure.storage.blob import BlobServiceClient
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from obstore import list as list_files
from obstore.store import MemoryStore

import openviper.storage as backends
from openviper.storage import Storage
from openviper.storage.testing import FaultAccess, Subject
from openviper.storage.testing.refusals import azure_words, gcs_words, s3_words
from openviper.storage.testing.target import Profile
from servers import Server
from servers.buckets import create_azure_container, create_gcs_bucket, create_s3_bucket
from tests.integration import raw
from tests.integration.excuses import EXCUSES, EXPECTED_FAILURES
from tests.integration.gcs_front import begin_front

NESTED = "deep er/ünder"
LOCAL = ("filesystem", "filesystem-fast", "memory", "obstore-file")
BACKENDS = ("filesystem", "filesystem-fast", "memory", "moto", "versitygw", "gcs", "azurite")
ENGINES = tuple(f"obstore-{kind}" for kind in ("file", "moto", "versitygw", "gcs", "azurite"))
NAMES = (
    *(f"{backend}{ending}" for backend, ending in itertools.product(BACKENDS, ("", "+nested"))),
    *ENGINES,
)
PART_SIZE = 5 << 20
LARGEST = 32 << 20
NO_SERVICE = {
    "fetch": "nothing serves its files",
    "faults": "it sends no requests",
    "nobody_listens": "it connects to nothing",
    "wrong_credentials": "it has no credentials",
}
NO_FOLDER = {"folder": "it is a service"}
SAME_ENGINE = {"faults": "requests fail in the engine, whatever the service: shown on obstore-moto"}
SAME_FAULTS = {"faults": "a server fails in the same way wherever files are: shown without nesting"}
PRIVATE = {"fetch": "its objects are given to nobody without a signature"}


def filesystem(root: str, durable: bool, location: str) -> Storage:
    folder = Path(root, location)
    folder.mkdir(parents=True, exist_ok=True)
    return backends.FileSystemStorage(str(folder), "/media/", durable=durable)


def s3(
    bucket: str,
    url: str,
    keys: tuple[str, str],
    region: str,
    flat: bool,
    location: str,
    **limits: Any,
) -> Storage:
    return backends.S3Storage(
        bucket,
        location=location,
        endpoint_url=url,
        access_key=keys[0],
        secret_key=keys[1],
        region=region,
        flat_namespace=flat,
        part_size=PART_SIZE,
        **limits,
    )


def gcs(bucket: str, url: str, service_file: str, location: str, **limits: Any) -> Storage:
    return backends.GCSStorage(
        bucket, location=location, api_root=url, service_file=service_file, **limits
    )


def azure(container: str, connection_string: str, location: str, **limits: Any) -> Storage:
    return backends.AzureStorage(
        container,
        location=location,
        connection_string=connection_string,
        part_size=1 << 20,
        **limits,
    )


def obstore(root: str, config: dict[str, str], flat: bool, location: str, **limits: Any) -> Storage:
    return backends.ObstoreStorage(
        f"{root}/{quote(location)}",
        config=config,
        base_url="https://files.example.org/",
        flat_namespace=flat,
        max_size=LARGEST,
        **limits,
    )


def obstore_folder(root: str, location: str) -> Storage:
    folder = Path(root, location)
    folder.mkdir(parents=True, exist_ok=True)
    url = f"file://{quote(str(folder))}"
    return backends.ObstoreStorage(url, base_url="/media/", max_size=LARGEST)


def subject(name: str, server: Callable[[str], Server]) -> Subject:
    """Describe one of `NAMES`; `server` starts what it needs."""
    backend, _, nested = name.partition("+")
    if backend in ENGINES:
        list_files(MemoryStore()).collect()  # starts its threads, whose descriptors stay open
    described = _DESCRIBED[backend](server)
    return dataclasses.replace(
        described,
        name=name,
        nested=NESTED if nested else "",
        profile=_profile(backend),
        expected_failures=EXPECTED_FAILURES.get(backend, {}),
        faults=None if nested else described.faults,
        inapplicable={**(SAME_FAULTS if nested else {}), **described.inapplicable},
        excuses=EXCUSES.get(backend, {}),
    )


def _profile(backend: str) -> Profile:
    """Return how much to try: `OPENVIPER_TEST_PROFILE=long` asks for everything."""
    if os.environ.get("OPENVIPER_TEST_PROFILE") == "long":
        return "long"
    return "local" if backend in LOCAL else "remote"


def _filesystem(durable: bool, _server: object) -> Subject:
    root = tempfile.mkdtemp(prefix="openviper-conformance-")
    return Subject(
        name="",
        make=partial(filesystem, root, durable),
        server="this disk" if durable else "this disk, durable=False",
        crosses_processes=True,
        folder=partial(Path, root),
        raw=partial(raw.FileSystemRaw, root),
        missing_container=lambda: backends.FileSystemStorage(f"{root}/no/such/root", "/media/"),
        inapplicable=NO_SERVICE,
    )


def _memory(_server: object) -> Subject:
    return Subject(
        name="",
        make=lambda location: backends.MemoryStorage(location=location),
        server="this process",
        shares_instances=False,
        crosses_processes=False,
        inapplicable={
            **NO_SERVICE,
            "folder": "it has none",
            "missing_container": "it has none that could be missing",
            "raw": "there is nothing behind it",
        },
    )


def _s3(kind: str, server: Callable[[str], Server]) -> Subject:
    there = server(kind)
    keys = (there.credentials["access_key"], there.credentials["secret_key"])
    region = there.credentials["region"]
    bucket = create_s3_bucket(there)
    flat = kind == "moto"  # versitygw keeps keys as files in folders
    return Subject(
        name="",
        make=partial(s3, bucket, there.url, keys, region, flat),
        server=f"{kind} {there.version}",
        profile="remote",
        large=2 * PART_SIZE + 1000,
        part_size=PART_SIZE,
        crosses_processes=True,
        raw=partial(raw.S3Raw, bucket, there),
        missing_container=partial(s3, "no-such-bucket", there.url, keys, region, flat, "x"),
        wrong_credentials=partial(s3, bucket, there.url, (keys[0], "wrong"), region, flat, "x"),
        nobody_listens=partial(s3, bucket, closed_port(), keys, region, flat, "x"),
        faults=FaultAccess(
            server=there.url,
            make=lambda url, location, timeout: s3(
                bucket, url, keys, region, flat, location, timeout=timeout, max_attempts=2
            ),
            words=s3_words,
        ),
        create_headers={"If-None-Match": "*"},
        secrets=(keys[1],),
        inapplicable=NO_FOLDER | PRIVATE,
    )


def _gcs(server: Callable[[str], Server]) -> Subject:
    there = server("gcs")
    bucket = create_gcs_bucket(there)
    account = _service_file()
    return Subject(
        name="",
        make=partial(gcs, bucket, there.url, account),
        server=f"fake-gcs-server {there.version}",
        profile="remote",
        crosses_processes=True,
        raw=partial(raw.GCSRaw, bucket, there.url),
        missing_container=partial(gcs, "no-such-bucket", there.url, account, "x"),
        nobody_listens=partial(gcs, bucket, closed_port(), account, "x"),
        faults=FaultAccess(
            server=there.url,
            make=lambda url, location, timeout: gcs(
                bucket, url, account, location, timeout=timeout, max_attempts=2
            ),
            words=gcs_words,
            throttling=429,
            resends_streams=False,
        ),
        create_headers={"x-goog-if-generation-match": "0"},
        fetch=fetch,
        inapplicable=NO_FOLDER,
    )


def _azure(server: Callable[[str], Server]) -> Subject:
    there = server("azurite")
    text, key = there.credentials["connection_string"], there.credentials["key"]
    wrong = base64.b64encode(b"wrong").decode()
    private = _private_container(text)
    container = create_azure_container(there)
    return Subject(
        name="",
        make=partial(azure, container, text),
        server=f"azurite {there.version}",
        profile="remote",
        crosses_processes=True,
        raw=partial(raw.AzureRaw, container, text),
        make_private=partial(azure, private, text),
        missing_container=partial(azure, "no-such-container", text, "x"),
        wrong_credentials=partial(azure, private, text.replace(key, wrong), "x"),
        nobody_listens=partial(azure, container, text.replace(there.url, closed_port()), "x"),
        faults=FaultAccess(
            server=there.url,
            make=lambda url, location, timeout: azure(
                container,
                text.replace(there.url, url),
                location,
                timeout=timeout,
                max_attempts=2,
            ),
            words=azure_words,
        ),
        put_headers={"x-ms-blob-type": "BlockBlob"},
        secrets=(key,),
        fetch=fetch,
        inapplicable=NO_FOLDER,
    )


def _obstore_file(_server: object) -> Subject:
    root = tempfile.mkdtemp(prefix="openviper-obstore-")
    return Subject(
        name="",
        make=partial(obstore_folder, root),
        server="this disk",
        crosses_processes=True,
        folder=partial(Path, root),
        raw=partial(raw.FileSystemRaw, root),
        missing_container=lambda: backends.ObstoreStorage("file:///no/such/root"),
        inapplicable=NO_SERVICE,
    )


def _obstore_s3(kind: str, server: Callable[[str], Server]) -> Subject:
    there = server(kind)
    bucket = create_s3_bucket(there)
    flat = kind == "moto"
    config = {
        "access_key_id": there.credentials["access_key"],
        "secret_access_key": there.credentials["secret_key"],
        "region": there.credentials["region"],
        "endpoint": there.url,
    }

    def at(root: str, location: str, /, **other: str) -> Callable[[], Storage]:
        return partial(obstore, root, {**config, **other}, flat, location)

    def at_fault(url: str, location: str, timeout: float) -> Storage:
        there = {**config, "endpoint": url}
        return obstore(f"s3://{bucket}", there, flat, location, timeout=timeout, max_attempts=2)

    return Subject(
        name="",
        make=partial(obstore, f"s3://{bucket}", config, flat),
        server=f"{kind} {there.version}",
        crosses_processes=True,
        raw=partial(raw.S3Raw, bucket, there),
        missing_container=at("s3://no-such-bucket", "x"),
        wrong_credentials=at(f"s3://{bucket}", "x", secret_access_key="wrong"),
        nobody_listens=at(f"s3://{bucket}", "x", endpoint=closed_port()),
        faults=FaultAccess(server=there.url, make=at_fault, words=s3_words) if flat else None,
        secrets=(config["secret_access_key"],),
        inapplicable=NO_FOLDER | PRIVATE | ({} if flat else SAME_ENGINE),
    )


def _obstore_gcs(server: Callable[[str], Server]) -> Subject:
    there = server("gcs")
    bucket = create_gcs_bucket(there)
    front = begin_front(there.url)
    root = f"gs://{bucket}"
    return Subject(
        name="",
        make=partial(obstore, root, _gcs_config(front), True),
        server=f"fake-gcs-server {there.version}",
        crosses_processes=True,
        raw=partial(raw.GCSRaw, bucket, there.url),
        missing_container=partial(obstore, "gs://no-such-bucket", _gcs_config(front), True, "x"),
        nobody_listens=partial(obstore, root, _gcs_config(closed_port()), True, "x"),
        inapplicable=NO_FOLDER | PRIVATE | SAME_ENGINE,
    )


def _gcs_config(url: str) -> dict[str, str]:
    """Return what leads obstore to an emulator, without a token."""
    account = {"client_email": "", "private_key": "", "private_key_id": ""}
    said = json.dumps({**account, "gcs_base_url": url, "disable_oauth": True})
    return {"service_account_key": said, "base_url": url}


def _obstore_azure(server: Callable[[str], Server]) -> Subject:
    there = server("azurite")
    text, key = there.credentials["connection_string"], there.credentials["key"]
    container = _private_container(text)
    endpoint = f"{there.url}/devstoreaccount1"
    config = {"account_name": "devstoreaccount1", "account_key": key, "endpoint": endpoint}

    def at(root: str, location: str, /, **other: str) -> Callable[[], Storage]:
        return partial(obstore, root, {**config, **other}, True, location)

    return Subject(
        name="",
        make=partial(obstore, f"az://{container}", config, True),
        server=f"azurite {there.version}",
        crosses_processes=True,
        raw=partial(raw.AzureRaw, container, text),
        missing_container=at("az://no-such-container", "x"),
        wrong_credentials=at(
            f"az://{container}", "x", account_key=base64.b64encode(b"wrong").decode()
        ),
        nobody_listens=at(f"az://{container}", "x", endpoint=f"{closed_port()}/devstoreaccount1"),
        secrets=(key,),
        inapplicable=NO_FOLDER | PRIVATE | SAME_ENGINE,
    )


def closed_port() -> str:
    """Return the URL of a port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def _service_file() -> str:
    """Write the file of a service account that fake-gcs-server takes like any other."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    account = {
        "type": "service_account",
        "client_email": "tests@example.org",
        "private_key": text,
        "token_uri": "http://127.0.0.1:9/none",
    }
    path = Path(tempfile.mkdtemp(prefix="openviper-account-"), "account.json")
    path.write_text(json.dumps(account), encoding="utf-8")
    return str(path)


def _private_container(connection_string: str) -> str:
    """Make a container from which Azurite gives nothing away without a signature."""
    name = f"private-{uuid.uuid4().hex[:12]}"
    with BlobServiceClient.from_connection_string(connection_string) as service:
        service.create_container(name)
    return name


async def fetch(url: str) -> bytes:
    """GET a URL as anybody would."""

    def get() -> bytes:
        with urllib.request.urlopen(url, timeout=10) as reply:
            body: bytes = reply.read()
            return body

    return await asyncio.to_thread(get)


_DESCRIBED: dict[str, Callable[..., Subject]] = {
    "filesystem": partial(_filesystem, True),
    "filesystem-fast": partial(_filesystem, False),
    "memory": _memory,
    "moto": partial(_s3, "moto"),
    "versitygw": partial(_s3, "versitygw"),
    "gcs": _gcs,
    "azurite": _azure,
    "obstore-file": _obstore_file,
    "obstore-moto": partial(_obstore_s3, "moto"),
    "obstore-versitygw": partial(_obstore_s3, "versitygw"),
    "obstore-gcs": _obstore_gcs,
    "obstore-azurite": _obstore_azure,
}
