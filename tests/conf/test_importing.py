"""Check what a dotted path gives, and what each broken one says."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import openviper
from openviper.conf import import_string, settings
from openviper.exceptions import ImproperlyConfigured

WriteModule = Callable[[str, str], None]


def test_a_dotted_path_gives_the_object(write_module: WriteModule) -> None:
    write_module("myproject.storage", "class S3Storage: pass")
    assert import_string("myproject.storage.S3Storage").__qualname__ == "S3Storage"


@pytest.mark.parametrize("path", ["", "S3Storage", "a..B", ".a.B", "a.b.", "a b.C", "s3://bucket"])
def test_what_is_no_dotted_path_is_refused(path: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="is not a dotted path"):
        import_string(path)


def test_a_missing_module_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="there is no module 'nowhere'"):
        import_string("nowhere.storage.S3Storage")


def test_a_missing_submodule_is_named(write_module: WriteModule) -> None:
    write_module("myproject.storage", "")
    with pytest.raises(ImproperlyConfigured, match=r"there is no module 'myproject\.stroage'"):
        import_string("myproject.stroage.S3Storage")


def test_a_missing_attribute_is_named(write_module: WriteModule) -> None:
    write_module("myproject.storage", "")
    with pytest.raises(ImproperlyConfigured, match=r"'myproject\.storage' has no 'S3Storage'"):
        import_string("myproject.storage.S3Storage")


def test_an_import_error_inside_the_module_says_so(write_module: WriteModule) -> None:
    write_module("myproject.storage", "import no_such_sdk")
    with pytest.raises(
        ImproperlyConfigured, match=r"importing module 'myproject\.storage' failed.*no_such_sdk"
    ):
        import_string("myproject.storage.S3Storage")


def test_an_import_error_inside_the_module_is_the_cause(write_module: WriteModule) -> None:
    write_module("myproject.storage", "from os import no_such_name")
    with pytest.raises(ImproperlyConfigured) as caught:
        import_string("myproject.storage.S3Storage")
    assert isinstance(caught.value.__cause__, ImportError)


def test_an_import_error_of_a_lazy_name_is_the_cause(write_module: WriteModule) -> None:
    write_module("lazy_storage", "def __getattr__(name): import no_such_sdk")
    with pytest.raises(ImproperlyConfigured, match="no_such_sdk") as caught:
        import_string("lazy_storage.S3Storage")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_any_other_error_inside_the_module_stays_itself(write_module: WriteModule) -> None:
    write_module("myproject.storage", "1 / 0")
    with pytest.raises(ZeroDivisionError):
        import_string("myproject.storage.S3Storage")


def test_importing_openviper_loads_nothing_of_it() -> None:
    code = "import sys, openviper; print(*[m for m in sys.modules if m.startswith('openviper.')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "openviper.lazy"


def test_importing_conf_loads_no_storage() -> None:
    code = "import sys, openviper.conf; print('openviper.storage' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_the_settings_of_openviper_are_those_of_conf() -> None:
    assert openviper.settings is settings


def test_the_public_names_of_openviper_are_listed() -> None:
    assert set(openviper.__all__) <= set(dir(openviper))


def test_an_unknown_name_of_openviper_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'openviper' has no attribute 'nope'"):
        getattr(openviper, "nope")  # noqa: B009 - a type checker refuses openviper.nope


def test_the_version_is_that_of_pyproject() -> None:
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    assert openviper.__version__ == project["version"]
