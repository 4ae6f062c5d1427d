"""The servers' programs, from the package registries, in pinned versions."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from servers import cluster
from servers.cache import cache_root, cached, say
from servers.server import ServerUnavailable
from servers.toolchains import GO, NODE, checked_run, search_path

__all__ = [
    "AZURITE_VERSION",
    "FAKE_GCS_VERSION",
    "VERSITYGW_VERSION",
    "azurite",
    "fake_gcs_server",
    "go_environment",
    "moto",
    "postgres",
    "postgres_version",
    "versitygw",
]

FAKE_GCS_VERSION = "1.56.1"
VERSITYGW_VERSION = "1.8.0"
AZURITE_VERSION = "3.35.0"  # the last that runs on Node.js 18 and 20; see azurite/package.json
AZURITE_PACKAGE = Path(__file__).parent / "azurite"
DEBIANS_POSTGRES = Path("/usr/lib/postgresql")


def moto() -> list[str]:
    """Return the command of this environment's moto, which nothing here installs."""
    if importlib.util.find_spec("moto") is None:
        raise ServerUnavailable("moto", "not in this environment: pip install 'moto[server,s3]'")
    return [sys.executable, "-m", "moto.server"]


def fake_gcs_server() -> list[str]:
    """Return the command of fake-gcs-server, built on first use."""
    return _go_program("github.com/fsouza/fake-gcs-server", FAKE_GCS_VERSION)


def versitygw() -> list[str]:
    """Return the command of versitygw, built on first use."""
    return _go_program("github.com/versity/versitygw/cmd/versitygw", VERSITYGW_VERSION)


def azurite() -> list[str]:
    """Return the command of Azurite's blob service, installed on first use as locked."""
    path = search_path(NODE)
    node = shutil.which("node", path=path) or "node"

    def build(staging: Path) -> None:
        say(f"installing azurite {AZURITE_VERSION}, some seconds…")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(AZURITE_PACKAGE / name, staging)
        command = [*_npm(node), "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"]
        checked_run("azurite", command, environment={**os.environ, "PATH": path}, cwd=staging)

    root = cached("azurite", _azurite_key(), build)
    main = root / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    return [node, "--require", str(AZURITE_PACKAGE / "patient.js"), str(main)]


def postgres() -> list[str]:
    """Return the command of the newest PostgreSQL here, which nothing here installs."""
    return [sys.executable, "-I", "-S", cluster.__file__, str(_postgres_programs())]


def postgres_version() -> str:
    """Return the version of PostgreSQL that is run."""
    command = [str(_postgres_programs() / "postgres"), "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return said.split()[2]  # postgres (PostgreSQL) 15.14 (Debian …)


def _postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs: Debian's, which is not in PATH, or PATH's."""
    found = sorted(DEBIANS_POSTGRES.glob("*/bin/initdb"), key=lambda p: float(p.parents[1].name))
    in_path = shutil.which("initdb")
    if not found and in_path is None:
        raise ServerUnavailable(
            "postgres", "it is not installed: apt-get install postgresql, or the like"
        )
    return (found[-1] if found else Path(in_path or "").resolve()).parent


def _npm(node: str) -> list[str]:
    """Return the npm that belongs to a `node`: the wheel's own `npm` script misses its files."""
    script = Path(node).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [node, str(script)] if script.is_file() else ["npm"]


def _azurite_key() -> str:
    """Return the version with a digest of the lock file: its other packages count too."""
    lock = (AZURITE_PACKAGE / "package-lock.json").read_bytes()
    return f"{AZURITE_VERSION}-{hashlib.sha256(lock).hexdigest()[:12]}"


def _go_program(package: str, version: str) -> list[str]:
    name = package.rpartition("/")[2]

    def build(staging: Path) -> None:
        environment = go_environment(staging)
        say(f"building {name} {version}, about a minute…")
        checked_run(name, ["go", "install", f"{package}@v{version}"], environment=environment)

    return [str(cached(name, version, build) / name)]


def go_environment(target: Path) -> dict[str, str]:
    """Return the caller's environment, with certificates and proxies, to install into `target`."""
    environment = {**os.environ, "GOBIN": str(target), "PATH": search_path(GO)}
    environment.setdefault("CGO_ENABLED", "0")  # as both projects release them: no C compiler
    if "HOME" not in environment:  # Go has no default for its caches then
        environment.setdefault("GOPATH", str(cache_root() / "go"))
        environment.setdefault("GOCACHE", str(cache_root() / "go-build"))
    return environment
