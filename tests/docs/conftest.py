"""Give the page each backend, on a real server where it needs one, by settings alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openviper.conf import settings
from servers import Server
from servers.buckets import create_azure_container, create_gcs_bucket, create_s3_bucket, s3_client

BACKENDS = ("filesystem", "memory", "moto", "versitygw", "gcs", "azurite")


@pytest.fixture(params=BACKENDS)
def media(
    request: pytest.FixtureRequest, tmp_path: Path, server: Callable[[str], Server]
) -> Iterator[str]:
    """Choose a backend, with an empty bucket and an empty database of its own."""
    kind: str = request.param
    (tmp_path / "media").mkdir()
    chosen = (
        {"DEFAULT_FILE_STORAGE": kind, "MEDIA_ROOT": str(tmp_path / "media")}
        if kind in ("filesystem", "memory")
        else service(server(kind))
    )
    with settings.override(DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/page.db", **chosen):
        yield kind


def service(there: Server) -> dict[str, Any]:  # Any: settings of any type
    """Return the settings for a new bucket whose files anybody can read by their URLs."""
    options: dict[str, object]
    if there.name == "gcs":
        alias = "gcs"
        options = {"bucket": create_gcs_bucket(there), "api_root": there.url}
    elif there.name == "azurite":
        alias, text = "azure", there.credentials["connection_string"]
        options = {"container": create_azure_container(there), "connection_string": text}
    else:
        alias, flat = "s3", there.name == "moto"  # versitygw keeps keys as files in folders
        options = {"bucket": public_s3_bucket(there), "flat_namespace": flat}
        options |= {"endpoint_url": there.url, **there.credentials}
    return {"DEFAULT_FILE_STORAGE": alias, "STORAGE_OPTIONS": options}


def public_s3_bucket(there: Server) -> str:
    bucket = create_s3_bucket(there)
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    client = s3_client(there)
    client.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    client.close()
    return bucket
