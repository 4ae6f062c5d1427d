"""The Go program beside this file: a server in memory, and the native client."""

from __future__ import annotations

import hashlib
from pathlib import Path

from servers.cache import cached, say
from servers.install import go_environment
from servers.kinds import AZURITE, VERSITYGW
from servers.server import Kind
from servers.toolchains import checked_run

__all__ = ["STANDIN", "native"]

SOURCES = Path(__file__).parent / "native"


def native() -> str:
    """Return the program, built on first use."""
    texts = [path.read_bytes() for path in sorted(SOURCES.iterdir())]

    def build(staging: Path) -> None:
        say("building the benchmarks' server in memory…")
        command = ["go", "build", "-o", str(staging / "native"), "."]
        checked_run("go", command, environment=go_environment(staging), cwd=SOURCES)

    digest = hashlib.sha256(b"\0".join(texts)).hexdigest()[:12]
    return str(cached("bench-native", digest, build) / "native")


STANDIN = Kind(
    name="standin",
    variable="OPENVIPER_BENCH_STANDIN",
    probe="/",
    version=lambda: "in memory",
    install=lambda: [native(), "server"],
    arguments=lambda port, _data: [str(port)],
    credentials=lambda url: {
        **AZURITE.credentials(url),
        **VERSITYGW.credentials(url),
        "project": "test",
    },
)
"""All three services at one address; it verifies no credentials."""
