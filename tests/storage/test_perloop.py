"""One client a loop: opened once, closed with it, opened again."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncGenerator, Callable

import pytest

from openviper.storage.perloop import PerLoop
from tests.storage.faults import cancelled_at, nothing_left


class Client:
    """Be a client that knows its loop, as those of aiohttp do."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.open = True


class Service:
    """Count what is opened and closed."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.fails = 0
        self.closing: Callable[[], None] = lambda: None

    async def connect(self) -> AsyncGenerator[Client, None]:
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise ConnectionError
        client = Client()
        self.clients.append(client)
        try:
            yield client
        finally:
            await asyncio.sleep(0)
            self.closing()
            client.open = False

    @property
    def left_open(self) -> int:
        return sum(client.open for client in self.clients)


def test_each_run_has_its_own_client_which_is_closed_with_the_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = Service()
    clients: PerLoop[Client] = PerLoop(service.connect)

    async def use() -> None:
        client = await clients.get()
        assert client.open
        assert client.loop is asyncio.get_running_loop()
        assert await clients.get() is client

    for _ in range(2):
        asyncio.run(use(), debug=True)
    assert len(service.clients) == 2
    assert service.left_open == 0
    assert not caplog.records  # where a generator can't be closed, the loop logs it


async def test_many_at_once_open_one() -> None:
    service = Service()
    clients: PerLoop[Client] = PerLoop(service.connect)
    found = await asyncio.gather(*(clients.get() for _ in range(20)))
    assert len(set(found)) == len(service.clients) == 1
    await clients.aclose()
    assert service.left_open == 0


async def test_closed_it_opens_again_and_closing_twice_is_silent() -> None:
    service = Service()
    clients: PerLoop[Client] = PerLoop(service.connect)
    await clients.aclose()
    first = await clients.get()
    await clients.aclose()
    await clients.aclose()
    second = await clients.get()
    assert (first.open, second.open) == (False, True)
    await clients.aclose()
    assert service.left_open == 0


def test_threads_with_loops_of_their_own_have_clients_of_their_own() -> None:
    service = Service()
    clients: PerLoop[Client] = PerLoop(service.connect)
    together = threading.Barrier(4)
    found: list[Client] = []

    async def use() -> None:
        found.append(await clients.get())

    def run() -> None:
        together.wait()
        asyncio.run(use())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == len(service.clients) == 4
    assert service.left_open == 0


def test_closing_in_one_loop_leaves_the_other_open() -> None:
    service = Service()
    clients: PerLoop[Client] = PerLoop(service.connect)

    async def elsewhere() -> None:
        await clients.get()
        await clients.aclose()

    async def main() -> None:
        client = await clients.get()
        await asyncio.to_thread(asyncio.run, elsewhere())
        assert client.open
        assert await clients.get() is client

    asyncio.run(main())
    assert service.left_open == 0


@pytest.mark.parametrize("times", [1, 2])
async def test_first_use_cancelled_anywhere_leaves_nothing_open_and_a_usable_storage(
    times: int,
) -> None:
    for step in range(6):
        service = Service()
        clients: PerLoop[Client] = PerLoop(service.connect)
        with nothing_left():
            got = await cancelled_at(clients.get(), step, times=times)
            assert service.left_open == (got is not None)
        assert (await clients.get()).open
        await clients.aclose()
        assert service.left_open == 0


async def test_closing_cancelled_closes() -> None:
    service = Service()
    clients: PerLoop[Client] = PerLoop(service.connect)
    await clients.get()
    await cancelled_at(clients.aclose(), 0)
    assert service.left_open == 0
    assert (await clients.get()).open
    await clients.aclose()


async def test_one_cancelled_of_many_does_not_disturb_the_others() -> None:
    service = Service()
    clients: PerLoop[Client] = PerLoop(service.connect)
    first, second = (asyncio.create_task(clients.get()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    client = await second
    assert client.open
    assert service.left_open == 1
    with pytest.raises(asyncio.CancelledError):
        await first
    await clients.aclose()


async def test_failed_connection_is_tried_again_at_the_next_use() -> None:
    service = Service()
    service.fails = 1
    clients: PerLoop[Client] = PerLoop(service.connect)
    with pytest.raises(ConnectionError):
        await clients.get()
    assert (await clients.get()).open
    await clients.aclose()


async def test_error_of_closing_is_raised_and_the_next_use_opens() -> None:
    service = Service()
    clients: PerLoop[Client] = PerLoop(service.connect)
    await clients.get()

    def fail() -> None:
        service.closing = lambda: None
        raise ConnectionError

    service.closing = fail
    with pytest.raises(ConnectionError):
        await clients.aclose()
    assert (await clients.get()).open
    await clients.aclose()


async def test_client_is_closed_when_its_storage_is_forgotten() -> None:
    service = Service()
    clients: PerLoop[Client] = PerLoop(service.connect)
    await clients.get()
    del clients
    gc.collect()
    for _ in range(10):
        await asyncio.sleep(0)
    assert service.left_open == 0


def test_loops_that_ended_are_not_kept() -> None:
    service = Service()
    clients: PerLoop[Client] = PerLoop(service.connect)
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def use() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await asyncio.gather(clients.get(), clients.get())

    for _ in range(3):
        asyncio.run(use())
        service.clients.clear()
    gc.collect()
    assert sum(ref() is not None for ref in loops) <= 1
