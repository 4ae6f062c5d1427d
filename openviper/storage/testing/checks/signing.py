"""Signed URLs: what they allow, to whom, and how long (catalogue 1.9)."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import unquote

from openviper.storage.errors import UnsupportedOperationError
from openviper.storage.testing import look
from openviper.storage.testing.checks.urls import ODD
from openviper.storage.testing.expect import fails, same, same_bytes
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target
from openviper.storage.testing.web import Answer, ask

CONTENT = bytes(range(256))
SIGNATURE = re.compile(r"(?<=[?&])((?:X-Amz-|X-Goog-)?Signature|sig)=([^&]+)")


@check("signed.get-gives-the-bytes", "U06", "U05", requires=("signed_get",))
async def get_gives_the_bytes(target: Target) -> None:
    """Who has a signed URL gets exactly the file's bytes."""
    await target.storage.save("a.bin", CONTENT)
    url = await target.storage.signed_url("a.bin")
    _assert_answer(await ask(url), "GET", CONTENT)


@check("signed.head-says-what-get-gives", "U06", requires=("signed_get",))
async def head_says_what_get_gives(target: Target) -> None:
    """A URL signed for HEAD says the file's size and type."""
    await target.storage.save("a.bin", CONTENT, content_type="text/x-check")
    answer = await ask(await target.storage.signed_url("a.bin", method="HEAD"), method="HEAD")
    same(answer.status, 200, "the status")
    same(answer.headers.get("content-length"), str(len(CONTENT)), "the length")
    same(answer.headers.get("content-type"), "text/x-check", "the type")


@check("signed.odd-names", "U09", "W01", requires=("signed_get", "put"))
async def odd_names(target: Target) -> None:
    """A signed URL of any name gets the file of that name."""
    await asyncio.gather(*(target.storage.put(name, name.encode()) for name in ODD))
    for name in ODD:
        answer = await ask(await target.storage.signed_url(name))
        _assert_answer(answer, f"GET of {name!r}", name.encode())


@check("signed.missing-file-can-be-signed", "U01", requires=("signed_get",))
async def missing_file_can_be_signed(target: Target) -> None:
    """A URL of a missing file can be signed, and asking it is 404."""
    answer = await ask(await target.storage.signed_url("missing.bin"))
    same(answer.status, 404, "the status")


@check("signed.download-name-is-sent", "U09", requires=("signed_get",))
async def download_name_is_sent(target: Target) -> None:
    """The name to save under reaches the browser, whatever characters it has."""
    await target.storage.save("a.bin", CONTENT)
    for name in ("report.pdf", 'say "hello", ; 100%.txt', "Übersicht 日本 🎉.txt"):
        answer = await ask(await target.storage.signed_url("a.bin", download_as=name))
        _assert_answer(answer, f"GET to save as {name!r}", CONTENT)
        header = answer.headers.get("content-disposition", "")
        assert header.startswith("attachment;"), f"expected an attachment, got {header!r}"
        _, found, encoded = header.partition("filename*=UTF-8''")
        same((bool(found), unquote(encoded)), (True, name), f"the name in {header!r}")


@check("signed.download-name-holds-no-line-break", "U09", requires=("signed_get",))
async def download_name_holds_no_line_break(target: Target) -> None:
    """Line breaks and NUL in the name to save under are ValueErrors."""
    for name in ("a\r\nSet-Cookie: b", "a\nb", "a\0b"):
        call = target.storage.signed_url("a.bin", download_as=name)
        await fails(ValueError, call, doing=f"download_as={name!r}")


@check("signed.times-are-checked", "U08", "P04", requires=("signed_get",))
async def times_are_checked(target: Target) -> None:
    """Zero, negative, non-finite and too long times are ValueErrors; the longest is signed."""
    longest = target.storage.capabilities.max_expires
    for expires in (0, -1, -0.5, float("nan"), float("inf"), float("-inf"), longest + 1):
        call = target.storage.signed_url("a.bin", expires=expires)
        await fails(ValueError, call, doing=f"expires={expires}")
    await target.storage.save("a.bin", CONTENT)
    answer = await ask(await target.storage.signed_url("a.bin", expires=longest))
    _assert_answer(answer, f"GET with expires={longest}", CONTENT)


@check("signed.methods-are-checked", "U07", requires=("signed_get",))
async def methods_are_checked(target: Target) -> None:
    """A method that can't be signed for is a ValueError."""
    for method in ("DELETE", "get", ""):
        call = target.storage.signed_url("a.bin", method=method)  # type: ignore[arg-type]  # what is refused
        await fails(ValueError, call, doing=f"method={method!r}")


@check("signed.nothing-without-the-signature", "U06", requires=("signed_get",))
async def nothing_without_the_signature(target: Target) -> None:
    """The same URL without its query is refused."""
    storage = await target.private()
    await storage.save("a.bin", CONTENT)
    url = await storage.signed_url("a.bin")
    _assert_refused(await ask(url.partition("?")[0]), "GET without the query")


@check("signed.tampered-is-refused", "U06", "U07", requires=("signed_get",))
async def tampered_is_refused(target: Target) -> None:
    """A URL whose signature, name or time was changed is refused."""
    storage = await target.private()
    await asyncio.gather(*(storage.save(name, CONTENT) for name in ("a.bin", "b.bin")))
    url = await storage.signed_url("a.bin", expires=600)
    longer = await storage.signed_url("a.bin", expires=6000)
    signature = _signature(url)
    changes = {
        "another name": url.replace("/a.bin?", "/b.bin?"),
        "another time": _with_signature(longer, signature),
        "another signature": _with_signature(url, _flipped(signature)),
    }
    for what, changed in changes.items():
        assert changed != url, f"{what}: expected a changed URL"
        _assert_refused(await ask(changed), f"GET with {what}")


@check("signed.get-does-not-write", "U07", requires=("signed_get",))
async def get_does_not_write(target: Target) -> None:
    """A URL signed for GET is refused for PUT and DELETE, and the file stays."""
    await target.storage.save("a.bin", CONTENT)
    url = await target.storage.signed_url("a.bin")
    headers = target.subject.put_headers
    _assert_refused(await ask(url, method="PUT", body=b"evil", headers=headers), "PUT")
    _assert_refused(await ask(url, method="DELETE"), "DELETE")
    await look.content(target.storage, "a.bin", CONTENT)


@check("signed.expires", "U08", requires=("signed_get",))
async def expires(target: Target) -> None:
    """A URL is refused when its time is over."""
    storage = await target.private()
    await storage.save("a.bin", CONTENT)
    url = await storage.signed_url("a.bin", expires=2)
    _assert_answer(await ask(url), "GET within the time", CONTENT)
    for _ in range(50):  # by the server's clock: there is nothing to wait for but time
        await asyncio.sleep(0.1)
        if (await ask(url)).status != 200:
            break
    _assert_refused(await ask(url), "GET after the time")


@check("signed.put-stores", "U10", requires=("signed_put",))
async def put_stores(target: Target) -> None:
    """Who has a URL signed for PUT stores exactly these bytes."""
    url = await target.storage.signed_url("a.bin", method="PUT")
    answer = await ask(url, method="PUT", body=CONTENT, headers=_headers(target))
    _assert_stored(answer, "PUT")
    await look.content(target.storage, "a.bin", CONTENT)


@check("signed.put-odd-names", "U09", "W01", requires=("signed_put",))
async def put_odd_names(target: Target) -> None:
    """A URL signed for PUT stores under exactly its name, whatever that is."""
    for name in ODD:
        url = await target.storage.signed_url(name, method="PUT")
        answer = await ask(url, method="PUT", body=name.encode(), headers=_headers(target))
        _assert_stored(answer, f"PUT of {name!r}")
    found = await look.names(target.storage)
    same(found, sorted(ODD, key=str.encode), "the files stored")


@check("signed.put-creates-only", "U10", "S09", requires=("signed_put",))
async def put_creates_only(target: Target) -> None:
    """A URL signed for PUT does not replace what is there."""
    await target.storage.save("a.bin", CONTENT)
    url = await target.storage.signed_url("a.bin", method="PUT")
    answer = await ask(url, method="PUT", body=b"evil", headers=_headers(target))
    _assert_refused(answer, "PUT over a file")
    await look.content(target.storage, "a.bin", CONTENT)


@check("signed.put-can-not-be-waived-by-the-client", "U10", requires=("signed_put",))
async def put_can_not_be_waived_by_the_client(target: Target) -> None:
    """Who leaves the condition out of the request does not replace what is there either."""
    await target.storage.save("a.bin", CONTENT)
    url = await target.storage.signed_url("a.bin", method="PUT")
    headers = target.subject.put_headers
    answer = await ask(url, method="PUT", body=b"evil", headers=headers)
    _assert_refused(answer, "PUT over a file without the condition")
    await look.content(target.storage, "a.bin", CONTENT)


@check("signed.put-overwrites-if-told-so", "U10", requires=("signed_put",))
async def put_overwrites_if_told_so(target: Target) -> None:
    """A URL signed with overwrite=True replaces what is there."""
    await target.storage.save("a.bin", b"old")
    url = await target.storage.signed_url("a.bin", method="PUT", overwrite=True)
    answer = await ask(url, method="PUT", body=CONTENT, headers=target.subject.put_headers)
    _assert_stored(answer, "PUT over a file")
    await look.content(target.storage, "a.bin", CONTENT)


@check("signed.put-holds-its-type", "U10", requires=("signed_put",))
async def put_holds_its_type(target: Target) -> None:
    """A type that was signed is required and stored, or can't be signed."""
    try:
        url = await target.storage.signed_url("a.bin", method="PUT", content_type="text/x-check")
    except UnsupportedOperationError:
        return  # what the service can't hold the caller has to leave out
    other = {**_headers(target), "Content-Type": "text/html"}
    _assert_refused(await ask(url, method="PUT", body=b"evil", headers=other), "another type")
    same(await target.storage.exists("a.bin"), False, "exists after another type")
    right = {**_headers(target), "Content-Type": "text/x-check"}
    _assert_stored(await ask(url, method="PUT", body=CONTENT, headers=right), "the signed type")
    same((await target.storage.stat("a.bin")).content_type, "text/x-check", "the type stored")


@check("signed.shows-no-secret", "U12", requires=("signed_get",))
async def shows_no_secret(target: Target) -> None:
    """Neither a URL nor a signed one contains a credential of the storage."""
    urls = [target.storage.url("a.bin"), await target.storage.signed_url("a.bin")]
    for secret in target.subject.secrets:
        for url in urls:
            assert secret not in unquote(url), "expected no credential in a URL"


def _headers(target: Target) -> dict[str, str]:
    return {**target.subject.put_headers, **target.subject.create_headers}


def _signature(url: str) -> str:
    found = SIGNATURE.search(url)
    assert found, "expected a signature in the URL's query"
    return found[2]


def _with_signature(url: str, signature: str) -> str:
    return SIGNATURE.sub(lambda found: f"{found[1]}={signature}", url)


def _flipped(signature: str) -> str:
    return ("b" if signature[0] == "a" else "a") + signature[1:]


def _assert_answer(answer: Answer, what: str, expected: bytes) -> None:
    same(answer.status, 200, f"the status of {what}, which said {answer.body!r:.200}")
    same_bytes(answer.body, expected, what)


def _assert_stored(answer: Answer, what: str) -> None:
    same(
        answer.status in (200, 201),
        True,
        f"success of {what}: {answer.status} {answer.body!r:.200}",
    )


def _assert_refused(answer: Answer, what: str) -> None:
    same(
        400 <= answer.status < 500, True, f"refusal of {what}: {answer.status} {answer.body!r:.80}"
    )
