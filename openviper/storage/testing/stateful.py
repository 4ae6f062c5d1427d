"""Do things in any order, and compare a storage with a model in memory after each.

The names are few and collide: a file and a folder of one name, two spellings of one letter,
neighbours in the order of listings. Where the steps fail, Hypothesis looks for fewer that do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, cast
from urllib.parse import unquote, urlsplit

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from openviper.storage.attributes import guess_content_type
from openviper.storage.errors import (
    AlreadyExistsError,
    NameConflictError,
    NotFoundError,
    PreconditionFailedError,
    SameFileError,
    StorageError,
)
from openviper.storage.names import sanitise
from openviper.storage.testing import look
from openviper.storage.testing.cancelling import run_cancelling
from openviper.storage.testing.contents import FailingError, chunks_of, failing_after
from openviper.storage.testing.expect import fails, same, same_bytes
from openviper.storage.testing.target import Profile, Subject, Target
from openviper.storage.types import Content, IfExists, WriteOptions

__all__ = ["PagingMachine", "StorageMachine", "machine_of", "run_machine"]

M = TypeVar("M", bound="_Machine")

_EMPTY_PAGES = 10
"""That a service may give with a token, and whose listing still ends."""

Condition: TypeAlias = Literal["none", "if_none_match", "right etag", "stale etag"]

NAMES = (
    "a",
    "A",
    "a.txt",
    "a b",
    "a/b",
    "a/b/c",
    "t",
    "t-",
    "t-/1",
    "t/1",
    "t/1.txt",
    "\u00e9",
    "e\u0301",
)
LARGE = 40
"""The content that is over one part; lower numbers are as many bytes."""

RACES = "race.saves-of-bytes-are-distinct"
"""A server that is excused from this check gets no concurrent saves."""

_name = st.sampled_from(NAMES) | st.integers(0, 3)
_place = st.sampled_from([f"{letter}{rest}" for letter in "abcde" for rest in ("1", "-/1", "/1")])
_number = st.integers(0, LARGE)
_await = st.sampled_from([0, 1, 2, 3, 4, 5, 7, 9, 12, 16, 22, 30])
_mode: st.SearchStrategy[IfExists] = st.sampled_from(["rename", "overwrite", "error"])
_options: st.SearchStrategy[WriteOptions] = st.sampled_from(
    [{}, {"content_type": "text/x-own"}, {"metadata": {"k": "ü %"}}]
)
_condition: st.SearchStrategy[Condition] = st.sampled_from(
    ["none", "if_none_match", "right etag", "stale etag"]
)


@dataclass(frozen=True, slots=True)
class _File:
    """Hold what a stored file is."""

    content: bytes = field(repr=False)
    content_type: str | None
    metadata: dict[str, str]


def _step(
    *needs: str,
    **drawn: st.SearchStrategy[Any],  # Any: each argument has a type of its own
) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[..., None]]:
    """Make a rule of a coroutine method, for storages that declare what it needs."""

    def make(method: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        @wraps(method)
        def run(machine: _Machine, **values: Any) -> None:
            machine.runner.run(method(machine, **values))

        made: Callable[..., None] = rule(**drawn)(run)  # type: ignore[call-overload]  # no targets
        return precondition(lambda machine: machine.can(*needs))(made)

    return make


class _Machine(RuleBasedStateMachine):
    """Run on one subject: each example at a location of its own, in an event loop."""

    subject: ClassVar[Subject]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.target = self.runner.run(Target(self.subject).__aenter__())
        self.storage = self.target.storage

    def can(self, *needs: str) -> bool:
        """Tell whether the storage declares all that a rule needs."""
        return all(look.can(self.storage, need) for need in needs)

    def teardown(self) -> None:
        """Delete what is left, and close all."""
        self.runner.run(self._tear_down())
        self.runner.close()

    async def _tear_down(self) -> None:
        with suppress(StorageError):  # what failed before is what counts
            await self.storage.delete_prefix("", everything=True)
        await self.target.__aexit__(None, None, None)


class StorageMachine(_Machine):
    """Compare a storage with a model: every name, its content and its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, _File] = {}
        self.given: list[str] = []
        self.retired = "0"

    @_step(name=_name, number=_number, mode=_mode, options=_options, streamed=st.booleans())
    async def save(
        self, name: str | int, number: int, mode: IfExists, options: WriteOptions, streamed: bool
    ) -> None:
        """Save in each mode: nothing is replaced but by "overwrite"."""
        options = self._possible(options)
        wanted = sanitise(self._named(name))
        saving = self.storage.save(
            self._named(name), self._content(number, streamed), if_exists=mode, **options
        )
        if refusal := self._refusal(wanted, mode):
            await fails(refusal, saving, doing=f"saving {wanted!r} with if_exists={mode!r}")
        else:
            self._expect_place(found := await saving, wanted, mode)
            self.files[found] = self._file(found, number, options)
            self.given.append(found)
        await self._look_at(wanted, *self.given[-1:])

    @_step(name=_name, numbers=st.lists(_number, min_size=2, max_size=4))
    async def save_together(self, name: str | int, numbers: list[int]) -> None:
        """Save one name more than once at the same time: each gets a name of its own."""
        wanted = sanitise(self._named(name))
        if self._conflicts(wanted) or RACES in self.subject.excuses:
            return
        found = await asyncio.gather(
            *(self.storage.save(wanted, self._content(n, streamed=True)) for n in numbers)
        )
        same(len(set(found) - self.files.keys()), len(numbers), "number of new names given")
        for given, number in zip(found, numbers, strict=True):
            self.files[given] = self._file(given, number, {})
        self.given += found
        await self._look_at(wanted, *found)

    @_step(
        "put",
        name=_name,
        number=_number,
        condition=_condition,
        options=_options,
        streamed=st.booleans(),
    )
    async def put(
        self,
        name: str | int,
        number: int,
        condition: Condition,
        options: WriteOptions,
        streamed: bool,
    ) -> None:
        """Put under each condition: what does not meet it changes nothing."""
        name, options = self._named(name), self._possible(options)
        if condition.endswith("etag") and not self.can("replace_if_match"):
            return
        if condition == "if_none_match" and not self.can("create_only"):
            return
        etag = None
        if condition == "stale etag":
            etag = self.retired
        elif condition == "right etag":
            etag = await self._etag(name) or self.retired
        putting = self.storage.put(
            name,
            self._content(number, streamed),
            if_none_match=condition == "if_none_match",
            if_match=etag,
            **options,
        )
        if refusal := self._put_refusal(name, condition):
            await fails(refusal, putting, doing=f"putting {name!r} on condition: {condition}")
        else:
            self.retired = await self._etag(name) or self.retired
            same((await putting).name, name, "name that put() told")
            self.files[name] = self._file(name, number, options)
        await self._look_at(name)

    @_step(name=_name)
    async def delete(self, name: str | int) -> None:
        """Delete a name, whether it is there or not."""
        name = self._named(name)
        self.retired = await self._etag(name) or self.retired
        await self.storage.delete(name)
        self.files.pop(name, None)
        await self._look_at(name)

    @_step(names=st.lists(_name, max_size=4))
    async def delete_many(self, names: list[str | int]) -> None:
        """Delete names, missing ones and the same ones among them."""
        asked = [self._named(name) for name in names]
        results = await self.storage.delete_many(asked)
        same([(result.name, result.error) for result in results], [(n, None) for n in asked],
             "results of delete_many()")  # fmt: skip
        for name in asked:
            self.files.pop(name, None)
        await self._look_at(*asked)

    @_step("copy", src=_name, dst=_name, mode=_mode, moves=st.booleans())
    async def copy_or_move(
        self, src: str | int, dst: str | int, mode: IfExists, moves: bool
    ) -> None:
        """Copy or move in each mode, also onto itself and from nothing."""
        src, dst = self._named(src), self._named(dst)
        if sanitise(dst) != dst and not self.can("create_only"):
            return  # what is copied through `save` has a safe name
        work = "move" if moves else "copy"
        working: Awaitable[str] = getattr(self.storage, work)(src, dst, if_exists=mode)
        refusal = self._refusal(dst, mode)
        if src == dst:
            refusal = SameFileError
        elif src not in self.files:
            refusal = NotFoundError
        if refusal is not None:
            await fails(refusal, working, doing=f"{work} of {src!r} to {dst!r}, {mode}")
        else:
            self._expect_place(found := await working, dst, mode)
            self.files[found] = self.files[src]
            self.given.append(found)
            if moves:
                del self.files[src]
        await self._look_at(src, dst, *self.given[-1:])

    @_step("read", name=_name, start=st.integers(0, 50), size=st.none() | st.integers(0, 50))
    async def read(self, name: str | int, start: int, size: int | None) -> None:
        """Read a range, which may begin or end behind the end."""
        name = self._named(name)
        end = None if size is None else start + size
        reading = self.storage.read(name, start=start, end=end)
        if name in self.files:
            content = self.files[name].content[start:end]
            same_bytes(await reading, content, f"{name!r}[{start}:{end}]")
        else:
            await fails(NotFoundError, reading, doing=f"reading {name!r}, which is not there")

    @_step(
        "list",
        prefix=st.just("") | _name,
        delimiter=st.sampled_from([None, "/"]),
        limit=st.integers(1, 4) | st.just(1000),
    )
    async def list_pages(
        self, prefix: str | int, delimiter: Literal["/"] | None, limit: int
    ) -> None:
        """List below a path page by page, with and without directories."""
        prefix = "" if prefix == "" else self._named(prefix)
        expected = self._listed(prefix, delimiter)
        most = len(expected) + _EMPTY_PAGES
        pages = await look.pages(self.storage, prefix, delimiter=delimiter, limit=limit, most=most)
        found: list[str] = []
        for entries in map(look.entries, pages):
            assert len(entries) <= limit, f"expected pages of up to {limit}, got {entries}"
            found += entries
        same(found, expected, f"entries below {prefix!r}")

    @_step(name=_name, number=_number, puts=st.booleans())
    async def fail(self, name: str | int, number: int, puts: bool) -> None:
        """Write from a source that fails in the end: nothing changes."""
        wanted = sanitise(self._named(name))
        content = failing_after(self._bytes(number), 10)
        puts = puts and self.can("put")
        writing: Awaitable[object] = (
            self.storage.put(wanted, content) if puts else self.storage.save(wanted, content)
        )
        refusal = Exception if self._conflicts(wanted) else FailingError
        await fails(refusal, writing, doing="writing from a source that fails")
        await self._look_at(wanted)

    @_step(
        "put",
        "read",
        "list",
        name=_name,
        number=_number,
        puts=st.booleans(),
        at=_await,
        times=st.integers(1, 2),
    )
    async def cancel(self, name: str | int, number: int, puts: bool, at: int, times: int) -> None:
        """Cancel a write at one of its awaits: what was there is there, or all that is new."""
        wanted = sanitise(self._named(name))
        if self._conflicts(wanted):
            return
        content = self._content(number, streamed=True)
        storing: Coroutine[Any, Any, object] = (
            self.storage.put(wanted, content) if puts else self.storage.save(wanted, content)
        )
        ended = await run_cancelling(storing, at=at, times=times)
        if not ended.interrupted:
            ended.task.result()
        same(ended.task.cancelled(), ended.interrupted, "whether it ended by CancelledError")
        replaced = [wanted] if puts and wanted in self.files else []
        created = sorted(set(await look.names(self.storage)) - self.files.keys())
        assert len(created + replaced) <= 1, f"expected one file to be written, got {created}"
        for written in created + replaced:
            old, new = self.files.get(written), self._file(written, number, {})
            found = await self._found(written)
            assert found in (old, new), f"expected {old} or {new} at {written!r}, got {found}"
            self.files[written] = new if found == new else self.files[written]
        self.given += created

    @rule()
    def open_again(self) -> None:
        """Close the storage, make another in another event loop, and look at every file."""
        self.runner.run(self.storage.aclose())
        self.runner.close()
        self.runner = asyncio.Runner()
        self.runner.run(self._open_again())

    async def _open_again(self) -> None:
        self.storage = await self.target.another()
        await self._look_at(*self.files)
        if self.can("list"):
            await look.nothing_but(self.target, self.files)

    @rule(name=_name)
    def url(self, name: str | int) -> None:
        """Read the name out of its address."""
        name = self._named(name)
        path = unquote(urlsplit(self.storage.url(name)).path)
        assert path.endswith(f"/{name}"), f"expected the URL of {name!r} to end in it, got {path!r}"

    @precondition(lambda self: self.can("list"))
    @invariant()
    def listing_is_the_model(self) -> None:
        """List all names and sizes that the model has, in order, and no others."""
        found = self.runner.run(self._all())
        expected = [(name, len(self.files[name].content)) for name in self._listed("", None)]
        same(found, expected, "names and sizes listed")

    async def _all(self) -> list[tuple[str, int]]:
        return [(info.name, info.size) async for info in self.storage.files()]

    def _named(self, name: str | int) -> str:
        """Return a name of the alphabet, or one that the storage gave lately, live or dead."""
        if isinstance(name, int):
            name = self.given[-1 - name] if name < len(self.given) else NAMES[name]
        return name if self.can("case_sensitive") else name.casefold()

    def _bytes(self, number: int) -> bytes:
        size = self.subject.part_size + 1 if number == LARGE else number
        return bytes([number]) * size

    def _content(self, number: int, streamed: bool) -> Content:
        content = self._bytes(number)
        return chunks_of(content, max(10, len(content) // 4)) if streamed else content

    def _possible(self, options: WriteOptions) -> WriteOptions:
        return options if self.can("metadata") else {}

    def _file(self, name: str, number: int, options: WriteOptions) -> _File:
        if not self.can("metadata"):
            return _File(self._bytes(number), None, {})
        return _File(
            self._bytes(number),
            options.get("content_type") or guess_content_type(name),
            dict(options.get("metadata") or {}),
        )

    def _conflicts(self, name: str) -> bool:
        """Tell whether a name would be a file and a folder at once, where that can't be."""
        return not self.can("flat_namespace") and any(
            other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in self.files
        )

    def _refusal(self, name: str, mode: IfExists) -> type[StorageError] | None:
        if self._conflicts(name):
            return NameConflictError
        return AlreadyExistsError if mode == "error" and name in self.files else None

    def _put_refusal(self, name: str, condition: Condition) -> type[StorageError] | None:
        if self._conflicts(name):
            return StorageError if condition.endswith("etag") else NameConflictError
        if condition == "if_none_match" and name in self.files:
            return AlreadyExistsError
        fulfilled = condition == "right etag" and name in self.files
        return PreconditionFailedError if condition.endswith("etag") and not fulfilled else None

    def _expect_place(self, found: str, wanted: str, mode: IfExists) -> None:
        if mode != "rename" or wanted not in self.files:
            same(found, wanted, "name that a free or a replaced one gets")
        else:
            assert found not in self.files, f"expected a free name for {wanted!r}, got {found!r}"

    def _listed(self, prefix: str, delimiter: str | None) -> list[str]:
        below = f"{prefix}/" if prefix else ""
        entries: set[str] = set()
        for name in self.files:
            if name == prefix:
                entries.add(name)
            elif name.startswith(below):
                folder, slash, _ = name.removeprefix(below).partition("/")
                entries.add(f"{below}{folder}/" if delimiter and slash else name)
        return sorted(entries, key=str.encode)

    async def _etag(self, name: str) -> str | None:
        return (await self.storage.stat(name)).etag if name in self.files else None

    async def _look_at(self, *names: str) -> None:
        """Fail unless these names are what the model says."""
        for name in dict.fromkeys(names):
            same(await self.storage.exists(name), name in self.files, f"exists({name!r})")
            if name in self.files and self.can("read"):
                expected, found = self.files[name], await self._found(name)
                assert found is not None, f"{name!r} is gone"
                same_bytes(found.content, expected.content, f"content of {name!r}")
                same(found, expected, f"attributes of {name!r}")

    async def _found(self, name: str) -> _File | None:
        try:
            info = await self.storage.stat(name)
        except NotFoundError:
            return None
        content = await self.storage.read(name)
        if not self.can("metadata"):
            return _File(content, None, {})
        return _File(content, info.content_type, dict(info.metadata or {}))


@dataclass(slots=True)
class _Cursor:
    """Hold a listing that goes on page by page while others write."""

    limit: int
    throughout: set[str]
    """What was there at the beginning, and since."""
    ever: set[str]
    """What was there at any time since."""
    token: str | None = None
    seen: list[str] = field(default_factory=list[str])


class PagingMachine(_Machine):
    """Keep listings open while files come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.cursors: list[_Cursor] = []

    @initialize(names=st.sets(_place, min_size=6))
    def fill(self, names: set[str]) -> None:
        """Begin with some files."""
        for name in sorted(names):
            self.runner.run(self._save(name))

    @_step("list", name=_place)
    async def save(self, name: str) -> None:
        """Save a file."""
        await self._save(name)

    async def _save(self, name: str) -> None:
        await self.storage.save(name, b"x", if_exists="overwrite")
        self.names.add(name)
        for cursor in self.cursors:
            cursor.ever.add(name)

    @_step("list", number=st.integers(0, 30))
    async def delete(self, number: int) -> None:
        """Delete a file, where there is one."""
        if not self.names:
            return
        name = sorted(self.names)[number % len(self.names)]
        await self.storage.delete(name)
        self.names.remove(name)
        for cursor in self.cursors:
            cursor.throughout.discard(name)

    @_step("list", limit=st.integers(1, 3))
    async def begin(self, limit: int) -> None:
        """Begin another listing."""
        self.cursors.append(_Cursor(limit, set(self.names), set(self.names)))
        await self._go_on(self.cursors[-1])

    @_step("list", number=st.integers(0, 5))
    async def go_on(self, number: int) -> None:
        """Get the next page of a listing, where one is open."""
        if self.cursors:
            await self._go_on(self.cursors[number % len(self.cursors)])

    async def _go_on(self, cursor: _Cursor) -> None:
        page = await self.storage.list_page(limit=cursor.limit, token=cursor.token)
        cursor.token = page.token
        cursor.seen += [info.name for info in page.files]
        same(cursor.seen, sorted(set(cursor.seen), key=str.encode), "names, each once, in order")
        never = set(cursor.seen) - cursor.ever
        assert not never, f"expected no name that was not there since the first page, got {never}"
        if page.token is None:
            self.cursors.remove(cursor)
            missed = cursor.throughout - set(cursor.seen)
            assert not missed, f"expected every name that was there throughout, missed {missed}"


def _settings(profile: Profile) -> settings:
    """Return how many examples of how many steps to try; the same ones each time, but "long"."""
    most, steps = {"local": (100, 30), "remote": (15, 15), "long": (500, 50)}[profile]
    return settings(
        max_examples=most,
        stateful_step_count=steps,
        deadline=None,
        derandomize=profile != "long",
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
        # To find fewer steps that fail takes hundreds of runs: too many over a network.
        phases=[Phase.generate] if profile == "remote" else [Phase.generate, Phase.shrink],
    )


def machine_of(subject: Subject, machine: type[M]) -> type[M]:
    """Return a machine for one backend.

    `TestSwift = machine_of(subject, StorageMachine).TestCase` in a module is a test for pytest
    and unittest.
    """
    made = cast("type[M]", type(machine.__name__, (machine,), {"subject": subject}))
    made.TestCase.settings = _settings(subject.profile)
    return made


def run_machine(machine: type[_Machine]) -> None:
    """Try examples until one fails, and raise its error with the steps that led there."""
    try:
        run_state_machine_as_test(machine)
    except Exception as error:
        steps = "\n".join(getattr(error, "__notes__", ()))
        raise AssertionError(f"{type(error).__name__}: {error}\n{steps}") from error
