"""Which messages a broadcast channel keeps: the unread messages and the replay."""

from __future__ import annotations

import copy
import pickle
from typing import Any
from weakref import WeakSet

import anyio
import pytest

from anycast import Broadcast, ReceiverLaggedError, select
from helpers import begin, settle, task_group

pytestmark = pytest.mark.anyio


class Message:
    """A message that can be weakly referred to."""


async def send(channel: Broadcast[Any], number: int) -> WeakSet[Message]:
    """Send a number of messages, and return the messages that are alive."""
    alive = WeakSet[Message]()
    for _ in range(number):
        message = Message()
        alive.add(message)
        await channel.new_sender().send(message)
        del message
    return alive


@pytest.mark.usefixtures("no_garbage_collection", "no_log")
async def test_a_message_is_freed_when_the_last_receiver_has_it() -> None:
    """The message is freed after each way to receive."""
    channel = Broadcast[Any](limit=20)
    one, two = channel.new_receiver(), channel.new_receiver()
    alive = await send(channel, 6)
    for _ in range(6):
        await one.receive()
    await two.receive()
    two.receive_nowait()
    await two.receive_many(2)
    assert len(alive) == 2
    async with two.lease():
        assert len(alive) == 2
    (await select(receiving := two.receiving())).result()
    assert len(alive) == 1
    receiving.take_result()  # type: ignore[attr-defined]  # an operation keeps its last result
    assert not alive


@pytest.mark.usefixtures("no_garbage_collection", "no_log")
async def test_a_lost_message_is_freed_at_once() -> None:
    """A lost message is freed at once, and so are the messages of a receiver that closes."""
    channel = Broadcast[Any](limit=2, overflow="drop_oldest")
    receiver = channel.new_receiver()
    alive = await send(channel, 5)
    assert len(alive) == 2
    with pytest.raises(ReceiverLaggedError):
        await receiver.receive()
    receiver.close()
    assert not alive


@pytest.mark.usefixtures("no_garbage_collection", "no_log")
async def test_a_cancelled_task_leaves_nothing() -> None:
    """A cancelled task leaves no message and no waiter."""
    channel = Broadcast[Any](limit=1)
    channel.new_receiver()
    await send(channel, 1)
    alive = WeakSet[Message]()
    async with task_group() as tasks:

        async def send_another() -> None:
            message = Message()
            alive.add(message)
            await channel.new_sender().send(message)

        sending = await begin(tasks, send_another)
        sending.cancel()
        await settle()
    assert not alive
    assert not any(channel._core.queues())


async def test_the_replay_is_kept_and_no_more() -> None:
    """The channel keeps the replay messages, even if every receiver has read these messages."""
    channel = Broadcast[Any](replay=2)
    with channel.new_receiver() as receiver:
        alive = await send(channel, 5)
        await receiver.receive_many(5)
        assert len(alive) == 2


def test_an_error_for_a_lag_can_be_pickled_and_a_channel_cannot() -> None:
    """The pickled error keeps its number of lost messages."""
    channel = Broadcast[int](name="news", limit=1, overflow="drop_oldest")
    receiver = channel.new_receiver()
    for number in range(3):
        channel.new_sender().send_nowait(number)
    with pytest.raises(ReceiverLaggedError) as caught:
        receiver.receive_nowait()
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  written here
    assert (type(error), error.lost) == (ReceiverLaggedError, 2)
    assert (str(error), error.receiver) == (str(caught.value), "Broadcast:news:_Receiver#1")
    for thing in (channel, channel.new_sender(), receiver, receiver.receiving()):
        with pytest.raises(TypeError):
            copy.copy(thing)
    with pytest.raises(anyio.WouldBlock):
        channel.new_receiver().receive_nowait()
