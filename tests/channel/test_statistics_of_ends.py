"""The statistics of an endpoint are the statistics of the channel, as in anyio and trio."""

from __future__ import annotations

import math
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any

import pytest

from anycast import Anycast, ChannelStatistics, Receiver, merge
from combinations import TRANSPARENT, Foreign
from helpers import begin, settle, task_group

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


def used(limit: float = 5) -> Anycast[int]:
    """Return a channel whose statistics have a different number in most of their fields."""
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    for number in range(4):
        sender.send_nowait(number)
    receiver.receive_nowait()
    sender.clone()
    return channel


def test_both_ends_have_those_of_the_channel() -> None:
    """Each field is the field of the channel at the time of the call."""
    channel = used()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(4)
    assert sender.statistics() == receiver.statistics() == channel.statistics()


async def test_tasks_that_wait() -> None:
    """The waiting tasks of other endpoints are counted, too."""
    channel = Anycast[int](limit=0)
    async with task_group() as tasks:
        sending = await begin(tasks, channel.new_sender().send, 1)
        assert channel.new_sender().statistics().tasks_waiting_send == 1
        assert channel.new_receiver().statistics().tasks_waiting_send == 1
        sending.cancel()


@pytest.mark.parametrize("method", ["receive", "__anext__"])
async def test_a_received_message_is_counted(method: str) -> None:
    """A message counts once, before and after the first wait in the channel."""
    receive = methodcaller(method)
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send(1)
    await receive(receiver)
    assert channel.statistics().messages_received == 1
    async with task_group() as tasks:
        waiting = await begin(tasks, receive, receiver)
        waiting.cancel()
    await sender.send(2)
    await receive(receiver)
    assert channel.statistics().messages_received == 2


def test_a_closed_end() -> None:
    """A closed endpoint shows the statistics of its channel for ever."""
    channel = used()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    for end in (sender, receiver, channel):
        end.close()
        assert sender.statistics() == receiver.statistics() == channel.statistics()


@pytest.mark.parametrize("derive", TRANSPARENT.values(), ids=list(TRANSPARENT))
def test_a_derived_receiver_of_one_channel(
    derive: Callable[[Receiver[Any]], Receiver[Any]],
) -> None:
    """A derived receiver shows the statistics of the channel, even after its close."""
    channel = used()
    receiver = derive(channel.new_receiver())
    assert receiver.statistics() == channel.statistics()
    receiver.close()
    assert receiver.statistics() == channel.statistics()


async def test_a_merge_of_several_channels() -> None:
    """Each field is the sum over the channels."""
    channels = used(5), used(7)
    merged = merge(*[channel.new_receiver() for channel in channels])
    channels[0].new_sender().send_nowait(4)
    one, two = (channel.statistics() for channel in channels)
    assert merged.statistics() == ChannelStatistics(
        current_buffer_used=4 + 3,
        max_buffer_size=5 + 7,
        peak_buffer_used=4 + 4,
        open_senders=one.open_senders + two.open_senders,
        open_receivers=2 + 2,
        tasks_waiting_send=0,
        tasks_waiting_receive=0,
        messages_sent=5 + 4,
        messages_received=1 + 1,
    )


async def test_a_receive_of_a_merge_that_waits() -> None:
    """A receive of a merge waits in each channel, and counts once for each channel."""
    merged = merge(Anycast[int]().new_receiver(), Anycast[int]().new_receiver())
    async with task_group() as tasks:
        receiving = await begin(tasks, merged.receive)
        assert merged.statistics().tasks_waiting_receive == 2
        receiving.cancel()
        await settle()
    assert merged.statistics().tasks_waiting_receive == 0


def test_each_channel_counts_once() -> None:
    """A channel counts once, even with two sources at different depths."""
    channel, other = used(), used()
    receiver = channel.new_receiver()
    nested = merge(
        receiver, receiver.clone(), Foreign(channel.new_receiver()), other.new_receiver()
    )
    merged = merge(receiver.map(str), merge(nested.filter(bool).map(str)))
    assert merged.statistics().messages_sent == 4 + 4
    assert merged.statistics().open_receivers == 4 + 2


def test_a_map_of_a_merge() -> None:
    """A map of a merge has the statistics of the merge."""
    merged = merge(used(5).new_receiver(), used(7).new_receiver())
    assert merged.map(str).statistics() == merged.statistics()


def test_an_unlimited_channel_in_a_merge() -> None:
    """The limit of the merge is infinite, and a sum of finite limits is an int."""
    merged = merge(used(5).new_receiver(), used(math.inf).new_receiver())
    assert merged.statistics().max_buffer_size == math.inf
    size = merge(used(5).new_receiver(), used(7).new_receiver()).statistics().max_buffer_size
    assert type(size) is int


async def test_a_source_that_has_ended() -> None:
    """The channel of a source that has ended still counts."""
    ended, other = used(), used()
    merged = merge(ended.new_receiver(), other.new_receiver())
    ended.close()
    other.close()
    assert len([message async for message in merged]) == 6
    received = map(attrgetter("messages_received"), [ended.statistics(), other.statistics()])
    assert merged.statistics().messages_received == sum(received) == 8
