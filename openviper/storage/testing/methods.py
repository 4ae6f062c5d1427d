"""Every method of the contract that asks a server for something, with what it has to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from openviper.storage.base import Storage
from openviper.storage.testing.contents import bytes_of, chunks_of

__all__ = ["METHODS", "NEW", "OLD", "Files", "Method", "Scene"]

Files: TypeAlias = Mapping[str, bytes]
"""Contents by names below the scene's folder."""

OLD = bytes_of(3000, seed=1)
NEW = bytes_of(2000, seed=2)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Give a method a folder of its own, in which the files stand that it starts from."""

    storage: Storage
    folder: str
    large: bytes
    """Content that goes the large way."""
    etag: str = ""
    """That of `a`, where there is one."""

    def at(self, name: str) -> str:
        """Return the whole name of a file of the scene."""
        return f"{self.folder}/{name}"


@dataclass(frozen=True, kw_only=True)
class Method:
    """Describe one way to call one method."""

    label: str
    call: Callable[[Scene], Awaitable[object]]
    before: Files = field(default_factory=dict[str, bytes])
    after: Callable[[Scene, object], Files] | None = None
    """Return what there has to be where it returned something; None: what was there before."""
    returns: Callable[[Scene, object], bool] = lambda scene, result: True
    """Tell whether a result is right."""
    between: tuple[Files, ...] = ()
    """What else may be there where it raised, beside what was there before."""
    is_stream: bool = False
    """Whether its content comes as a stream, once."""
    is_blind: bool = False
    """Whether success shows in nothing but a status, so that a server can lie about it."""


async def _streamed(scene: Scene) -> bytes:
    return b"".join([chunk async for chunk in scene.storage.stream(scene.at("a"))])


async def _opened(scene: Scene) -> bytes:
    async with scene.storage.open(scene.at("a")) as reader:
        await reader.seek(100)
        return await reader.read()


async def _written(scene: Scene) -> object:
    async with scene.storage.open(scene.at("a"), "wb") as writer:
        await writer.write(NEW)
    return writer.info


async def _files(scene: Scene) -> list[str]:
    return [info.name async for info in scene.storage.files(scene.folder)]


async def _page(scene: Scene) -> tuple[list[str], list[str]]:
    page = await scene.storage.list_page(scene.folder, delimiter="/")
    return [info.name for info in page.files], list(page.prefixes)


async def _deleted(scene: Scene) -> object:
    """Delete several, and raise the first failure among the results."""
    results = await scene.storage.delete_many([scene.at(name) for name in ("a", "b", "none")])
    for result in results:
        if result.error is not None:
            raise result.error
    return results


async def _emptied(scene: Scene) -> object:
    for failed in await scene.storage.delete_prefix(scene.folder):
        assert failed.error is not None
        raise failed.error
    return None


def _name(name: str) -> Callable[[Scene, object], bool]:
    return lambda scene, result: result == scene.at(name)


def _stored(name: str, content: Callable[[Scene], bytes]) -> Callable[[Scene, object], Files]:
    return lambda scene, result: {name: content(scene)}


def _saved(content: Callable[[Scene], bytes]) -> Callable[[Scene, object], Files]:
    """Expect content under the name that was returned, whichever that is."""
    return lambda scene, result: {str(result).removeprefix(f"{scene.folder}/"): content(scene)}


def _nothing(scene: Scene, result: object) -> Files:
    return {}


def _small(scene: Scene) -> bytes:
    return NEW


def _large(scene: Scene) -> bytes:
    return scene.large


_ONE: Files = {"a": OLD}
_TWO: Files = {"a": OLD, "b": NEW}

METHODS: tuple[Method, ...] = (
    Method(
        label="read",
        call=lambda s: s.storage.read(s.at("a")),
        before=_ONE,
        returns=lambda scene, result: result == OLD,
    ),
    Method(
        label="read of a range",
        call=lambda s: s.storage.read(s.at("a"), start=10, end=1000),
        before=_ONE,
        returns=lambda scene, result: result == OLD[10:1000],
    ),
    Method(
        label="stream",
        call=_streamed,
        before=_ONE,
        returns=lambda scene, result: result == OLD,
    ),
    Method(
        label="open and seek",
        call=_opened,
        before=_ONE,
        returns=lambda scene, result: result == OLD[100:],
    ),
    Method(
        label="stat",
        call=lambda s: s.storage.stat(s.at("a")),
        before=_ONE,
        returns=lambda scene, result: getattr(result, "size", None) == len(OLD),
    ),
    Method(
        label="exists",
        call=lambda s: s.storage.exists(s.at("a")),
        before=_ONE,
        returns=lambda scene, result: result is True,
    ),
    Method(
        label="exists of a missing file",
        call=lambda s: s.storage.exists(s.at("a")),
        returns=lambda scene, result: result is False,
    ),
    Method(
        label="size",
        call=lambda s: s.storage.size(s.at("a")),
        before=_ONE,
        returns=lambda scene, result: result == len(OLD),
    ),
    Method(
        label="files",
        call=_files,
        before=_TWO,
        returns=lambda scene, result: result == [scene.at("a"), scene.at("b")],
    ),
    Method(
        label="list_page",
        call=_page,
        before={"a": OLD, "d/b": NEW},
        returns=lambda scene, result: result == ([scene.at("a")], [scene.at("d")]),
    ),
    Method(
        label="listdir",
        call=lambda s: s.storage.listdir(s.folder),
        before={"a": OLD, "d/b": NEW},
        returns=lambda scene, result: result == (["d"], ["a"]),
    ),
    Method(
        label="save",
        call=lambda s: s.storage.save(s.at("a"), NEW),
        after=_saved(_small),
    ),
    Method(
        label="save to a taken name",
        call=lambda s: s.storage.save(s.at("a"), NEW),
        before=_ONE,
        after=lambda scene, result: {**_ONE, **_saved(_small)(scene, result)},
        returns=lambda scene, result: result != scene.at("a"),
    ),
    Method(
        label="save, large",
        call=lambda s: s.storage.save(s.at("a"), chunks_of(s.large)),
        after=_saved(_large),
        is_stream=True,
    ),
    Method(
        label="put of a new file",
        call=lambda s: s.storage.put(s.at("a"), NEW, if_none_match=True),
        after=_stored("a", _small),
        returns=lambda scene, result: getattr(result, "size", None) == len(NEW),
    ),
    Method(
        label="put over a file",
        call=lambda s: s.storage.put(s.at("a"), NEW),
        before=_ONE,
        after=_stored("a", _small),
        returns=lambda scene, result: getattr(result, "size", None) == len(NEW),
    ),
    Method(
        label="put over a version",
        call=lambda s: s.storage.put(s.at("a"), NEW, if_match=s.etag),
        before=_ONE,
        after=_stored("a", _small),
        returns=lambda scene, result: getattr(result, "size", None) == len(NEW),
    ),
    Method(
        label="put over a version, large",
        call=lambda s: s.storage.put(s.at("a"), chunks_of(s.large), if_match=s.etag),
        before=_ONE,
        after=_stored("a", _large),
        returns=lambda scene, result: getattr(result, "size", None) == len(scene.large),
        is_stream=True,
    ),
    Method(
        label="open to write",
        call=_written,
        before=_ONE,
        after=_stored("a", _small),
        returns=lambda scene, result: getattr(result, "size", None) == len(NEW),
    ),
    Method(
        label="copy",
        call=lambda s: s.storage.copy(s.at("a"), s.at("b")),
        before=_ONE,
        after=lambda scene, result: {"a": OLD, "b": OLD},
        returns=_name("b"),
    ),
    Method(
        label="copy over a file",
        call=lambda s: s.storage.copy(s.at("a"), s.at("b"), if_exists="overwrite"),
        before=_TWO,
        after=lambda scene, result: {"a": OLD, "b": OLD},
        returns=_name("b"),
    ),
    Method(
        label="move",
        call=lambda s: s.storage.move(s.at("a"), s.at("b")),
        before=_ONE,
        after=_stored("b", lambda scene: OLD),
        returns=_name("b"),
        between=({"a": OLD, "b": OLD}, {"b": OLD}),
        is_blind=True,
    ),
    Method(
        label="delete",
        call=lambda s: s.storage.delete(s.at("a")),
        before=_ONE,
        after=_nothing,
        between=({},),
        is_blind=True,
    ),
    Method(
        label="delete_many",
        call=_deleted,
        before=_TWO,
        after=_nothing,
        between=({}, {"a": OLD}, {"b": NEW}),
        is_blind=True,
    ),
    Method(
        label="delete_prefix",
        call=_emptied,
        before=_TWO,
        after=_nothing,
        between=({}, {"a": OLD}, {"b": NEW}),
        is_blind=True,
    ),
)
