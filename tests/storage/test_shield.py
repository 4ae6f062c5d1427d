"""What is run to its end, whatever cancels its caller."""

from __future__ import annotations

import asyncio

import pytest

from openviper.storage.shield import Overlap, side_by_side, to_the_end


class Work:
    """Be work that waits for its release, and an undo that does so too."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.done: list[str] = []

    async def run(self) -> str:
        await self.release.wait()
        self.done.append("run")
        return "result"

    async def fail(self) -> str:
        await self.release.wait()
        raise ZeroDivisionError

    async def undo(self, result: str) -> None:
        await asyncio.sleep(0)
        self.done.append(f"undo {result}")


async def until_it_waits(task: asyncio.Task[str]) -> None:
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()


async def test_result_is_returned() -> None:
    work = Work()
    work.release.set()
    assert await to_the_end(work.run(), undo=work.undo) == "result"
    assert work.done == ["run"]


async def test_error_is_raised() -> None:
    work = Work()
    work.release.set()
    with pytest.raises(ZeroDivisionError):
        await to_the_end(work.fail(), undo=work.undo)


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_cancelled_caller_waits_for_work_and_undo(times: int) -> None:
    work = Work()
    task = asyncio.create_task(to_the_end(work.run(), undo=work.undo))
    for number in range(times):
        await until_it_waits(task)
        task.cancel(f"cancelled {number}")
    await until_it_waits(task)
    work.release.set()
    with pytest.raises(asyncio.CancelledError, match="cancelled 0"):
        await task
    assert work.done == ["run", "undo result"]


async def test_undo_runs_to_its_end_where_it_is_cancelled() -> None:
    work = Work()
    task: asyncio.Task[str]

    async def undo(result: str) -> None:
        task.cancel()
        await asyncio.sleep(0)
        await work.undo(result)

    task = asyncio.create_task(to_the_end(work.run(), undo=undo))
    await until_it_waits(task)
    task.cancel()
    work.release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.done == ["run", "undo result"]


async def test_cancelled_before_it_began_it_still_runs() -> None:
    work = Work()
    work.release.set()

    async def caller() -> None:
        asyncio.current_task().cancel()  # type: ignore[union-attr]  # there is one
        await to_the_end(work.run())

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(caller())
    assert work.done == ["run"]


@pytest.mark.parametrize("failing", ["work", "undo"])
async def test_error_behind_a_cancellation_is_not_reported_as_never_retrieved(
    failing: str,
) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, what: reported.append(what))
    work = Work()

    async def undo(result: str) -> None:
        raise ZeroDivisionError

    task = asyncio.create_task(
        to_the_end(work.fail() if failing == "work" else work.run(), undo=undo)
    )
    await until_it_waits(task)
    task.cancel()
    work.release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reported == []


async def test_work_that_is_cancelled_itself_says_so() -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    future.cancel()
    with pytest.raises(asyncio.CancelledError):
        await to_the_end(future)


async def test_timeout_round_it_is_a_timeout() -> None:
    work = Work()
    asyncio.get_running_loop().call_soon(work.release.set)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(-1):
            await to_the_end(work.run())
    assert work.done == ["run"]


async def test_patience_ends_work_that_goes_on() -> None:
    work = Work()
    task = asyncio.create_task(to_the_end(work.run(), undo=work.undo, patience=0.01))
    await until_it_waits(task)
    task.cancel("why")
    with pytest.raises(asyncio.CancelledError, match="why"):
        await task
    assert work.done == []


async def test_patience_counts_from_the_cancellation_only() -> None:
    work = Work()
    task = asyncio.create_task(to_the_end(work.run(), patience=0))
    await asyncio.sleep(0.01)
    assert not task.done()
    work.release.set()
    assert await task == "result"


async def test_overlapped_work_runs_beside_its_giver_and_one_at_a_time() -> None:
    first, second = Work(), Work()

    async def give() -> str:
        async with Overlap() as overlap:
            await overlap.start(first.run)
            first.done.append("went on")
            await overlap.start(second.run)
            return "result"

    task = asyncio.create_task(give())
    second.release.set()
    await until_it_waits(task)
    assert (first.done, second.done) == (["went on"], [])
    first.release.set()
    assert await task == "result"
    assert (first.done, second.done) == (["went on", "run"], ["run"])


@pytest.mark.parametrize("at_its_end", [True, False])
async def test_error_of_overlapped_work_stops_its_giver(at_its_end: bool) -> None:
    work, never = Work(), Work()
    work.release.set()

    async def give() -> None:
        async with Overlap() as overlap:
            await overlap.start(work.fail)
            if not at_its_end:
                await overlap.start(never.run)
                never.done.append("went on")

    with pytest.raises(ZeroDivisionError):
        await give()
    assert never.done == []


@pytest.mark.parametrize("failing", [True, False])
async def test_giver_that_fails_or_is_cancelled_ends_after_the_work_and_says_why(
    failing: bool,
) -> None:
    work = Work()

    async def give(error: BaseException) -> str:
        async with Overlap() as overlap:
            await overlap.start(work.fail if failing else work.run)
            raise error

    for error in (KeyError(), asyncio.CancelledError("why")):
        work.release.clear()
        task = asyncio.create_task(give(error))
        await until_it_waits(task)
        work.release.set()
        with pytest.raises(type(error)):
            await task
    assert work.done == ([] if failing else ["run", "run"])


async def test_cancelled_while_it_waits_for_a_start_it_starts_nothing() -> None:
    first, second = Work(), Work()

    async def give() -> str:
        async with Overlap() as overlap:
            await overlap.start(first.run)
            await overlap.start(second.run)
            return "result"

    task = asyncio.create_task(give())
    await until_it_waits(task)
    task.cancel()
    first.release.set()
    second.release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (first.done, second.done) == (["run"], [])


async def test_calls_side_by_side_need_each_other() -> None:
    begun = asyncio.Event()

    async def first() -> int:
        await begun.wait()
        return 1

    async def second() -> str:
        begun.set()
        return "two"

    assert await side_by_side(first(), second()) == (1, "two")


@pytest.mark.parametrize("cancelled", [True, False])
async def test_calls_side_by_side_end_together(cancelled: bool) -> None:
    work, ended = Work(), []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("endless")

    both = asyncio.ensure_future(side_by_side(endless(), work.fail()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if cancelled:
        both.cancel()
    else:
        work.release.set()
    with pytest.raises(asyncio.CancelledError if cancelled else ZeroDivisionError):
        await both
    assert ended == ["endless"]
