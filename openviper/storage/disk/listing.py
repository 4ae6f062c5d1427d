"""List a folder in the byte order of whole names, a directory at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from openviper.storage.disk.attributes import info_of
from openviper.storage.disk.files import RESERVED, open_file
from openviper.storage.disk.tree import Tree, split
from openviper.storage.errors import NotFoundError
from openviper.storage.types import FileInfo, Page

__all__ = ["list_page"]


class _Entry(NamedTuple):
    """Hold a directory's entry, its name with `/` where it is a directory itself."""

    key: str
    is_directory: bool


def list_page(tree: Tree, prefix: str, *, recursive: bool, limit: int, after: str) -> Page:
    """Return the entries under a directory (`""` or `…/`) that come after a key."""
    files: list[FileInfo] = []
    prefixes: list[str] = []
    entries = _walk(tree, prefix, after.encode(), recursive=recursive)
    page = list(islice(entries, limit))
    for entry in page:
        if entry.is_directory:
            prefixes.append(entry.key[:-1])
            continue
        with suppress(NotFoundError):  # deleted since its directory was read
            files.append(_info(tree, entry.key))
    more = len(page) == limit and next(entries, None) is not None
    return Page(files=tuple(files), prefixes=tuple(prefixes), token=page[-1].key if more else None)


def _walk(tree: Tree, prefix: str, after: bytes, *, recursive: bool) -> Iterator[_Entry]:
    for entry in _entries(tree, prefix):
        key = entry.key.encode()
        if not entry.is_directory:
            if key > after:
                yield entry
        elif recursive:
            if key > after or after.startswith(key):
                yield from _walk(tree, entry.key, after, recursive=True)
        elif key > after and next(_walk(tree, entry.key, b"", recursive=True), None):
            yield entry


def _entries(tree: Tree, prefix: str) -> list[_Entry]:
    """Return the files and directories in one directory, in the order of their whole names."""
    found: list[_Entry] = []
    try:
        with tree.folder(prefix.split("/")[:-1]) as folder, os.scandir(folder) as entries:
            for entry in entries:
                if not prefix and entry.name.casefold() == RESERVED:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    found.append(_Entry(f"{prefix}{entry.name}/", True))
                elif entry.is_file(follow_symlinks=False):
                    found.append(_Entry(f"{prefix}{entry.name}", False))
    except NotFoundError:
        return []
    return sorted(filter(_is_text, found), key=lambda entry: entry.key.encode())


def _is_text(entry: _Entry) -> bool:
    """Tell whether a name is UTF-8: no other has a name here."""
    return not any("\udc80" <= char <= "\udcff" for char in entry.key)


def _info(tree: Tree, key: str) -> FileInfo:
    above, leaf = split(key)
    with tree.folder(above) as folder:
        fd, status = open_file(folder, leaf)
    try:
        return info_of(key, fd, status)
    finally:
        os.close(fd)
