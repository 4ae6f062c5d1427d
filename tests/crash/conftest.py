"""Places for disks; what can't be had is said, never passed over in silence."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.disks import looped, new_image


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder that everybody can reach, and that is gone with all in it."""
    folder = Path(tempfile.mkdtemp(prefix="openviper-crash-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def root_user() -> None:
    """Ask for the rights to mount disks and to be another user."""
    if os.geteuid() != 0:
        pytest.skip("not run: only root mounts disks and fills them; run `make crash` as root")


@pytest.fixture(scope="session")
def loop_devices(root_user: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ask for loop devices, which containers often lack."""
    try:
        with looped(new_image(tmp_path_factory.mktemp("loop"))):
            pass
    except (AssertionError, OSError) as error:
        pytest.skip(f"not run: no loop device can be had here, run `make crash` elsewhere: {error}")
