"""``lease().deliveries``: how often a message was on lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anycast import Anycast
from combinations import TRANSPARENT
from helpers import begin, drain, settle, task_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast import Receiver

pytestmark = pytest.mark.anyio


class WorkFailedError(Exception):
    """The work on a message failed."""


async def fail(receiver: Receiver[int]) -> tuple[int, int]:
    """Lease a message, and fail; return the message, and how often the message was on lease."""
    lease = receiver.lease()
    message = await lease.__aenter__()
    await lease.__aexit__(WorkFailedError, None, None)
    return message, lease.deliveries


async def test_before_and_after() -> None:
    """There is no message before the lease is entered, and the number stays after the lease."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    lease = channel.new_receiver().lease()
    assert lease.deliveries == 0
    async with lease:
        assert lease.deliveries == 1
    assert lease.deliveries == 1


async def test_a_message_that_fails_again_and_again() -> None:
    """Each failure counts, and each message has its own number."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send_many([1, 2])
    assert [await fail(receiver) for _ in range(3)] == [(1, 1), (1, 2), (1, 3)]
    assert await receiver.receive() == 1
    assert await fail(receiver) == (2, 1)


@pytest.mark.parametrize("kind", TRANSPARENT.values(), ids=TRANSPARENT)
async def test_a_derived_receiver(kind: Callable[[Receiver[int]], Receiver[int]]) -> None:
    """A lease of a derived receiver shows the number of its source."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send(1)
    assert await fail(kind(receiver)) == (1, 1)
    assert await fail(receiver) == (1, 2)
    assert await fail(kind(receiver)) == (1, 3)


async def test_a_task_that_waits() -> None:
    """A message that goes straight to a waiting lease has its number, too."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send(1)
    async with task_group() as tasks:
        lease = receiver.lease()
        await lease.__aenter__()
        others = [await begin(tasks, fail, receiver) for _ in range(2)]
        await lease.__aexit__(WorkFailedError, None, None)
        await settle()
        assert [other.result for other in others] == [(1, 2), (1, 3)]
    assert drain(receiver) == [1]


async def test_a_receive_gets_the_message_itself() -> None:
    """A receive without a lease gets the plain message, even after an earlier lease."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send(1)
    async with task_group() as tasks:
        lease = receiver.lease()
        await lease.__aenter__()
        other = await begin(tasks, receiver.receive)
        await lease.__aexit__(WorkFailedError, None, None)
        await settle()
        assert other.result == 1


async def test_two_messages_that_come_back() -> None:
    """Each message has its own number, whatever the order in which they come back."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send_many([1, 2, 3])
    await fail(receiver)
    first, second = receiver.lease(), receiver.lease()
    await first.__aenter__()
    await second.__aenter__()
    assert (first.deliveries, second.deliveries) == (2, 1)
    await first.__aexit__(WorkFailedError, None, None)
    await second.__aexit__(WorkFailedError, None, None)
    found: list[tuple[int, int]] = []
    for _ in range(3):
        lease = receiver.lease()
        async with lease as message:
            found.append((message, lease.deliveries))
    assert found == [(2, 2), (1, 3), (3, 1)]


async def test_a_message_that_was_received_is_forgotten() -> None:
    """A message that comes later, in the same place of the queue, begins anew."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    for number in range(3):
        sender.send_nowait(number)
        assert await fail(receiver) == (number, 1)
        assert await receiver.receive() == number
    assert len(channel._core.lease_counts or ()) <= 1
