"""The servers: how each is started, probed and reached."""

from __future__ import annotations

import importlib.metadata
import secrets
import signal
import tempfile
from pathlib import Path

from servers import cluster, install
from servers.server import Kind

__all__ = ["AZURITE", "BY_NAME", "GCS", "MOTO", "POSTGRES", "VERSITYGW"]

REGION = "us-east-1"
VERSITYGW_ACCESS_KEY = "versity"
VERSITYGW_SECRET_KEY = "versity-secret"  # noqa: S105 - of a server on loopback
AZURITE_ACCOUNT = "devstoreaccount1"
# Published, the same for every Azurite:
# https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
AZURITE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
POSTGRES_PASSWORD = secrets.token_hex(16)


def _moto_arguments(port: int, _data: Path) -> list[str]:
    return ["-H", "127.0.0.1", "-p", str(port)]


def _versitygw_arguments(port: int, data: Path) -> list[str]:
    address = ["--port", f"127.0.0.1:{port}"]
    return [*address, "--health", "/health", "--region", REGION, "--quiet", "posix", str(data)]


def _gcs_arguments(port: int, _data: Path) -> list[str]:
    address = f"127.0.0.1:{port}"
    serving = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    names = ["-external-url", f"http://{address}", "-public-host", address]
    return [*serving, *names, "-backend", "memory", "-log-level", "warn"]


def _azurite_arguments(port: int, _data: Path) -> list[str]:
    serving = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    # The SDK speaks newer versions of the protocol than any released Azurite knows.
    quiet = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    return [*serving, "--inMemoryPersistence", *quiet]


def _postgres_arguments(port: int, data: Path) -> list[str]:
    return [str(port), str(data)]


def _s3_credentials(access_key: str, secret_key: str) -> dict[str, str]:
    return {"access_key": access_key, "secret_key": secret_key, "region": REGION}


def _azurite_credentials(url: str) -> dict[str, str]:
    account_url = f"{url}/{AZURITE_ACCOUNT}"
    parts = {
        "DefaultEndpointsProtocol": url.partition(":")[0],
        "AccountName": AZURITE_ACCOUNT,
        "AccountKey": AZURITE_KEY,
        "BlobEndpoint": account_url,
    }
    return {
        "account": AZURITE_ACCOUNT,
        "key": AZURITE_KEY,
        "account_url": account_url,
        "connection_string": "".join(f"{name}={value};" for name, value in parts.items()),
    }


MOTO = Kind(
    name="moto",
    variable="OPENVIPER_TEST_MOTO",
    probe="/moto-api/",  # not its data.json: that is all that moto holds, slow and at times a 500
    version=lambda: importlib.metadata.version("moto"),
    install=install.moto,
    arguments=_moto_arguments,
    credentials=lambda _url: _s3_credentials("test", "test-secret"),
)
VERSITYGW = Kind(
    name="versitygw",
    variable="OPENVIPER_TEST_VERSITYGW",
    probe="/health",
    version=lambda: install.VERSITYGW_VERSION,
    install=install.versitygw,
    arguments=_versitygw_arguments,
    credentials=lambda _url: _s3_credentials(VERSITYGW_ACCESS_KEY, VERSITYGW_SECRET_KEY),
    environment={
        "ROOT_ACCESS_KEY": VERSITYGW_ACCESS_KEY,
        "ROOT_SECRET_KEY": VERSITYGW_SECRET_KEY,
    },
)
GCS = Kind(
    name="gcs",
    variable="OPENVIPER_TEST_GCS",
    probe="/_internal/healthcheck",
    version=lambda: install.FAKE_GCS_VERSION,
    install=install.fake_gcs_server,
    arguments=_gcs_arguments,
    credentials=lambda url: {"project": "test", "api_root": url},
)
AZURITE = Kind(
    name="azurite",
    variable="OPENVIPER_TEST_AZURITE",
    probe=f"/{AZURITE_ACCOUNT}?comp=list",  # 403 without a signature: it serves
    version=lambda: install.AZURITE_VERSION,
    install=install.azurite,
    arguments=_azurite_arguments,
    credentials=_azurite_credentials,
    environment={"AZURITE_ACCOUNTS": f"{AZURITE_ACCOUNT}:{AZURITE_KEY}"},
)
POSTGRES = Kind(
    name="postgres",
    variable="OPENVIPER_TEST_POSTGRES",
    probe="",
    version=install.postgres_version,
    install=install.postgres,
    arguments=_postgres_arguments,
    credentials=lambda _url: {},  # they are in the URL
    environment={"POSTGRES_PASSWORD": POSTGRES_PASSWORD},
    address=f"postgresql://{cluster.USER}:{POSTGRES_PASSWORD}@127.0.0.1:{{port}}/postgres",
    parent=Path(tempfile.gettempdir()),  # its user can't enter root's cache
    stop=signal.SIGINT,  # after a SIGTERM it waits for its clients
    everywhere=False,
)
BY_NAME = {kind.name: kind for kind in (MOTO, VERSITYGW, GCS, AZURITE, POSTGRES)}
