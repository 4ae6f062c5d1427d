"""The launcher, with the standard library's own HTTP server in place of a storage server."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from servers import KINDS, RunningServer, ServerUnavailable
from servers.cache import cached
from servers.install import AZURITE_VERSION, FAKE_GCS_VERSION, VERSITYGW_VERSION
from servers.kinds import BY_NAME, POSTGRES
from servers.launch import start_all, start_one
from servers.probes import answers
from servers.server import Kind

ROOT = Path(__file__).parents[2]
TRIVIAL = Kind(
    name="trivial",
    variable="OPENVIPER_TEST_TRIVIAL",
    probe="/",
    version=lambda: "1.0",
    install=lambda: [sys.executable, "-m", "http.server"],
    arguments=lambda port, _data: ["--bind", "127.0.0.1", str(port)],
    credentials=lambda url: {"endpoint": url},
)
LAUNCHER = """
import sys
import time
from servers.launch import start_one
from tests.servers.test_launch import POSTGRES, TRIVIAL
started = start_one(globals()[sys.argv[1]])
print(started.process.pid, started.process.directory, started.server.url, flush=True)
time.sleep(60)
"""
WITHOUT_POSTGRES = """
import sys
from pathlib import Path
import servers.__main__, servers.install
servers.install.DEBIANS_POSTGRES = Path("/nowhere")
servers.__main__.KINDS = ["postgres"]
assert servers.__main__.main(["run", "--", sys.executable, "-c", "print('ran')"]) == 0
servers.start("postgres")
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep logs and installs of these tests to themselves."""
    monkeypatch.setenv("OPENVIPER_CACHE", str(tmp_path))
    for kind in (TRIVIAL, POSTGRES):
        monkeypatch.delenv(kind.variable, raising=False)
    return tmp_path


def running_script(script: str) -> Kind:
    """Return a kind whose server is a Python script."""
    return replace(
        TRIVIAL, install=lambda: [sys.executable, "-c", script], arguments=lambda _port, _data: []
    )


def group_of(running: RunningServer) -> int:
    """Return the process group of a server that was started here."""
    assert running.process is not None
    return running.process.pid


def group_is_gone(group: int) -> bool:
    """Tell whether a process group has no member left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def wait_until_gone(group: int) -> None:
    """Wait for the end of processes that are nobody's children here."""
    deadline = time.monotonic() + 10
    while not group_is_gone(group):
        assert time.monotonic() < deadline, f"process group {group} is still there"
        time.sleep(0.02)


def run_files(name: str) -> list[Path]:
    """Wait for files with this path in the directories of runs, and return them."""
    root = Path(os.environ["OPENVIPER_CACHE"]) / "run"
    deadline = time.monotonic() + 10
    while not (found := [path for path in root.glob(f"*/{name}") if path.stat().st_size]):
        assert time.monotonic() < deadline, f"no {name} in {root}"
        time.sleep(0.02)
    return found


def test_an_address_may_say_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    outer = start_one(TRIVIAL)
    monkeypatch.setenv(TRIVIAL.variable, f"{outer.server.url}#9.9")
    inner = start_one(TRIVIAL)
    outer.stop()
    assert (inner.server.url, inner.server.version) == (outer.server.url, "9.9")


def test_launched_server_answers_and_says_what_it_is() -> None:
    running = start_one(TRIVIAL)
    try:
        with urllib.request.urlopen(running.server.url) as answer:
            assert answer.read()
        assert running.server.version == "1.0"
        assert running.server.credentials == {"endpoint": running.server.url}
    finally:
        running.stop()


def test_stop_leaves_no_process_and_no_file(cache: Path) -> None:
    running = start_one(TRIVIAL)
    running.stop()
    assert group_is_gone(group_of(running))
    assert list((cache / "run").iterdir()) == []


def test_stop_twice_is_silent() -> None:
    running = start_one(TRIVIAL)
    running.stop()
    running.stop()


def test_servers_run_side_by_side_on_their_own_ports() -> None:
    kinds = [replace(TRIVIAL, name=name) for name in ("one", "two")]
    with start_all(kinds) as servers:
        assert list(servers) == ["one", "two"]
        assert servers["one"].url != servers["two"].url


def test_error_in_the_body_stops_the_servers(cache: Path) -> None:
    with pytest.raises(LookupError), start_all([TRIVIAL]):
        raise LookupError
    assert list((cache / "run").iterdir()) == []


def test_server_that_ends_while_starting_shows_its_log() -> None:
    broken = running_script("import sys; sys.exit('no such flag: --fast')")
    with pytest.raises(
        ServerUnavailable, match=r"(?s)ended while starting.*no such flag: --fast"
    ) as caught:
        start_one(broken)
    log = re.search(r"log (\S+) ends", str(caught.value))
    assert log is not None
    assert "no such flag" in Path(log[1]).read_text()


def test_server_that_never_answers_is_given_up_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servers.launch.START_SECONDS", 0.5)
    silent = running_script("import os, time; print(os.getpgrp(), flush=True); time.sleep(60)")
    with pytest.raises(ServerUnavailable, match=r"no answer .* in 0.5 s") as caught:
        start_one(silent)
    wait_until_gone(int(str(caught.value).splitlines()[1]))


def test_one_failure_ends_the_servers_already_started() -> None:
    groups: list[int] = []

    def install_nothing() -> Sequence[str]:
        groups.extend(int(path.read_text()) for path in run_files("data/group"))
        raise ServerUnavailable("broken", "not to be had")

    script = "import os, time; open('group', 'w').write(str(os.getpgrp())); time.sleep(60)"
    waiting = running_script(script)
    broken = replace(TRIVIAL, name="broken", install=install_nothing)
    with pytest.raises(ServerUnavailable, match="not to be had"), start_all([waiting, broken]):
        pytest.fail("the body ran without a server")
    assert groups
    assert all(map(group_is_gone, groups))


def test_address_from_environment_wins_over_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    outer = start_one(TRIVIAL)
    try:
        monkeypatch.setenv(TRIVIAL.variable, outer.server.url + "/")
        inner = start_one(TRIVIAL)
        assert (inner.server.url, inner.server.version) == (outer.server.url, "external")
        assert inner.process is None
        inner.stop()
        with urllib.request.urlopen(outer.server.url) as answer:
            assert answer.read()
    finally:
        outer.stop()


def test_address_from_environment_without_a_server_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("servers.launch.GIVEN_SECONDS", 0.1)
    monkeypatch.setenv(TRIVIAL.variable, "http://127.0.0.1:1")
    with pytest.raises(ServerUnavailable, match=r"127\.0\.0\.1:1 .*OPENVIPER_TEST_TRIVIAL"):
        start_one(TRIVIAL)


@pytest.mark.parametrize("kind", ["TRIVIAL", "POSTGRES"])
def test_server_ends_with_a_launcher_that_is_killed(kind: str) -> None:
    command = [sys.executable, "-c", LAUNCHER, kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as launcher:
        assert launcher.stdout is not None
        group, directory, url = launcher.stdout.readline().split()
        launcher.kill()
    wait_until_gone(int(group))
    assert not answers(url, "/")
    assert not Path(directory, "data").exists()
    shutil.rmtree(directory)  # with the log, which is left


def test_server_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "from http.server import *; HTTPServer(('127.0.0.1', int(sys.argv[1])),"
        " SimpleHTTPRequestHandler).serve_forever()"
    )
    stubborn = replace(
        TRIVIAL,
        install=lambda: [sys.executable, "-c", script],
        arguments=lambda port, _data: [str(port)],
    )
    monkeypatch.setattr("servers.process.PATIENCE", 0.1)
    running = start_one(stubborn)
    running.stop()
    wait_until_gone(group_of(running))


def test_postgres_lets_in_who_has_the_password_and_ends_whoever_is_connected() -> None:
    running = start_one(POSTGRES)
    assert running.process is not None
    try:
        with closing(psycopg.connect(running.server.url)) as connection:
            row = connection.execute("SHOW server_version").fetchone()
            assert row is not None
            assert row[0].split()[0] == running.server.version
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(running.server.url, password="wrong")
            running.process.end()
        assert "received fast shutdown request" in running.process.log_tail()
        assert "ended with status 0" in running.process.log_tail()
        assert not (running.process.directory / "data").exists()
    finally:
        running.stop()


def test_postgres_that_is_not_installed_is_named_and_the_others_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSTGRES],
        env={**os.environ, "PATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "ran\n"
    assert done.stderr.splitlines()[0].startswith("servers: postgres is not available")
    assert "apt-get install postgresql" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("reply", "serves"),
    [
        (b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", True),
        (b"E\0\0\0\x20SFATAL\0C28000\0Mno entry\0\0", True),
        (b"E\0\0\0\x20SFATAL\0C57P03\0Mstarting\0\0", False),
        (b"", False),
    ],
)
def test_postgres_serves_when_it_no_longer_says_that_it_starts(reply: bytes, serves: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer_one() -> None:
            connection, _ = listening.accept()
            with connection:
                asked.append(connection.recv(1024))
                connection.sendall(reply)

        asked: list[bytes] = []
        thread = threading.Thread(target=answer_one)
        thread.start()
        port = listening.getsockname()[1]
        assert answers(f"postgresql://m%40e:secret@127.0.0.1:{port}/test", "") is serves
        thread.join()
    assert asked[0].endswith(b"user\0m@e\0\0")


def test_an_address_that_nobody_answers_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("servers.launch.GIVEN_SECONDS", 0.1)
    monkeypatch.setenv(POSTGRES.variable, "postgresql://me:s3cr3t@127.0.0.1:1/test")
    with pytest.raises(ServerUnavailable, match=r"127\.0\.0\.1:1/test .*TEST_POSTGRES") as caught:
        start_one(POSTGRES)
    assert "s3cr3t" not in str(caught.value)


def test_cache_builds_a_version_once(cache: Path) -> None:
    def build(staging: Path) -> None:
        (staging / "program").write_text("built")

    def fail(_staging: Path) -> None:
        pytest.fail("built again")

    first = cached("thing", "1.0", build)
    assert (first / "program").read_text() == "built"
    assert cached("thing", "1.0", fail) == first == cache / "thing" / "1.0"


def test_cache_shows_nothing_of_a_build_that_failed(cache: Path) -> None:
    def build(staging: Path) -> None:
        (staging / "program").write_text("half")
        raise ServerUnavailable("thing", "disk full")

    with pytest.raises(ServerUnavailable, match="thing is not available: disk full"):
        cached("thing", "1.0", build)
    assert [path.name for path in (cache / "thing").iterdir()] == ["lock"]


def test_compose_file_has_the_pinned_versions_and_all_variables() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    images = [
        f"versity/versitygw:v{VERSITYGW_VERSION}",
        f"fsouza/fake-gcs-server:{FAKE_GCS_VERSION}",
        f"azure-storage/azurite:{AZURITE_VERSION}",
    ]
    assert [image for image in images if image not in text] == []
    assert [kind for kind in KINDS if f"export {BY_NAME[kind].variable}=" not in text] == []


def test_lock_file_pins_azurite_and_names_no_registry() -> None:
    lock = (ROOT / "servers" / "azurite" / "package-lock.json").read_text()
    assert f'"azurite": "{AZURITE_VERSION}"' in lock
    assert '"resolved"' not in lock
