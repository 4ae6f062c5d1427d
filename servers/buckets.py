"""Make a bucket or container that nobody else has, on a server of each kind."""

from __future__ import annotations

import http.client
import json
import uuid
from typing import Any
from urllib.parse import urlsplit

from servers.server import Server, ServerUnavailable

__all__ = ["create_azure_container", "create_gcs_bucket", "create_s3_bucket", "s3_client"]


def create_gcs_bucket(server: Server, prefix: str = "test") -> str:
    """Create a bucket and return its name."""
    name = _new_name(prefix)
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request(
            "POST",
            f"/storage/v1/b?project={server.credentials['project']}",
            body=json.dumps({"name": name}),
            headers={"Content-Type": "application/json"},
        )
        status = connection.getresponse().status
    finally:
        connection.close()
    if status != http.client.OK:
        raise ServerUnavailable(server.name, f"bucket {name} not created: status {status}")
    return name


def create_s3_bucket(server: Server, prefix: str = "test") -> str:
    """Create a bucket and return its name."""
    name = _new_name(prefix)
    client = s3_client(server)
    client.create_bucket(Bucket=name)
    client.close()
    return name


def create_azure_container(server: Server, prefix: str = "test") -> str:
    """Create a container whose blobs are served to anybody, and return its name."""
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415 - slow, and needed here only

    name = _new_name(prefix)
    text = server.credentials["connection_string"]
    with BlobServiceClient.from_connection_string(text) as service:
        service.create_container(name, public_access="blob")
    return name


def s3_client(server: Server) -> Any:  # Any: boto3 is untyped
    """Return a sync client of an S3 server."""
    import boto3  # noqa: PLC0415 - slow, and needed here only
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=server.credentials["access_key"],
        aws_secret_access_key=server.credentials["secret_key"],
        region_name=server.credentials["region"],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def _new_name(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"
