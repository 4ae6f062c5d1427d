"""Measure what one large file costs in memory: `python -m benchmarks.peak_rss s3`.

A stream of unknown length is saved and then read in chunks of 64 KiB, with the server in a
process of its own. Linux only: the peak is VmHWM, which /proc/self/clear_refs resets.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.procfs import kib, reset_peak
from benchmarks.streams import CHUNK, MIB, chunks
from openviper.storage import Storage
from servers import running
from servers.buckets import create_azure_container, create_gcs_bucket, create_s3_bucket


@contextmanager
def filesystem(parent: Path | None = None) -> Iterator[Storage]:
    """Give a storage in a directory of its own, below `parent` or where temporary files are."""
    from openviper.storage import FileSystemStorage  # noqa: PLC0415 - only what is measured

    with tempfile.TemporaryDirectory(prefix="openviper-rss-", dir=parent) as root:
        yield FileSystemStorage(root, "/media/")


@contextmanager
def s3() -> Iterator[Storage]:
    """Give a storage on versitygw: moto would keep all in its memory, and slowly."""
    from openviper.storage import S3Storage  # noqa: PLC0415

    with running("versitygw") as servers:
        server = servers["versitygw"]
        access_key, secret_key, region = (
            server.credentials[name] for name in ("access_key", "secret_key", "region")
        )
        yield S3Storage(
            create_s3_bucket(server),
            endpoint_url=server.url,
            region=region,
            access_key=access_key,
            secret_key=secret_key,
        )


@contextmanager
def gcs() -> Iterator[Storage]:
    """Give a storage on fake-gcs-server."""
    from openviper.storage import GCSStorage  # noqa: PLC0415

    with running("gcs") as servers:
        server = servers["gcs"]
        yield GCSStorage(create_gcs_bucket(server), api_root=server.url)


@contextmanager
def azure() -> Iterator[Storage]:
    """Give a storage on Azurite."""
    from openviper.storage import AzureStorage  # noqa: PLC0415

    with running("azurite") as servers:
        server = servers["azurite"]
        yield AzureStorage(
            create_azure_container(server),
            connection_string=server.credentials["connection_string"],
        )


KINDS = {"filesystem": filesystem, "s3": s3, "gcs": gcs, "azure": azure}


async def save(storage: Storage, size: int) -> str:
    """Save a stream under a free name; where races can be lost, it is spooled on the way."""
    return await storage.save("large.bin", chunks(size))


async def put(storage: Storage, size: int) -> str:
    """Save a stream over whatever is there, which needs no spool."""
    return await storage.save("replaced.bin", chunks(size), if_exists="overwrite")


async def read(storage: Storage, name: str) -> None:
    """Read a file in chunks."""
    async for _ in storage.stream(name, chunk_size=CHUNK):
        pass


async def measure(kind: str, storage: Storage, size: int) -> None:
    """Print idle and peak memory and the rate, for each way to save, and for a read."""
    async with storage:
        await read(storage, await save(storage, MIB))  # opens the client
        idle = kib("VmRSS")
        print(f"{kind}: {size // MIB} MiB in chunks of 64 KiB; idle {idle / 1024:.1f} MiB")
        for step in (save, put):
            await _measured(step.__name__, step(storage, size), size=size, idle=idle)
        await _measured("read", read(storage, "replaced.bin"), size=size, idle=idle)


async def _measured(label: str, work: Awaitable[object], *, size: int, idle: int) -> None:
    reset_peak()
    began = time.perf_counter()
    await work
    seconds, peak = time.perf_counter() - began, kib("VmHWM")
    print(
        f"  {label}: peak {peak / 1024:.1f} MiB, +{(peak - idle) / 1024:.1f} MiB above idle; "
        f"{size / 1e6 / seconds:.0f} MB/s"
    )


def main() -> None:
    """Measure the kinds of storage named on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kinds", nargs="+", choices=KINDS, metavar="|".join(KINDS))
    parser.add_argument("--mib", type=int, default=1024, help="size of the file (1024)")
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        with KINDS[kind]() as storage:
            asyncio.run(measure(kind, storage, arguments.mib * MIB))


if __name__ == "__main__":
    main()
