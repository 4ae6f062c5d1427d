"""Storages whose class, module or closing is unusual."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openviper.conf import settings
from openviper.storage import MemoryStorage, default_storage, storages


class Sized(MemoryStorage):
    """Be empty, and thus false, as a container is."""

    def __len__(self) -> int:
        return 0


class Unclosable(MemoryStorage):
    closed = 0

    async def aclose(self) -> None:
        type(self).closed += 1
        raise ConnectionError


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    with settings.override(DEFAULT_FILE_STORAGE="memory", STORAGES={}, STORAGE_OPTIONS={}):
        yield
    default_storage.configure(None)


def test_storage_that_is_empty_is_still_the_default() -> None:
    storage = Sized()
    default_storage.configure(storage)
    assert default_storage.current() is storage
    other = Sized()
    with default_storage.override(other):
        assert default_storage.current() is other
        assert "Sized" in repr(default_storage)
    default_storage.configure(None)
    assert default_storage.current() is storages["default"]
    assert repr(default_storage) == "<default_storage: as the settings say>"


async def test_closing_closes_each_storage_also_where_one_fails() -> None:
    path = f"{__name__}.Unclosable"
    with settings.override(STORAGES={"a": path, "b": path}):
        assert storages["a"] is not storages["b"]
        with pytest.raises(ConnectionError):
            await storages.aclose()
    assert Unclosable.closed == 2


def test_module_that_asks_for_a_storage_in_a_thread_while_it_is_imported_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "asking_backend.py").write_text(
        "import threading\n"
        "from openviper.storage import MemoryStorage as Asking, storages\n"
        "found = []\n"
        "thread = threading.Thread(target=lambda: found.append(storages['other']), daemon=True)\n"
        "thread.start()\n"
        "thread.join(5)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with settings.override(STORAGES={"a": "asking_backend.Asking", "other": "memory"}):
        assert isinstance(storages["a"], MemoryStorage)
        assert sys.modules["asking_backend"].found == [storages["other"]]
