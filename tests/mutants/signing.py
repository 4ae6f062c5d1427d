"""Mutants that sign too much or the wrong thing (catalogue 1.9), on S3: no local storage signs."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from openviper.storage import S3Storage
from tests.mutants.registry import but, mutant


@mutant("signed.name-is-encoded-twice", "U09", found_by="signed.odd-names")
class NameIsEncodedTwice(S3Storage):
    """Encode the name before the SDK does."""

    async def signed_url(self, name: str, **options: Any) -> str:
        return await super().signed_url(quote(name), **options)


@mutant("signed.download-name-is-dropped", "U09", found_by="signed.download-name-is-sent")
class DownloadNameIsDropped(S3Storage):
    """Forget the name to save under."""

    async def signed_url(self, name: str, **options: Any) -> str:
        return await super().signed_url(name, **but(options, download_as=None))


@mutant("signed.put-replaces", "U10", found_by="signed.put-can-not-be-waived-by-the-client")
class PutReplaces(S3Storage):
    """Leave it to the client whether a file is replaced."""

    async def signed_url(self, name: str, **options: Any) -> str:
        return await super().signed_url(name, **but(options, overwrite=True))


@mutant("signed.put-takes-any-type", "U10", found_by="signed.put-holds-its-type")
class PutTakesAnyType(S3Storage):
    """Leave the content type out of the signature."""

    async def signed_url(self, name: str, **options: Any) -> str:
        return await super().signed_url(name, **but(options, content_type=None))


@mutant("signed.put-is-signed-as-get", "U10", "U07", found_by="signed.put-stores")
class PutIsSignedAsGet(S3Storage):
    """Sign every URL for GET."""

    async def signed_url(self, name: str, **options: Any) -> str:
        return await super().signed_url(name, **but(options, method="GET"))


@mutant("signed.time-is-ignored", "U08", found_by="signed.times-are-checked")
class TimeIsIgnored(S3Storage):
    """Sign for a quarter of an hour, whatever was asked for."""

    async def signed_url(self, name: str, **options: Any) -> str:
        return await super().signed_url(name, **but(options, expires=900))
