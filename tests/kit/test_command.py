"""`python -m openviper.storage.testing`: the suite from a shell, with no test file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openviper.storage.testing import CHECKS
from tests.kit.running import run_command


@pytest.mark.parametrize("make", ["make", "make_later"])
def test_function_is_enough(make: str, tmp_path: Path) -> None:
    ended = run_command(tmp_path, f"backends:{make}", "-k", "save.", "-k", "odd.deleted")
    assert ended.status == 0, ended.output
    chosen = [name for name in CHECKS if "save." in name or name == "odd.deleted"]
    assert f"   1/{len(chosen)}  ok        " in ended.output
    assert f"({len(CHECKS) - len(chosen)} more checks were not run)" in ended.output
    assert ended.line(f"backends:{make}: ").endswith("not run)")


def test_subclass_brings_its_hooks(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        """
from backends import make_blind
from openviper.storage.testing import StorageConformance

class Mine(StorageConformance):
    server = "blind 1.0"
    expected_failures = {"stat.exists-is-a-bool": "it is blind"}

    def make_storage(self, location):
        return make_blind(location)
"""
    )
    ended = run_command(tmp_path, "mine:Mine", "-k", "stat.exists-is-a-bool")
    assert ended.status == 0, ended.output
    assert "known: stat.exists-is-a-bool on Mine\n    it is blind" in ended.output
    assert "Mine (blind 1.0): NOT (1 known, " in ended.output


def test_failure_is_status_1_and_in_every_file(tmp_path: Path) -> None:
    files = [f"out/matrix.{suffix}" for suffix in ("json", "md", "html", "txt")]
    options = [word for file in files for word in ("--matrix", file)]
    ended = run_command(tmp_path, "backends:make_blind", "-k", "stat.exists-is-a-bool", *options)
    assert ended.status == 1, ended.output
    assert "   1/1  FAIL      stat.exists-is-a-bool" in ended.output
    for file in files:
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert "expected True for a file" in text
        assert "1 FAIL" in text
    found = json.loads((tmp_path / files[0]).read_text(encoding="utf-8"))
    [backend] = found["backends"]
    assert backend["cells"].keys() == {check["id"] for check in found["checks"]} == CHECKS.keys()
    assert backend["cells"]["stat.exists-is-a-bool"]["word"] == "FAIL"
    assert backend["cells"]["odd.deleted"] == {"word": "not run", "reason": ""}


def test_list_runs_nothing(tmp_path: Path) -> None:
    ended = run_command(tmp_path, "--list", "-k", "odd.deleted")
    assert ended.status == 0
    fact = "`delete` and `delete_many` remove just the odd names that they are given."
    assert ended.output == f"odd.deleted: {fact}\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "name a storage"),
        (["backends:nothing"], "has no 'nothing'"),
        (["no_such_module:make"], "no module 'no_such_module'"),
        (["backends:make", "-k", "no-such-check"], "no check has no-such-check"),
        (["backends:make", "--matrix", "matrix.pdf"], "'matrix.pdf' ends in none of"),
        (["backends:make_anywhere"], "does not keep to its location"),
        (["backends:make_failing"], "ConnectionError: the service is down"),
    ],
)
def test_what_can_not_be_run_is_status_2(arguments: list[str], reason: str, tmp_path: Path) -> None:
    ended = run_command(tmp_path, *arguments)
    assert ended.status == 2, ended.output
    assert reason in ended.output
