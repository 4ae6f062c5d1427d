"""What a process that will be killed, or whose disk fails, does to a storage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypedDict

from openviper.storage import FileSystemStorage
from tests.storage.faults import chunks_of

__all__ = [
    "BEFORE",
    "CHANGES",
    "OPERATIONS",
    "File",
    "Files",
    "Operation",
    "leftovers",
    "look",
    "prepare",
]


@dataclass(frozen=True, slots=True)
class File:
    """Hold all that is kept of a file."""

    content: bytes
    content_type: str
    metadata: Mapping[str, str]


Files: TypeAlias = dict[str, File]

_OLD = File(b"old" * 700, "text/x-old", {"which": "old"})
_BESIDE = File(b"beside" * 400, "text/x-beside", {"which": "beside"})
_SMALL = File(b"small" * 900, "text/x-small", {"which": "small", "where": "Zürich"})
_LARGE = File(bytes(range(256)) * 10_000, "text/x-large", {"which": "large"})

BEFORE: Files = {"dir/beside": _BESIDE, "old": _OLD}
"""What there is before an operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Hold one call, and what there may be when it was interrupted, and when it was not."""

    run: Callable[[FileSystemStorage], Awaitable[object]]
    after: Files
    between: tuple[Files, ...] = field(default=())
    """What else there may be where it never ended."""


class _Attributes(TypedDict):
    content_type: str
    metadata: Mapping[str, str]


def _attributes(file: File) -> _Attributes:
    return {"content_type": file.content_type, "metadata": file.metadata}


def _parts(file: File) -> AsyncIterator[bytes]:
    third = len(file.content) // 3
    return chunks_of(file.content[:third], file.content[third:])


OPERATIONS: dict[str, Operation] = {
    "save": Operation(
        run=lambda s: s.save("a/b/new", _SMALL.content, if_exists="error", **_attributes(_SMALL)),
        after={**BEFORE, "a/b/new": _SMALL},
    ),
    "save-stream": Operation(
        run=lambda s: s.save("a/b/new", _parts(_LARGE), if_exists="error", **_attributes(_LARGE)),
        after={**BEFORE, "a/b/new": _LARGE},
    ),
    "put": Operation(
        run=lambda s: s.put("old", _SMALL.content, **_attributes(_SMALL)),
        after={**BEFORE, "old": _SMALL},
    ),
    "put-stream": Operation(
        run=lambda s: s.put("old", _parts(_LARGE), **_attributes(_LARGE)),
        after={**BEFORE, "old": _LARGE},
    ),
    "copy": Operation(run=lambda s: s.copy("old", "a/b/new"), after={**BEFORE, "a/b/new": _OLD}),
    "copy-over": Operation(
        run=lambda s: s.copy("dir/beside", "old", if_exists="overwrite"),
        after={**BEFORE, "old": _BESIDE},
    ),
    "move": Operation(
        run=lambda s: s.move("old", "a/b/new"),
        after={"dir/beside": _BESIDE, "a/b/new": _OLD},
        between=({**BEFORE, "a/b/new": _OLD},),
    ),
    "move-over": Operation(
        run=lambda s: s.move("dir/beside", "old", if_exists="overwrite"), after={"old": _BESIDE}
    ),
    "delete": Operation(run=lambda s: s.delete("dir/beside"), after={"old": _OLD}),
    "read": Operation(run=lambda s: _same(_read(s, "old"), _OLD), after=BEFORE),
    "list": Operation(run=lambda s: _same(_listed(s), list(BEFORE)), after=BEFORE),
}

CHANGES = [name for name, operation in OPERATIONS.items() if operation.after != BEFORE]
"""The operations that change something."""


async def _same(found: Awaitable[object], expected: object) -> None:
    assert await found == expected


async def _listed(storage: FileSystemStorage) -> list[str]:
    return [info.name for info in (await storage.list_page()).files]


async def prepare(root: Path) -> None:
    """Store what there is before an operation."""
    storage = FileSystemStorage(root)
    for name, file in BEFORE.items():
        await storage.put(name, file.content, **_attributes(file))


async def look(root: Path) -> Files:
    """Return what a storage shows there; fail where its listings do not agree."""
    storage = FileSystemStorage(root)
    names = [info.name async for info in storage.files()]
    page = await storage.list_page()
    assert [info.name for info in page.files] == names, "list_page() and files() differ"
    assert await _walked(storage) == names, "listdir() and files() differ"
    return {name: await _read(storage, name) for name in names}


def leftovers(root: Path) -> list[Path]:
    """Return the temporary files that there are."""
    return list((root / ".openviper" / "tmp").iterdir())


async def _walked(storage: FileSystemStorage, path: str = "") -> list[str]:
    folders, files = await storage.listdir(path)
    below = [name for f in folders for name in await _walked(storage, _join(path, f))]
    return sorted([*(_join(path, name) for name in files), *below], key=str.encode)


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


async def _read(storage: FileSystemStorage, name: str) -> File:
    info = await storage.stat(name)
    assert info.content_type is not None
    assert info.metadata is not None
    return File(await storage.read(name), info.content_type, info.metadata)
