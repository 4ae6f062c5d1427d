"""What a view reads of a request, and what bad requests get."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from httpx2 import Response

from openviper import HTTPException, JSONResponse, Limits, OpenViper, Request
from openviper.http import ClientHungUpError, UploadFile
from openviper.storage import InvalidNameError, MemoryStorage, Storage, default_storage
from openviper.storage.content import Source

MULTIPART = {"content-type": "multipart/form-data; boundary=B"}
Answering = Callable[[Request], Coroutine[Any, Any, Any]]  # Any: what views may answer


def ask(view: Answering, *, limits: Limits | None = None, **request: Any) -> Response:
    app = OpenViper(limits=limits)
    app.post("/")(view)
    with app.test_client() as client:
        answer: Response = client.post("/", **request)
        return answer


def body_of(*parts: tuple[bytes, bytes]) -> bytes:
    head = b"--B\r\nContent-Disposition: form-data; "
    return b"".join(head + about + b"\r\n\r\n" + text + b"\r\n" for about, text in parts) + b"--B--"


async def save(request: Request) -> JSONResponse:
    files = await request.files()
    saved = [
        await default_storage.save(f"u/{file.filename}", file) for _, file in files.multi_items()
    ]
    return JSONResponse(saved)


async def save_streamed(request: Request) -> JSONResponse:
    saved = [
        await part.save(default_storage, f"u/{part.filename}")
        async for part in request.stream_files()
    ]
    return JSONResponse(saved)


async def read_form(request: Request) -> JSONResponse:
    return JSONResponse(dict(await request.form()))


both_ways = pytest.mark.parametrize("view", [save, save_streamed])


def stored(storage: Storage) -> list[str]:
    async def listed() -> list[str]:
        return [info.name async for info in storage.files()]

    return asyncio.run(listed())


@both_ways
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\fakepath\\photo.jpg", "photo.jpg"),
        (".env", "_env"),
        ("..", "upload"),
        ("a/", "upload"),
        ("gnp\u202egpj.exe", "gnp_gpj.exe"),
        ("pass wd é.txt", "pass wd é.txt"),
        ("a\tb.txt", "a_b.txt"),
        ("e" * 300 + ".txt", "e" * 251 + ".txt"),
    ],
)
def test_hostile_filename_is_stored_safely_inside_its_folder(
    view: Answering, sent: str, kept: str, storage: MemoryStorage
) -> None:
    about = b'name="file"; filename="' + sent.replace("\\", "\\\\").encode() + b'"'
    answer = ask(view, content=body_of((about, b"x")), headers=MULTIPART)
    assert answer.json() == [f"u/{kept}"]
    assert stored(storage) == [f"u/{kept}"]


@both_ways
def test_line_break_in_a_filename_is_no_header(view: Answering, storage: MemoryStorage) -> None:
    answer = ask(view, files={"file": ("a\r\nSet-Cookie: x.txt", b"x")})
    assert answer.json() == ["u/a_0D_0ASet-Cookie_ x.txt"]


@both_ways
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (body_of((b'name="file"; filename="a\0.png"', b"x")), "a filename contains a NUL"),
        (body_of((b'filename="a.png"', b"x")), "a part of the multipart body has no name"),
        (body_of((b'name="file"; filename=""', b"x")), "the file 'file' has no filename"),
        (body_of((b'name="t"', b"\xff")), "the field 't' is not UTF-8"),
        (body_of((b'name="file"; filename="a"', b"x"))[:-4], "truncated"),
        (b"", "truncated"),
        (b"no multipart", "malformed"),
        (b"--B\r\n" + b"X" * 100_000 + b": 1\r\n\r\n", "malformed"),
    ],
)
def test_bad_body_is_400_that_says_why_and_leaves_nothing(
    view: Answering, body: bytes, why: str, storage: MemoryStorage
) -> None:
    answer = ask(view, content=body, headers=MULTIPART)
    assert answer.status_code == 400
    assert why in answer.json()["error"]
    good = body_of((b'name="file"; filename="good"', b"y"))[: -len("--B--")]
    assert ask(view, content=good + body, headers=MULTIPART).status_code == 400
    assert stored(storage) == []


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ("", "the multipart body has no boundary"),
        ("; boundary=" + "B" * 1000, "the multipart boundary is too long"),
    ],
)
def test_bad_boundary_is_400(about: str, why: str) -> None:
    answer = ask(save, content=b"x", headers={"content-type": f"multipart/form-data{about}"})
    assert (answer.status_code, answer.json()) == (400, {"error": why})


def test_empty_file_input_and_no_file_are_no_file() -> None:
    async def view(request: Request) -> JSONResponse:
        return JSONResponse((await request.files()).get("file") is None)

    empty = body_of((b'name="file"; filename=""', b""))
    assert ask(view, content=empty, headers=MULTIPART).json() is True
    assert ask(view, data={"title": "x"}).json() is True
    assert ask(view, json={}).json() is True
    assert ask(view).json() is True


def test_asking_for_a_missing_file_or_field_is_400_that_says_which() -> None:
    async def view(request: Request) -> JSONResponse:
        name = (await request.form())["title"]
        return JSONResponse([name, (await request.files())["file"].size])

    assert ask(view, data={"x": "1"}).json() == {"error": "the form has no field 'title'"}
    answer = ask(view, data={"title": "1"})
    assert (answer.status_code, answer.json()) == (400, {"error": "the form has no file 'file'"})
    files = {"title": ("a", b""), "file": ("a", b"")}
    assert ask(view, files=files).json() == {"error": "the form has no field 'title'"}


def test_form_is_read_from_both_encodings() -> None:
    fields = {"title": "ä & b=c", "empty": ""}
    assert ask(read_form, data=fields).json() == fields
    assert ask(read_form, data=fields, files={"file": ("a", b"x")}).json() == fields


def test_files_of_one_name_come_in_order() -> None:
    async def view(request: Request) -> JSONResponse:
        files = await request.files()
        return JSONResponse([await file.read() == b"x" for file in files.getlist("file")])

    assert ask(view, files=[("file", ("a", b"x")), ("file", ("b", b"y"))]).json() == [True, False]


def test_streamed_files_have_the_fields_before_them() -> None:
    async def view(request: Request) -> list[object]:
        return [
            [part.field, part.original_filename, part.content_type, request.fields["title"]]
            async for part in request.stream_files()
        ]

    answer = ask(view, data={"title": "t"}, files={"file": ("../a.txt", b"x", "text/plain")})
    assert answer.json() == [["file", "../a.txt", "text/plain", "t"]]


def test_what_a_view_leaves_of_a_part_is_passed_over() -> None:
    async def view(request: Request) -> list[str]:
        read: list[str] = []
        async for part in request.stream_files():
            async for chunk in part:
                read.append(chunk.decode()[:1])
                break
        return read

    files = [("file", (name, name.encode() * 3 * (1 << 20))) for name in "abc"]
    assert ask(view, files=files).json() == ["a", "b", "c"]


def test_part_is_read_once() -> None:
    async def view(request: Request) -> None:
        async for part in request.stream_files():
            assert b"".join([chunk async for chunk in part]) == b"x"
            with pytest.raises(RuntimeError, match="once"):
                await default_storage.save("again", part)

    assert ask(view, files={"file": ("a", b"x")}).status_code == 204


def test_streaming_what_is_not_multipart_is_415() -> None:
    assert ask(save_streamed, json={}).status_code == 415


@pytest.mark.parametrize("view", [save, save_streamed, read_form])
@pytest.mark.parametrize(
    ("limits", "over"),
    [
        (Limits(max_files=1), "the form is over the limit of 1 files"),
        (Limits(max_fields=1), "the form is over the limit of 1 fields"),
        (Limits(max_field_size=2), "the field 'b' is over the limit of 2 bytes"),
        (Limits(max_file_size=2), "the file 'g' is over the limit of 2 bytes"),
        (Limits(max_body_size=99), "the body is over the limit of 99 bytes"),
    ],
)
def test_over_a_limit_is_413_and_leaves_nothing(
    view: Answering, limits: Limits, over: str, storage: MemoryStorage
) -> None:
    fields = {"a": "12", "b": "123"}
    files = {"f": ("f", b"12"), "g": ("g", b"123")}
    answer = ask(view, limits=limits, data=fields, files=files)
    assert (answer.status_code, answer.json()) == (413, {"error": over})
    assert stored(storage) == []


def test_view_that_goes_on_after_a_refusal_is_refused_again(storage: MemoryStorage) -> None:
    async def view(request: Request) -> list[str]:
        saved: list[str] = []
        async for part in request.stream_files():
            with suppress(HTTPException):
                saved.append(await part.save(default_storage, part.filename))
        return saved

    files = {"small": ("a", b"12"), "large": ("b", b"123"), "last": ("c", b"12")}
    assert ask(view, limits=Limits(max_file_size=2), files=files).status_code == 413
    assert stored(storage) == []


def test_urlencoded_forms_have_the_same_limits() -> None:
    fields = {"a": "12", "b": "123"}
    assert ask(read_form, limits=Limits(max_fields=2, max_field_size=3), data=fields).is_success
    assert ask(read_form, limits=Limits(max_fields=1), data=fields).status_code == 413
    assert ask(read_form, limits=Limits(max_field_size=2), data=fields).status_code == 413
    assert ask(read_form, limits=Limits(max_body_size=5), data=fields).status_code == 413


def test_limit_of_a_route_replaces_that_of_the_app() -> None:
    app = OpenViper(limits=Limits(max_body_size=1))
    app.post("/small")(read_form)
    app.post("/large", limits=Limits(max_body_size=None))(read_form)
    client = app.test_client()
    assert client.post("/small", data={"a": "1"}).status_code == 413
    assert client.post("/large", data={"a": "1"}).json() == {"a": "1"}


def test_form_that_is_not_utf8_is_400() -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for body in (b"a=%ff", b"a=\xff"):
        assert ask(read_form, content=body, headers=kind).status_code == 400


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b""])
def test_body_that_is_not_json_is_400(body: bytes) -> None:
    async def view(request: Request) -> JSONResponse:
        return JSONResponse(await request.json())

    answer = ask(view, content=body)
    assert (answer.status_code, answer.json()) == (400, {"error": "the body is not JSON"})


def test_uploads_are_closed_when_the_view_has_answered() -> None:
    seen: list[UploadFile] = []

    async def view(request: Request) -> None:
        seen.append((await request.files())["file"])
        assert await seen[0].read(1) == b"x"
        assert await seen[0].seek(0) == 0
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        ask(view, files={"file": ("a", b"x" * (3 << 20))})
    assert seen[0].file.closed


@pytest.mark.parametrize("size", [5, 3 << 20])
async def test_upload_is_read_from_any_position(size: int, storage: MemoryStorage) -> None:
    upload = UploadFile(BytesIO(bytes(size)), filename="../a.txt", size=size)
    assert await upload.read(2) == bytes(2)
    assert upload.tell() == 2
    assert len(await upload.read()) == size - 2
    assert await upload.seek(-3, 2) == size - 3
    assert repr(upload) == f"<UploadFile '../a.txt', {size} bytes>"
    await storage.save("a", upload)
    assert await storage.size("a") == 3
    await upload.close()


def test_filename_with_a_nul_is_an_invalid_name() -> None:
    with pytest.raises(InvalidNameError, match="NUL"):
        UploadFile(BytesIO(), filename="a\0b", size=0)


async def test_service_reads_an_upload_again_instead_of_spooling_it() -> None:
    source = Source(UploadFile(BytesIO(b"abc"), filename="a", size=3), rewindable=True)
    assert bytes(await source.part(9)) == b"abc"
    assert await source.rewind()
    assert bytes(await source.part(9)) == b"abc"
    await source.aclose()


async def test_hang_up_is_known_by_starlettes_name_too() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "headers": []}, receive)
    with pytest.raises(ClientHungUpError):
        await request.body()


def test_user_is_none_without_middleware() -> None:
    assert Request({"type": "http", "headers": []}).user is None
