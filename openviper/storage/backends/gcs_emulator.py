"""Make up for what fake-gcs-server, the usual emulator of Google Cloud Storage, does not do.

Seen in 1.56.1: it has no conditions on copies, deletions and signed uploads, and gives each page
of a listing all directories that are left (`fakestorage/object.go`, `fakestorage/upload.go`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from openviper.storage.backends.gcs_client import Request, Service
from openviper.storage.backends.gcs_driver import GCSDriver
from openviper.storage.driver import AmbiguousNotFoundError, SignRequest, Write
from openviper.storage.errors import (
    AlreadyExistsError,
    PreconditionFailedError,
    UnsupportedOperationError,
)
from openviper.storage.types import FileInfo, Page

__all__ = ["EmulatorDriver"]

_ALL = 1_000_000


class EmulatorDriver(GCSDriver):
    """Look first where an emulator takes no condition: that is a hint, and no decision."""

    def __init__(self, bucket: str, service: Service, *, resumable: bool) -> None:
        super().__init__(bucket, service, resumable=resumable)
        self.capabilities = replace(self.capabilities, signed_put="none")

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete one version by its number, which is a condition of its own."""
        if if_match is None:
            return await super().delete(key)
        if (await self.head(key)).etag != if_match:
            raise PreconditionFailedError
        await self._send(
            Request(method="DELETE", url=self._object(key), query={"generation": if_match})
        )
        return None

    async def copy(self, source: FileInfo, key: str, write: Write) -> FileInfo:
        """Copy; of two copies at once both may win here."""
        if write.create and await self._exists(key):
            raise AlreadyExistsError
        return await super().copy(source, key, write)

    async def list_page(
        self,
        prefix: str,
        *,
        delimiter: Literal["/"] | None,
        limit: int,
        token: str | None,
        start_after: str | None,
    ) -> Page:
        """List; with a delimiter cut pages out of the whole, after the entry in `token`."""
        if delimiter is None:
            return await super().list_page(
                prefix, delimiter=None, limit=limit, token=token, start_after=start_after
            )
        whole = await super().list_page(
            prefix, delimiter=delimiter, limit=_ALL, token=None, start_after=None
        )
        entries: dict[str, FileInfo | None] = {info.name: info for info in whole.files}
        entries |= {f"{folder}/": None for folder in whole.prefixes}
        after = (token or start_after or "").encode()
        left = [name for name in sorted(entries, key=str.encode) if name.encode() > after]
        page = left[:limit]
        return Page(
            files=tuple(info for name in page if (info := entries[name]) is not None),
            prefixes=tuple(name[:-1] for name in page if entries[name] is None),
            token=page[-1] if len(left) > limit else None,
        )

    async def signed_url(self, key: str, request: SignRequest) -> str:
        """Sign, unless the URL would be held to a condition."""
        if request.create:
            raise UnsupportedOperationError(
                "gcs: an emulator does not hold signed uploads to new names: pass overwrite=True"
            )
        return await super().signed_url(key, request)

    async def _exists(self, key: str) -> bool:
        try:
            await self.head(key)
        except Exception as error:
            if self.classify(error) is not AmbiguousNotFoundError:
                raise
            return False
        return True
