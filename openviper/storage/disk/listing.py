"""List a folder in the byte order of whole names, a directory at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from heapq import nsmallest
from itertools import groupby, islice
from typing import NamedTuple

from openviper.storage.disk.attributes import info_of
from openviper.storage.disk.files import RESERVED, open_file
from openviper.storage.disk.tree import Tree, split
from openviper.storage.errors import NotFoundError
from openviper.storage.types import FileInfo, Page

__all__ = ["list_page"]


_HELD = 1001
"""Entries of a directory that are held at a time, however many it has: a page and one more."""


class _Entry(NamedTuple):
    """Hold a directory's entry, its name with `/` where it is a directory itself."""

    order: bytes
    key: str
    is_directory: bool


def list_page(tree: Tree, prefix: str, *, recursive: bool, limit: int, after: str) -> Page:
    """Return the entries under a directory (`""` or `…/`) that come after a key."""
    entries = _walk(tree, prefix, after.encode(), recursive=recursive)
    page = list(islice(entries, limit))
    more = len(page) == limit and next(entries, None) is not None
    return Page(
        files=tuple(_infos(tree, [entry.key for entry in page if not entry.is_directory])),
        prefixes=tuple([entry.key[:-1] for entry in page if entry.is_directory]),
        token=page[-1].key if more else None,
    )


def _walk(tree: Tree, prefix: str, after: bytes, *, recursive: bool) -> Iterator[_Entry]:
    for entry in _entries(tree, prefix, after):
        if not entry.is_directory:
            yield entry
        elif recursive:
            yield from _walk(tree, entry.key, after, recursive=True)
        elif entry.order > after and next(_walk(tree, entry.key, b"", recursive=True), None):
            yield entry


def _entries(tree: Tree, prefix: str, after: bytes) -> Iterator[_Entry]:
    """Give what of one directory comes after a key or has it below, in order of whole names."""
    held = nsmallest(
        _HELD,
        (
            entry
            for entry in _scanned(tree, prefix)
            if entry.order > after or (entry.is_directory and after.startswith(entry.order))
        ),
    )
    yield from held
    while len(held) == _HELD:
        last = held[-1].order
        held = nsmallest(_HELD, (entry for entry in _scanned(tree, prefix) if entry.order > last))
        yield from held


def _scanned(tree: Tree, prefix: str) -> Iterator[_Entry]:
    """Give the files and directories in one directory, in any order."""
    with (
        suppress(NotFoundError),
        tree.folder(prefix.split("/")[:-1]) as folder,
        os.scandir(folder) as entries,
    ):
        for entry in entries:
            if not prefix and entry.name.casefold() == RESERVED:
                continue
            try:
                order = f"{prefix}{entry.name}".encode()
            except UnicodeEncodeError:  # not UTF-8: no name here
                continue
            if entry.is_dir(follow_symlinks=False):
                yield _Entry(order + b"/", f"{prefix}{entry.name}/", True)
            elif entry.is_file(follow_symlinks=False):
                yield _Entry(order, f"{prefix}{entry.name}", False)


def _infos(tree: Tree, keys: list[str]) -> Iterator[FileInfo]:
    """Give what is known of files, but for those that were deleted since they were seen."""
    for above, below in groupby(keys, key=lambda key: split(key)[0]):
        with suppress(NotFoundError), tree.folder(above) as folder:
            for key in below:
                with suppress(NotFoundError):
                    yield _info(folder, key)


def _info(folder: int, key: str) -> FileInfo:
    fd, status = open_file(folder, split(key)[1])
    try:
        return info_of(key, fd, status)
    finally:
        os.close(fd)
