"""The examples of docs/file-storage.md, to be run piece by piece."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlmodel import SQLModel

from openviper.db import Model

PAGE = Path(__file__).parents[2] / "docs" / "file-storage.md"


def example(*needles: str) -> str:
    """Return the one example of the page that has all of `needles`."""
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    [found] = [text for text in examples if all(needle in text for needle in needles)]
    return str(found)


@contextmanager
def module_of(name: str, *texts: str) -> Iterator[Any]:  # Any: a module made of the page's text
    """Give a module, importable by its name, that runs `texts` one after the other."""
    module = sys.modules[name] = ModuleType(name)
    try:
        with own_tables():
            for text in texts:
                exec(compile(text, str(PAGE), "exec", dont_inherit=True), vars(module))
            yield module
    finally:
        del sys.modules[name]


@contextmanager
def own_tables() -> Iterator[None]:
    """Let go of the tables that are defined meanwhile: other examples have some of these names."""
    shared = (Model.metadata, SQLModel.metadata)
    before = [set(metadata.tables) for metadata in shared]
    try:
        yield
    finally:
        for metadata, names in zip(shared, before, strict=True):
            for name in set(metadata.tables) - names:
                metadata.remove(metadata.tables[name])
