"""List a place page by page, in one order and with one meaning of a prefix."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

from openviper.storage.attributes import visible_metadata
from openviper.storage.errors import NotFoundError
from openviper.storage.names import is_canonical
from openviper.storage.pages import Cursor, read_token, write_token
from openviper.storage.place import Place
from openviper.storage.shield import side_by_side
from openviper.storage.types import FileInfo, Page

__all__ = ["list_page"]

_MAX_LIMIT = 1000


async def list_page(
    place: Place,
    prefix: str,
    *,
    delimiter: Literal["/"] | None,
    limit: int,
    token: str | None,
    start_after: str | None = None,
) -> Page:
    """Return one page under a path: the file of that very name first, then what is below it."""
    if delimiter not in (None, "/"):
        raise ValueError(f"delimiter is None or '/', not {delimiter!r}")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit is a positive number of files, not {limit!r}")
    path = "" if prefix == "" else place.canonical(prefix)
    listing = f"{path}\n{delimiter or ''}"
    cursor = read_token(token, listing=listing)
    most = min(limit, _MAX_LIMIT)
    below = partial(
        _below,
        place,
        path,
        delimiter=delimiter,
        token=cursor.token,
        start_after=None if cursor.token else start_after,
    )
    own: FileInfo | None = None
    if not path or cursor.begun:
        page = await below(limit=most)
    elif limit > 1:  # nearly always there is no such file, and room for it if there is
        own, page = await side_by_side(_own_file(place, path), below(limit=most))
        if own is not None and len(page.files) + len(page.prefixes) == most:
            page = await below(limit=most - 1)
    elif (own := await _own_file(place, path)) is not None:
        return Page(
            files=(own,), prefixes=(), token=write_token(Cursor(begun=True), listing=listing)
        )
    else:
        page = await below(limit=1)
    following = page.token and write_token(Cursor(token=page.token, begun=True), listing=listing)
    return replace(page, files=(*([own] if own else []), *page.files), token=following)


async def _own_file(place: Place, path: str) -> FileInfo | None:
    try:
        info = await place.head(path)
    except NotFoundError:
        return None
    return _as_listed(info, path)


async def _below(
    place: Place,
    path: str,
    *,
    delimiter: Literal["/"] | None,
    limit: int,
    token: str | None,
    start_after: str | None,
) -> Page:
    folder = place.key(path) if path else place.location
    async with place.guard("list", path or None):
        page = await place.driver.list_page(
            f"{folder}/" if folder else "",
            delimiter=delimiter,
            limit=limit,
            token=token,
            start_after=None if start_after is None else place.key(start_after),
        )
    # Markers, and what no name can reach, are there for others.
    files = [_as_listed(info, place.name(info.name)) for info in page.files]
    prefixes = [place.name(key) for key in page.prefixes]
    return Page(
        files=tuple(
            sorted((f for f in files if is_canonical(f.name)), key=lambda info: info.name.encode())
        ),
        prefixes=tuple(
            sorted((p for p in prefixes if is_canonical(p)), key=lambda name: f"{name}/".encode())
        ),
        token=page.token,
    )


def _as_listed(info: FileInfo, name: str) -> FileInfo:
    if info.name == name and info.metadata is None:
        return info
    return replace(info, name=name, metadata=visible_metadata(info.metadata))
