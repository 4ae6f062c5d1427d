"""Who takes part, where, and in what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from benchmarks.work import Operation

__all__ = ["GROUNDS", "Entry", "Ground", "Role"]

Role: TypeAlias = Literal["ours", "peer", "limit"]

ALL: tuple[Operation, ...] = (
    "put",
    "get",
    "stat",
    "delete",
    "list",
    "stream_in",
    "stream_out",
)
WRITES: tuple[Operation, ...] = ("put", "delete", "stream_in", "stream_out")
PUTS: tuple[Operation, ...] = ("put", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Name a contender, and where its class and its library are.

    `operations` is None for all that the ground has.
    """

    name: str
    target: str
    role: Role = "peer"
    environment: str = "main"
    operations: tuple[Operation, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Describe a table: its contenders and their work.

    `server` is what `benchmarks.places` starts; `options` go to every contender.
    """

    name: str
    title: str
    entries: tuple[Entry, ...]
    server: Literal["memory", "disk", "standin", "versitygw"]
    storage: Literal["FileSystemStorage", "S3Storage", "GCSStorage", "AzureStorage"]
    operations: tuple[Operation, ...] = ALL
    in_flight: tuple[int, ...] = (1, 16, 64)
    options: Mapping[str, object] = field(default_factory=dict)


OURS = Entry(
    name="openviper", target="benchmarks.contenders.openviper_storage:OpenViper", role="ours"
)
OURS_PUT = Entry(
    name="openviper put",
    target="benchmarks.contenders.openviper_storage:OpenViperPut",
    role="ours",
    operations=PUTS,
)
OBSTORE = Entry(name="obstore", target="benchmarks.contenders.obstore_library:Obstore")
OBSTORE_RANGES = Entry(
    name="obstore ranges",
    target="benchmarks.contenders.obstore_library:ObstoreRanges",
    operations=("stream_out",),
)
OPENDAL = Entry(
    name="opendal",
    target="benchmarks.contenders.opendal_library:OpenDAL",
    environment="peers",
)

FILES = (
    OURS,
    OURS_PUT,
    Entry(
        name="django",
        target="benchmarks.contenders.django_storages:DjangoFiles",
        environment="peers",
    ),
    Entry(name="fsspec", target="benchmarks.contenders.fsspec_local:FsspecLocal"),
    Entry(name="aiofiles", target="benchmarks.contenders.aiofiles_by_hand:Aiofiles"),
    Entry(name="anyio", target="benchmarks.contenders.anyio_by_hand:AnyIO"),
    OBSTORE,
    OPENDAL,
    Entry(name="sync", target="benchmarks.contenders.by_hand:Blocking", role="limit"),
)
DURABLE_FILES = (
    OURS,
    OURS_PUT,
    Entry(name="aiofiles", target="benchmarks.contenders.aiofiles_by_hand:DurableAiofiles"),
    Entry(name="sync", target="benchmarks.contenders.by_hand:DurableBlocking", role="limit"),
)
S3 = (
    OURS,
    OURS_PUT,
    Entry(name="aioboto3", target="benchmarks.contenders.amazon:Aioboto3"),
    Entry(name="s3fs", target="benchmarks.contenders.fsspec_services:S3fs"),
    Entry(name="boto3", target="benchmarks.contenders.amazon:Boto3"),
    Entry(
        name="django-storages",
        target="benchmarks.contenders.django_storages:DjangoS3",
        environment="peers",
    ),
    OBSTORE,
    OBSTORE_RANGES,
    OPENDAL,
    Entry(name="native", target="client", role="limit", environment="go"),
)
GCS = (
    OURS,
    OURS_PUT,
    Entry(name="gcloud-aio", target="benchmarks.contenders.gcloud_aio:GcloudAio"),
    Entry(
        name="gcsfs",
        target="benchmarks.contenders.fsspec_services:Gcsfs",
        environment="peers",
    ),
    OBSTORE,
    OBSTORE_RANGES,
)
AZURE = (
    OURS,
    OURS_PUT,
    Entry(name="azure-storage-blob", target="benchmarks.contenders.azure_sdk:AzureSDK"),
    Entry(
        name="adlfs",
        target="benchmarks.contenders.fsspec_services:Adlfs",
        environment="peers",
    ),
    OBSTORE,
    OBSTORE_RANGES,
)

GROUNDS = {
    ground.name: ground
    for ground in (
        Ground(
            name="filesystem",
            title="Filesystem, in memory, not durable",
            server="memory",
            storage="FileSystemStorage",
            entries=FILES,
            in_flight=(1, 32),
            options={"durable": False},
        ),
        Ground(
            name="durable",
            title="Filesystem, on disk, durable: a file and its folder are synced",
            server="disk",
            storage="FileSystemStorage",
            entries=DURABLE_FILES,
            operations=WRITES,
            in_flight=(1, 32),
            options={"durable": True},
        ),
        Ground(
            name="s3",
            title="S3, a server in memory",
            server="standin",
            storage="S3Storage",
            entries=S3,
        ),
        Ground(
            name="versitygw",
            title="S3, versitygw on disk",
            server="versitygw",
            storage="S3Storage",
            entries=S3,
        ),
        Ground(
            name="gcs",
            title="Google Cloud Storage, a server in memory",
            server="standin",
            storage="GCSStorage",
            entries=GCS,
        ),
        Ground(
            name="azure",
            title="Azure Blob Storage, a server in memory",
            server="standin",
            storage="AzureStorage",
            entries=AZURE,
        ),
    )
}
"""The tables, by name."""
