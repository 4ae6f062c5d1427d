"""Copy and move: by the service where it can, through here where it can't."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing

from openviper.storage.attributes import Attributes, visible_metadata
from openviper.storage.content import Source
from openviper.storage.driver import Mover, ServerCopier
from openviper.storage.errors import NotFoundError, StorageError
from openviper.storage.place import Place
from openviper.storage.reads import stream
from openviper.storage.shield import to_the_end
from openviper.storage.spool import Spool
from openviper.storage.types import FileInfo, IfExists
from openviper.storage.writes import Step, Writer

__all__ = ["copy", "move"]


async def copy(
    place: Place, writer: Writer, src: str, names: Iterator[str], *, if_exists: IfExists
) -> str:
    """Copy the file that `src` is now to the first free of `names`, and return that."""
    return await _copied(place, writer, await place.head(src), src, names, if_exists=if_exists)


async def move(
    place: Place, writer: Writer, src: str, names: Iterator[str], *, if_exists: IfExists
) -> str:
    """Copy, then delete the very version that was copied; in one step where there is one."""
    source = await place.head(src)
    driver, create = place.driver, if_exists != "overwrite"
    if isinstance(driver, Mover):
        step: Step = lambda key, write: to_the_end(driver.move(source, key, write))  # noqa: E731
        moved = await writer.run(
            names, step=step, attributes=_attributes(source), create=create, doing="move to"
        )
        return moved.name
    name = await _copied(place, writer, source, src, names, if_exists=if_exists)
    try:
        async with place.guard("delete", src):
            await to_the_end(driver.delete(source.name, if_match=source.etag))
    except NotFoundError:
        return name
    except StorageError as error:
        error.args = (
            f"{driver.backend}: {src!r} was copied to {name!r} but could not be deleted, so both "
            f"are there: {error}",
        )
        raise
    return name


async def _copied(
    place: Place,
    writer: Writer,
    source: FileInfo,
    src: str,
    names: Iterator[str],
    *,
    if_exists: IfExists,
) -> str:
    driver, attributes = place.driver, _attributes(source)
    create, again = if_exists != "overwrite", if_exists == "rename" and writer.sends_again
    if isinstance(driver, ServerCopier):
        step: Step = lambda key, write: to_the_end(  # noqa: E731
            driver.copy(source, key, write), undo=writer.undo(key, write)
        )
        copied = await writer.run(
            names, step=step, attributes=attributes, create=create, doing="copy to"
        )
        return copied.name
    chunks = stream(place, src, start=0, end=None, chunk_size=1 << 20, if_match=source.etag)
    async with aclosing(Source(chunks, rewindable=again, spool=Spool())) as content:
        copied = await writer.write(names, source=content, attributes=attributes, create=create)
    return copied.name


def _attributes(info: FileInfo) -> Attributes:
    return Attributes(
        content_type=info.content_type,
        cache_control=info.cache_control,
        content_disposition=info.content_disposition,
        content_encoding=info.content_encoding,
        metadata=visible_metadata(info.metadata) or {},
    )
