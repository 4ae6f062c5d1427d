"""The project's own backends as subjects of the conformance suite."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import tempfile
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

import openviper.storage as backends
from openviper.storage import Storage
from openviper.storage.testing import Subject
from servers import Server
from servers.buckets import create_azure_container, create_gcs_bucket, create_s3_bucket
from tests.integration import raw
from tests.integration.excuses import EXCUSES

NESTED = "deep er/ünder"
BACKENDS = ("filesystem", "filesystem-fast", "memory", "moto", "versitygw", "gcs", "azurite")
NAMES = tuple(
    f"{backend}{ending}" for backend, ending in itertools.product(BACKENDS, ("", "+nested"))
)
PART_SIZE = 5 << 20


def filesystem(root: str, durable: bool, location: str) -> Storage:
    folder = Path(root, location)
    folder.mkdir(parents=True, exist_ok=True)
    return backends.FileSystemStorage(str(folder), "/media/", durable=durable)


def s3(
    bucket: str, url: str, keys: tuple[str, str], region: str, flat: bool, location: str
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
    )


def gcs(bucket: str, url: str, location: str) -> Storage:
    return backends.GCSStorage(bucket, location=location, api_root=url)


def azure(container: str, connection_string: str, location: str) -> Storage:
    return backends.AzureStorage(
        container, location=location, connection_string=connection_string, part_size=1 << 20
    )


def subject(name: str, server: Callable[[str], Server]) -> Subject:
    """Describe one of `NAMES`; `server` starts what it needs."""
    backend, _, nested = name.partition("+")
    return dataclasses.replace(
        _DESCRIBED[backend](server),
        name=name,
        nested=NESTED if nested else "",
        excuses=EXCUSES.get(backend, {}),
    )


def _filesystem(durable: bool, _server: object) -> Subject:
    root = tempfile.mkdtemp(prefix="openviper-conformance-")
    return Subject(
        name="",
        make=partial(filesystem, root, durable),
        server="this disk" if durable else "this disk, durable=False",
        crosses_processes=True,
        raw=partial(raw.FileSystemRaw, root),
    )


def _memory(_server: object) -> Subject:
    return Subject(
        name="",
        make=lambda location: backends.MemoryStorage(location=location),
        server="this process",
        shares_instances=False,
    )


def _s3(kind: str, server: Callable[[str], Server]) -> Subject:
    there = server(kind)
    keys = (there.credentials["access_key"], there.credentials["secret_key"])
    region = there.credentials["region"]
    bucket = create_s3_bucket(there)
    return Subject(
        name="",
        make=partial(s3, bucket, there.url, keys, region, kind == "moto"),
        server=f"{kind} {there.version}",
        large=2 * PART_SIZE + 1000,
        part_size=PART_SIZE,
        crosses_processes=True,
        raw=partial(raw.S3Raw, bucket, there),
    )


def _gcs(server: Callable[[str], Server]) -> Subject:
    there = server("gcs")
    bucket = create_gcs_bucket(there)
    return Subject(
        name="",
        make=partial(gcs, bucket, there.url),
        server=f"fake-gcs-server {there.version}",
        crosses_processes=True,
        raw=partial(raw.GCSRaw, bucket, there.url),
        fetch=fetch,
    )


def _azure(server: Callable[[str], Server]) -> Subject:
    there = server("azurite")
    text = there.credentials["connection_string"]
    container = create_azure_container(there)
    return Subject(
        name="",
        make=partial(azure, container, text),
        server=f"azurite {there.version}",
        crosses_processes=True,
        raw=partial(raw.AzureRaw, container, text),
        fetch=fetch,
    )


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
}
