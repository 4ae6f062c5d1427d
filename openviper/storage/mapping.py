"""Turn what a driver raises into the one family of errors, with words that help."""

from __future__ import annotations

from types import TracebackType

from openviper.storage.content import Source
from openviper.storage.driver import (
    Adviser,
    AmbiguousNotFoundError,
    Driver,
    NotSentError,
    RangeNotSatisfiableError,
    UnknownCredentialsError,
)
from openviper.storage.errors import (
    AlreadyExistsError,
    ContainerNotFoundError,
    ImproperlyConfiguredError,
    IntegrityError,
    InvalidNameError,
    NameConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    StorageFullError,
    StorageTimeoutError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
    UnsupportedOperationError,
)

__all__ = ["ContainerProbe", "Guard", "described"]

_ADVICE: dict[type[StorageError], str] = {
    NotFoundError: "there is no such file; check the name with exists() or files()",
    AlreadyExistsError: "the name is taken; use if_exists='rename', or another name",
    NameConflictError: "a file and a directory can't share a name here; choose another name",
    PreconditionFailedError: "the file is not the version named; stat() it and try again",
    InvalidNameError: "the service takes no such name; use a shorter or plainer one",
    TooLargeError: "it is over the service's limit",
    PermissionDeniedError: "access is denied; check the credentials and their rights",
    ContainerNotFoundError: "the bucket, container or root folder is missing; create it, or "
    "correct its name in the settings",
    ImproperlyConfiguredError: "its settings can't work; the cause says which",
    IntegrityError: "the bytes do not match their checksum; send it again",
    StorageFullError: "no space or quota is left; free some and try again",
    UnavailableError: "the service could not be reached or failed; check its address and try later",
    ThrottledError: "the service asks to slow down; try later, or do less at once",
    StorageTimeoutError: "the service did not answer in time; try later, or raise timeout",
    OutcomeUnknownError: "the reply was lost, so it may or may not have happened; stat() the name "
    "and compare",
    RangeNotSatisfiableError: "the range begins after the end of the file",
    UnsupportedOperationError: "the service does not have this operation",
    StorageError: "the service refused; the cause says why",
}

_NOWHERE = ".openviper/nowhere/"
"""A reserved prefix, so that there is nothing to list however much is in the container."""

_PUBLIC: dict[type[StorageError], type[StorageError]] = {
    AmbiguousNotFoundError: NotFoundError,
    NotSentError: UnavailableError,
    UnknownCredentialsError: PermissionDeniedError,
}


def described(
    kind: type[StorageError],
    *,
    doing: str,
    name: str | None,
    backend: str,
    advice: str | None = None,
) -> StorageError:
    """Return an error that says what was tried, on what, and what to do (`advice` if given)."""
    public = _PUBLIC.get(kind, kind)
    on = "" if name is None else f" {name!r}"
    message = f"{backend}: could not {doing}{on}: {advice or _ADVICE[public]}"
    return public(message, name=name, backend=backend)


class Guard:
    """Translate what a driver raises inside an `async with` block; let all else pass.

    What the user's own content raised reaches the user as itself, also where the vendor's
    SDK wrapped it, and cancellation is never touched.
    """

    __slots__ = ("_doing", "_driver", "_name", "_probe", "_source")

    def __init__(
        self,
        driver: Driver,
        doing: str,
        name: str | None,
        *,
        source: Source | None = None,
        probe: ContainerProbe,
    ) -> None:
        self._driver = driver
        self._doing = doing
        self._name = name
        self._source = source
        self._probe = probe

    async def __aenter__(self) -> None:
        """Begin: nothing to do."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not isinstance(error, Exception):
            return
        if self._source is not None and self._source.failure is not None:
            self._raise_failure(self._source.failure, instead_of=error)
            return
        single = _single(error)
        meaning = _meaning(self._driver, single)
        if meaning is None:
            return  # a bug, which stays one
        if isinstance(single, StorageError) and single.args[0]:  # it has words of its own
            single.name, single.backend = single.name or self._name, self._driver.backend
            if single is not error:
                raise single
            return
        if meaning is AmbiguousNotFoundError and not await self._probe.container_exists():
            meaning = ContainerNotFoundError
        cause = single.__cause__ if isinstance(single, StorageError) else None
        advice = self._driver.advise(single) if isinstance(self._driver, Adviser) else None
        raise described(
            meaning,
            doing=self._doing,
            name=self._name,
            backend=self._driver.backend,
            advice=advice,
        ) from (cause or single)

    def _raise_failure(self, failure: Exception, *, instead_of: Exception) -> None:
        if isinstance(failure, StorageError) and failure.backend is None:  # a checksum, a spool
            failure.name, failure.backend = self._name, self._driver.backend
        if failure is not instead_of:
            raise failure


class ContainerProbe:
    """Find out, once, whether the container behind a bare 404 is there."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._seen = False

    async def container_exists(self) -> bool:
        """Tell by one listing of nothing: success, or a refusal, means that it is there."""
        if not self._seen:
            try:
                await self._driver.list_page(
                    _NOWHERE, delimiter=None, limit=1, token=None, start_after=None
                )
            except Exception as error:
                meaning = _meaning(self._driver, error)
                if meaning is None:
                    raise
                if issubclass(meaning, NotFoundError | ContainerNotFoundError):
                    return False
                refused = issubclass(meaning, PermissionDeniedError)
                if not refused or meaning is UnknownCredentialsError:
                    raise described(
                        meaning,
                        doing="look for the container",
                        name=None,
                        backend=self._driver.backend,
                    ) from error
            self._seen = True
        return True


def _meaning(driver: Driver, error: Exception) -> type[StorageError] | None:
    return type(error) if isinstance(error, StorageError) else driver.classify(error)


def _single(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
