"""Senders and receivers: made, cloned, counted, shown."""

from __future__ import annotations

import pytest
from anyio import EndOfStream
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from anyio.streams.stapled import StapledObjectStream

from anycast import (
    Anycast,
    Channel,
    Receiver,
    Sender,
)
from helpers import Attempt, begin, drain, settle, task_group

pytestmark = pytest.mark.anyio


def test_kinds() -> None:
    """Endpoints are of the public abstract kinds, and streams of anyio."""
    channel = Anycast[int]()
    assert isinstance(channel, Channel)
    assert isinstance(channel.new_sender(), Sender)
    assert isinstance(channel.new_sender(), ObjectSendStream)
    assert isinstance(channel.new_receiver(), Receiver)
    assert isinstance(channel.new_receiver(), ObjectReceiveStream)


@pytest.mark.parametrize("kind", [Channel, Sender, Receiver])
def test_abstract_kinds_cannot_be_made(kind: type[object]) -> None:
    """Only a channel makes endpoints."""
    with pytest.raises(TypeError, match="abstract"):
        kind()


def test_str() -> None:
    """``str`` names the channel and the kind of endpoint."""
    channel = Anycast[int](name="numbers")
    assert str(channel) == "Anycast:numbers"
    assert str(channel.new_sender()) == "Anycast:numbers:_Sender"
    assert str(channel.new_receiver()) == "Anycast:numbers:_Receiver"


async def test_repr() -> None:
    """``repr`` shows kind, name, fill and waiters."""
    channel = Anycast[int](name="numbers", limit=2)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    shown = "Anycast(name='numbers', limit=2):<current={}, waiting_send={}, waiting_receive={}, "
    async with task_group() as tasks:
        sendings = [await begin(tasks, sender.send, number) for number in range(3)]
        assert repr(channel) == shown.format(2, 1, 0) + "closed=False>"
        assert repr(sender) == f"_Sender({shown.format(2, 1, 0)}closed=False>)"
        assert drain(receiver) == [0, 1, 2]
        await settle()
        receiving = await begin(tasks, receiver.receive)
        assert repr(receiver) == f"_Receiver({shown.format(0, 0, 1)}closed=False>)"
        channel.close()
    assert repr(channel) == shown.format(0, 0, 0) + "closed=True>"
    assert [sending.outcome for sending in sendings] == ["done"] * 3
    assert receiving.outcome == "failed"


def test_repr_of_closed_endpoints() -> None:
    """The `repr` of a closed endpoint has "closed", even if the channel is open."""
    channel = Anycast[int](name="numbers")
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.close()
    receiver.close()
    assert repr(sender) == f"_Sender({channel!r}, closed)"
    assert repr(receiver) == f"_Receiver({channel!r}, closed)"


def test_str_of_a_subclass() -> None:
    """A subclass shows its own name."""

    class Numbers(Anycast[int]):
        """A channel of a user's own class."""

    channel = Numbers(name="one")
    assert str(channel.new_sender()) == "Numbers:one:_Sender"
    assert repr(channel).startswith("Numbers(name='one', ")


async def test_clones_share_one_channel() -> None:
    """A send or receive of any clone works on the same channel."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send(1)
    await sender.clone().send(2)
    assert await receiver.clone().receive() == 1
    assert await receiver.receive() == 2


def test_closing_an_endpoint_twice_counts_once() -> None:
    """Statistics count open endpoints, however often each is closed."""
    channel = Anycast[int]()
    ends = [channel.new_sender(), channel.new_sender(), channel.new_receiver()]
    for _ in range(3):
        ends[0].close()
        ends[2].close()
    now = channel.statistics()
    assert (now.open_senders, now.open_receivers) == (1, 0)


def test_endpoints_of_a_closed_channel_count() -> None:
    """A close of the channel closes no endpoint, and new endpoints can be made."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    channel.close()
    assert drain(channel.new_receiver()) == [1]
    now = channel.statistics()
    assert (now.open_senders, now.open_receivers) == (1, 1)


async def test_the_argument_of_a_send_has_a_name() -> None:
    """``item`` is the name that `anyio.abc.ObjectSendStream` gives the argument."""
    channel = Anycast[int]()
    sender = channel.new_sender()
    await sender.send(item=1)
    sender.send_nowait(item=2)
    assert drain(channel.new_receiver()) == [1, 2]


async def test_endpoints_in_an_adapter_of_anyio() -> None:
    """A sender and a receiver make a stapled stream, which closes both."""
    channel = Anycast[int](auto_close=True)
    both = StapledObjectStream(channel.new_sender(), channel.new_receiver())
    await both.send(item=1)
    assert await both.receive() == 1
    await both.send_eof()
    with pytest.raises(EndOfStream):
        await both.receive()
    await both.aclose()
    assert channel.statistics().open_receivers == 0


async def test_many_tasks_may_share_one_endpoint() -> None:
    """Any number of tasks can use the same sender and the same receiver at once."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        receivings = [Attempt(tasks, receiver.receive) for _ in range(5)]
        for number in range(5):
            tasks.start_soon(sender.send, number)
    assert sorted(receiving.result or 0 for receiving in receivings) == [0, 1, 2, 3, 4]
