"""Places for disks; what can't be had is said, never passed over in silence."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.disks import in_memory, looped, new_image


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
        pytest.skip("only root mounts disks and is another user: run `make crash` as root")


@pytest.fixture(scope="session")
def memory_disks(root_user: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ask for a tmpfs that keeps attributes, as those since Linux 6.6 do."""
    with in_memory(tmp_path_factory.mktemp("memory"), "size=1m") as disk:
        try:
            os.setxattr(disk, "user.openviper", b"")
        except OSError as error:
            pytest.skip(f"a tmpfs keeps no attributes here: {error}")


@pytest.fixture(scope="session")
def loop_devices(root_user: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ask for loop devices, which many containers lack."""
    try:
        with looped(new_image(tmp_path_factory.mktemp("loop"))):
            pass
    except (AssertionError, OSError) as error:
        reason = str(error).partition("\n")[0]
        pytest.skip(f"no loop device can be had here, run `make crash` elsewhere: {reason}")
