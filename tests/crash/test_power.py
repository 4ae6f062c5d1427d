"""What was acknowledged is on the disk when the power goes, whole.

The power goes by copying the image under a disk: what the file system has not written by then
is not in the copy.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.crash.child import Child
from tests.crash.disks import copied, looped, new_image, run
from tests.crash.operations import BEFORE, CHANGES, OPERATIONS, Files, look, prepare
from tests.crash.tracing import counted, injected

pytestmark = pytest.mark.usefixtures("loop_devices")

CHANGING = ("write", "fsetxattr", "fsync", "linkat", "renameat", "unlinkat", "mkdirat")


@pytest.mark.parametrize("operation", [name for name in CHANGES if name != "delete"])
@pytest.mark.parametrize("journal", [True, False])
async def test_acknowledged_is_kept(journal: bool, operation: str, place: Path) -> None:
    image = await image_before(place)
    if not journal:  # each folder is then written for itself, or not at all
        run("tune2fs", "-O", "^has_journal", str(image))
    after = await cut_after(operation, image, journal=journal)
    assert after == OPERATIONS[operation].after, f"{operation} had returned when the power went"


async def test_deleted_is_gone_or_back_whole(place: Path) -> None:
    after = await cut_after("delete", await image_before(place))
    assert after in (BEFORE, OPERATIONS["delete"].after)


async def test_not_durable_is_forgotten(place: Path) -> None:
    """Show that such a disk does forget: else the others show nothing."""
    assert await cut_after("save", await image_before(place), durable=False) == BEFORE


@pytest.mark.parametrize("operation", CHANGES)
async def test_cut_in_the_middle_leaves_old_or_new(
    operation: str, place: Path, tmp_path: Path
) -> None:
    image, wanted = await image_before(place), OPERATIONS[operation]
    with (
        looped(copied(image)) as disk,
        Child(disk / "files") as child,
        counted(child.thread, tmp_path / "log") as calls,
    ):
        child.do(operation)
    for call in CHANGING:
        for when in range(1, calls[call] + 1):
            found = await cut_before(operation, copied(image), call, when)
            what = f"the power went before {call} {when} of {calls[call]} of {operation}"
            assert found in (BEFORE, wanted.after, *wanted.between), f"{what}: {found}"


async def image_before(place: Path) -> Path:
    """Return an image with all that there is before an operation, on the disk for good."""
    image = new_image(place)
    with looped(image) as disk:
        await prepare(disk / "files")
    return image


async def cut_after(
    operation: str, image: Path, *, journal: bool = True, durable: bool = True
) -> Files:
    """Return what is there when the power went as an operation returned."""
    with (
        looped(image, "commit=3000" if journal else "") as disk,
        Child(disk / "files", durable=durable) as child,
    ):
        outcome = child.do(operation)
        left = copied(image)
    assert outcome.error is None
    return await found_on(left)


async def cut_before(operation: str, image: Path, call: str, when: int) -> Files:
    """Return what is there when the power went before the n-th call of a kind."""
    with looped(image) as disk, Child(disk / "files") as child:
        with injected(child.thread, call, "signal=KILL", when=when), pytest.raises(EOFError):
            child.do(operation)
        left = copied(image)
    return await found_on(left)


async def found_on(image: Path) -> Files:
    checked = subprocess.run(["e2fsck", "-fy", str(image)], capture_output=True, check=False)
    assert checked.returncode in (0, 1), checked  # 1: repaired, as after any cut
    with looped(image, "") as disk:
        return await look(disk / "files")
