"""`StorageConformance` in a user's test file, under pytest with one plugin or another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from openviper.storage.testing import CHECKS, StorageConformance
from tests.kit.running import run_pytest

FIVE_LINES = """
import pytest
from openviper.storage.testing import StorageConformance
from backends import Shelf

class TestShelf(StorageConformance):
    async def make_storage(self, location):
        return Shelf("top", location=location)
"""

ASYNC_TEST = """
    {mark}
    async def test_own_one(self):
        storage = await self.make_storage("mine")
        assert await storage.save("a.txt", b"x") == "a.txt"
"""

MODES: dict[str, tuple[Sequence[str], Sequence[str], str]] = {
    "nothing else": ((), (), ""),
    "asyncio auto": (("asyncio",), ("-o", "asyncio_mode=auto"), " "),
    "asyncio strict": (("asyncio",), ("-o", "asyncio_mode=strict"), "@pytest.mark.asyncio"),
    "anyio": (("anyio",), (), "@pytest.mark.anyio"),
    "xdist": (("anyio", "xdist"), ("-n", "2"), "@pytest.mark.anyio"),
}
"""Plugins, arguments, and the mark of an async test of one's own, where that can be."""


def test_five_lines_run_every_check(tmp_path: Path) -> None:
    ended = run_pytest(tmp_path, FIVE_LINES, "-rA")
    assert ended.status == 0, ended.output
    assert ended.sums()["passed"] + ended.sums()["skipped"] == len(CHECKS), ended.output
    passed = "PASSED test_mine.py::TestShelf::test_storage[save.taken-name-gets-another]"
    assert passed in ended.output
    assert ended.line("TestShelf: ").startswith("TestShelf: NOT ("), ended.output


@pytest.mark.parametrize("mode", MODES)
def test_runs_under(mode: str, tmp_path: Path) -> None:
    plugins, arguments, mark = MODES[mode]
    text = FIVE_LINES + (ASYNC_TEST.format(mark=mark) if mark else "")
    if "asyncio" in plugins:  # which warns until it is told
        arguments = (*arguments, "-o", "asyncio_default_fixture_loop_scope=function")
    ended = run_pytest(tmp_path, text, "-k", "save or own_one", *arguments, plugins=plugins)
    assert ended.status == 0, ended.output
    chosen = [name for name in CHECKS if "save" in name]
    sums = ended.sums()
    assert sums["passed"] + sums["skipped"] == len(chosen) + bool(mark), ended.output
    assert f"({len(CHECKS) - len(chosen)} more checks were not run)" in ended.output


def test_class_of_any_name_is_collected_whatever_the_naming_rules(tmp_path: Path) -> None:
    ended = run_pytest(
        tmp_path,
        FIVE_LINES.replace("class TestShelf", "class OurShelf"),
        *("-o", "python_classes=Suite", "-o", "python_functions=check"),
        *("--collect-only", "-q", "-k", "deleted"),
    )
    assert "test_mine.py::OurShelf::test_storage[odd.deleted]" in ended.output
    assert "StorageConformance::" not in ended.output


def test_make_storage_may_be_sync_and_use_fixtures(tmp_path: Path) -> None:
    ended = run_pytest(
        tmp_path,
        """
import pytest
from backends import Shelf
from openviper.storage.testing import StorageConformance

@pytest.fixture(scope="session")
def shelf():
    return "of a fixture"

class TestShelf(StorageConformance):
    server = "shelves 1.2"

    @pytest.fixture(autouse=True)
    def _use(self, shelf):
        self.shelf = shelf

    def make_storage(self, location):
        return Shelf(self.shelf, location=location)
""",
        *("-k", "save"),
    )
    assert ended.status == 0, ended.output
    assert "TestShelf (shelves 1.2): NOT" in ended.output


def test_contract_item_can_not_be_redefined() -> None:
    with pytest.raises(TypeError, match=r"Mine\.test_storage .* expected_failures"):
        type("Mine", (StorageConformance,), {"test_storage": lambda self: None})


def test_failure_is_told_with_what_was_expected_and_fails_the_run(tmp_path: Path) -> None:
    ended = run_pytest(
        tmp_path,
        FIVE_LINES.replace("Shelf", "Blind"),
        *("-k", "stat.exists-is-a-bool or url.path-is-the-name"),
    )
    assert ended.status == 1, ended.output
    assert ended.sums()["failed"] == 1
    assert "expected True for a file" in ended.output
    fact = "The answer of exists is True for a file and False for none."
    assert fact in ended.output.partition("FAIL: stat.exists-is-a-bool on TestBlind\n")[2]
    assert ended.line("TestBlind: ").startswith("TestBlind: NOT (1 FAIL, "), ended.output


def test_expected_failure_is_known_and_one_that_passes_fails(tmp_path: Path) -> None:
    text = (
        FIVE_LINES.replace("Shelf", "Blind")
        + """
    expected_failures = {"stat.exists-is-a-bool": "ticket 1", "url.path-is-the-name": "ticket 2"}
"""
    )
    ended = run_pytest(tmp_path, text, "-k", "stat.exists-is-a-bool or url.path-is-the-name")
    assert ended.status == 1, ended.output
    assert {"failed": 1, "xfailed": 1}.items() <= ended.sums().items()
    assert "XPASS: it passed, and was expected to fail: ticket 2" in ended.output
    assert "known: stat.exists-is-a-bool on TestBlind\n    ticket 1\n" in ended.output


def test_expected_failure_of_no_check_is_an_error(tmp_path: Path) -> None:
    text = FIVE_LINES + '\n    expected_failures = {"save.nothing": "a slip"}\n'
    ended = run_pytest(tmp_path, text, "-k", "odd.deleted")
    assert ended.status == 1
    assert "there is no check 'save.nothing'" in ended.output


def test_check_without_a_proxy_is_not_taken_as_shown(tmp_path: Path) -> None:
    own = """
from openviper.storage.testing import check

@check("own.faulty", needs=("faults",))
async def faulty(target):
    \"""It holds where requests fail.\"""
"""
    ended = run_pytest(tmp_path, own + FIVE_LINES, "-k", "own.faulty")
    assert ended.status == 0, ended.output
    assert "no-proxy: own.faulty on TestShelf\n    no `faults` was given" in ended.output
    assert "1 no-proxy" in ended.line("TestShelf: ")


def test_should_check_that_fails_does_not_fail_the_run(tmp_path: Path) -> None:
    own = """
from openviper.storage.testing import check

@check("own.advice", level="SHOULD")
async def advice(target):
    \"""It is advised.\"""
    assert False, "it is not followed"
"""
    ended = run_pytest(tmp_path, own + FIVE_LINES, "-k", "own.advice", "-n2", plugins=["xdist"])
    assert ended.status == 0, ended.output
    assert "FAIL: own.advice on TestShelf\n    AssertionError: it is not followed" in ended.output
    assert "0/0/" in ended.line("MUST passed/run/declared")


def test_nothing_is_run_where_the_location_is_ignored(tmp_path: Path) -> None:
    text = """
from backends import SHELVES, make, make_anywhere
from openviper.storage.testing import StorageConformance

make("")
SHELVES["top"]._files["of somebody else"] = None

class TestShelf(StorageConformance):
    def make_storage(self, location):
        return make_anywhere(location)

def test_nobody_elses_file_was_touched():
    assert list(SHELVES["top"]._files) == ["of somebody else"]
"""
    ended = run_pytest(tmp_path, text, "-k", "delete or nobody")
    assert ended.status == 1
    assert ended.sums()["passed"] == 1, ended.output
    assert "TestShelf: make_storage does not keep to its location" in ended.output


def test_own_place_is_emptied(tmp_path: Path) -> None:
    text = (
        FIVE_LINES
        + """
def test_nothing_is_left():
    from backends import SHELVES
    assert SHELVES["top"]._files == {}
"""
    )
    ended = run_pytest(tmp_path, text, "-k", "save or copy or list or nothing")
    assert ended.status == 0, ended.output


def test_hooks_are_found_by_the_names_of_the_subjects_fields(tmp_path: Path) -> None:
    chosen = ("-k", "folder-markers-are-no or symlinks-are-not-read or odd.urls-fetch")
    ended = run_pytest(tmp_path, FIVE_LINES, *chosen)
    assert (
        "no-raw: list.folder-markers-are-no-files on TestShelf\n    no `raw` was given"
        in ended.output
    )
    assert (
        "not run: place.symlinks-are-not-read on TestShelf\n    no `folder` was given"
        in ended.output
    )
    hooks = """
    inapplicable = {"folder": "a shelf is no folder"}

    def raw(self, location):
        from backends import Keys
        return Keys(location)

    async def fetch(self, url):
        raise ConnectionError("nobody serves this")
"""
    ended = run_pytest(tmp_path, FIVE_LINES + hooks, *chosen)
    assert "AssertionError: the tests don't come here" in ended.output
    assert "ConnectionError: nobody serves this" in ended.output
    assert "n/a: place.symlinks-are-not-read on TestShelf\n    a shelf is no folder" in ended.output


def test_plugin_loads_nothing_of_openviper_before_it_is_used(tmp_path: Path) -> None:
    text = """
import sys

def test_nothing_is_loaded():
    assert [name for name in sys.modules if name.partition(".")[0] == "openviper"] == []
"""
    ended = run_pytest(tmp_path, text)
    assert ended.status == 0, ended.output


def test_asserts_of_the_suite_are_rewritten(tmp_path: Path) -> None:
    text = """
from openviper.storage.testing.checks import saving

def test_loader():
    assert type(saving.__loader__).__name__ == "AssertionRewritingHook"
"""
    ended = run_pytest(tmp_path, text)
    assert ended.status == 0, ended.output
