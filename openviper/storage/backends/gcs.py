"""Keep files in a bucket of Google Cloud Storage."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from openviper.storage.backends.gcs_client import Service
from openviper.storage.backends.gcs_driver import GCSDriver
from openviper.storage.backends.gcs_emulator import EmulatorDriver
from openviper.storage.portable import PortableStorage

__all__ = ["GCSStorage"]

_ROOT = "https://storage.googleapis.com"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


class GCSStorage(PortableStorage):
    """Store files in a bucket of Google Cloud Storage.

    Credentials are those of `service_file`, or else the application's default ones. With
    `api_root`, the address of an emulator, requests carry none; `service_file` only signs then.
    Large content goes in an upload session that outlives failures (`resumable`); to an emulator
    it goes in one request.
    """

    def __init__(
        self,
        bucket: str,
        *,
        location: str = "",
        base_url: str | None = None,
        signed: bool = False,
        api_root: str | None = None,
        service_file: str | Path | None = None,
        timeout: float = 10.0,
        max_attempts: int = 3,
        resumable: bool | None = None,
        spool: bool = True,
        spool_dir: str | Path | None = None,
    ) -> None:
        """Keep the options; nothing is opened, read or looked up."""
        if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
            raise ValueError(f"bucket is the name of a bucket, not {bucket!r}")
        if not math.isfinite(timeout) or timeout <= 0:
            raise ValueError(f"timeout is a positive number of seconds, not {timeout!r}")
        if isinstance(max_attempts, bool) or max_attempts < 1:
            raise ValueError(f"max_attempts is at least 1, not {max_attempts!r}")
        service = Service(
            root=_ROOT if api_root is None else _checked_root(api_root),
            emulated=api_root is not None,
            service_file=None if service_file is None else os.fspath(service_file),
            timeout=timeout,
            max_attempts=max_attempts,
        )
        driver = EmulatorDriver if service.emulated else GCSDriver
        super().__init__(
            driver(
                bucket, service, resumable=not service.emulated if resumable is None else resumable
            ),
            arguments={
                "bucket": bucket,
                "location": location,
                "base_url": base_url,
                "signed": signed,
                "api_root": api_root,
                "service_file": service.service_file,
                "timeout": timeout,
                "max_attempts": max_attempts,
                "resumable": resumable,
                "spool": spool,
                "spool_dir": spool_dir,
            },
            location=location,
            base_url=base_url,
            signed=signed,
            spool=spool,
            spool_dir=spool_dir,
        )


def _checked_root(api_root: str) -> str:
    parts = urlsplit(api_root)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise ValueError(f"api_root is an address like http://127.0.0.1:4443, not {api_root!r}")
    return api_root.rstrip("/")
