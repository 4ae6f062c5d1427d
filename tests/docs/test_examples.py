"""Every Python example of the documents runs, in order, as a reader would type it."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from openviper.conf import settings
from openviper.storage.testing import CHECKS
from tests.docs.page import own_tables

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/backends.md", "docs/file-storage.md")


def blocks(document: str) -> list[CodeType]:
    """Return the examples of a document, `await` at their top level allowed."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        padding = "\n" * text.count("\n", 0, match.start(1))
        found.append(
            compile(padding + match[1], document, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        )
    return found


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    settings.configure(None)
    checks = dict(CHECKS)
    with own_tables():
        yield
    settings.configure(None)
    for name in CHECKS.keys() - checks.keys():
        del CHECKS[name]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_examples_run(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = blocks(document)
    assert found
    name = f"example:{document}"  # two documents may have classes of one name
    module = types.ModuleType(name)  # dataclasses look for the module of a class
    monkeypatch.setitem(sys.modules, name, module)
    names = vars(module)
    with asyncio.Runner() as runner:
        for code in found:
            if code.co_flags & inspect.CO_COROUTINE:
                runner.run(eval(code, names))
            else:
                exec(code, names)


def test_no_document_installs_the_other_project() -> None:
    for document in (*DOCUMENTS, "CHANGELOG.md", "docs/architecture.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        assert not re.search(r"pip install ['\"]?openviper(?!-storage)", text), document
