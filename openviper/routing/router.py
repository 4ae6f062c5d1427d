"""Collect views under paths, and give them to any Starlette app as its routes."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine, Iterator
from typing import Any, TypedDict, TypeVar, Unpack

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from openviper.http.limits import Limits
from openviper.http.request import LIMITS_KEY, Request
from openviper.http.response import as_response

__all__ = ["RouteOptions", "Router", "Verbs", "View"]

View = Callable[..., Coroutine[Any, Any, Any]]
"""An async function of a request and what its path holds. Any: see `as_response`."""
V = TypeVar("V", bound=View)


class RouteOptions(TypedDict, total=False):
    """Name a route for `url_for`, and give it limits of its own."""

    name: str | None
    limits: Limits | None


class Verbs(ABC):
    """Register views by decorators; `{id:int}` in a path is a keyword argument of the view."""

    @abstractmethod
    def add(
        self,
        path: str,
        view: View,
        *,
        methods: Collection[str] = ("GET",),
        **options: Unpack[RouteOptions],
    ) -> None:
        """Let `view` answer these methods (with GET also HEAD) on `path`."""

    def route(
        self, path: str, *, methods: Collection[str], **options: Unpack[RouteOptions]
    ) -> Callable[[V], V]:
        """Decorate a view for these methods."""

        def decorate(view: V) -> V:
            self.add(path, view, methods=methods, **options)
            return view

        return decorate

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Decorate a view for GET and HEAD."""
        return self.route(path, methods=["GET"], **options)

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Decorate a view for POST."""
        return self.route(path, methods=["POST"], **options)

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Decorate a view for PUT."""
        return self.route(path, methods=["PUT"], **options)

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Decorate a view for PATCH."""
        return self.route(path, methods=["PATCH"], **options)

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Decorate a view for DELETE."""
        return self.route(path, methods=["DELETE"], **options)

    def options(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Decorate a view for OPTIONS."""
        return self.route(path, methods=["OPTIONS"], **options)

    def any(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Decorate a view for all of these."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        return self.route(path, methods=methods, **options)


class Router(Verbs):
    """Collect views and other routers under a prefix.

    `OpenViper.include_router` takes it; in plain Starlette it is `routes=router.routes`.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = _checked(prefix)
        self._entries: list[_Entry | tuple[str, Router]] = []

    @property
    def routes(self) -> list[BaseRoute]:
        """Return all routes there are now, the included ones at the place of the inclusion."""
        return list(self._routes(""))

    def add(
        self,
        path: str,
        view: View,
        *,
        methods: Collection[str] = ("GET",),
        **options: Unpack[RouteOptions],
    ) -> None:
        """Let `view` answer these methods (with GET also HEAD) on `path`."""
        entry = _Entry(_checked(path, slash=True), view, methods, **options)
        entry.route("")  # raises what is wrong with the path here, where it is written
        self._entries.append(entry)

    def include_router(self, router: Router, prefix: str = "") -> None:
        """Have the routes of `router`, also those it gets later, under `prefix` and its own."""
        self._entries.append((_checked(prefix), router))

    def _routes(self, prefix: str) -> Iterator[BaseRoute]:
        prefix += self._prefix
        for entry in self._entries:
            if isinstance(entry, _Entry):
                yield entry.route(prefix)
            else:
                yield from entry[1]._routes(prefix + entry[0])  # noqa: SLF001 - its own kind


class _Entry:
    """Know a view and how to reach it, and answer for it as an ASGI app.

    Starlette would give a function its own kind of request.
    """

    def __init__(
        self,
        path: str,
        view: View,
        methods: Collection[str],
        *,
        name: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        if not inspect.iscoroutinefunction(view):
            raise TypeError(f"a view is an async function, and {view!r} is none")
        self._path = path
        self._view = view
        self._methods = list(methods)
        self._name = name or getattr(view, "__name__", path)
        self._limits = limits

    def route(self, prefix: str) -> Route:
        return Route(prefix + self._path or "/", self, methods=self._methods, name=self._name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._limits is not None:
            scope[LIMITS_KEY] = self._limits
        request = Request(scope, receive, send)
        try:
            response = as_response(await self._view(request, **request.path_params))
            await response(scope, receive, send)
        finally:
            await request.close()


def _checked(path: str, *, slash: bool = False) -> str:
    """Return a path or a prefix that can be put together with others."""
    if path and not path.startswith("/"):
        raise ValueError(f"{path!r} must begin with a slash")
    if path.endswith("/") and not slash:
        raise ValueError(f"the prefix {path!r} must not end in a slash")
    return path
