"""The benchmark against peers, in small, with those that need no environment of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import main
from benchmarks.places import Folders, site
from benchmarks.report import as_markdown
from benchmarks.results import GroundResult
from benchmarks.roster import GROUNDS, Entry
from benchmarks.runner import Measuring
from benchmarks.streams import MIB
from benchmarks.work import KIB, Figures, works

HERE = {"openviper", "fsspec", "aiofiles", "anyio", "obstore", "sync"}
SYNC = GROUNDS["filesystem"].entries[-1]
LYING = Entry(name="lying", target="tests.benchmarks.lying:Lying")
MISSING = Entry(name="missing", target="benchmarks.contenders.missing:Missing")


def measured(name: str, entries: Sequence[Entry], folder: Path) -> GroundResult:
    """Return one round of small work and a small stream: in parts, where there are parts."""
    result = GroundResult(replace(GROUNDS[name], entries=tuple(entries)))
    plan = works(
        result.ground.operations,
        sizes=(KIB,),
        in_flight=(4,),
        stream=9 * MIB,
        listed=10,
        seconds=0.01,
    )
    with (
        site(result.ground, Folders(memory=folder, disk=folder)) as found,
        (folder / "log").open("wb") as log,
    ):
        Measuring(found, result, rounds=1, log=log, warm_ups=0).rates(entries, list(plan))
    return result


def figures(*rates: float) -> list[Figures]:
    return [Figures(count=rate, seconds=1, cpu=0, peak=0) for rate in rates]


def test_quick_run_writes_tables_json_and_plots(tmp_path: Path) -> None:
    places = ["--memory", str(tmp_path), "--disk", str(tmp_path), "--out", str(tmp_path)]
    some = ["--quick", "--rounds=1", "--stream-mib=1", f"--contenders={','.join(HERE)}"]
    main(["filesystem", *some, *places])
    found = json.loads((tmp_path / "filesystem.json").read_text())
    assert found["failures"] == {}
    assert set(found["versions"]) == set(found["starts"]) == HERE
    assert set(found["rows"]["put 1 KiB, 32 in flight"]) == HERE
    table = (tmp_path / "filesystem.md").read_text()
    assert all(f"\n| {row} |" in table for row in found["rows"])
    ElementTree.parse(tmp_path / "filesystem.svg")


@pytest.mark.parametrize("name", ["s3", "gcs", "azure"])
def test_contenders_agree_on_the_server_in_memory(name: str, tmp_path: Path) -> None:
    entries = [entry for entry in GROUNDS[name].entries if entry.environment != "peers"]
    result = measured(name, entries, tmp_path)
    assert result.failures == {}
    assert all("openviper" in cells and "obstore" in cells for cells in result.rows.values())
    server = [each.server_cpu for cells in result.rows.values() for each in cells["openviper"]]
    assert None not in server


def test_durable_files_are_measured(tmp_path: Path) -> None:
    result = measured("durable", GROUNDS["durable"].entries, tmp_path)
    assert result.failures == {}
    assert set(result.rows["put 1 KiB, 4 in flight"]) == set(result.names())


def test_who_gives_other_bytes_or_does_not_start_is_named_and_left_out(tmp_path: Path) -> None:
    result = measured("filesystem", [LYING, MISSING, SYNC], tmp_path)
    assert set(result.failures) == {"lying, check", "missing, check"}
    assert all(set(cells) == {"sync"} for cells in result.rows.values())
    assert "- failed: lying, check: AssertionError" in as_markdown(result)


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    result = GroundResult(GROUNDS["filesystem"])
    result.rows["put"] = {"openviper": figures(1, 20, 3), "anyio": figures(2, 10, 1)}
    assert result.ratio("put", "openviper", "anyio") == 2


def test_the_best_peer_has_the_highest_median() -> None:
    result = GroundResult(GROUNDS["filesystem"], versions={"anyio": "1", "aiofiles": "1"})
    result.rows["put"] = {"anyio": figures(1, 1, 99), "aiofiles": figures(2, 2, 2)}
    assert result.best("put", "peer") == "aiofiles"
