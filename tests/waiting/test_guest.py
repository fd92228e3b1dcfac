"""trio as a guest of asyncio: two event loops in one thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from anycast import Anycast
from helpers import ROUNDS, waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

trio = pytest.importorskip("trio")


def run_as_guest(main: Callable[[], Awaitable[Any]], host: Callable[[], Awaitable[None]]) -> Any:
    """Run a coroutine in trio, as a guest of asyncio, and then a second coroutine in asyncio."""

    async def run() -> Any:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        trio.lowlevel.start_guest_run(
            main,
            run_sync_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
            done_callback=done.set_result,
        )
        outcome = await done
        await host()
        return outcome.unwrap()

    return asyncio.run(run())


@pytest.mark.filterwarnings("ignore:You seem to already have installed a SIGINT handler")
@pytest.mark.parametrize(("limit", "yield_every"), [(0, 64), (1, 1)])
def test_a_channel_serves_the_guest_and_then_the_host(limit: int, yield_every: int) -> None:
    """Which of the two runs is told apart, though asyncio's loop is running in both."""
    channel = Anycast[int](limit=limit, yield_every=yield_every)

    async def exchange() -> int:
        if limit:  # so that the guest yields before it waits
            await channel.new_sender().send(0)
            assert await channel.new_receiver().receive() == 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.new_sender().send, 1)
            received: int = await channel.new_receiver().receive()
        return received

    async def host() -> None:
        for _ in range(2):
            send = asyncio.ensure_future(channel.new_sender().send(2))
            assert await channel.new_receiver().receive() == 2
            await send

    asyncio.run(host())  # so that the channel expects asyncio when the guest comes
    assert run_as_guest(exchange, host) == 1
    assert waiting(channel) == (0, 0)


def run_together(guest: Callable[[], Awaitable[Any]], host: Callable[[], Awaitable[None]]) -> Any:
    """Run a coroutine in trio, as a guest of asyncio, and a second coroutine in asyncio."""

    async def run() -> Any:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        trio.lowlevel.start_guest_run(
            guest,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=done.set_result,
        )
        await host()
        return (await done).unwrap()

    return asyncio.run(run())


async def let_the_guest_wait(channel: Anycast[int]) -> None:
    """Let the guest run until its task waits in the channel."""
    for _ in range(ROUNDS):
        await asyncio.sleep(0)
    assert waiting(channel) == (0, 1)


@pytest.mark.filterwarnings("ignore:You seem to already have installed a SIGINT handler")
def test_the_host_sends_to_a_task_of_the_guest() -> None:
    """The host wakes a waiting task of the guest: both loops run in the same thread."""
    channel = Anycast[int](limit=0)

    async def host() -> None:
        await let_the_guest_wait(channel)
        await channel.new_sender().send(1)

    assert run_together(channel.new_receiver().receive, host) == 1
    assert waiting(channel) == (0, 0)


@pytest.mark.filterwarnings("ignore:You seem to already have installed a SIGINT handler")
def test_the_host_may_not_wait_where_the_guest_does() -> None:
    """The host is refused, and the task of the guest goes on."""
    channel = Anycast[int](limit=0)

    async def host() -> None:
        await let_the_guest_wait(channel)
        with pytest.raises(RuntimeError, match="serves one event loop at a time"):
            await channel.new_receiver().receive()
        channel.new_sender().send_nowait(1)

    assert run_together(channel.new_receiver().receive, host) == 1
    assert waiting(channel) == (0, 0)
