"""Call the `save` of a user's own backend, whatever of the contract its signature takes."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from openviper.storage.content import Source
from openviper.storage.errors import (
    AlreadyExistsError,
    TooLargeError,
    UnsupportedOperationError,
)
from openviper.storage.types import Content, IfExists

if TYPE_CHECKING:
    from openviper.storage.base import Storage

__all__ = ["MAX_BUFFER", "call_save", "save_copy", "takes_if_exists"]

MAX_BUFFER = 64 << 20
"""Bytes handed at once to a `save` that takes nothing but bytes."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """Say what a `save` takes."""

    wants_bytes: bool
    keywords: frozenset[str]
    any_keyword: bool

    def takes(self, keyword: str) -> bool:
        return self.any_keyword or keyword in self.keywords


async def call_save(
    storage: Storage,
    name: str,
    content: Content,
    *,
    max_buffer: int = MAX_BUFFER,
    **keywords: Any,  # Any: whatever the backend's own save takes
) -> str:
    """Call `storage.save` with what it takes, content as bytes where it is annotated so.

    Keywords that say nothing (None, `if_exists="rename"`) are not passed to a save without
    them; one that says something is `UnsupportedOperationError` before the content is read.
    """
    shape = _shape_of(type(storage).save)
    given = {key: value for key, value in keywords.items() if not _says_nothing(key, value)}
    refused = sorted(key for key in given if not shape.takes(key))
    if refused:
        raise UnsupportedOperationError(
            f"{type(storage).__qualname__}.save() takes no {', '.join(refused)}: add the keyword "
            "to it, or leave it out of the call",
            name=name,
        )
    if shape.wants_bytes and not isinstance(content, bytes):
        content = await _as_bytes(content, name=name, limit=max_buffer)
    return await storage.save(name, content, **given)


def takes_if_exists(storage: Storage) -> bool:
    """Tell whether `storage.save` can be told what to do about a taken name."""
    return _shape_of(type(storage).save).takes("if_exists")


async def save_copy(
    storage: Storage, name: str, chunks: AsyncIterator[bytes], *, if_exists: IfExists
) -> str:
    """Save a copy under `name`; where `save` can't be told to create only, look before."""
    if if_exists != "error" or takes_if_exists(storage):
        return await call_save(storage, name, chunks, if_exists=if_exists)
    taken = AlreadyExistsError(
        f"{name!r} exists already: delete it first, or give if_exists", name=name
    )
    if await storage.exists(name):
        raise taken
    saved = await call_save(storage, name, chunks)
    if saved != name:  # somebody was faster, and the backend chose another name
        await storage.delete(saved)
        raise taken
    return saved


def _says_nothing(key: str, value: object) -> bool:
    return value is None or (key == "if_exists" and value == "rename")


async def _as_bytes(content: Content, *, name: str, limit: int) -> bytes:
    async with aclosing(Source(content)) as source:
        part = await source.part(limit + 1)
    if len(part) > limit:
        raise TooLargeError(
            f"{name!r} has over {limit} bytes and its backend takes nothing but bytes: give its "
            "save() the whole Content type, or raise STORAGE_MAX_BUFFER",
            name=name,
        )
    return bytes(part)


@lru_cache(maxsize=64)
def _shape_of(save: Callable[..., Any]) -> _Shape:
    parameters = list(inspect.signature(save).parameters.values())[1:]  # without self
    content = parameters[1] if len(parameters) > 1 else None
    return _Shape(
        wants_bytes=content is not None and content.annotation in (bytes, "bytes"),
        keywords=frozenset(
            p.name for p in parameters[2:] if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
        ),
        any_keyword=any(p.kind is p.VAR_KEYWORD for p in parameters),
    )
