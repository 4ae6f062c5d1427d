"""Run the servers from a shell: `python -m servers [install | run -- COMMAND…]`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from servers import KINDS, Server, ServerUnavailable, running
from servers.cache import cache_root, say
from servers.kinds import BY_NAME
from servers.server import Kind


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m servers",
        description="Run the servers that the tests and the demo use, until Ctrl-C.",
    )
    actions = parser.add_subparsers(dest="action", metavar="[install | run -- COMMAND…]")
    actions.add_parser("install", help="only install them")
    run = actions.add_parser("run", help="run a command with their addresses in its environment")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND…")
    chosen = parser.parse_args(arguments)
    for how in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(how, _leave)
    try:
        if chosen.action == "install":
            return install()
        if chosen.action == "run":
            command = [word for i, word in enumerate(chosen.command) if (i, word) != (0, "--")]
            return run_command(command) if command else run.error("no command given")
        return serve()
    except ServerUnavailable as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def install() -> int:
    """Install what is missing of all servers that can be installed here."""
    for name in _available():
        kind = BY_NAME[name]
        if kind.everywhere:
            kind.install()
    say(f"installed all that can be; the cache is {cache_root()}")
    return 0


def serve() -> int:
    """Run all servers and print where they are, until a signal comes."""
    with running(*_available()) as servers:
        print(_table(servers), flush=True)
        try:
            while True:
                signal.pause()
        except KeyboardInterrupt:
            say("stopping")
    return 0


def run_command(command: Sequence[str]) -> int:
    """Run a command beside all servers and return its exit status."""
    with running(*_available()) as servers:
        try:
            process = subprocess.Popen(command, env={**os.environ, **_addresses(servers)})
        except OSError as error:
            say(f"cannot run {command[0]}: {error.strerror}")
            return 127
        # Ctrl-C reaches the command too, and it decides what that means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        status = process.wait()
    return status if status >= 0 else 128 - status


def _available() -> list[str]:
    """Return all kinds but those that are not here and that nothing here installs."""
    return [name for name in KINDS if _is_available(BY_NAME[name])]


def _is_available(kind: Kind) -> bool:
    """Tell whether to run a server; say why not, as what needs it will fail."""
    if kind.everywhere or os.environ.get(kind.variable):
        return True
    try:
        kind.install()
    except ServerUnavailable as error:
        say(str(error))
        return False
    return True


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _addresses(servers: Mapping[str, Server]) -> dict[str, str]:
    return {
        BY_NAME[name].variable: f"{server.url}#{server.version}" for name, server in servers.items()
    }


def _table(servers: Mapping[str, Server]) -> str:
    rows = [(server.name, server.url, server.version) for server in servers.values()]
    lines = [f"{name:<11}{url:<24} {version}" for name, url, version in rows]
    exports = [f"export {name}={url}" for name, url in _addresses(servers).items()]
    return "\n".join([*lines, "", *exports])


if __name__ == "__main__":
    sys.exit(main())
