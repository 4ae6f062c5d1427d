"""One driver below one location: names become keys, and what goes wrong becomes ours."""

from __future__ import annotations

from openviper.storage.content import Source
from openviper.storage.driver import Driver
from openviper.storage.errors import StorageError
from openviper.storage.mapping import ContainerProbe, Guard, described
from openviper.storage.names import canonical, join
from openviper.storage.types import FileInfo

__all__ = ["Place"]


class Place:
    """Say where names live, for all that reads, writes and lists there."""

    def __init__(self, driver: Driver, location: str) -> None:
        self.driver = driver
        self.location = canonical(location) if location.strip("/\\") else ""
        self._probe = ContainerProbe(driver)

    def canonical(self, name: str) -> str:
        """Return the one spelling of a name that fits here."""
        return canonical(name, location=self.location)

    def key(self, name: str) -> str:
        """Return the vendor's key of a canonical name."""
        return join(self.location, name)

    def name(self, key: str) -> str:
        """Return the name of a key below the location."""
        return key[len(self.location) + 1 :] if self.location else key

    def guard(self, doing: str, name: str | None, *, source: Source | None = None) -> Guard:
        """Translate errors of the driver in an `async with` block."""
        return Guard(self.driver, doing, name, source=source, probe=self._probe)

    def error(self, kind: type[StorageError], doing: str, name: str | None) -> StorageError:
        """Return an error of this place, in the words that an error of the driver would have."""
        return described(kind, doing=doing, name=name, backend=self.driver.backend)

    async def head(self, name: str) -> FileInfo:
        """Return what the driver knows of a file; `NotFoundError` where there is none."""
        async with self.guard("look for", name):
            return await self.driver.head(self.key(name))
