"""What a file column takes, under which name, and what it gives."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from openviper.conf import settings
from openviper.db import FieldFile, FileType, ImageFile, fields
from openviper.db.models import Model
from openviper.exceptions import ValidationError
from openviper.storage import (
    FileSystemStorage,
    InvalidNameError,
    MemoryStorage,
    OutcomeUnknownError,
    Storage,
    StorageError,
    TooLargeError,
    default_storage,
)
from tests.db.places import plain
from tests.db.uploads import Child, Document, Note, Part, Photo, Upload, names, png


async def by_owner(row: Owned, filename: str) -> str:
    await asyncio.sleep(0)
    return f"owners/{row.owner}/{filename}"


class Owned(Model):
    class Meta:
        table_name = "owned"

    owner = fields.CharField(max_length=50, default="nobody")
    plain = fields.FileField(upload_to=lambda row, name: f"by/{row.owner}/{name}", null=True)
    waited = fields.FileField(upload_to=by_owner, null=True)
    other = fields.FileField(storage="other", null=True)
    pdf = fields.FileField(content_types=("application/pdf", "text/*"), null=True)
    small = fields.FileField(max_file_size=3, null=True)


class BytesStorage(Storage):
    """Be the custom backend of the File Storage page."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    async def save(self, name: str, content: bytes) -> str:  # type: ignore[override]
        assert type(content) is bytes
        self.contents[f"mine/{name}"] = content
        return f"mine/{name}"

    async def delete(self, name: str) -> None:
        self.contents.pop(name, None)

    async def exists(self, name: str) -> bool:
        return name in self.contents

    def url(self, name: str) -> str:
        return f"https://example.com/{name}"

    async def size(self, name: str) -> int:
        return len(self.contents[name])


async def stored(filename: str | None, data: bytes = b"data") -> FieldFile:
    note = Note(text="", file=Upload(filename, data))
    await note.save()
    file = note.file
    assert file is not None
    return file


# Names


async def test_a_name_has_its_folder_a_fresh_token_and_its_extension() -> None:
    first, second = await stored("report.pdf"), await stored("report.pdf")
    year = datetime.now(UTC).year
    assert re.fullmatch(rf"notes/{year}/report-[0-9a-f]{{16}}\.pdf", first)
    assert first != second
    assert first.filename == "report.pdf"


@pytest.mark.parametrize(
    ("filename", "stem"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win"),
        ("C:\\secret.txt", "secret"),
        ("a\r\nSet-Cookie: x.txt", "a__Set-Cookie_ x"),
        ("\u202egnp.exe", "_gnp"),
        (".htaccess", "_htaccess"),
        ("pass wd é.txt", "pass wd é"),
    ],
)
async def test_a_hostile_filename_stays_in_its_folder(filename: str, stem: str) -> None:
    name = await stored(filename)
    folder, _, leaf = name.rpartition("/")
    assert folder == f"notes/{datetime.now(UTC).year}"
    assert leaf.startswith(f"{stem}-")


@pytest.mark.parametrize("letter", ["x", "é", "語"])
async def test_a_long_filename_keeps_token_and_extension(letter: str) -> None:
    leaf = (await stored(letter * 300 + ".txt")).rpartition("/")[2]
    assert len(leaf.encode()) <= 255
    assert re.search(r"-[0-9a-f]{16}\.txt$", leaf)


@pytest.mark.parametrize("filename", ["a\0.txt", "..", ".", "", None, "a/", "C:"])
async def test_a_filename_that_is_none_is_refused(storage: Storage, filename: str | None) -> None:
    with pytest.raises(ValueError, match="name"):
        await stored(filename)
    assert await names(storage) == []
    assert await Note.objects.count() == 0


async def test_upload_to_may_be_a_function_of_the_row() -> None:
    row = Owned(owner="ann", plain=Upload("a.txt"), waited=Upload("b.txt"))
    await row.save()
    assert str(row.plain).startswith("by/ann/a-")
    assert str(row.waited).startswith("owners/ann/b-")


# Values


async def test_a_file_is_a_str_for_everybody(storage: Storage) -> None:
    file = await stored("a.txt")
    assert f"{file}" == file.name == json.loads(json.dumps(file))
    assert type(file.name) is str
    assert file.url == default_storage.url(file) == storage.url(file.name)


@pytest.mark.parametrize(
    ("path", "kind"), [("a.html.gz", "application/gzip"), ("a.webp", "image/webp")]
)
def test_the_type_that_counts_is_the_one_that_is_served(path: str, kind: str) -> None:
    assert FileType(content_types=(kind,)).checked(path, b"") == (path, "")
    with pytest.raises(ValidationError, match=f"^files of type {kind} are not taken"):
        FileType(content_types=("text/html",)).checked(path, b"")


async def test_a_file_reads_itself() -> None:
    file = await stored("a.txt", b"content")
    async with file.open() as reader:
        assert await reader.read(3) == b"con"
    assert (await file.size(), await file.exists(), await file.read()) == (7, True, b"content")
    with pytest.raises(TooLargeError):
        await file.read(max_size=3)
    await file.delete()
    assert not await file.exists()


async def test_a_file_survives_pickling_and_copying() -> None:
    file = await stored("a.txt", b"content")
    for other in (pickle.loads(pickle.dumps(file)), copy.deepcopy(file), copy.copy(file)):
        assert type(other) is FieldFile
        assert await other.read() == b"content"


async def test_a_plain_name_is_that_of_a_file_that_exists(storage: Storage) -> None:
    name = await default_storage.save("mine.txt", b"mine")
    note = Note(text="", file=name)
    await note.save()
    assert isinstance(note.file, FieldFile)
    assert await note.file.read() == b"mine"
    await note.delete()
    assert await names(storage) == []


async def test_a_plain_name_that_leads_out_is_refused() -> None:
    with pytest.raises(InvalidNameError):
        await Note(text="", file="../secret").save()


async def test_the_file_of_another_row_is_copied(storage: Storage) -> None:
    first = Note(text="1", file=Upload("a.txt", b"shared"))
    await first.save()
    second = Note(text="2", file=first.file)
    await second.save()
    await first.delete()
    assert await names(storage) == [second.file]
    assert second.file is not None
    assert (await second.file.read(), second.file.filename) == (b"shared", "a.txt")


@pytest.mark.parametrize("value", [b"bytes", 3, object(), Path("a")])
async def test_what_is_no_upload_is_refused_by_name(value: object) -> None:
    with pytest.raises(TypeError, match="file can't be"):
        await Note(text="", file=value).save()


async def test_an_upload_is_stored_whole_also_if_it_was_read_before() -> None:
    upload = Upload("a.txt", b"whole")
    await upload.read()
    note = Note(text="", file=upload)
    await note.save()
    assert note.file is not None
    assert await note.file.read() == b"whole"


async def test_a_part_is_streamed() -> None:
    note = Note(text="", file=Part("a.txt", b"one", b"two"))
    await note.save()
    assert note.file is not None
    assert await note.file.read() == b"onetwo"


async def test_starlettes_own_upload_is_taken() -> None:
    datastructures = pytest.importorskip("starlette.datastructures")
    from io import BytesIO

    uploaded = datastructures.UploadFile(BytesIO(b"starlette"), filename="a.txt", size=9)
    form = {"title": "t"}
    doc = Document(title=form["title"], file=uploaded)
    await doc.save()
    assert default_storage.url(doc.file).startswith("/media/documents/a-")
    assert await doc.file.read() == b"starlette"


async def test_a_core_statement_refuses_an_upload(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        with pytest.raises(StatementError, match="can't store a Upload"):
            await session.execute(sa.insert(Note).values(text="", file=Upload("a.txt")))


async def test_a_row_can_be_found_by_its_file() -> None:
    file = await stored("a.txt")
    assert (await Note.objects.get(file=file)).file == file
    assert (await Note.objects.get(Note.file.like("notes/%"))).file == file


# Refusals


async def test_a_missing_file_is_refused_before_the_database(storage: Storage) -> None:
    with pytest.raises(ValidationError, match=r"^file: there is no file"):
        await Document(title="a").save()
    with pytest.raises(ValidationError, match=r"^file: there is no file"):
        await Document(title="a", file=None).save()
    assert await Document.objects.count() == 0
    assert await names(storage) == []


async def test_a_required_file_can_not_be_taken_away() -> None:
    document = Document(title="a", file=Upload("a.txt"))
    await document.save()
    document.file = None  # type: ignore[assignment]
    with pytest.raises(ValidationError):
        await document.save()
    assert await (await Document.objects.get()).file.exists()


async def test_a_title_that_is_too_long_stores_nothing(storage: Storage) -> None:
    with pytest.raises(ValidationError, match="title has over 255 characters"):
        await Document(title="x" * 300, file=Upload("a.txt")).save()
    assert await names(storage) == []


async def test_a_file_over_its_limit_stores_nothing(storage: Storage) -> None:
    with pytest.raises(TooLargeError, match="over 3 bytes"):
        await Owned(small=Upload("a.txt", b"four")).save()
    with pytest.raises(TooLargeError, match="over 3 bytes"):
        await Owned(small=Part("a.txt", b"12", b"34")).save()
    assert await names(storage) == []
    await Owned(small=Upload("a.txt", b"123")).save()


async def test_what_counts_is_the_type_that_would_be_served(storage: Storage) -> None:
    await Owned(pdf=Upload("a.pdf")).save()
    await Owned(pdf=Upload("a.txt")).save()
    upload = Upload("a.html")
    upload.content_type = "application/pdf"  # type: ignore[attr-defined]
    await Owned(pdf=upload).save()  # text/html is text/*
    for filename in ("a.exe", "a", "a.pdf.svg"):
        with pytest.raises(ValidationError, match=r"^pdf: files of type"):
            await Owned(pdf=Upload(filename)).save()
    assert len(await names(storage)) == 3


async def test_an_upload_whose_outcome_is_unknown_is_removed(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = type(storage).save

    async def lose(self: Storage, name: str, content: Any, **options: Any) -> str:
        await save(self, name, content, **options)
        raise OutcomeUnknownError("lost", name=name)

    monkeypatch.setattr(type(storage), "save", lose)
    with pytest.raises(OutcomeUnknownError):
        await stored("a.txt")
    assert await names(storage) == []


# Images


async def image(filename: str, data: bytes) -> ImageFile:
    photo = Photo(image=Upload(filename, data))
    await photo.save()
    found = await Photo.objects.get(pk=photo.pk)
    assert found.image is not None
    return found.image


async def test_width_and_height_are_known_without_the_file(storage: Storage) -> None:
    found = await image("cat.png", png(40, 30))
    await storage.delete(found)
    assert (found.width, found.height) == (40, 30)
    assert found.filename == "cat.png"


async def test_an_image_is_stored_as_it_is() -> None:
    data = png(40, 30) + bytes(600_000)
    assert await (await image("cat.png", data)).read() == data


@pytest.mark.parametrize("filename", ["cat.html", "cat.svg", "cat", "cat.gif", "cat.png.html"])
async def test_an_image_is_served_as_what_it_is(filename: str) -> None:
    assert (await image(filename, png(4, 3))).endswith(".png")


JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080003000401011100ffd9")
GIF = b"GIF89a" + (4).to_bytes(2, "little") + (3).to_bytes(2, "little") + b"\0\0\0;"
BMP = b"BM" + bytes(12) + (40).to_bytes(4, "little") + b"\4\0\0\0\3\0\0\0" + bytes(28)
WEBP = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\3\0\0\2\0\0"


SHOWN = {"a.jpeg": JPEG, "a.JPG": JPEG, "a.gif": GIF, "a.bmp": BMP, "a.webp": WEBP}


@pytest.mark.parametrize(("filename", "data"), SHOWN.items(), ids=SHOWN)
async def test_the_formats_that_browsers_show_are_taken(filename: str, data: bytes) -> None:
    found = await image(filename, data)
    assert (found.width, found.height) == (4, 3)
    assert found.filename == filename


HOSTILE: dict[str, bytes] = {
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='4' height='3'/>",
    "html": b"<html><script>alert(1)</script>",
    "empty": b"",
    "a PNG cut short": png(4, 3)[:14],
    "a JPEG cut short": JPEG[:8],
    "noise": bytes(range(256)),
    "an image of no pixels": png(0, 3),
    "a bomb": png(50_000, 50),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
async def test_what_is_no_image_is_refused(storage: Storage, data: bytes) -> None:
    with pytest.raises(ValidationError, match=r"^image: "):
        await Photo(image=Upload("cat.png", data)).save()
    assert await names(storage) == []
    assert await Photo.objects.count() == 0


async def test_a_name_from_elsewhere_has_no_size() -> None:
    found = ImageFile("cat.png")
    assert (found.width, found.height) == (None, None)


# Storages


async def test_a_field_may_have_a_storage_of_its_own(storage: Storage, tmp_path: Path) -> None:
    location = {"BACKEND": "filesystem", "OPTIONS": {"location": str(tmp_path / "other")}}
    with settings.override(STORAGES={"other": location}):
        row = Owned(other=Upload("a.txt", b"there"))
        await row.save()
        assert row.other is not None
        assert await pickle.loads(pickle.dumps(row.other)).read() == b"there"
        assert await names(storage) == []
        assert await FileSystemStorage(tmp_path / "other").exists(row.other)
        await row.delete()
        assert not await FileSystemStorage(tmp_path / "other").exists(row.other)


async def test_a_backend_that_takes_bytes_gets_bytes() -> None:
    backend = BytesStorage()
    with default_storage.override(backend):
        document = Document(title="a", file=Upload("a.txt", b"bytes"))
        await document.save()
        assert backend.contents == {document.file: b"bytes"}
        assert document.file.startswith("mine/documents/a-")
        document.file = Upload("b.txt", b"new")
        await document.save()
        assert list(backend.contents.values()) == [b"new"]
        await document.delete()
        assert backend.contents == {}


# Other ways to a session


class TestPlainSession:
    """Be a user of SQLAlchemy without asyncio."""

    engines: ClassVar[list[sa.Engine]] = []

    def test_files_are_stored_without_a_loop(self, database: str) -> None:
        engine = sa.create_engine(plain(sa.make_url(database)))
        storage = MemoryStorage()
        with default_storage.override(storage):
            with Session(engine, expire_on_commit=False) as session:
                child = Child(id=1, file=Upload("a.txt", b"plain"))
                session.add(child)
                session.commit()
                assert child.file is not None
                assert asyncio.run(child.file.read()) == b"plain"
                session.add(Child(id=2, file=Upload("b.txt")))
                session.flush()
            assert asyncio.run(names(storage)) == [child.file]
        engine.dispose()


async def test_a_plain_session_inside_a_loop_is_refused(database: str, storage: Storage) -> None:
    engine = sa.create_engine(plain(sa.make_url(database)))
    with Session(engine) as session:
        session.add(Child(id=1, file=Upload("a.txt")))
        with pytest.raises(RuntimeError, match="use AsyncSession"):
            session.commit()
    engine.dispose()
    assert await names(storage) == []


def test_models_work_in_one_loop_after_another_and_in_threads(database: str) -> None:
    storage = MemoryStorage()
    failures: list[BaseException] = []

    async def save(title: str) -> None:
        await Document(title=title, file=Upload("a.txt")).save()
        assert await Document.objects.filter(title=title).exists()

    def thread(title: str) -> None:
        try:
            asyncio.run(save(title))
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    default_storage.configure(storage)
    with settings.override(DATABASE_URL=database):
        asyncio.run(save("first"))
        threads = [threading.Thread(target=thread, args=(f"{n}",)) for n in range(4)]
        for started in threads:
            started.start()
        for started in threads:
            started.join()
    assert failures == []
    assert len(asyncio.run(names(storage))) == 5


def test_a_column_type_is_part_of_a_cached_statement_with_its_storage() -> None:
    one, two = MemoryStorage(), MemoryStorage()
    keys = {FileType(storage=storage)._static_cache_key for storage in (one, two)}
    assert len(keys) == 2


def test_every_error_of_a_storage_is_still_one() -> None:
    assert issubclass(TooLargeError, StorageError)


def box(kind: bytes, *content: bytes) -> bytes:
    """Return a box of ISO base media, of which AVIF is made."""
    data = kind + b"".join(content)
    return (len(data) + 4).to_bytes(4, "big") + data


ISPE = box(b"ispe", bytes(4), (4).to_bytes(4, "big"), (3).to_bytes(4, "big"))
AVIF = box(b"ftyp", b"avif", bytes(4), b"avifmif1") + box(
    b"meta",
    bytes(4),
    box(b"pitm", bytes(4), b"\0\1"),
    box(
        b"iprp",
        box(b"ipco", ISPE),
        box(b"ipma", bytes(4), (1).to_bytes(4, "big"), b"\0\1", b"\1", b"\1"),
    ),
)


async def test_avif_is_taken() -> None:
    found = await image("a.avif", AVIF)
    assert (found.width, found.height) == (4, 3)


async def test_a_profile_of_200_kilobytes_may_come_before_the_size() -> None:
    profile = b"".join(b"\xff\xe2\xfd\xe8" + bytes(64_998) for _ in range(4))
    found = await image("a.jpg", JPEG[:20] + profile + JPEG[20:])
    assert (found.width, found.height) == (4, 3)


def test_a_missing_imagesize_is_named() -> None:
    code = (
        "import sys; sys.modules['imagesize'] = None; from openviper.db.images import measure; "
        "measure(b'GIF89a', max_pixels=1)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "pip install 'openviper-storage[images]'" in done.stderr
