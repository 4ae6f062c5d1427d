"""What drivers over a general library have in common: they know little of the service below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, ClassVar

from openviper.storage import Capabilities, FileInfo, Page, StorageError
from openviper.storage.urls import join_url

__all__ = ["CAPABILITIES", "LibraryDriver", "page_of"]

CAPABILITIES = Capabilities(
    read="native",
    list="emulated",
    put="native",
    create_only="native",
    copy="emulated",
    max_size=64 << 20,  # the libraries create a file only from bytes in memory
)


class LibraryDriver:
    """List by listing everything, and know what goes wrong by the type of its exception."""

    meanings: ClassVar[Mapping[type[Exception], type[StorageError]]]
    """The first that an exception is an instance of counts."""

    def url(self, key: str) -> str:
        return join_url("/", key)

    def classify(self, error: Exception) -> type[StorageError] | None:
        return next(
            (self.meanings[kind] for kind in self.meanings if isinstance(error, kind)), None
        )

    async def list_page(self, prefix: str, **page: Any) -> Page:  # Any: as in the protocol
        return page_of(await self.everything(prefix), prefix, **page)

    async def everything(self, prefix: str) -> Iterable[FileInfo]:
        """Return every file whose key begins with a prefix, in any order; more do no harm."""
        raise NotImplementedError


def page_of(
    infos: Iterable[FileInfo],
    prefix: str,
    *,
    delimiter: str | None,
    limit: int,
    token: str | None,
    start_after: str | None,
) -> Page:
    """Cut a page out of all files; a token is the last entry of its page."""
    entries: dict[str, FileInfo | None] = {}
    for info in infos:
        if info.name.startswith(prefix):
            folder, slash, _ = info.name.removeprefix(prefix).partition("/")
            is_below = bool(delimiter and slash)
            entries[f"{prefix}{folder}/" if is_below else info.name] = None if is_below else info
    after = (token or start_after or "").encode()
    left = (entry for entry in sorted(entries, key=str.encode) if entry.encode() > after)
    page = list(islice(left, limit))
    return Page(
        files=tuple(file for entry in page if (file := entries[entry]) is not None),
        prefixes=tuple(entry[:-1] for entry in page if entries[entry] is None),
        token=page[-1] if next(left, None) is not None else None,
    )
