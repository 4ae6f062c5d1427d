"""Serve views over ASGI, with the storages open while the app runs."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from starlette.applications import Starlette
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, Route
from starlette.routing import Router as Table
from starlette.types import ASGIApp, Receive, Scope, Send

from openviper.conf import settings
from openviper.exceptions import NotFound, ValidationError
from openviper.http import HTTPException, JSONResponse, Limits, Response
from openviper.http.errors import bad_request, storage_answer
from openviper.http.request import LIMITS_KEY
from openviper.routing.router import RouteOptions, Router, Verbs, View
from openviper.storage import StorageError, default_storage, storages

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.testclient import TestClient

__all__ = ["OpenViper"]

H = TypeVar("H", bound=Callable[..., Awaitable[Response]])
S = TypeVar("S", bound=Callable[[], Awaitable[None]])

_logger = logging.getLogger("openviper")


class OpenViper(Verbs, Starlette):
    """Be a Starlette app whose views take openviper's requests.

    Errors are answered in JSON, as `{"error": why}`: what a request has wrong, what `limits`
    forbid, and what a storage can't do. When the app starts, the storages of the settings are
    made, and the engine of the database if there are models, so that a wrong setting stops it
    there; when it ends, they are closed.
    """

    def __init__(
        self,
        *,
        debug: bool = False,
        limits: Limits | None = None,
        lifespan: Callable[[OpenViper], AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._views = Router()
        self._own_lifespan = lifespan
        self._starts: list[Callable[[], Awaitable[None]]] = []
        self._ends: list[Callable[[], Awaitable[None]]] = []
        # Any: starlette's type for handlers is of those that take every exception
        handlers: dict[Any, Any] = {
            HTTPException: _answer_http_error,
            StorageError: _answer_storage_error,
            NotFound: _answer_not_found,
            ValidationError: _answer_validation_error,
        }
        super().__init__(debug=debug, exception_handlers=handlers, lifespan=self._running)

    def add(
        self,
        path: str,
        view: View,
        *,
        methods: Collection[str] = ("GET",),
        **options: Unpack[RouteOptions],
    ) -> None:
        """Let `view` answer these methods (with GET also HEAD) on `path`."""
        self._views.add(path, view, methods=methods, **options)

    def include_router(self, router: Router, prefix: str = "") -> None:
        """Have the routes of `router`, also those it gets until the app starts."""
        self._views.include_router(router, prefix)

    def on_startup(self, function: S) -> S:
        """Decorate what is awaited before the first request, when the storages are there."""
        self._starts.append(function)
        return function

    def on_shutdown(self, function: S) -> S:
        """Decorate what is awaited after the last request, before the storages close."""
        self._ends.append(function)
        return function

    def exception_handler(self, kind: int | type[Exception]) -> Callable[[H], H]:
        """Decorate what answers for a status or an exception instead of this app's answer."""

        def decorate(handler: H) -> H:
            self.add_exception_handler(kind, handler)
            return handler

        return decorate

    @property
    def routes(self) -> list[BaseRoute]:
        """Return all routes: views first, then what is mounted."""
        if self.middleware_stack is not None:
            return self.router.routes
        return [*self._views.routes, *self.router.routes]

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:  # Any: as starlette's
        """Return the path of the route of this name."""
        return Table(self.routes).url_path_for(name, **path_params)

    def test_client(self, **options: Any) -> TestClient:  # Any: as starlette's
        """Return a client that calls this app without a server; needs httpx2 (or httpx)."""
        from starlette.testclient import TestClient  # noqa: PLC0415 - needs a package for tests

        return TestClient(self, **options)

    def build_middleware_stack(self) -> ASGIApp:
        """Settle the routes, too. Starlette calls it once, when the app starts."""
        self.router.routes = self.routes
        return super().build_middleware_stack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        scope[LIMITS_KEY] = self.limits
        await super().__call__(scope, receive, send)

    @asynccontextmanager
    async def _running(self, _: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(storages.aclose)
            stack.push_async_callback(default_storage.current().aclose)
            stack.push_async_callback(_close_database)
            for alias in settings.STORAGES:
                storages[alias]
            await _open_database()
            if self._own_lifespan is not None:
                await stack.enter_async_context(self._own_lifespan(self))
            for start in self._starts:
                await start()
            for end in reversed(self._ends):
                stack.push_async_callback(end)
            yield


async def _open_database() -> None:
    """Make the engine, if there are models: a wrong DATABASE_URL stops the app here."""
    database = sys.modules.get("openviper.db")
    if database is not None and database.Model.__subclasses__():
        await database.engine()


async def _close_database() -> None:
    """Close what this loop has open; an app without models needs no SQLAlchemy for it."""
    database = sys.modules.get("openviper.db")
    if database is not None:
        await database.close()


async def _answer_http_error(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == 405 and (allowed := _allowed(request)):
        headers["Allow"] = ", ".join(allowed)
    if error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=headers)
    return JSONResponse({"error": error.detail}, error.status_code, headers)


async def _answer_storage_error(request: Request, error: StorageError) -> Response:
    answer = storage_answer(error)
    if answer is None:
        raise error
    if answer.status_code >= 500:
        _logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return await _answer_http_error(request, answer)


async def _answer_not_found(request: Request, error: NotFound) -> Response:
    return await _answer_http_error(request, HTTPException(404, str(error)))


async def _answer_validation_error(request: Request, error: ValidationError) -> Response:
    return await _answer_http_error(request, bad_request(str(error)))


def _allowed(request: Request) -> list[str]:
    """Name the methods of all routes of a path: starlette knows those of the first."""
    methods: set[str] = set()
    for route in request.app.router.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is Match.PARTIAL:
            methods |= route.methods or set()
    return sorted(methods)
