"""Buckets on fake-gcs-server, which gcloud-aio cannot create."""

from __future__ import annotations

import http.client
import json
import uuid
from urllib.parse import urlsplit

from servers.server import Server, ServerUnavailable

__all__ = ["create_gcs_bucket"]


def create_gcs_bucket(server: Server, prefix: str = "test") -> str:
    """Create a bucket with a name that nobody else has, and return the name."""
    name = f"{prefix}-{uuid.uuid4().hex[:12]}"
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
