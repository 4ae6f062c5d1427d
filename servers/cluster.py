"""Make a PostgreSQL database in a folder, and become its server.

Usage: `cluster.py PROGRAMS PORT FOLDER`, with the password of its only user in
$POSTGRES_PASSWORD. PostgreSQL refuses to be run by root, who therefore becomes `postgres`.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

USER = "openviper"


def main(programs: str, port: str, folder: str) -> None:
    """Make the database, and replace this process by its server."""
    password = os.environ.pop("POSTGRES_PASSWORD")
    if os.geteuid() == 0:
        _become_postgres(Path(folder))
    make = [f"{programs}/initdb", "--pgdata", folder, "--username", USER, "--no-sync"]
    kind = ["--encoding", "UTF8", "--locale", "C"]
    access = ["--auth", "scram-sha-256", "--pwfile", "/dev/stdin"]
    subprocess.run([*make, *kind, *access], input=password.encode(), check=True)
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "400",  # each process of pytest-xdist has pools of its own
        "max_prepared_transactions": "50",
        "fsync": "off",  # nobody wants the data after a crash
        "full_page_writes": "off",
        "synchronous_commit": "off",
    }
    given = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    os.execv(f"{programs}/postgres", ["postgres", "-D", folder, "-p", port, *given])  # noqa: S606


def _become_postgres(folder: Path) -> None:
    user = pwd.getpwnam("postgres")
    folder.parent.chmod(0o711)
    os.chown(folder, user.pw_uid, user.pw_gid)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


if __name__ == "__main__":
    main(*sys.argv[1:])
