"""The launcher, with the standard library's own HTTP server in place of a storage server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from servers import KINDS, RunningServer, ServerUnavailable
from servers.cache import cached
from servers.install import AZURITE_VERSION, FAKE_GCS_VERSION, VERSITYGW_VERSION
from servers.kinds import BY_NAME
from servers.launch import start_all, start_one
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
import time
from servers.launch import start_one
from tests.servers.test_launch import TRIVIAL
print(start_one(TRIVIAL).process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep logs and installs of these tests to themselves."""
    monkeypatch.setenv("OPENVIPER_CACHE", str(tmp_path))
    monkeypatch.delenv(TRIVIAL.variable, raising=False)
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


def test_server_ends_with_a_launcher_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as launcher:
        assert launcher.stdout is not None
        group = int(launcher.stdout.readline())
        launcher.kill()
    wait_until_gone(group)


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
