"""What is public is named, can be reached, and costs nothing to import."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import openviper
import openviper.storage as public

SDKS = (
    "aioboto3",
    "aiobotocore",
    "aiohttp",
    "azure",
    "botocore",
    "gcloud",
    "google_crc32c",
    "obstore",
)
CHECKS = "openviper.storage.testing.checks"
"""Its modules export nothing: importing them registers what they hold."""

MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(openviper.__path__, "openviper.")
    if not found.name.startswith(CHECKS) and not found.ispkg
)


def defined_in(module: ModuleType) -> set[str]:
    """Return the public names that a module's own text defines at its top."""
    found: set[str] = set()
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return {name for name in found if not name.startswith("_")}


def run(script: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("name", MODULES)
def test_exports_are_sorted_exist_and_are_the_modules_own(name: str) -> None:
    module = importlib.import_module(name)
    assert sorted(set(module.__all__)) == sorted(module.__all__)
    assert set(module.__all__) <= defined_in(module)


@pytest.mark.parametrize("name", MODULES)
def test_public_classes_and_functions_are_exported(name: str) -> None:
    module = importlib.import_module(name)
    public_here = {
        name
        for name in defined_in(module) - set(module.__all__)
        if inspect.isroutine(getattr(module, name)) or inspect.isclass(getattr(module, name))
    }
    assert public_here == set()


@pytest.mark.parametrize(
    "package", ["openviper", "openviper.storage", "openviper.storage.backends"]
)
def test_every_name_of_a_package_resolves_and_is_listed(package: str) -> None:
    module = importlib.import_module(package)
    assert list(module.__all__) == sorted(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'NoSuchStorage'"):
        _ = public.NoSuchStorage  # type: ignore[attr-defined]  # that is the point


def test_storages_are_the_same_wherever_they_are_taken_from() -> None:
    backends = importlib.import_module("openviper.storage.backends")
    for name in backends.__all__:
        assert getattr(public, name) is getattr(backends, name)


def test_importing_loads_no_sdk() -> None:
    loaded = run(
        "import sys, openviper, openviper.storage, openviper.conf\n"
        "openviper.storage.default_storage, openviper.storage.MemoryStorage\n"
        f"print([name for name in {SDKS!r} if name in sys.modules])"
    )
    assert loaded == "[]\n"


def test_missing_sdk_names_the_extra_that_brings_it() -> None:
    told = run(
        "import sys\n"
        "sys.modules['aioboto3'] = None\n"
        "import openviper.storage\n"
        "try: openviper.storage.S3Storage\n"
        "except ImportError as error: print(error)"
    )
    assert told == (
        "S3Storage needs aioboto3, which is not installed: pip install 'openviper-storage[s3]'\n"
    )


def test_package_says_that_it_is_typed() -> None:
    assert (Path(openviper.__file__).parent / "py.typed").is_file()
