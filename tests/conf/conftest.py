"""Give each test real modules and an environment of its own."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OPENVIPER_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Write ``write_module("pkg.name", source)`` where it can be imported, until the test ends."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(name: str, source: str) -> None:
        *packages, module = name.split(".")
        folder = tmp_path
        for package in packages:
            folder = folder / package
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
        (folder / f"{module}.py").write_text(dedent(source), encoding="utf-8")

    yield write
    for name in [
        name
        for name in set(sys.modules) - before
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path))
    ]:
        del sys.modules[name]
