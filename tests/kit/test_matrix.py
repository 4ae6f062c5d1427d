"""The table: words, sums, verdicts, and how they are written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openviper.storage.testing import CHECKS, Cell, Matrix, matrix_of, render
from openviper.storage.testing.registry import Level
from openviper.storage.testing.reports import format_of
from openviper.storage.testing.runner import Word
from tests.kit.running import run_pytest
from tests.kit.test_class import FIVE_LINES

FIRST, SECOND, *OTHERS = sorted(CHECKS)


def cell(
    check: str, word: Word = "ok", *, subject: str = "A", reason: str = "", level: Level = "MUST"
) -> Cell:
    return Cell(
        check=check,
        level=level,
        fact="It holds.",
        subject=subject,
        server="server 1.0",
        word=word,
        reason=reason,
    )


def verdict(*cells: Cell) -> str:
    return matrix_of(cells).columns[0].verdict


def all_ok(**words: Word) -> list[Cell]:
    first, second = words.get("first", "ok"), words.get("second", "ok")
    return [cell(FIRST, first), cell(SECOND, second), *(cell(check) for check in OTHERS)]


def test_conforming_is_only_what_ran_and_passed_everything() -> None:
    assert verdict(*all_ok()) == "CONFORMING"
    assert verdict(*all_ok(first="cap-", second="n/a")) == "CONFORMING"
    assert verdict(*all_ok()[1:]) == "NOT (1 not run)"


@pytest.mark.parametrize("word", ["FAIL", "XPASS", "known", "not run", "no-raw", "no-proxy"])
def test_word_forbids_conforming(word: Word) -> None:
    assert verdict(*all_ok(first=word, second=word)) == f"NOT (2 {word})"


def test_nothing_declared_is_not_conforming() -> None:
    cells = [cell(check, "cap-") for check in CHECKS]
    assert not matrix_of(cells).columns[0].conforming


def test_advice_is_not_counted() -> None:
    assert verdict(*all_ok(), cell("z.advice", "FAIL", level="SHOULD")) == "CONFORMING"


def test_sums_are_passed_run_and_declared() -> None:
    column = matrix_of([*all_ok(first="FAIL", second="cap-")]).columns[0]
    assert (column.passed, column.run, column.declared) == (
        len(OTHERS),
        len(OTHERS) + 1,
        len(OTHERS) + 1,
    )


def test_only_a_failed_must_and_an_unexpected_pass_break_the_run() -> None:
    assert cell(FIRST, "FAIL").breaks
    assert cell(FIRST, "XPASS").breaks
    assert not cell(FIRST, "FAIL", level="SHOULD").breaks
    assert not cell(FIRST, "known").breaks


def test_reason_is_told_once_with_its_checks_and_backends() -> None:
    cells = [
        cell(check, "known", subject=subject, reason="the server's fault")
        for check in (FIRST, SECOND)
        for subject in ("A", "B")
    ]
    [remark] = matrix_of(cells).remarks
    assert (remark.checks, remark.subjects) == ((FIRST, SECOND), ("A", "B"))


@pytest.fixture
def matrix() -> Matrix:
    reason = "<b>1 | 2</b>\nexpected more"
    return matrix_of([cell(FIRST, "FAIL", reason=reason), cell(SECOND, subject="B")])


def test_markdown_has_a_whole_line_for_every_check(matrix: Matrix) -> None:
    lines = [line for line in render(matrix, "md").splitlines() if line.startswith("|")]
    assert len(lines) == 4 + len(CHECKS)
    assert {line.count(" | ") for line in lines} == {2}
    assert lines[0] == "| check | A (server 1.0) | B (server 1.0) |"
    assert f"| `{FIRST}` {CHECKS[FIRST].summary} | FAIL | not run |" in lines
    assert "&lt;b>1 \\| 2&lt;/b> expected more" in render(matrix, "md")


def test_html_is_one_escaped_page_with_the_failures_open(matrix: Matrix) -> None:
    page = render(matrix, "html")
    assert page.startswith("<!doctype html>")
    assert "<details class=fail open>" in page
    assert "&lt;b&gt;1 | 2&lt;/b&gt;\nexpected more" in page
    assert "<b>1 |" not in page
    assert "src=" not in page
    assert "href=" not in page
    assert page.count("<td class=quiet>not run</td>") == 2 * len(CHECKS) - 2


def test_json_is_what_its_docstring_says(matrix: Matrix) -> None:
    found = json.loads(render(matrix, "json"))
    assert found.keys() == {"kit", "checks", "backends"}
    assert found["checks"][0] == {"id": FIRST, "level": "MUST", "fact": CHECKS[FIRST].summary}
    backend = found["backends"][0]
    assert backend["cells"][SECOND] == {"word": "not run", "reason": ""}
    del backend["cells"]
    assert backend == {
        "name": "A",
        "server": "server 1.0",
        "passed": 0,
        "run": 1,
        "declared": len(CHECKS),
        "conforming": False,
        "verdict": f"NOT (1 FAIL, {len(CHECKS) - 1} not run)",
    }


def test_terminal_leaves_out_what_nobody_ran(matrix: Matrix) -> None:
    lines = render(matrix, "txt").splitlines()
    assert lines[0].split() == ["check", "A", "B"]
    assert lines[1].split() == [FIRST, "FAIL", "not", "run"]
    assert lines[3] == f"({len(CHECKS) - 2} more checks were not run)"
    assert lines[-2] == f"A (server 1.0): NOT (1 FAIL, {len(CHECKS) - 1} not run)"


def test_format_is_of_the_suffix() -> None:
    assert format_of("a/b.md") == "md"
    with pytest.raises(ValueError, match=r"'matrix.pdf' ends in none of .txt, .json"):
        format_of("matrix.pdf")


def test_pytest_writes_it_from_several_processes(tmp_path: Path) -> None:
    classes = FIVE_LINES + FIVE_LINES.replace("TestShelf", "TestOther")
    ended = run_pytest(
        tmp_path,
        classes,
        *("-n2", "-k", "odd or url", "--storage-matrix=out/m.json", "--storage-matrix=m.html"),
        plugins=["xdist"],
    )
    assert ended.status == 0, ended.output
    found = json.loads((tmp_path / "out/m.json").read_text(encoding="utf-8"))
    assert [backend["name"] for backend in found["backends"]] == ["TestOther", "TestShelf"]
    for backend in found["backends"]:
        ran = [name for name, cell in backend["cells"].items() if cell["word"] == "ok"]
        assert ran
        assert all("odd" in name or "url" in name for name in ran)
    assert "TestOther" in (tmp_path / "m.html").read_text(encoding="utf-8")


def test_pytest_refuses_a_suffix_before_it_runs(tmp_path: Path) -> None:
    ended = run_pytest(tmp_path, FIVE_LINES, "--storage-matrix=matrix.pdf")
    assert ended.status == pytest.ExitCode.USAGE_ERROR
    assert "--storage-matrix: 'matrix.pdf' ends in none of" in ended.output
