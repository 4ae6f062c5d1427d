"""Use the wheel as somebody does who has installed no extra."""

import asyncio
import sys
import tempfile

import openviper
import openviper.storage
from openviper.storage import FileSystemStorage, MemoryStorage


async def main() -> None:
    """Save and read on what needs no SDK, and meet a helpful error for what does."""
    for storage in (FileSystemStorage(tempfile.mkdtemp()), MemoryStorage()):
        async with storage:
            name = await storage.save("a/b.txt", b"content")
            assert await storage.read(name) == b"content"
    for package, name, extra in (
        (openviper.storage, "S3Storage", "s3"),
        (openviper.storage, "GCSStorage", "gcs"),
        (openviper.storage, "AzureStorage", "azure"),
        (openviper.storage, "ObstoreStorage", "obstore"),
        (openviper, "OpenViper", "web"),
        (openviper, "Request", "web"),
        (openviper, "Router", "web"),
    ):
        try:
            getattr(package, name)
        except ImportError as error:
            assert f"openviper-storage[{extra}]" in str(error), error
        else:
            raise AssertionError(f"{name} was had without its extra")
    assert not {"aiobotocore", "aiohttp", "azure.storage.blob", "obstore"} & sys.modules.keys()


asyncio.run(main())
