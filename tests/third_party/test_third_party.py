"""Backends on fsspec and obstore, written as a user would: the whole suite on each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from aiobotocore.session import AioSession
from obstore.store import LocalStore, S3Store

from examples.backends.fsspec_storage import FsspecStorage
from examples.backends.obstore_storage import ObstoreStorage
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
NO_CODE = "obstore says of it only that something went wrong locally, by no type and no code"
NO_BUCKET = "obstore says of a missing bucket only that something went wrong, by no type"
NO_BUCKET_FILE = "fsspec says of a missing bucket only that a file is missing"
EMPTY_FOLDER = "fsspec leaves the empty folder, whose name is taken by it"
TEMPORARY_NAME = "obstore's temporary name is longer than the name, which itself would be allowed"


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
        "delete.name-is-free-again": EMPTY_FOLDER,
    }
    excuses: ClassVar = {
        "machine.storage": EMPTY_FOLDER,
        "race.readers-see-whole-files": "fsspec writes into the old file: a reader sees both mixed",
    }

    def make_storage(self, location: str) -> Storage:
        return FsspecStorage("file", str(self.root), location=location, auto_mkdir=True)


class TestFsspecS3(OnS3):
    session = AioSession()  # reads its models once, not for each storage
    expected_failures: ClassVar = {
        "container.missing-is-no-missing-file": NO_BUCKET_FILE,
        "container.missing-is-not-emptied": NO_BUCKET_FILE,
        "container.missing-takes-no-files": NO_BUCKET_FILE,
        "error.has-its-cause": NO_BUCKET_FILE,
        "network.nobody-listens": "s3fs lets the SDK's own error out of a listing",
    }
    excuses: ClassVar = {
        **OnS3.excuses,
        "race.readers-see-whole-files": "a read that fsspec can't bind to a version is given up",
    }

    def storage_of(self, bucket: str, url: str, location: str) -> Storage:
        return FsspecStorage(
            "s3",
            bucket,
            location=location,
            flat_namespace=True,
            session=self.session,
            key=self.there.credentials["access_key"],
            secret=self.there.credentials["secret_key"],
            endpoint_url=url,
            client_kwargs={"region_name": self.there.credentials["region"]},
        )


class TestObstoreLocal(OnDisk):
    expected_failures: ClassVar = {
        **dict.fromkeys(SYMLINKS, "obstore's LocalStore follows symlinks"),
        "delete.directory-loses-nothing": NO_CODE,
        "delete.missing-file-is-silent": NO_CODE,
        "error.missing-file-is-not-found": NO_CODE,
        "machine.storage": NO_CODE,
        "save.file-below-a-file-is-a-conflict": NO_CODE,
        "save.file-over-a-directory-is-a-conflict": "obstore says that a directory exists already",
        "name.longest-segment-works": TEMPORARY_NAME,
        "name.save-shortens-segments": TEMPORARY_NAME,
        "name.taken-long-names-stay-within-limits": TEMPORARY_NAME,
    }
    excuses: ClassVar = {
        "read.file-cut-short-meanwhile": "obstore waits for ever for what was cut off",
    }

    def make_storage(self, location: str) -> Storage:
        return ObstoreStorage(LocalStore(self.root, automatic_cleanup=True), location=location)


class TestObstoreS3(OnS3):
    expected_failures: ClassVar = {
        "container.missing-is-no-missing-file": NO_BUCKET,
        "container.missing-is-not-emptied": NO_BUCKET,
        "container.missing-takes-no-files": NO_BUCKET,
        "list.folder-markers-are-no-files": "obstore lists a folder marker without its slash",
        "network.nobody-listens": "obstore does not tell whether a request was ever sent",
    }

    def storage_of(self, bucket: str, url: str, location: str) -> Storage:
        store = S3Store(
            bucket,
            access_key_id=self.there.credentials["access_key"],
            secret_access_key=self.there.credentials["secret_key"],
            region=self.there.credentials["region"],
            endpoint=url,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True, "timeout": "10s"},
            retry_config={"max_retries": 2},
        )
        return ObstoreStorage(store, location=location)
