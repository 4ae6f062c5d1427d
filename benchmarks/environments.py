"""The interpreters and programs that contenders run in, made on first use in the cache."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from benchmarks.roster import Entry
from benchmarks.standin import native
from servers.cache import cached, say
from servers.toolchains import checked_run

__all__ = ["ROOT", "command"]

ROOT = Path(__file__).parents[1]
REQUIREMENTS = {
    "peers": (
        "adlfs>=2026.8",
        "django>=5.2",
        "django-storages[s3]>=1.14",
        "gcsfs>=2026.9",
        "opendal>=0.46",
    ),
}
"""What each environment beside this one holds."""


def command(entry: Entry) -> list[str]:
    """Return the command of a contender's process."""
    if entry.environment == "go":
        return [native(), entry.target]
    python = sys.executable if entry.environment == "main" else _python(entry.environment)
    return [python, "-m", "benchmarks.host", entry.target]


def _python(environment: str) -> str:
    requirements = REQUIREMENTS[environment]

    def build(staging: Path) -> None:
        say(f"installing {', '.join(requirements)}…")
        python = str(staging / "bin" / "python")
        for words in (
            [sys.executable, "-m", "venv", str(staging)],
            [python, "-m", "pip", "install", "--quiet", *requirements],
        ):
            checked_run(environment, words, environment=os.environ)

    digest = hashlib.sha256(" ".join((sys.version, *requirements)).encode()).hexdigest()[:12]
    return str(cached(f"bench-{environment}", digest, build) / "bin" / "python")
