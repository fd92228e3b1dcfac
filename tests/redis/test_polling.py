"""Calls that do not wait get what is at the server, if they are repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock, fail_after, move_on_after, sleep

from anycast import merge, select, select_nowait
from redis_tools import DEADLINE, channel, in_hand, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anycast import Receiver
    from servers import Server

pytestmark = pytest.mark.anyio


async def nowait(receiver: Receiver[Any]) -> object:
    """Ask without waiting."""
    return receiver.receive_nowait()


async def by_select_nowait(receiver: Receiver[Any]) -> object:
    """Ask without a wait, as one of several operations."""
    return select_nowait(receiver.receiving()).result()


async def in_no_time(receiver: Receiver[Any]) -> object:
    """Wait for a message, for no time at all."""
    with move_on_after(0):
        return await receiver.receive()
    raise WouldBlock


async def by_select_in_no_time(receiver: Receiver[Any]) -> object:
    """Wait for an operation, for no time at all."""
    operation = receiver.receiving()
    with move_on_after(0):
        await select(operation)
        return operation.result()
    raise WouldBlock


async def lease_in_no_time(receiver: Receiver[Any]) -> object:
    """Wait for a lease, for no time at all."""
    with move_on_after(0):
        async with receiver.lease() as message:
            return message
    raise WouldBlock


def made(kind: str, receiver: Receiver[Any]) -> Receiver[Any]:
    """Return the receiver, or a receiver derived from the receiver."""
    match kind:
        case "map":
            return receiver.map(int)
        case "filter":
            return receiver.filter(bool)
        case "merge":
            return merge(receiver)
        case _:
            return receiver


@pytest.mark.parametrize("kind", ["receiver", "map", "filter", "merge"])
@pytest.mark.parametrize("prefetch", [0, 4])
@pytest.mark.parametrize(
    "ask", [nowait, by_select_nowait, in_no_time, by_select_in_no_time, lease_in_no_time]
)
async def test_a_poll_that_is_repeated(
    server: Server,
    name: str,
    ask: Callable[[Receiver[Any]], Awaitable[object]],
    kind: str,
    prefetch: int,
) -> None:
    """Each message comes, in order, although no task waits."""
    got: list[object] = []
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=prefetch) as jobs:
            await jobs.new_sender().send_many([1, 2, 3])
            receiver = made(kind, jobs.new_receiver())
            while len(got) < 3:
                try:
                    got.append(await ask(receiver))
                except WouldBlock:
                    await sleep(0.005)
    assert got == [1, 2, 3]


async def test_a_poll_that_is_given_up(server: Server, name: str) -> None:
    """The message that comes for the poll goes back, uncounted."""
    with fail_after(DEADLINE):
        async with (
            channel(server, name, prefetch=0) as here,
            channel(server, name, prefetch=0) as there,
        ):
            receiver = here.new_receiver()
            await there.new_sender().send(1)
            with pytest.raises(WouldBlock):
                receiver.receive_nowait()
            await until(lambda: in_hand(server, name) == 1)
            other = there.new_receiver()
            assert await other.receive() == 1
            assert other.deliveries == 1
