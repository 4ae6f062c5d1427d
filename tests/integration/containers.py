"""Make a bucket or container that no other run uses."""

from __future__ import annotations

import uuid

from azure.storage.blob import BlobServiceClient

from tests.integration.raw import s3_client

__all__ = ["create_azure", "create_s3"]


def create_s3(url: str, keys: tuple[str, str], region: str) -> str:
    name = _new_name()
    client = s3_client(url, keys, region)
    client.create_bucket(Bucket=name)
    client.close()
    return name


def create_azure(connection_string: str) -> str:
    name = _new_name()
    with BlobServiceClient.from_connection_string(connection_string) as service:
        # Its blobs are served to anybody, so that what url() gives can be fetched.
        service.create_container(name, public_access="blob")
    return name


def _new_name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"
