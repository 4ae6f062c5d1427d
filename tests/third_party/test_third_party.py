"""A backend on fsspec, written as a user would: the whole suite on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from examples.backends.fsspec_storage import FsspecStorage
from openviper.storage import Storage
from openviper.storage.testing import RawAccess, StorageConformance
from servers import Server
from tests.integration.excuses import EXCUSES
from tests.integration.raw import FileSystemRaw, S3Raw
from tests.integration.subjects import closed_port

SYMLINKS = (
    "place.symlinks-are-not-deleted-through",
    "place.symlinks-are-not-read",
    "place.symlinks-are-not-written-through",
)


class OnDisk(StorageConformance):
    """Keep the files in a folder."""

    __test__ = False
    inapplicable: ClassVar = {
        "fetch": "nothing serves its files",
        "faults": "it sends no requests",
        "nobody_listens": "it connects to nothing",
        "wrong_credentials": "it has no credentials",
    }

    @pytest.fixture(autouse=True)
    def _root(self, tmp_path: Path) -> None:
        self.root = tmp_path

    def folder(self, location: str) -> Path:
        return self.root / location

    def raw(self, location: str) -> RawAccess:
        return FileSystemRaw(str(self.root), location)


class OnS3(StorageConformance):
    """Keep the files in a bucket."""

    __test__ = False
    profile = "remote"
    inapplicable: ClassVar = {
        "folder": "it is a service",
        "fetch": "its objects are given to nobody without a signature",
        "wrong_credentials": "moto takes any",
    }
    excuses: ClassVar = EXCUSES["moto"]

    @pytest.fixture(autouse=True)
    def _bucket(self, bucket_on: Callable[[str], tuple[str, Server]]) -> None:
        self.bucket, self.there = bucket_on("moto")
        self.server = f"moto {self.there.version}"
        self.secrets = (self.there.credentials["secret_key"],)

    def make_storage(self, location: str) -> Storage:
        return self.storage_of(self.bucket, self.there.url, location)

    def missing_container(self) -> Storage:
        return self.storage_of("no-such-bucket", self.there.url, "x")

    def nobody_listens(self) -> Storage:
        return self.storage_of(self.bucket, closed_port(), "x")

    def raw(self, location: str) -> RawAccess:
        return S3Raw(self.bucket, self.there, location)

    def storage_of(self, bucket: str, url: str, location: str) -> Storage:
        """Return a storage in a bucket of a server."""
        raise NotImplementedError


class TestFsspecLocal(OnDisk):
    expected_failures: ClassVar = {
        **dict.fromkeys(SYMLINKS, "fsspec's local filesystem follows symlinks"),
        "delete.name-is-free-again": "fsspec leaves the empty folder, whose name is taken by it",
    }
    excuses: ClassVar = {
        "race.readers-see-whole-files": "fsspec writes into the old file: a reader sees both mixed",
    }

    def make_storage(self, location: str) -> Storage:
        return FsspecStorage("file", str(self.root), location=location, auto_mkdir=True)


class TestFsspecS3(OnS3):
    def storage_of(self, bucket: str, url: str, location: str) -> Storage:
        return FsspecStorage(
            "s3",
            bucket,
            location=location,
            flat_namespace=True,
            key=self.there.credentials["access_key"],
            secret=self.there.credentials["secret_key"],
            endpoint_url=url,
            client_kwargs={"region_name": self.there.credentials["region"]},
        )
